"""The picture of the first coding steps alone: what is not read is as predicted.

Of a stream that is cut, those steps that no byte behind it could change. A decoder reads zeros past the end and never
stops by itself: its place in the interval says what is certain.
"""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.picture_stream import Check, Tables, level_of, reading
from hcfss_jax.entropy.plan import Plan
from hcfss_jax.entropy.steps import Prediction, run_steps
from hcfss_jax.errors import CorruptSection, DecodeMismatch, InvalidInput


def steps_to_read(steps: Any, plan: Plan) -> int:
    """How many of a plan's steps are read: the first, and so many behind it; None for all.

    Raises InvalidInput for what is no number of them.
    """
    last = len(plan) - 1
    if steps is None:
        return len(plan)
    try:
        if 0 <= operator.index(steps) <= last:
            return 1 + operator.index(steps)
    except TypeError:
        pass
    raise InvalidInput(
        f"{steps!r:.40} steps of a preview: 0, for the first alone, to {last}, which is all of the picture"
    )


def preview_picture(
    passes: PicturePasses,
    tables: Tables,
    stream: bytes,
    cut: bool,
    quality: float,
    checks: Sequence[int],
    crc: int,
    steps: int,
) -> tuple[np.ndarray | None, int]:
    """The picture uint8 `[H, W, 3]` of the first steps of a stream, and how many these are: at most so many.

    None where not even the first is there. cut: whether bytes of the stream are missing at its end. checks, crc: as
    `read_picture` takes them. Raises DecodeMismatch as it does, for steps that are there.
    """
    if cut and not stream:
        return None, 0
    level, decoder, check = (
        level_of(quality),
        coding.RangeDecoder(stream),
        Check(passes.plan, checks, crc),
    )
    read_step, known = reading(passes, decoder, tables, check), 0

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, None]:
        nonlocal known
        if step == known < steps and (found := _read(read_step, decoder, cut, step, prediction)):
            known += 1
            return found
        return passes.guess(step, prediction), None

    try:
        decoded, _ = run_steps(passes, level, quantise)
    except CorruptSection as error:
        raise check.mismatch() from error
    if not known:
        return None, 0
    return passes.synthesise(decoded, level)[: passes.height, : passes.width], known


def _read(
    read_step: Any, decoder: coding.RangeDecoder, cut: bool, step: int, prediction: Prediction
) -> tuple[jax.Array, None] | None:
    """What is read of a step, if it is there as a whole."""
    try:
        found: tuple[jax.Array, None] = read_step(step, prediction)
    except (CorruptSection, DecodeMismatch):
        # Zeros past the end are no symbols of a step; what is certain and wrong is a fault.
        if cut and not decoder.is_certain():
            return None
        raise
    return found if not cut or decoder.is_certain() else None
