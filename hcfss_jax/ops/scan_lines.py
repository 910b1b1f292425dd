"""The lines along which an image is scanned: rows, columns and both diagonals, forwards and backwards.

A scan walks over a time-major array `[S, B, P, C]` (see `selective_scan`). Each `Line` says how an image becomes one
and which way to walk. An order is a tuple of lines; `ORDERS` has those that layers know by name:

- "neighborhood" (our reading of HCFSSNet, arXiv 2511.20151, which is silent): every row, column or diagonal is a
  sequence of its own, so two neighbours in a sequence are always neighbours in the image. P lines run side by side;
  a diagonal is a column whose line moves one place at each step.
- "raster": one sequence over the whole map, P = 1, as in VMamba (rows and columns) and RS-Mamba (diagonals, which
  wrap around the border).

A new order is an entry of `ORDERS`: lines that are there, or `Walk`s through the positions of a map in any order.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.errors import InvalidInput

Axis = Literal["rows", "columns", "diagonals", "antidiagonals"]


class Line(Protocol):
    """One direction of scanning."""

    @property
    def reverse(self) -> bool:
        """Whether it is walked from its end."""
        ...

    @property
    def shift(self) -> int:
        """Places that a line moves sideways at each step of its walk."""
        ...

    @property
    def layout(self) -> "Layout":
        """The unfolded image that it walks over; lines of equal layout share one."""
        ...


class Layout(Protocol):
    """An image as the steps of a scan, and back. Layouts are compared."""

    def unfold(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[S, B, P, C]`."""
        ...

    def fold(self, steps: jax.Array, height: int, width: int) -> jax.Array:
        """The inverse."""
        ...


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """All rows, or all columns, at once."""

    rows: bool

    def unfold(self, x: jax.Array) -> jax.Array:
        """See `Layout`."""
        return x.transpose(2, 0, 1, 3) if self.rows else x.transpose(1, 0, 2, 3)

    def fold(self, steps: jax.Array, height: int, width: int) -> jax.Array:
        """See `Layout`."""
        return steps.transpose(1, 2, 0, 3) if self.rows else steps.transpose(1, 0, 2, 3)


@dataclasses.dataclass(frozen=True)
class Parallel:
    """Rows, columns or diagonals side by side; a diagonal is a column that moves."""

    axis: Axis
    reverse: bool

    @property
    def shift(self) -> int:
        """See `Line`."""
        sideways = {"rows": 0, "columns": 0, "diagonals": 1, "antidiagonals": -1}[self.axis]
        return -sideways if self.reverse else sideways

    @property
    def layout(self) -> SideBySide:
        """See `Line`."""
        return SideBySide(self.axis == "rows")


Order = Callable[[int, int], np.ndarray]
"""Height and width of a map to its positions, row * width + column, in the order of a walk."""


@dataclasses.dataclass(frozen=True)
class Walk:
    """One sequence through all positions of a map; as a line, and as its layout."""

    order: Order
    reverse: bool = False
    shift: int = 0

    @property
    def layout(self) -> "Walk":
        """See `Line`."""
        return dataclasses.replace(self, reverse=False)

    def unfold(self, x: jax.Array) -> jax.Array:
        """See `Layout`."""
        batch, height, width, channels = x.shape
        order = self.order(height, width)
        x = _permute(x.reshape(batch, height * width, channels), order)
        return x.transpose(1, 0, 2)[:, :, None]

    def fold(self, steps: jax.Array, height: int, width: int) -> jax.Array:
        """See `Layout`."""
        x = _permute(steps[:, :, 0].transpose(1, 0, 2), np.argsort(self.order(height, width)))
        return x.reshape(x.shape[0], height, width, -1)


def by_rows(height: int, width: int) -> np.ndarray:
    """Row by row."""
    return np.arange(height * width)


def by_columns(height: int, width: int) -> np.ndarray:
    """Column by column."""
    return by_rows(height, width).reshape(height, width).T.ravel()


def by_diagonals(height: int, width: int) -> np.ndarray:
    """Diagonals that wrap around the border (RS-Mamba's CrossScan)."""
    i, j = np.arange(height), np.arange(width)[:, None]
    return (i * width + (i + j) % width).ravel()


def by_antidiagonals(height: int, width: int) -> np.ndarray:
    """The same the other way."""
    i, j = np.arange(height), np.arange(width)[:, None]
    return (i * width + (j - i) % width).ravel()


def _cross_then_diagonals(line: Callable[[Axis, bool], Line]) -> tuple[Line, ...]:
    """The 8 directions, of which VMamba has the first 4."""
    cross: tuple[Axis, ...] = ("rows", "columns")
    oblique: tuple[Axis, ...] = ("diagonals", "antidiagonals")
    return (
        *(line(axis, back) for back in (False, True) for axis in cross),
        *(line(axis, back) for axis in oblique for back in (False, True)),
    )


_WALKS: dict[Axis, Order] = {
    "rows": by_rows,
    "columns": by_columns,
    "diagonals": by_diagonals,
    "antidiagonals": by_antidiagonals,
}
ORDERS: dict[str, tuple[Line, ...]] = {
    "neighborhood": _cross_then_diagonals(Parallel),
    "raster": _cross_then_diagonals(lambda axis, back: Walk(_WALKS[axis], back)),
}
"""Lines by the name of their order; a layer takes the first so many."""


def lines_of(order: str, directions: int) -> tuple[Line, ...]:
    """The first lines of an order. Raises InvalidInput where there is no such order, or not so many of it."""
    if order not in ORDERS:
        raise InvalidInput(f"scan_lines={order!r}: choose one of {tuple(ORDERS)}")
    lines = ORDERS[order]
    if not 0 < directions <= len(lines):
        raise InvalidInput(
            f"directions={directions}: choose up to {len(lines)}; 4 are rows and columns both ways, 8 diagonals too"
        )
    return lines[:directions]


def _permute(x: jax.Array, order: np.ndarray) -> jax.Array:
    """x `[B, L, C]` with positions in another order."""
    if np.array_equal(order, np.arange(order.size)):
        return x
    return _gather(x, order, np.argsort(order))


@jax.custom_vjp
def _gather(x: jax.Array, order: np.ndarray, inverse: np.ndarray) -> jax.Array:
    """The gradient is the way back: a gather, not a scatter."""
    return jnp.take(x, order, axis=1)


_gather.defvjp(
    lambda x, order, inverse: (jnp.take(x, order, axis=1), (order, inverse)),
    lambda saved, dy: (jnp.take(dy, saved[1], axis=1), None, None),
)
