"""Pictures that are made, not read."""

from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict


class Waves:
    """`count` pictures of `side` x `side` pixels, each a sum of waves that its number alone decides on."""

    passed_over: Mapping[str, int] = {}

    def __init__(self, count: int, side: int):
        self._count, self._side = count, side
        self.digest = f"waves {count} {side}"

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> np.ndarray:
        """uint8 `[side, side, 3]`."""
        rng = np.random.default_rng(index)
        row, column = np.mgrid[: self._side, : self._side]
        waves = [
            rng.uniform(10, 40, 3) * np.sin(a * row + b * column + c)[..., None]
            for a, b, c in rng.uniform(-0.4, 0.4, (6, 3))
        ]
        return np.clip(128 + sum(waves), 0, 255).astype(np.uint8)

    def name(self, index: int) -> str:
        """What messages call it."""
        return f"wave {index}"


def waves(config: ConfigDict) -> Waves:
    """As many as `config.pictures`, somewhat larger than a crop."""
    return Waves(config.pictures, 2 * config.crop)
