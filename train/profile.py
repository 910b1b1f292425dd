"""A trace of a few steps, for TensorBoard's profiler or Perfetto: asked for at the start, or while the run goes on."""

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import jax

from hcfss_jax.runtime.places import in_bucket, upload

_AFTER = 5  # steps: the first ones compile and fill the pipeline
_ON_REQUEST = 5  # steps that a signal asks for
_SIGNAL = getattr(signal, "SIGUSR1", None)  # Windows has none


class Profile:
    """Traces `steps` steps of a run that starts at `start` into `directory`; 0 for none.

    Within the `with` block SIGUSR1 asks for five steps from the next on.
    """

    def __init__(self, directory: Path, start: int, steps: int):
        self._directory, self._running, self._asked = directory, False, False
        self._disk: tempfile.TemporaryDirectory[str] | None = None
        self._first, self._end = (start + _AFTER, start + _AFTER + steps) if steps else (-1, -1)

    def __enter__(self) -> "Profile":
        self._before: Any = signal.signal(_SIGNAL, self._ask) if _SIGNAL else None
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        if _SIGNAL:
            signal.signal(_SIGNAL, self._before)

    def before(self, step: int) -> None:
        """To be called before each step."""
        if self._asked and not self._running:
            self._first, self._end, self._asked = step, step + _ON_REQUEST, False
        if step == self._first:
            # JAX traces onto a disk alone.
            self._disk = tempfile.TemporaryDirectory() if in_bucket(self._directory) else None
            jax.profiler.start_trace(self._disk.name if self._disk else str(self._directory))
            self._running = True
        elif step == self._end:
            self.stop()

    def stop(self) -> None:
        """Write what was traced, if anything is being traced."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
            try:
                self._upload()
            except OSError as error:
                print(f"warning: the trace is lost: {error}", flush=True)
            else:
                print(f"a trace of these steps: {self._directory}", flush=True)

    def _upload(self) -> None:
        """What was traced onto a disk only for the time being goes into its bucket. Raises OSError."""
        if not self._disk:
            return
        with self._disk as folder:
            for file in Path(folder).rglob("*"):
                if file.is_file():
                    upload(file, self._directory / str(file.relative_to(folder)))

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
