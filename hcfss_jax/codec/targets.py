"""The file that keeps to a size, or whose picture reaches a measure: which quality that is.

Files grow with the quality, and pictures get better, both nearly in straight lines: their size by its logarithm. So a
quality is found in few tries (`search.py`), each of which writes the file; the picture that the decoder will make comes
out of the encoder's own passes. Of a model whose analysis the level only scales, the pictures are transformed once.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from hcfss_jax import coding, metrics
from hcfss_jax.codec.coder import Coder, is_number
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.file_writer import Writing, write_file, write_shown
from hcfss_jax.codec.picture_stream import Analyse
from hcfss_jax.codec.search import last_within
from hcfss_jax.codec.tiles import Tile
from hcfss_jax.errors import InvalidQuality
from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.pictures.planes import Planes

_MOST_KEPT = 1 << 28  # bytes of what tiles become before their level
_BEST_PSNR, _BEST_MS_SSIM = 200.0, 100.0  # dB, in place of infinity


@dataclasses.dataclass(frozen=True)
class Target:
    """What a file is to keep to.

    number: a bound of bytes, if `of_size`, and else what the measure has to reach. measure: of two pictures uint8
    `[H, W, 3]`, in its own unit. line: of a number of the target's unit, what rises evenly with the quality, by about
    `slope` from one quality to the next. told: a number, in words.
    """

    number: float
    line: Callable[[float], float]
    slope: float
    told: Callable[[float], str]
    measure: Callable[[np.ndarray, np.ndarray], float] | None = None

    @property
    def of_size(self) -> bool:
        """Whether it is a bound of the file's bytes."""
        return self.measure is None


def target_of(asked: Mapping[str, Any], height: int, width: int) -> Target:
    """What is asked for of a picture, by the one of "bpp", "size" and the measures that is not None.

    Raises InvalidQuality for none or several, and for what no file and no picture can have.
    """
    wanted = {name: number for name, number in asked.items() if number is not None}
    if len(wanted) != 1:
        raise InvalidQuality(
            f"{' and '.join(wanted) or 'no target'}: give one of {', '.join(asked)}"
        )
    ((name, number),) = wanted.items()
    if name == "bpp":
        return _bits_a_pixel(number, height * width)
    kinds = {"size": _size, "psnr": _psnr, "ms_ssim": _ms_ssim, "ssimulacra2": _ssimulacra2}
    return kinds[name](number, height, width)


def _bits_a_pixel(bpp: Any, pixels: int) -> Target:
    if not (is_number(bpp) and bpp > 0):
        raise InvalidQuality(f"{bpp} bpp: a rate is more than 0 bits a pixel")
    told = lambda size: f"{8 * size / pixels:.3f} bpp"  # noqa: E731
    return Target(float(bpp) * pixels / 8, math.log, 0.2, told)


def _size(size: Any, height: int, width: int) -> Target:
    if not (is_number(size) and size > 0):
        raise InvalidQuality(f"a size of {size}: a file has more than 0 bytes")
    return Target(float(size), math.log, 0.2, lambda found: f"{found:,.0f} bytes")


def _psnr(decibels: Any, height: int, width: int) -> Target:
    if not (is_number(decibels) and 0 < decibels < math.inf):
        raise InvalidQuality(f"a PSNR of {decibels}: it is more than 0 dB, and finite")
    line = lambda found: min(found, _BEST_PSNR)  # noqa: E731
    measure = lambda a, b: float(metrics.psnr(a, b))  # noqa: E731
    return Target(float(decibels), line, 0.7, lambda found: f"{found:.2f} dB PSNR", measure)


def _ms_ssim(number: Any, height: int, width: int) -> Target:
    if not (is_number(number) and 0 < number < 1):
        raise InvalidQuality(f"an MS-SSIM of {number}: it lies between 0 and 1")
    if min(height, width) < (least := metrics.MS_SSIM_SMALLEST_SIDE):
        raise InvalidQuality(
            f"MS-SSIM is of pictures of at least {least} pixels a side, and this has {width}x{height}: target a PSNR"
        )

    def line(found: float) -> float:
        return min(-10 * math.log10(max(1 - found, 1e-12)), _BEST_MS_SSIM)

    measure = lambda a, b: float(metrics.ms_ssim(a, b))  # noqa: E731
    return Target(float(number), line, 0.8, lambda found: f"{found:.4f} MS-SSIM", measure)


def _ssimulacra2(score: Any, height: int, width: int) -> Target:
    if not (is_number(score) and -math.inf < score < 100):
        raise InvalidQuality(
            f"a SSIMULACRA2 of {score}: it is below 100; 70 is good, 90 hardly to be told apart"
        )
    told = lambda found: f"{found:.2f} SSIMULACRA2"  # noqa: E731
    return Target(float(score), lambda found: found, 6.0, told, metrics.ssimulacra2())


def write_to(
    coder: Coder,
    planes: Planes,
    sections: Mapping[int, bytes],
    asked: Mapping[str, Any],
    how: Writing,
) -> tuple[bytes, float]:
    """The file of the best quality within a size, or of the least that reaches a measure; and that quality.

    asked: see `target_of`. Raises InvalidQuality, also where even the extreme quality does not.
    """
    target = target_of(asked, *planes.rgb.shape[:2])
    original = planes.at_depth(8).rgb
    last, steps = (coder.levels - 1) * coding.QUALITY_STEPS, coding.QUALITY_STEPS

    def write(step: int, how: Writing) -> tuple[bytes, float]:
        """The file of a quality, and what the target is about."""
        quality = 1 + step / steps
        if target.measure is None:
            data = write_file(coder, planes, sections, quality, how)
            return data, len(data)
        data, shown, _ = write_shown(coder, planes, sections, quality, how)
        return data, target.measure(rescaled(shown, planes.depth, 8), original)

    quick = dataclasses.replace(how, analysis=_Kept())
    line, aim = target.line, target.line(target.number)
    # What a size must not pass, a measure has to reach: it is looked for just below.
    bound = aim if target.of_size else math.nextafter(aim, -math.inf)
    found = last_within(lambda step: line(write(step, quick)[1]), bound, last, target.slope / steps)
    # What was kept and what is analysed at once may differ by a float: the file itself decides.
    step, onwards = (found, -1) if target.of_size else (found + 1, 1)
    value = None
    while 0 <= step <= last:
        data, value = write(step, how)
        if (value <= target.number) if target.of_size else (value >= target.number):
            return data, 1 + step / steps
        step += onwards
    extreme = 0 if target.of_size else last
    value = write(extreme, how)[1] if value is None else value
    raise InvalidQuality(_out_of_reach(coder, target, value))


def _out_of_reach(coder: Coder, target: Target, value: float) -> str:
    asked, found = target.told(target.number), target.told(value)
    if target.of_size:
        return f"{asked} is out of reach: quality 1 takes {found}; make the picture smaller"
    return (
        f"{asked} is out of reach: quality {coder.levels:g}, the best of {coder.name}, gives {found}; "
        "take a model with more qualities"
    )


class _Kept:
    """The analysis of a picture's tiles at any level, with what they are before it kept, as far as there is room."""

    def __init__(self) -> None:
        self._room = _MOST_KEPT
        self._kept: dict[Tile, Any] = {}

    def __call__(self, tile: Tile, passes: PicturePasses) -> Analyse:
        return functools.partial(self._analyse, tile, passes)

    def _analyse(
        self,
        tile: Tile,
        passes: PicturePasses,
        rgb: np.ndarray,
        level: np.ndarray,
        given: Mapping[str, np.ndarray],
    ) -> Any:
        if not passes.level_only_scales:
            return passes.analyse(rgb, level, given)
        if tile not in self._kept:
            unscaled = passes.unscaled(rgb, level, given)
            taken = sum(array.nbytes for array in jax.tree.leaves(unscaled))
            if taken > self._room:
                return passes.scaled(unscaled, level)
            self._room -= taken
            self._kept[tile] = unscaled
        return passes.scaled(self._kept[tile], level)
