"""Engine `jax`, encoding: symbols to the stream of TensorFlow Compression's range coder.

Symbols are looked up beforehand in numpy, so that the loop sees shares of the interval only; the
bits after an escape are a few more symbols, with two equal shares. Carries are set aside in the
loop and added up at the end.
"""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hcfss_jax.coding.escapes import gamma_bits, split
from hcfss_jax.coding.interval import FULL, Word, ending, grow, on_cpu, padded, scaled
from hcfss_jax.coding.tables import TOTAL, Tables
from hcfss_jax.runtime import compiled_cache

HALF = TOTAL // 2


def encode(parts: Iterable[tuple[np.ndarray, np.ndarray, Tables]]) -> bytes:
    """Symbols to bytes; see `hcfss_jax.coding.encode`."""
    shares = np.concatenate([np.zeros(0, np.uint32), *(_shares(*part) for part in parts)])
    count = on_cpu(np.uint32(shares.size))
    result = compiled_cache.run(_encode_loop, on_cpu(padded(shares)), count)
    words, count, size, low, carry = jax.device_get(result)
    return _finish(words[: int(count)], int(size), int(low), int(carry))


def _shares(symbols: np.ndarray, indices: np.ndarray, tables: Tables) -> np.ndarray:
    """What narrows the interval, in order: uint32 `lower | upper - 1 << 16`, in 2**-16 of it."""
    lower, last = tables.cdf[:-1].astype(np.uint32), (tables.cdf[1:] - 1).astype(np.uint32)
    entry, escaped, distance, below = split(symbols, indices, tables)
    shares = (lower | last << 16).take(entry)
    if not escaped.size:
        return shares
    bits, count = gamma_bits(distance, below)
    coins = bits * HALF | (bits * HALF + HALF - 1) << 16
    return np.insert(shares, np.repeat(escaped + 1, count), coins)


@jax.jit
def _encode_loop(shares: jax.Array, count: Word) -> tuple[jax.Array, ...]:
    """Narrow the interval by the first `count` shares.

    Returns (words, number of words, size - 1, low, carry): a word holds 16 bits of the stream and,
    above them, the carry into the word before it; the carry into the last word comes apart.
    """

    def narrow(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        i, words, position, size, low, carry = state
        share = lax.dynamic_index_in_dim(shares, i, keepdims=False)
        lower, last = share & 0xFFFF, share >> 16
        start = scaled(size, lower)
        end = jnp.where(last == 0xFFFF, size, scaled(size, last + 1 & 0xFFFF) - 1)
        size, low = end - start, low + start
        carry = carry | (low < start).astype(jnp.uint32)
        # Always written, kept only if the position moves on: cheaper than a branch.
        words = lax.dynamic_update_index_in_dim(words, low >> 16 | carry << 16, position, 0)
        grown, size, low = grow(size, low)
        position = position + grown.astype(jnp.uint32)
        return i + 1, words, position, size, low, jnp.where(grown, jnp.uint32(0), carry)

    zero = jnp.uint32(0)
    state: tuple[jax.Array, ...] = (
        zero,
        jnp.zeros_like(shares),
        zero,
        jnp.uint32(FULL),
        zero,
        zero,
    )
    _, *result = lax.while_loop(lambda state: state[0] < count, narrow, state)
    return tuple(result)


def _finish(words: np.ndarray, size: int, low: int, carry: int) -> bytes:
    """Add up the carries and end the stream."""
    high = low + size
    crosses = high > FULL  # the interval holds the end of the word before it: choose that
    carries = np.append(words >> 16, carry + crosses)[1:]
    # One sum of big integers carries over any number of words, in linear time.
    number = _big_endian(words & 0xFFFF) + _big_endian(carries)
    written = number.to_bytes(2 * words.size, "big")
    if crosses:
        return written.rstrip(b"\0")
    return written + ending(low, high)


def _big_endian(words: np.ndarray) -> int:
    return int.from_bytes(words.astype(">u2").tobytes(), "big")
