"""Checkpoints: the training state and the position in the data, saved together by orbax."""

import contextlib
import os
import shutil
import threading
from math import ceil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from hcfss_jax.errors import HostAway, first_line
from hcfss_jax.runtime.hosts import answers, forget, named, tell
from hcfss_jax.runtime.places import in_bucket, path_of
from train.errors import CannotSave, WrongCheckpoint
from train.patience import Patience

_STORAGE_ERRORS = (OSError, ValueError, RuntimeError)  # tensorstore's own have no type of theirs


class Checkpoints:
    """The checkpoints in one directory, the latest `keep` of them; a half-written one does not count.

    All hosts of a run make the same calls. `save` returns as soon as the state is copied; the files are written
    meanwhile, and appear under their name when they are whole.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        keep: int = 2,
        saves: bool = True,
        patience: Patience | None = None,
    ):
        """saves: False for who only reads, and leaves alone what a run may be about to write.

        patience: what ends the run where the disk, or another host, lets it wait for too long.
        """
        self._patience = patience or Patience(minutes=0)
        self._doing = "looking for checkpoints"
        self._told: list[str] = []
        self._directory = path_of(directory)
        in_bucket_ = in_bucket(self._directory)
        if not in_bucket_:
            self._directory = self._directory.absolute()
        # Clients of buckets raise what they like.
        self._errors = (Exception,) if in_bucket_ else _STORAGE_ERRORS
        with self._waiting():
            self._manager = self._open(keep, saves)

    def _open(self, keep: int, saves: bool) -> ocp.CheckpointManager:
        if saves:
            self._clear_half_written()
        self._meet = ocp.multihost.get_barrier_sync_fn()
        in_background = ocp.options.AsyncOptions(barrier_sync_fn=self._meet_others)
        if minutes := self._patience.minutes:
            # Later than our own limit, which tells more; and so that no host gives up a checkpoint alone.
            in_background.timeout_secs = ceil(2 * 60 * minutes)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            # In a bucket, where nothing can be renamed, Orbax tells what is whole by a file in it.
            cleanup_tmp_directories=saves and in_bucket(self._directory),
            async_options=in_background,
            # Hosts that save one step in two directories at a time must not meet at each other's barriers.
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                barrier_sync_key_prefix=self._directory.name
            ),
        )
        return ocp.CheckpointManager(self._directory, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            with self._waiting():
                self._manager.close()
        except self._errors as failed:
            if not kind:  # else that is what ended it, and to be told
                raise self._cannot_save(failed) from failed

    def latest_step(self) -> int | None:
        """The step of the newest whole checkpoint, None where there is none."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, data: dict[str, Any]) -> None:
        """Begin to save the state and what goes with it, plain values, as of after `step` steps.

        Raises CannotSave where the save before this one failed, or this one at once, HostAway for a host that is gone.
        """
        self.wait()
        if step == self.latest_step():
            return
        if jax.default_backend() == "cpu":
            # There a saved array may share its memory with the state, which the next step reuses.
            state = jax.tree.map(jnp.copy, state)
        parts = ocp.args.Composite(state=ocp.args.StandardSave(state), data=ocp.args.JsonSave(data))
        while self._told:  # of the save before, which all hosts have ended
            forget(self._told.pop())
        self._doing = f"writing the checkpoint of step {step}"
        self._saver = threading.current_thread()
        try:
            with self._waiting():
                self._manager.save(step, args=parts)
        except self._errors as error:
            raise self._cannot_save(error) from error

    def wait(self) -> None:
        """Until all that was saved is on the disk. Raises CannotSave where it is not, HostAway where a host is gone."""
        try:
            with self._waiting():
                self._manager.wait_until_finished()
                self._manager.check_for_errors()
        except self._errors as error:
            raise self._cannot_save(error) from error

    def read_data(self) -> dict[str, Any] | None:
        """What goes with the newest state; None where there is no checkpoint."""
        step = self.latest_step()
        if step is None:
            return None
        parts = ocp.args.Composite(data=ocp.args.JsonRestore())
        self._doing = f"reading the checkpoint of step {step}"
        with self._waiting():
            return self._manager.restore(step, args=parts)["data"]

    def read_state(self) -> Any:
        """The newest state in nested dicts of NumPy arrays, by what the checkpoint itself says of their shapes.

        Raises WrongCheckpoint where there is none.
        """
        step = self.latest_step()
        if step is None:
            raise WrongCheckpoint(f"there is no checkpoint in {self._directory}: train first")
        folder, reader = self._directory / str(step) / "state", ocp.PyTreeCheckpointHandler()
        saved = reader.metadata(folder)
        shapes = getattr(saved, "tree", saved)  # older orbax gives the tree itself
        whole = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), shapes)
        return reader.restore(folder, args=ocp.args.PyTreeRestore(restore_args=whole))

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]]:
        """(state, what goes with it) of the newest checkpoint, as saved, to the bit.

        like: the state's shapes, dtypes and shardings (`jax.ShapeDtypeStruct`s); those of another mesh will do.
        Raises WrongCheckpoint where there is none or where it is of another shape.
        """
        step = self.latest_step()
        if step is None:
            raise WrongCheckpoint(f"there is no checkpoint in {self._directory}: train first")
        parts = ocp.args.Composite(
            state=ocp.args.StandardRestore(like), data=ocp.args.JsonRestore()
        )
        self._doing = f"reading the checkpoint of step {step}"
        try:
            with self._waiting():
                saved = self._manager.restore(step, args=parts)
        except (ValueError, KeyError) as error:
            raise WrongCheckpoint(
                f"the checkpoint of step {step} in {self._directory} is of another model or an "
                f"older trainer ({first_line(error)}): choose another --workdir"
            ) from error
        # What was read may lie in memory that is not JAX's own, which a step must not reuse.
        return jax.tree.map(jnp.copy, saved["state"]), saved["data"]

    def _waiting(self) -> contextlib.AbstractContextManager[None]:
        return self._patience.during(lambda: f"{self._doing} in {self._directory}")

    def _meet_others(self, *, key: str, timeout_ms: int) -> None:
        """Orbax's way to wait for all hosts, in threads of its own; who waits for whom is noted.

        A host that could not write its part does not come where the others wait with theirs, but goes on to the end of
        the save. So it tells them. Raises OSError where another host told that, HostAway for one that tells nothing.
        """
        if jax.process_count() == 1:
            return
        topic = f"{self._directory.name}: {self._doing}"
        if "write_complete" in key:
            self._told.append(topic)
            self._doing = self._doing.replace("writing", "waiting for other hosts to write")
            of_hosts = answers(topic, "whole", timeout_ms / 1000)
            if failed := [host for host, part in enumerate(of_hosts) if part != "whole"]:
                raise OSError(f"{named(failed)} could not write")
            return
        if self._doing.startswith("writing") and threading.current_thread() is not self._saver:
            self._doing = self._doing.replace("writing", "having failed to write")
            self._told.append(topic)
            tell(topic, "not whole")
        self._meet(key=key, timeout_ms=timeout_ms)

    def _cannot_save(self, error: Exception) -> CannotSave | HostAway:
        self._clear_half_written()
        if jax.process_count() > 1 and any(
            isinstance(each, jax.errors.JaxRuntimeError) for each in (error, error.__cause__)
        ):
            return HostAway(
                f"another host was away while this one was {self._doing}: {first_line(error)}"
            )
        reason = first_line(error).rsplit(": ", 1)[-1]
        return CannotSave(
            f"a checkpoint could not be written to {self._directory} ({reason}): "
            + ("does the bucket answer?" if in_bucket(self._directory) else "is the disk full?")
        )

    def _clear_half_written(self) -> None:
        """What a kill or a full disk left behind only takes room."""
        if jax.process_index() == 0 and not in_bucket(self._directory):
            for left in self._directory.glob("*.orbax-checkpoint-tmp"):
                shutil.rmtree(left, ignore_errors=True)
