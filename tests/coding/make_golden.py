"""Writes golden/streams.npz: small streams by the real TensorFlow Compression, with their symbols.

    .venv-tfc/bin/python -m tests.coding.make_golden

Run it only to add cases: the stream is fixed, and files that exist depend on it.
"""

from pathlib import Path

import numpy as np

from hcfss_jax.coding import Tables, encode, gaussian_tables, tables_from_pmfs

GOLDEN = Path(__file__).parent / "golden" / "streams.npz"

Part = tuple[np.ndarray, np.ndarray, Tables]


def main() -> None:
    """Encode every case by engine `tfc`, and keep all that a reader needs."""
    arrays: dict[str, np.ndarray] = {}
    for name, parts in cases().items():
        stream = encode(parts, engine="tfc")
        arrays[f"{name}/stream"] = np.frombuffer(stream, np.uint8)
        for i, (symbols, indices, tables) in enumerate(parts):
            arrays |= {f"{name}/{i}/symbols": symbols, f"{name}/{i}/indices": indices}
            arrays |= {f"{name}/{i}/{field}": a for field, a in tables.to_arrays().items()}
    np.savez_compressed(GOLDEN, **arrays)


def cases() -> dict[str, list[Part]]:
    """What is worth holding on to, by name."""
    rng = np.random.default_rng(2024)
    scales = np.geomspace(0.11, 256, 64)
    gaussian = gaussian_tables(scales[::9])
    mixed = tables_from_pmfs(
        [rng.dirichlet(np.full(n + 1, 0.3))[:n] for n in (0, 1, 2, 5, 40, 200)],
        [0, 0, -1, 100, -30, -100],
    )
    carries = Tables(np.array([0, 32767, 32769, 65536]), np.array([0]), np.array([3]))
    all_cases = {
        "nothing": [_part([], [], gaussian)],
        "gaussian": [_gaussian_part(rng, gaussian, scales[::9], 3000)],
        "escapes": [_wide_part(rng, mixed, 400, 1 << 29)],
        "parts": [
            _wide_part(rng, mixed, 50, 9),
            _part([], [], gaussian),
            _gaussian_part(rng, gaussian, scales[::9], 200),
            _wide_part(rng, mixed, 50, 9),
        ],
        "open_carry": [_part([1] * 30, [0] * 30, carries)],
        "carry_up": [_part([1] * 30 + [3], [0] * 31, carries)],
        "carry_down": [_part([1] * 30 + [0], [0] * 31, carries)],
    }
    for size in range(1, 17):  # short ones, for the ways in which a stream ends
        all_cases[f"short_{size}"] = [_wide_part(rng, mixed, size, 3)]
    return all_cases


def _part(symbols: list[int], indices: list[int], tables: Tables) -> Part:
    return np.array(symbols, np.int32), np.array(indices, np.int32), tables


def _gaussian_part(
    rng: np.random.Generator, tables: Tables, scales: np.ndarray, count: int
) -> Part:
    indices = rng.integers(0, len(tables), count)
    symbols = np.round(rng.normal(size=count) * scales[indices])
    return _part(symbols.tolist(), indices.tolist(), tables)


def _wide_part(rng: np.random.Generator, tables: Tables, count: int, reach: int) -> Part:
    """Symbols in their tables and, one in four, up to `reach` outside."""
    indices = rng.integers(0, len(tables), count)
    inside = tables.offset[indices] + rng.integers(0, tables.length[indices])
    far = np.where(rng.random(count) < 0.25, rng.integers(-reach, reach, count), 0)
    return _part((inside + far).tolist(), indices.tolist(), tables)


if __name__ == "__main__":
    main()
