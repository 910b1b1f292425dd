"""What a run tells: a progress bar or plain lines, and `metrics.jsonl` in its directory."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm


class Report:
    """Writes the figures of a run that starts (or resumes) at `start` and ends at `steps`.

    Lines of metrics.jsonl from after `start`, left by a run that was killed, are dropped: the
    resumed run writes them again.
    """

    def __init__(self, workdir: Path, start: int, steps: int, batch_size: int):
        self._path = workdir / "metrics.jsonl"
        self._drop_lines_after(start)
        self._steps, self._batch_size = steps, batch_size
        self._bar = tqdm(
            total=steps,
            initial=start,
            unit="step",
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )
        self._marked_step, self._marked_at = start, time.monotonic()

    def step_done(self) -> None:
        """Move the progress bar by one step."""
        self._bar.update()

    def training(self, step: int, metrics: dict[str, float]) -> None:
        """Record the means since the last call, and how fast the steps went."""
        now = time.monotonic()
        seconds = (now - self._marked_at) / max(1, step - self._marked_step)
        self._marked_step, self._marked_at = step, now
        speed = self._batch_size / max(seconds, 1e-9)
        self._write({"kind": "train", "step": step, "images_per_s": speed, **metrics})
        figures = (
            f"loss {metrics['loss']:.4f}  {metrics['bpp']:.3f} bpp  "
            f"{metrics['psnr']:.2f} dB  {speed:.1f} images/s"
        )
        if metrics["skipped"]:
            figures += f"  {metrics['skipped']:.0f} skipped"
        if self._bar.disable:
            left = _hours((self._steps - step) * seconds)
            print(f"step {step}/{self._steps}  {figures}  {left} left", flush=True)
        else:
            self._bar.set_postfix_str(figures)

    def validation(self, step: int, metrics: dict[str, float]) -> None:
        """Record figures on held-out images. The time they took is not training time."""
        self._write({"kind": "validation", "step": step, **metrics})
        self.note(
            f"step {step}  held out: " + "  ".join(f"{k} {v:.4g}" for k, v in metrics.items())
        )
        self.restart_clock(step)

    def restart_clock(self, step: int) -> None:
        """Count speed from here: what went before was not a training step."""
        self._marked_step, self._marked_at = step, time.monotonic()

    def note(self, text: str) -> None:
        """Print a line without breaking the bar."""
        self._bar.write(text, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _drop_lines_after(self, step: int) -> None:
        if not self._path.exists():
            return
        whole = [line for line in self._path.read_text().splitlines() if line.endswith("}")]
        kept = [line for line in whole if json.loads(line)["step"] <= step]
        self._path.write_text("".join(line + "\n" for line in kept))


def _hours(seconds: float) -> str:
    minutes = int(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}"
