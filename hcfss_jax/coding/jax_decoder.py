"""Engine `jax`, decoding: the stream of TensorFlow Compression's range coder to symbols.

A symbol is found without dividing by the interval's 33-bit size: a 32-bit quotient gives a lower
bound within a few 2**-16, a small table gives the entry of the cdf there, and a search walks on
from it, exactly, by the very products that the encoder used.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hcfss_jax.coding.escapes import MOST_GAMMA_BITS
from hcfss_jax.coding.interval import FULL, Word, ending, grow, on_cpu, padded, scaled
from hcfss_jax.coding.jax_lookup import ESCAPE, HINTS, Lookup, lookup_of
from hcfss_jax.coding.tables import TOTAL, Tables
from hcfss_jax.errors import CorruptSection
from hcfss_jax.runtime import compiled_cache


class Position(NamedTuple):
    """Where the decoder stands: uint32 scalars. `ahead` is the stream's value less `low`."""

    read: Word
    size: Word
    low: Word
    ahead: Word


# In words, of which the loop touches few: so one shape serves nearly all files.
_SMALLEST_STREAM = 1 << 18


class Decoder:
    """Bytes to symbols; see `hcfss_jax.coding.RangeDecoder`."""

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data.ljust(len(data) + 4 & ~1, b"\0"), ">u2").astype(np.uint32)
        words = np.append(words, np.zeros(2, np.uint32))  # the loop reads zeros past the end
        self._data = data
        self.words = on_cpu(padded(words, _SMALLEST_STREAM))
        first = words[0] << 16 | words[1]
        self.position = Position(*(on_cpu(np.uint32(n)) for n in (2, FULL, 0, first)))

    def decode(self, indices: np.ndarray, tables: Tables) -> np.ndarray:
        """The next symbols of the stream, int32 `[n]`."""
        rows, count = on_cpu(padded(indices.astype(np.uint32))), on_cpu(np.uint32(indices.size))
        symbols, decoded, self.position = compiled_cache.run(
            decode_loop, rows, count, self.words, lookup_of(tables), self.position
        )
        if int(decoded) < indices.size:
            raise CorruptSection(f"the stream escapes by more than {MOST_GAMMA_BITS} bits")
        return jax.device_get(symbols)[: indices.size]

    def is_certain(self) -> bool:
        """Whether what was decoded is the same whatever bytes follow those that are here.

        The stream's value then lies anywhere in [ahead, ahead + 2^bits) of the interval's 32-bit window, with as many
        bits as the window has beyond the last byte: it has to be inside of the interval as a whole.
        """
        read, size, _, ahead = map(int, self.position)
        unknown = max(0, 8 * (2 * read - len(self._data)))
        return ahead + (1 << unknown) <= size + 1

    def finish(self) -> bool:
        """Whether the bytes are exactly those that `encode` writes for what was decoded."""
        read, size, low, ahead = map(int, self.position)
        value, high, settled = low + ahead & FULL, low + size, 2 * (read - 2)
        if high > FULL:  # the encoder chooses the word boundary, and drops the zeros after it
            return value == 0 and len(self._data) <= settled and not self._data.endswith(b"\0")
        tail = ending(low, high)
        expected = int.from_bytes(tail.ljust(4, b"\0"), "big")
        return value == expected and len(self._data) == settled + len(tail)


def _at(array: jax.Array, index: Word) -> jax.Array:
    """One entry; an index past the end reads the last, so that no stream reads out of bounds."""
    return lax.dynamic_index_in_dim(array, index, keepdims=False)


@jax.jit
def decode_loop(
    indices: jax.Array, count: Word, words: jax.Array, lookup: Lookup, position: Position
) -> tuple[jax.Array, Word, Position]:
    """Decode `count` symbols: (symbols, how many are sound, the position after them).

    One turn reads one symbol, or one bit of what follows an escape. An Elias gamma code opens with
    as many zeros as bits of the distance follow its first 1, and the sign closes it: `zeros` counts
    up and then down again, and `distance` is 0 until that first 1.

    One loop, not one for escapes inside another: JAX 0.5.3 runs such a nest of loops wrongly when
    it comes from the persistent compilation cache.
    """
    zero, one = jnp.uint32(0), jnp.uint32(1)

    def more(state: tuple) -> jax.Array:
        i, _, _, zeros, _, _ = state
        return (i < count) & (zeros < MOST_GAMMA_BITS)

    def turn(state: tuple) -> tuple:
        i, symbols, escaped, zeros, distance, position = state
        row = _at(indices, i)
        entry, position = _pick(jnp.where(escaped, lookup.coin, row), position, words, lookup)
        value = _at(lookup.symbol, entry)
        bit = lax.bitcast_convert_type(value, jnp.uint32)

        opening = escaped & (distance == 0)
        following = escaped & (distance > 0) & (zeros > 0)
        ends = jnp.where(escaped, ~(opening | following), value != ESCAPE)
        below, above = _at(lookup.below, row) - distance, _at(lookup.above, row) + distance
        far = jnp.where(bit == 1, below, above)
        symbol = jnp.where(escaped, lax.bitcast_convert_type(far, jnp.int32), value)
        symbols = lax.dynamic_update_index_in_dim(symbols, symbol, i, 0)

        zeros = zeros + jnp.where(opening, one - bit, zero) - jnp.where(following, one, zero)
        distance = jnp.where(opening | following, distance << 1 | bit, zero)
        return i + ends.astype(jnp.uint32), symbols, ~ends, zeros, distance, position

    symbols = jnp.zeros(indices.shape, jnp.int32)
    state = (zero, symbols, jnp.bool_(False), zero, zero, position)
    i, symbols, _, _, _, position = lax.while_loop(more, turn, state)
    return symbols, i, position


def _pick(row: Word, position: Position, words: jax.Array, lookup: Lookup) -> tuple[Word, Position]:
    """The entry of the row whose share of the interval holds the value."""
    size, ahead = position.size, position.ahead
    shift = lax.clz(size)
    level = (ahead << shift) // ((size << shift >> 16) + 1)  # never above ahead / size
    entry = _at(lookup.hint, row * HINTS + level // (TOTAL // HINTS))

    def too_low(state: tuple[Word, ...]) -> jax.Array:
        _, _, upper, end = state
        return (upper < TOTAL) & (end <= ahead)

    def next_entry(state: tuple[Word, ...]) -> tuple[Word, ...]:
        entry, _, _, end = state
        upper = _at(lookup.cdf, entry + 2)
        return entry + 1, end, upper, scaled(size, upper)

    upper = _at(lookup.cdf, entry + 1)
    state: tuple[Word, ...] = (
        entry,
        scaled(size, _at(lookup.cdf, entry)),
        upper,
        scaled(size, upper),
    )
    entry, start, upper, end = lax.while_loop(too_low, next_entry, state)
    last = jnp.where(upper == TOTAL, size, end - 1)
    return entry, _narrow(position, start, last, words)


def _narrow(position: Position, start: Word, last: Word, words: jax.Array) -> Position:
    """The position in [start, last] of the interval; reads a word when one is needed."""
    low, ahead = position.low + start, position.ahead - start
    word = _at(words, position.read)
    grown, size, low = grow(last - start, low)
    ahead = jnp.where(grown, ahead << 16 | word, ahead)
    return Position(position.read + grown.astype(jnp.uint32), size, low, ahead)
