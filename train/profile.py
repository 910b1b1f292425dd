"""A trace of a few steps, for TensorBoard's profiler or Perfetto."""

from pathlib import Path

import jax

_AFTER = 5  # steps: the first ones compile and fill the pipeline


class Profile:
    """Traces `steps` steps of a run that starts at `start` into `directory`; 0 for none."""

    def __init__(self, directory: Path, start: int, steps: int):
        self._directory, self._running = directory, False
        self._first, self._end = (start + _AFTER, start + _AFTER + steps) if steps else (-1, -1)

    def before(self, step: int) -> None:
        """To be called before each step."""
        if step == self._first:
            jax.profiler.start_trace(str(self._directory))
            self._running = True
        elif step == self._end:
            self.stop()

    def stop(self) -> None:
        """Write what was traced, if anything is being traced."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
