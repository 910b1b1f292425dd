"""What a residual's encoder writes: which table each symbol has, and the low bits apart."""

import numpy as np

from hcfss_jax.coding.escapes import symbol_bits
from hcfss_jax.coding.residual_tables import residual_tables, row_of

GAINS = (8, 10, 12, 14, 16, 18, 20, 23, 26, 32, 40, 52)
"""By how many sixteenths the spread of a channel is taken; a writer may take any from 1 to LARGEST_GAIN."""

LARGEST_GAIN = 63

_SAMPLE = 1 << 16  # symbols that the choice looks at


def best_gain(symbol: np.ndarray, spread: np.ndarray, offset: np.ndarray, step: int) -> int:
    """The one of GAINS that takes the fewest bits, on a sample of a channel."""
    every = max(1, symbol.size // _SAMPLE)
    symbol, spread, offset = symbol[::every], spread[::every], offset[::every]

    def bits(gain: int) -> float:
        table, shift, _ = row_of(spread, offset, gain, step)
        return symbol_bits(symbol >> shift, table, residual_tables()).sum() + shift.sum()

    return min(GAINS, key=bits)


def symbols_of(coded: np.ndarray, gains: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols and their tables, int32 `[n]` each.

    coded: `[5, m]`, of each value the steps, the spread, the offset, the channel and the diagonal. Where a value of a
    diagonal and channel has low bits, they follow for all of it.
    """
    steps, spread, offset, channel, diagonal = coded
    rows = row_of(spread, offset, gains[channel], step)
    table, shift, lows = (numbers.astype(np.int32) for numbers in rows)
    high = (steps >> shift).astype(np.int32)
    if not shift.any():
        return high, table
    low = (steps & (1 << shift) - 1).astype(np.int32)
    change = (np.diff(channel) != 0) | (np.diff(diagonal) != 0)
    group = np.concatenate([[0], np.cumsum(change)])
    split = np.zeros(group[-1] + 1, bool)
    np.logical_or.at(split, group, shift > 0)
    meant = split[group]
    order = np.argsort(np.concatenate([2 * group, 2 * group[meant] + 1]), kind="stable")
    lows = lows[meant]
    return np.concatenate([high, low[meant]])[order], np.concatenate([table, lows])[order]
