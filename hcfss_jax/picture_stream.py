"""A picture to a stream of symbols, and back: the passes of a model around the range coder.

z comes first, then the parts of y, step by step. The decoder runs the very functions that the encoder ran, on the same
shapes; it learns each step's symbols before it needs the next step's tables.
"""

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax import coding
from hcfss_jax.entropy.steps import Prediction, Quantise, run_steps
from hcfss_jax.models.passes import CodingPasses
from hcfss_jax.models.skeleton import Y_STRIDE, Z_STRIDE

Tables = Mapping[str, coding.Tables]


@dataclasses.dataclass(frozen=True)
class Written:
    """A picture as symbols.

    stream: what the range coder wrote. crc: CRC-32 of the symbols. x_hat: computes uint8 `[H, W, 3]`, what the decoder
    will make of them. bits: computes what the model says they cost.
    """

    stream: bytes
    crc: int
    x_hat: Callable[[], np.ndarray]
    bits: Callable[[], float]


def write_picture(passes: CodingPasses, tables: Tables, rgb: np.ndarray, quality: float) -> Written:
    """uint8 `[H, W, 3]` to symbols at a quality (1 is the lowest rate level)."""
    height, width = rgb.shape[:2]
    level = _level(quality)
    y, z = passes.analyse(_padded(rgb), level)
    decoded, records = run_steps(
        passes.steps,
        passes.predict,
        passes.refine,
        _writing(passes, passes.split(y), _area(height, width)),
        passes.hyper(z, level),
    )
    parts = [(z.ravel(), _z_index(z.shape), tables["z"])]
    parts += [(q, index, tables["y"]) for q, index, _ in records]
    return Written(
        coding.encode(parts),
        _crc([part[0] for part in parts]),
        x_hat=lambda: passes.synthesise(decoded, level)[:height, :width],
        bits=lambda: passes.bits_z(z) + sum(bits for _, _, bits in records),
    )


def read_picture(
    passes: CodingPasses, tables: Tables, stream: bytes, height: int, width: int, quality: float
) -> tuple[np.ndarray, int]:
    """Symbols to (uint8 `[H, W, 3]`, CRC-32 of the symbols found).

    Raises CorruptSection where the stream is none.
    """
    level = _level(quality)
    decoder = coding.RangeDecoder(stream)
    shape = (1, -(-height // Z_STRIDE), -(-width // Z_STRIDE), passes.hyper_channels)
    z = decoder.decode(_z_index(shape), tables["z"]).reshape(shape)
    decoded, symbols = run_steps(
        passes.steps,
        passes.predict,
        passes.refine,
        _reading(passes, decoder, tables["y"], _area(height, width)),
        passes.hyper(z, level),
    )
    decoder.finish()
    x_hat = passes.synthesise(decoded, level)[:height, :width]
    return x_hat, _crc([z, *symbols])


def _writing(passes: CodingPasses, parts: Sequence[jax.Array], area: tuple[int, int]) -> Quantise:
    """The quantiser of encoding: rounds; records symbols, indices of their tables, and bits."""
    height, width = area

    def quantise(
        step: int, prediction: Prediction
    ) -> tuple[jax.Array, tuple[np.ndarray, np.ndarray, float]]:
        q, bits = passes.quantise(parts[step], prediction, area)
        index = passes.index(prediction)
        symbols, tables = (np.asarray(a)[0, :height, :width].ravel() for a in (q, index))
        return passes.dequantise(q, prediction), (symbols, tables, bits)

    return quantise


def _reading(
    passes: CodingPasses,
    decoder: coding.RangeDecoder,
    tables: coding.Tables,
    area: tuple[int, int],
) -> Quantise:
    """The quantiser of decoding: reads the symbols, and records them."""
    height, width = area

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, np.ndarray]:
        index = np.asarray(passes.index(prediction))[:, :height, :width]
        symbols = decoder.decode(index.ravel(), tables)
        q = np.zeros(prediction.mean.shape, np.int32)
        q[:, :height, :width] = symbols.reshape(index.shape)
        return passes.dequantise(q, prediction), symbols

    return quantise


def _level(quality: float) -> jax.Array:
    return jnp.asarray([quality - 1], jnp.float32)


def _padded(rgb: np.ndarray) -> np.ndarray:
    """A batch of one whose sides are multiples of z's stride; the border is repeated."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, -height % Z_STRIDE), (0, -width % Z_STRIDE), (0, 0)), "edge")[None]


def _area(height: int, width: int) -> tuple[int, int]:
    """Positions of y that the picture touches. Those beyond are padding: 0 on both sides, never sent."""
    return -(-height // Y_STRIDE), -(-width // Y_STRIDE)


def _z_index(shape: tuple[int, ...]) -> np.ndarray:
    """The table of each symbol of z: every channel has its own."""
    return np.broadcast_to(np.arange(shape[-1], dtype=np.int32), shape).ravel()


def _crc(symbols: Sequence[np.ndarray]) -> int:
    crc = 0
    for part in symbols:
        crc = zlib.crc32(np.ascontiguousarray(part, "<i4").tobytes(), crc)
    return crc
