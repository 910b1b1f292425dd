"""Integer tables of cumulative frequencies: all that the range coder knows of probabilities.

A value, made once and stored with the weights: both sides of a file read the very same integers,
whatever their floats would say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PRECISION = 16
"""Bits of a frequency: those of a row sum to 2 ** PRECISION."""

TOTAL = 1 << PRECISION

LARGEST_OFFSET = 1 << 20
"""Bound on |offset|: with it the distance of any int32 from any table fits in 32 bits."""


@dataclass(frozen=True, eq=False)
class Tables:
    """T frequency tables in one flat array. Read-only; raises ValueError if they are not tables.

    A row of `length` symbols takes `length + 1` entries of `cdf`, from 0 to 65536, strictly rising.
    Its first symbol stands for the integer `offset`, its last is the escape: whatever is outside.

    Attributes:
      cdf: int32 `[sum(length + 1)]`, the rows one after the other.
      offset: int32 `[T]`, |offset| <= 2**20.
      length: int32 `[T]`, symbols of each row, the escape included; at least 1.
    """

    cdf: np.ndarray
    offset: np.ndarray
    length: np.ndarray

    def __post_init__(self) -> None:
        for name in ("cdf", "offset", "length"):
            object.__setattr__(self, name, _frozen_int32(name, getattr(self, name)))
        if self.offset.shape != self.length.shape:
            raise ValueError(f"{self.offset.size} offsets for {self.length.size} lengths")
        if self.offset.size and np.abs(self.offset.astype(np.int64)).max() > LARGEST_OFFSET:
            raise ValueError(f"an offset exceeds +-{LARGEST_OFFSET}: {self.offset.tolist()}")
        self._check_rows()

    def _check_rows(self) -> None:
        if self.length.size and self.length.min() < 1:
            raise ValueError(f"a table without symbols: lengths {self.length.tolist()}")
        if self.length.sum(dtype=np.int64) + self.length.size != self.cdf.size:
            raise ValueError(f"lengths do not add up to the {self.cdf.size} entries of the cdf")
        first, last = self.start, self.start + self.length
        if not ((self.cdf[first] == 0).all() and (self.cdf[last] == TOTAL).all()):
            raise ValueError(f"every row of the cdf must run from 0 to {TOTAL}")
        rises = np.diff(self.cdf) > 0
        rises[last[:-1]] = True  # the step from one row to the next goes down
        if not rises.all():
            raise ValueError("a row of the cdf does not rise: every symbol needs a frequency >= 1")

    def __len__(self) -> int:
        """The number of tables, T."""
        return self.length.size

    @cached_property
    def start(self) -> np.ndarray:
        """Where each row begins in `cdf`, int32 `[T]`."""
        ends = np.cumsum(self.length + 1, dtype=np.int32)
        return np.concatenate([np.zeros(min(1, ends.size), np.int32), ends[:-1]])

    def row(self, index: int) -> np.ndarray:
        """The cumulative frequencies of one table, int32 `[length + 1]`."""
        first = self.start[index]
        return self.cdf[first : first + self.length[index] + 1]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays by name, for a file; `from_arrays` is the inverse."""
        return {"cdf": self.cdf, "offset": self.offset, "length": self.length}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Tables":
        """Tables from what `to_arrays` returned. Raises ValueError if these are no tables."""
        if set(arrays) != {"cdf", "offset", "length"}:
            raise ValueError(f"tables are cdf, offset and length, not {sorted(arrays)}")
        return cls(**arrays)


def _frozen_int32(name: str, array: np.ndarray) -> np.ndarray:
    """A read-only copy."""
    array = np.asarray(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be a flat array of integers, not {array.dtype} {array.shape}"
        )
    limits = np.iinfo(np.int32)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(f"{name} holds integers beyond int32")
    array = array.astype(np.int32)
    array.setflags(write=False)
    return array
