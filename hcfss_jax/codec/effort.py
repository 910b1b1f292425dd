"""Effort: what an encoder does beyond its one pass, for a smaller file of the same format.

The latents that the encoder makes of a picture are good ones on average over all pictures. Effort moves those of this
picture downhill along what its file costs, bits and errors weighed as the weights were trained to weigh them, and hands
on what is best of what it met, as a decoder would see it. All that follows is as without.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import jax
import numpy as np

from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.picture_stream import Analyse
from hcfss_jax.codec.refinement import Aim, Cost, Moving, moved, started, true_cost
from hcfss_jax.codec.tiles import Tile
from hcfss_jax.entropy.steps import Latents
from hcfss_jax.errors import InvalidInput
from hcfss_jax.metrics import MS_SSIM_SMALLEST_SIDE
from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.runtime import compiled_cache
from hcfss_jax.weights.tradeoff import Tune, lambda_of, ratio_of, trained_for, weights_of_mask


class Schedule(NamedTuple):
    """How latents are moved.

    steps: of Adam. rate: its learning rate at the start, in steps of the quantiser; it falls along a cosine to a tenth.
    """

    steps: int
    rate: float


SCHEDULES = (
    Schedule(0, 0.0),
    Schedule(3, 0.015),
    Schedule(6, 0.015),
    Schedule(10, 0.01),
    Schedule(20, 0.01),
    Schedule(40, 0.007),
    Schedule(80, 0.005),
    Schedule(160, 0.005),
    Schedule(320, 0.004),
    Schedule(640, 0.003),
)
"""By effort, 0 to 9; docs/effort.md has what each gains and takes."""

_LAST_RATE = 0.1  # of the first
_WARMEST, _COOLING = 0.8, 2.0  # the temperature of the soft rounding falls from 0.8 to 0.8 e^-2
_LOOKS = 5  # at what would be written, on the way

Watch = Callable[[int, int, float], None]
"""Is told of a tile, on the way: steps done, of how many, and the gain so far. That is the share of bits that would be
saved at equal quality, to first order: by how much bits + lambda * distortion fell, over the bits at the start."""


def unseen(done: int, steps: int, gain: float) -> None:
    """Tells nobody."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much, 0 to 9, by what pictures are judged, and who is told. tune: None for what the weights were trained for.

    Raises InvalidInput for what is none of them.
    """

    level: int = 0
    tune: Tune | None = None
    watch: Watch = unseen

    def __post_init__(self) -> None:
        whole = isinstance(self.level, int | np.integer) and not isinstance(self.level, bool)
        if not (whole and 0 <= self.level < len(SCHEDULES)):
            raise InvalidInput(
                f"effort {self.level!r}: a whole number from 0, as fast as can be, to {len(SCHEDULES) - 1}"
            )
        if self.tune is not None and self.tune not in get_args(Tune):
            raise InvalidInput(f"tune {self.tune!r}: there is {' and '.join(get_args(Tune))}")
        if self.tune is not None and not self.level:
            raise InvalidInput(
                f"tune {self.tune!r} says what effort is for: it takes effort=1 to 9"
            )


NO_EFFORT = Effort()


def check_effort(meta: Mapping[str, Any], effort: Effort) -> None:
    """Raises InvalidInput for one above 0 with weights that do not say what their qualities stand for."""
    if effort.level:
        Refiner(meta, 1.0, effort)


def refining(
    meta: Mapping[str, Any],
    quality: float,
    effort: Effort,
    tiles: Sequence[Tile],
    given: Mapping[str, np.ndarray],
) -> Callable[[PicturePasses, Analyse], Analyse]:
    """What makes the analysis of each tile a better one. meta: of the weights. given: what there is beside the picture.

    Raises InvalidInput for a picture that cannot be judged, and for weights that do not say what qualities stand for.
    """
    if effort.level == 0:
        return lambda passes, analyse: analyse
    refiner = Refiner(meta, quality, effort)
    refiner.check(tiles, given)
    return refiner.analysis


class Refiner:
    """Moves the latents of a picture, or of its tiles one after the other, at one quality."""

    def __init__(self, meta: Mapping[str, Any], quality: float, effort: Effort):
        """meta: of the weights. Raises InvalidInput where it does not say what its qualities stand for."""
        self._tune = effort.tune or trained_for(meta)
        self._lambda, self._ratio = lambda_of(meta, quality, self._tune), ratio_of(meta)
        self._quality, self._watch = quality, effort.watch
        self._schedule = SCHEDULES[effort.level]

    def check(self, tiles: Sequence[Tile], given: Mapping[str, np.ndarray]) -> None:
        """Raises InvalidInput for tiles, or for what is given beside the picture, that cannot be judged."""
        if self._tune != "ms-ssim":
            return
        least = min(min(tile.height, tile.width) for tile in tiles)
        if least < MS_SSIM_SMALLEST_SIDE:
            raise InvalidInput(
                f"{least} pixels on a side are too few for MS-SSIM, which takes {MS_SSIM_SMALLEST_SIDE}: tune for "
                "PSNR, or leave effort at 0"
            )
        if "mask" in given:
            raise InvalidInput(
                "MS-SSIM is not weighed by a mask: tune for PSNR, or leave out one of the two"
            )

    def analysis(self, passes: PicturePasses, analyse: Analyse) -> Analyse:
        """An analysis, and beyond."""

        def refined(
            pixels: np.ndarray, level: np.ndarray, given: Mapping[str, np.ndarray]
        ) -> Latents:
            return self.refine(passes, pixels, given, analyse(pixels, level, given))

        return refined

    def refine(
        self,
        passes: PicturePasses,
        pixels: np.ndarray,
        given: Mapping[str, np.ndarray],
        latents: Latents,
    ) -> Latents:
        """Latents that cost less, or those given where none were found.

        pixels: `[1, H, W, 3]`, judged in 8 bits, in arrays of the passes' size. given: as `side_inputs_of` makes it.
        """
        aim = self._aim(passes, pixels, given)

        def cost(latents: Latents) -> Cost:
            found: Cost = passes.whole(true_cost, aim, latents, static=(self._tune,))
            return found

        best = first = cost(latents)
        kept, moving = latents, compiled_cache.run(started, latents)
        steps = self._schedule.steps
        looks = {steps * look // _LOOKS for look in range(1, _LOOKS + 1)}
        for taken in range(steps):
            moving = self._step(passes, aim, moving, taken / steps)
            if taken + 1 in looks:
                found = cost(moving.latents)
                if _number(found.total) < _number(best.total):
                    best, kept = found, found.decoded
            self._watch(taken + 1, steps, _gain(first, best, passes.height * passes.width))
        return kept

    def _step(self, passes: PicturePasses, aim: Aim, moving: Moving, done: float) -> Moving:
        """done: the share of steps that lie behind. Returns when it is computed, so that Ctrl-C is heard."""
        falling = _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
        rate = np.float32(self._schedule.rate * falling)
        temperature = np.float32(_WARMEST * math.exp(-_COOLING * done))
        after = passes.whole(moved, aim, moving, rate, temperature, static=(self._tune,))
        found: Moving = jax.block_until_ready(after)
        return found

    def _aim(
        self, passes: PicturePasses, pixels: np.ndarray, given: Mapping[str, np.ndarray]
    ) -> Aim:
        weights = np.zeros((1, *passes.size, 1), np.float32)
        weights[:, : passes.height, : passes.width] = 1
        if "mask" in given:
            weights *= weights_of_mask(given["mask"], self._ratio)
        sides = np.asarray([passes.height, passes.width], np.int32)
        level = np.asarray([self._quality - 1], np.float32)
        seen = rescaled(pixels, passes.depth, 8)
        return Aim(*jax.device_put((seen, sides, weights, level, np.float32(self._lambda))))


def _gain(first: Cost, best: Cost, pixels: int) -> float:
    bits = _number(first.bits)
    return pixels * (_number(first.total) - _number(best.total)) / bits if bits > 0 else 0.0


def _number(x: jax.Array) -> float:
    return float(jax.device_get(x))
