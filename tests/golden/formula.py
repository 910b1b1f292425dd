"""Weights and an image that come from formulas, the same in every language."""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RULES = json.loads((HERE / "weight_rules.json").read_text())
Shapes = Mapping[str, Iterable[int]]


def weights(shapes: Shapes, model: str | None = None) -> dict[str, np.ndarray]:
    """Parameters by name, float32. model: with the factors and shifts of that whole model."""
    made = {name: _draw(name, tuple(shape)) for name, shape in shapes.items()}
    if model:
        factors = RULES["multipliers"] + RULES["multipliers_of"].get(model, [])
        for name in made:
            for pattern, factor in factors:
                made[name] *= factor if re.search(pattern, name) else 1
            for pattern, shift in RULES["shifts"]:
                made[name] += shift if re.search(pattern, name) else 0
    return {name: value.astype(np.float32) for name, value in made.items()}


def _draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "dt_projs_bias":
        low, high = np.log(0.001), np.log(0.1)
        dt = np.exp(rng.random(shape) * (high - low) + low)
        return dt + np.log(-np.expm1(-dt))
    n = rng.standard_normal(shape)
    if match := re.search(r"entropy_bottleneck\.(\w+)", name):
        return _bottleneck(match[1], n)
    if leaf == "A_logs":
        return np.log(np.arange(1, 17)) + 0.1 * n
    if leaf == "beta":
        return 1 + 0.1 * np.abs(n)
    if leaf == "gamma":
        return np.sqrt(0.1) * np.eye(len(n)) + 0.02 * np.abs(n)
    if leaf in ("x_proj_weight", "dt_projs_weight"):
        return n / np.sqrt(shape[-1])
    if leaf == "relative_position_params":
        return 0.5 * n
    if leaf in ("bias", "q_bias", "v_bias", "running_mean"):
        return (0.1 if leaf == "running_mean" else 0.01) * n
    if leaf == "logit_scale":
        return np.log(10) + 0.1 * n
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(n)
    if len(shape) >= 2:
        return n / np.sqrt(np.prod(shape[1:]))
    return 1 + {"weight": 0.01, "Ds": 0.1}[leaf] * n


def _bottleneck(kind: str, n: np.ndarray) -> np.ndarray:
    if kind == "matrices":
        return np.log(np.expm1(1 / 10 ** (1 / 5) / n.shape[1])) + 0.1 * n
    if kind == "quantiles":
        edge = np.full(n.shape[:2], 10.0)
        return np.stack([-edge, 0.3 * n[:, :, 1], edge], axis=-1)
    return 0.3 * n


def image() -> np.ndarray:
    """float32 `[1, 256, 256, 3]`."""
    y, x, c = np.mgrid[:256, :256, :3]
    v = 0.5 + 0.18 * np.sin(2 * np.pi * (x / (37 + 11 * c) + y / (53 - 7 * c)) + 0.7 * c)
    v += 0.12 * np.sin(2 * np.pi * x * y / (4096 + 512 * c) + 1.3 * c)
    sign = np.where(c == 1, -1, 1)
    v += 0.10 * sign * np.where((x // 16 + y // 16) % 2 == 1, 1, -1)
    v += 0.06 * np.cos(2 * np.pi * np.hypot(x - 100 - 20 * c, y - 140 + 15 * c) / 9.5)
    return np.clip(v, 0, 1).astype(np.float32)[None]


def module_input(name: str, shape: Iterable[int]) -> np.ndarray:
    """What a module was fed, where the data do not hold it."""
    return noise(f"{name}.input", shape)


def noise(name: str, shape: Iterable[int]) -> np.ndarray:
    """Numbers of their own for each name, float32."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.standard_normal(tuple(shape)).astype(np.float32)
