"""What a run tells: a progress bar or plain lines, metrics.jsonl and TensorBoard's files in its directory."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter
from tqdm import tqdm


class Report:
    """Writes the figures of a run that starts (or resumes) at `start` and ends at `steps`.

    batch_size: images a step. flops_share: the share of the devices' arithmetic that one image a second takes, None
    where their peak is not known. Lines of metrics.jsonl from after `start`, left by a run that was killed, are
    dropped: the resumed run writes them again.
    """

    def __init__(
        self,
        workdir: Path,
        start: int,
        steps: int,
        batch_size: int,
        flops_share: float | None = None,
    ):
        self._path = workdir / "metrics.jsonl"
        self._drop_lines_after(start)
        self._steps, self._batch_size, self._flops_share = steps, batch_size, flops_share
        self._bar = tqdm(
            total=steps,
            initial=start,
            unit="step",
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )
        self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=start)
        self.restart_clock(start)

    def step_done(self) -> None:
        """Move the progress bar by one step."""
        self._bar.update()

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
        figures = (
            f"loss {metrics['loss']:.4f}  {metrics['bpp']:.3f} bpp  "
            f"{metrics['psnr']:.2f} dB  {speed:.1f} images/s"
        )
        if self._flops_share is not None:
            figures += f"  {measured['mfu']:.0%} MFU"
        if metrics["skipped"]:
            figures += f"  {metrics['skipped']:.0f} skipped"
        if self._bar.disable:
            left = _hours((self._steps - step) * seconds)
            print(f"step {step}/{self._steps}  {figures}  {left} left", flush=True)
        else:
            self._bar.set_postfix_str(figures)

    def validation(self, step: int, figures: dict[str, float]) -> None:
        """Record figures on held-out images."""
        self._write("validation", step, figures)
        told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.note(f"step {step}  held out: {told}")

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Show uint8 `[H, W, 3]` on the board."""
        self._board.add_image("held out", picture, step, dataformats="HWC")

    def restart_clock(self, step: int) -> None:
        """Count speed from here: what went before was not a training step."""
        self._marked_step, self._marked_at = step, time.monotonic()

    def note(self, text: str) -> None:
        """Print a line without breaking the bar."""
        self._bar.write(text, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        """Leave the bar as it stands; all is written."""
        self._bar.close()
        self._board.close()

    def _write(self, kind: str, step: int, figures: dict[str, float]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"kind": kind, "step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def _drop_lines_after(self, step: int) -> None:
        if not self._path.exists():
            return
        whole = [line for line in self._path.read_text().splitlines() if line.endswith("}")]
        kept = [line for line in whole if json.loads(line)["step"] <= step]
        self._path.write_text("".join(line + "\n" for line in kept))


class Silence:
    """In place of a Report on every host but the first: takes all its calls and tells nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: None


def _hours(seconds: float) -> str:
    minutes = int(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}"
