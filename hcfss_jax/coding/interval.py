"""The coder's interval in 32-bit registers, shared by the encoder's and the decoder's loop.

The interval is [low, low + size) in units of 2**-32 of what is left of the stream. A symbol
narrows it to its share; when the size falls to 2**16, a word (16 bits) of the stream is settled and
the interval grows by as much (Martin 1979). All is uint32, so that no 64-bit mode is touched: a
size of 2**32 does not fit, and the loops therefore carry size - 1, called `size` there.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

Word = jax.Array
"""A uint32 scalar."""

FULL = 0xFFFFFFFF
SMALLEST_BUCKET = 1 << 12


def scaled(size: Word, frequency: Word) -> Word:
    """floor((size + 1) * frequency / 2**16) in 32 bits, for a frequency in [0, 2**16)."""
    return (size >> 16) * frequency + ((size & 0xFFFF) * frequency + frequency >> 16)


def grow(size: Word, low: Word) -> tuple[Word, Word, Word]:
    """The interval after a word has left it, if one must: (whether, size, low)."""
    must = size >> 16 == 0
    return must, jnp.where(must, size << 16 | 0xFFFF, size), jnp.where(must, low << 16, low)


def ending(low: int, high: int) -> bytes:
    """The fewest bytes that name a number in [low, high], as TensorFlow Compression chooses it.

    Trailing zeros are left out: a decoder reads zeros past the end. 0 <= low <= high < 2**32.
    """
    if low == 0:
        return b""
    highest = (low - 1 >> 24) + 1
    if highest <= high >> 24:
        return bytes([highest])
    return ((low - 1 >> 16) + 1).to_bytes(2, "big").rstrip(b"\0")


def bucket(size: int, smallest: int = SMALLEST_BUCKET) -> int:
    """The length that an array of `size` is padded to, so that few shapes are compiled."""
    length = smallest
    while length < size:
        length *= 4
    return length


def padded(array: np.ndarray, smallest: int = SMALLEST_BUCKET) -> np.ndarray:
    """The array, with zeros up to its bucket."""
    whole = np.zeros(bucket(array.size, smallest), array.dtype)
    whole[: array.size] = array
    return whole


def on_cpu(array: np.ndarray | np.uint32) -> jax.Array:
    """The array on the CPU, where a loop over it then runs, whatever the default device is."""
    return jax.device_put(array, _cpu())


@cache
def _cpu() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]  # on many hosts the first one is another's
    except RuntimeError as error:
        raise RuntimeError(
            "the range coder runs on JAX's CPU device, which is switched off; "
            "add it beside the accelerator, for example JAX_PLATFORMS=cuda,cpu"
        ) from error
