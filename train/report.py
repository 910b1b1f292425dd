"""What a run tells: a progress bar or plain lines, and all that its writers write down."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from hcfss_jax.runtime.places import in_bucket
from train.writers import JsonLines, Pictures, TensorBoard, Writer, flush


class Report:
    """Writes the figures of a run that starts (or resumes) at `start` and ends at `steps`.

    batch_size: images a step. flops_share: the share of the devices' arithmetic that one image a second takes, None
    where their peak is not known. writers: our own in `workdir` by default. What they cannot write later is a warning,
    and the run goes on.
    """

    def __init__(
        self,
        workdir: Path,
        start: int,
        steps: int,
        batch_size: int,
        flops_share: float | None = None,
        writers: Sequence[Writer] | None = None,
    ):
        self._workdir = workdir
        self._writers: Sequence[Writer] = (
            [make(workdir, start) for make in (JsonLines, TensorBoard, Pictures)]
            if writers is None
            else writers
        )
        self._unwritten: set[str] = set()
        self._steps, self._batch_size, self._flops_share = steps, batch_size, flops_share
        self._bar = tqdm(
            total=steps,
            initial=start,
            unit="step",
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )
        self.restart_clock(start)

    def step_done(self) -> None:
        """Move the progress bar by one step."""
        self._bar.update()

    def compiling(self) -> None:
        """The first step is about to be compiled."""
        self.note(
            "compiling the step: a minute or more, with large models many; "
            "seconds where this was compiled before"
        )
        self.restart_clock(self._marked_step)

    def compiled(self, step: int) -> None:
        """The first step is done, which was compiled before."""
        seconds = time.monotonic() - self._marked_at
        self.note(f"compiled the step, and took it, in {seconds:.0f} s")
        self.restart_clock(step)

    def training(self, step: int, metrics: dict[str, float]) -> None:
        """Record the means since the last call, and how fast the steps went."""
        seconds = (time.monotonic() - self._marked_at) / max(1, step - self._marked_step)
        self.restart_clock(step)
        speed = self._batch_size / max(seconds, 1e-9)
        measured = {**metrics, "images_per_s": speed}
        if self._flops_share is not None:
            measured["mfu"] = speed * self._flops_share
        self._write("train", step, measured)
        figures = f"loss {metrics['loss']:.4f}  "
        if "bpp" in metrics and "psnr" in metrics:  # as objectives of ours tell them
            figures += f"{metrics['bpp']:.3f} bpp  {metrics['psnr']:.2f} dB  "
        figures += f"{speed:.1f} images/s"
        if self._flops_share is not None:
            figures += f"  {measured['mfu']:.0%} MFU"
        if metrics["skipped"]:
            figures += f"  {metrics['skipped']:.0f} skipped"
        if self._bar.disable:
            left = _hours((self._steps - step) * seconds)
            self.note(f"step {step}/{self._steps}  {figures}  {left} left")
        else:
            self._bar.set_postfix_str(figures)

    def validating(self, step: int, first: bool) -> None:
        """Held-out images are about to be measured."""
        self.note(
            f"step {step}  validating on held-out images" + ", once compiled for that" * first
        )

    def validation(self, step: int, figures: dict[str, float]) -> None:
        """Record figures on held-out images."""
        self._write("validation", step, figures)
        told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.note(f"step {step}  held out: {told}")

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Show uint8 `[H, W, 3]`."""
        for writer in self._writers:
            with self._surviving(writer.name):
                writer.picture("held out", step, picture)

    def restart_clock(self, step: int) -> None:
        """Count speed from here: what went before was not a training step."""
        self._marked_step, self._marked_at = step, time.monotonic()

    def note(self, text: str) -> None:
        """Print a line without breaking the bar; where it goes may be on a full disk, too."""
        with contextlib.suppress(OSError):
            self._bar.write(text, file=sys.stdout)
            sys.stdout.flush()

    def saving(self) -> None:
        """A checkpoint is about to be saved: a run that goes on from it finds all that came before."""
        for writer in self._writers:
            with self._surviving(writer.name):
                flush(writer)

    def close(self) -> None:
        """Leave the bar as it stands, and end the writers."""
        self._bar.close()
        for writer in self._writers:
            with self._surviving(writer.name):
                writer.close()

    def _write(self, kind: str, step: int, figures: dict[str, float]) -> None:
        for writer in self._writers:
            with self._surviving(writer.name):
                writer.figures(kind, step, figures)

    @contextlib.contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """What goes into a file or folder of this name; told when it fails, and when it works again."""
        full = "" if in_bucket(self._workdir) else "is the disk full? "
        try:
            yield
        except OSError as error:
            if what not in self._unwritten:
                self._unwritten.add(what)
                self.note(
                    f"warning: {self._workdir / what} cannot be written ({error.strerror or error}): "
                    f"{full}The run goes on, and tries again."
                )
        else:
            if what in self._unwritten:
                self._unwritten.remove(what)
                self.note(
                    f"{self._workdir / what} is written again{', with a gap' if full else ''}"
                )


class Silence:
    """In place of a Report on every host but the first: takes all its calls and tells nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: None


def _hours(seconds: float) -> str:
    minutes = int(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}"
