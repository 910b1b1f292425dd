"""What an evaluation has found."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was found, an entry for each picture.

    area: int `[N, 2]`, height and width. level: quality - 1. bits: what the model says it costs. mse: of its 8-bit
    pixels. ms_ssim: NaN for a side under 161 pixels. Each but the first `[N]`, float64.
    """

    area: np.ndarray
    level: np.ndarray
    bits: np.ndarray
    mse: np.ndarray
    ms_ssim: np.ndarray

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def bpp(self) -> np.ndarray:
        """Bits a pixel."""
        return self.bits / self.area.prod(axis=1)

    @property
    def psnr(self) -> np.ndarray:
        """In dB; inf for a picture that comes back unchanged."""
        with np.errstate(divide="ignore"):
            return 10 * np.log10(255**2 / self.mse)

    def at(self, level: float) -> "Evaluation":
        """Those of one level."""
        return Evaluation(*(values[self.level == level] for values in self._columns()))

    def means(self) -> dict[str, float]:
        """Of bpp, psnr and ms_ssim over the pictures. A figure that one of them lacks has no mean."""
        figures = {"bpp": self.bpp, "psnr": self.psnr, "ms_ssim": self.ms_ssim}
        return {
            name: float(np.mean(values))
            for name, values in figures.items()
            if len(values) and np.all(np.isfinite(values))
        }

    def _columns(self) -> Sequence[np.ndarray]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


def rows_of(found: Evaluation) -> list[list[float]]:
    """A list for each picture, of numbers that JSON holds."""
    columns = (
        found.area[:, 0],
        found.area[:, 1],
        found.level,
        found.bits,
        found.mse,
        found.ms_ssim,
    )
    return np.stack(columns, axis=1).astype(np.float64).tolist()


def of_rows(rows: Sequence[Sequence[float]]) -> Evaluation:
    """What `rows_of` made the rows of."""
    columns = np.array(rows, np.float64).T
    return Evaluation(columns[:2].T.astype(np.int64), *columns[2:])
