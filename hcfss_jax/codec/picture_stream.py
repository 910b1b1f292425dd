"""A picture to a stream of symbols, and back: the passes of a model around the range coder.

Step by step, as the plan has them. The decoder runs the very functions that the encoder ran, on the same shapes; it
learns each step's symbols before it needs the next step's tables.
"""

import dataclasses
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec import step_stream
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.exact_pixels import find_exact
from hcfss_jax.codec.step_stream import Part
from hcfss_jax.entropy.plan import Plan
from hcfss_jax.entropy.steps import Latents, Prediction, Quantise, run_steps
from hcfss_jax.errors import CorruptSection, DecodeMismatch

Tables = Mapping[str, coding.Tables]
Analyse = Callable[[np.ndarray, np.ndarray, Mapping[str, np.ndarray]], Latents]
"""What `PicturePasses.analyse` is."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A picture as symbols.

    steps: what the stream holds of each, see `step_stream.parts_of`. stream: what the range coder wrote of them.
    checks: CRC-32 of all up to the end of each step. bits: what the model says they cost. x_hat: computes pixels
    `[H, W, 3]`, what the decoder will make of them; floats: float32 `[H, W, 3]`, what exact pixels are made of.
    """

    steps: Sequence[Sequence[Part]]
    stream: bytes
    checks: Sequence[int]
    bits: float
    x_hat: Callable[[], np.ndarray]
    floats: Callable[[], np.ndarray]


def write_picture(
    passes: PicturePasses,
    tables: Tables,
    rgb: np.ndarray,
    quality: float,
    margins: Sequence[float],
    crc: int = 0,
    given: Mapping[str, np.ndarray] = {},
    analyse: Analyse | None = None,
) -> Written:
    """Pixels `[H, W, 3]`, of the size and depth of the passes, to symbols at a quality (1 is the lowest rate level).

    margins: of each step, for `choose_shifts`. crc: of the symbols before these, where there are some. given: see
    `side_inputs`, in arrays of the passes' size. analyse: in place of that of the passes.
    """
    level = level_of(quality)
    latents = (analyse or passes.analyse)(padded(rgb, passes.size), level, given)
    parts = passes.split(latents)
    decoded, records = run_steps(passes, level, _writing(passes, parts, tables, margins))
    steps = [step for step, _ in records]
    checks = itertools.accumulate(
        ([part[0] for part in step] for step in steps), _crc_after, initial=crc
    )
    return Written(
        steps,
        coding.encode([*itertools.chain(*steps)]),
        [*checks][1:],
        sum(bits for _, bits in records),
        x_hat=lambda: passes.synthesise(decoded, level)[: passes.height, : passes.width],
        floats=lambda: passes.synthesise_floats(decoded, level)[: passes.height, : passes.width],
    )


def read_picture(
    passes: PicturePasses,
    tables: Tables,
    stream: bytes,
    quality: float,
    checks: Sequence[int],
    crc: int = 0,
    exact: coding.ExactTile | None = None,
) -> np.ndarray:
    """Symbols to pixels `[H, W, 3]` of the depth of the passes.

    checks: CRC-32 of all symbols up to the end of each step, or only that of the last. crc: of those before. exact:
    what the file tells of its pixels, where it does.
    Raises DecodeMismatch where the symbols, or exact pixels, are not those that were written.
    """
    level = level_of(quality)
    decoder = coding.RangeDecoder(stream)
    found = Check(passes.plan, checks, crc)
    try:
        decoded, _ = run_steps(passes, level, reading(passes, decoder, tables, found))
        decoder.finish()
    except CorruptSection as error:
        # The file's checksum held: these are the bytes that were written, read with other tables.
        raise found.mismatch() from error
    if exact is not None:
        floats = passes.synthesise_floats(decoded, level)
        return find_exact(floats[: passes.height, : passes.width], exact)
    return passes.synthesise(decoded, level)[: passes.height, : passes.width]


class Check:
    """Whether symbols that are read are those that were written, as far as a file tells."""

    def __init__(self, plan: Plan, wanted: Sequence[int], crc: int):
        """wanted: see `read_picture`. crc: of the symbols before."""
        self._plan, self._crc, self._step = plan, crc, 0
        self._wanted = dict(zip(range(len(plan))[-len(wanted) :], wanted, strict=True))

    def step(self, symbols: Sequence[np.ndarray]) -> None:
        """Those of the next step. Raises DecodeMismatch where they are others."""
        self._crc = _crc_after(self._crc, symbols)
        if self._crc != self._wanted.get(self._step, self._crc):
            raise self.mismatch()
        self._step += 1

    def mismatch(self) -> DecodeMismatch:
        """The error, with what is known of where."""
        where = ""
        if len(self._wanted) > 1 and self._step < len(self._plan):
            step = self._plan[self._step]
            where = (
                f" from step {self._step + 1} of {len(self._plan)} on, {step.latent} from channel {step.first} to "
                f"{step.first + step.channels - 1},"
            )
        return DecodeMismatch(
            f"the decoded symbols{where} are not those that were written: this machine computes differently from the "
            "one that wrote the file. `hcfss diagnose FILE` looks for a way to compute that reads it"
        )


def _writing(
    passes: PicturePasses,
    parts: Sequence[jax.Array],
    tables: Tables,
    margins: Sequence[float],
) -> Quantise:
    """The quantiser of encoding: rounds; records what is coded, and bits."""

    def quantise(
        step: int, prediction: Prediction
    ) -> tuple[jax.Array, tuple[Sequence[Part], float]]:
        q, bits = passes.quantise(step, parts[step], prediction)
        symbols, table = passes.sent(step, q), tables[passes.plan[step].latent]
        coded = step_stream.parts_of(passes, step, prediction, symbols, table, margins[step])
        return passes.dequantise(step, q, prediction), (coded, bits)

    return quantise


def reading(
    passes: PicturePasses, decoder: coding.RangeDecoder, tables: Tables, check: Check
) -> Quantise:
    """The quantiser of decoding: reads symbols; it has nothing to record."""

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, None]:
        table = tables[passes.plan[step].latent]
        symbols, read = step_stream.read_step(passes, step, prediction, decoder, table)
        check.step(read)
        return passes.dequantise(step, passes.unsent(step, symbols), prediction), None

    return quantise


def level_of(quality: float) -> np.ndarray:
    """The rate level of a quality, as the passes take it, `[1]`."""
    return np.asarray([quality - 1], np.float32)


def padded(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A batch of one of height and width `size`; the border is repeated."""
    below, right = (whole - side for whole, side in zip(size, rgb.shape[:2], strict=True))
    return np.pad(rgb, ((0, below), (0, right), (0, 0)), "edge")[None]


def _crc_after(crc: int, symbols: Sequence[np.ndarray]) -> int:
    for part in symbols:
        crc = zlib.crc32(np.ascontiguousarray(part, "<i4").tobytes(), crc)
    return crc
