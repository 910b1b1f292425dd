"""The lines along which an image is scanned: rows, columns and both diagonals, forwards and backwards.

A scan walks over a time-major array `[S, B, P, C]` (see `selective_scan`). Each `Line` says how an image becomes one
and which way to walk. There are two readings of "scanning an image in all directions":

- "neighborhood" (our reading of HCFSSNet, arXiv 2511.20151, which is silent): every row, column or diagonal is a
  sequence of its own, so two neighbours in a sequence are always neighbours in the image. P lines run side by side;
  a diagonal is a column whose line moves one place at each step.
- "raster": one sequence over the whole map, P = 1, as in VMamba (rows and columns) and RS-Mamba (diagonals, which
  wrap around the border).
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.errors import InvalidInput

ScanLines = Literal["neighborhood", "raster"]
Axis = Literal["rows", "columns", "diagonals", "antidiagonals"]


@dataclasses.dataclass(frozen=True)
class Line:
    """One direction of scanning: the lines it follows and which end it starts from."""

    axis: Axis
    reverse: bool

    def layout(self, scan_lines: ScanLines) -> Axis:
        """The unfolded image that this line walks over; lines of equal layout share one."""
        if scan_lines == "raster" or self.axis == "rows":
            return self.axis
        return "columns"

    def shift(self, scan_lines: ScanLines) -> int:
        """Places that a line moves sideways at each step of a forward or backward walk."""
        if scan_lines == "raster":
            return 0
        sideways = {"rows": 0, "columns": 0, "diagonals": 1, "antidiagonals": -1}[self.axis]
        return -sideways if self.reverse else sideways


CROSS = tuple(Line(axis, reverse) for reverse in (False, True) for axis in ("rows", "columns"))
OMNI = CROSS + tuple(
    Line(axis, reverse) for axis in ("diagonals", "antidiagonals") for reverse in (False, True)
)


def lines_of(directions: int) -> tuple[Line, ...]:
    """The 4 lines of VMamba or the 8 of the omni-directional scan; InvalidInput for another number."""
    if directions not in (4, 8):
        raise InvalidInput(
            f"directions={directions}: choose 4 (rows, columns) or 8 (and diagonals)"
        )
    return OMNI[:directions]


def unfold(x: jax.Array, layout: Axis, scan_lines: ScanLines) -> jax.Array:
    """An image `[B, H, W, C]` as the steps of a scan `[S, B, P, C]`."""
    if scan_lines == "neighborhood":
        return x.transpose(2, 0, 1, 3) if layout == "rows" else x.transpose(1, 0, 2, 3)
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height * width, channels)
    if layout != "rows":
        order, inverse = _raster_order(layout, height, width)
        x = _permute(x, order, inverse)
    return x.transpose(1, 0, 2)[:, :, None]


def fold(x: jax.Array, layout: Axis, scan_lines: ScanLines, height: int, width: int) -> jax.Array:
    """The inverse of `unfold`: `[S, B, P, C]` to `[B, height, width, C]`."""
    if scan_lines == "neighborhood":
        return x.transpose(1, 2, 0, 3) if layout == "rows" else x.transpose(1, 0, 2, 3)
    x = x[:, :, 0].transpose(1, 0, 2)
    if layout != "rows":
        order, inverse = _raster_order(layout, height, width)
        x = _permute(x, inverse, order)
    return x.reshape(x.shape[0], height, width, -1)


def _raster_order(layout: Axis, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the order of the walk, and the inverse permutation (RS-Mamba's CrossScan)."""
    i, j = np.arange(height), np.arange(width)[:, None]
    column = {"columns": j + 0 * i, "diagonals": (i + j) % width, "antidiagonals": (j - i) % width}
    order = (i * width + column[layout]).ravel()
    return order, np.argsort(order)


@jax.custom_vjp
def _permute(x: jax.Array, order: np.ndarray, inverse: np.ndarray) -> jax.Array:
    """x `[B, L, C]` with positions in another order. The gradient is the way back: a gather, not a scatter."""
    return jnp.take(x, order, axis=1)


_permute.defvjp(
    lambda x, order, inverse: (jnp.take(x, order, axis=1), (order, inverse)),
    lambda saved, dy: (jnp.take(dy, saved[1], axis=1), None, None),
)
