"""The stream is TensorFlow Compression's: by golden bytes everywhere, by its ops where they are."""

from pathlib import Path

import numpy as np
import pytest

from hcfss_jax.coding import RangeDecoder, Tables, encode, reference, tables_from_pmfs

GOLDEN = np.load(Path(__file__).parent / "golden" / "streams.npz")
NAMES = sorted({name.split("/")[0] for name in GOLDEN.files})


def golden_parts(name: str):
    """The parts of a golden stream, in order."""
    count = sum(key.startswith(f"{name}/") and key.endswith("/symbols") for key in GOLDEN.files)
    for i in range(count):
        field = {key: GOLDEN[f"{name}/{i}/{key}"] for key in ("cdf", "offset", "length")}
        symbols, indices = GOLDEN[f"{name}/{i}/symbols"], GOLDEN[f"{name}/{i}/indices"]
        yield symbols, indices, Tables.from_arrays(field)


@pytest.mark.parametrize("name", NAMES)
def test_streams_that_tfc_wrote_are_written_and_read_alike(name):
    parts, stream = list(golden_parts(name)), GOLDEN[f"{name}/stream"].tobytes()
    assert encode(parts) == stream
    assert reference.encode(parts) == stream
    decoder = RangeDecoder(stream)
    for symbols, indices, tables in parts:
        np.testing.assert_array_equal(decoder.decode(indices, tables), symbols)
    decoder.finish()


@pytest.fixture(scope="module")
def tables() -> list[Tables]:
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 300, 60)
    pmfs = [rng.dirichlet(np.full(n + 1, 10.0 ** rng.uniform(-1.5, 0.5)))[:n] for n in sizes]
    offsets = rng.integers(-200, 100, sizes.size)
    return [tables_from_pmfs(pmfs[i::2], offsets[i::2]) for i in range(2)]


def random_part(rng: np.random.Generator, tables: Tables, count: int):
    """Mostly inside the tables; one in a thousand as far away as TFC's ops can count."""
    indices = rng.integers(0, len(tables), count).astype(np.int32)
    symbols = tables.offset[indices] + rng.integers(-1, tables.length[indices] + 1)
    far = rng.random(count) < 1e-3
    symbols[far] = rng.integers(-(1 << 29), 1 << 29, far.sum())
    return symbols.astype(np.int32), indices, tables


@pytest.mark.tfc
def test_both_engines_write_and_read_a_million_symbols_alike(tables):
    rng = np.random.default_rng(1)
    sizes = (200_000, 0, 1, 500_000, 400_000)
    parts = [random_part(rng, tables[i % 2], size) for i, size in enumerate(sizes)]
    data = encode(parts, engine="jax")
    assert encode(parts, engine="tfc") == data
    for engine in ("jax", "tfc"):
        decoder = RangeDecoder(data, engine)
        for symbols, indices, table in parts:
            np.testing.assert_array_equal(decoder.decode(indices, table), symbols)
        decoder.finish()


@pytest.mark.tfc
def test_both_engines_end_short_streams_alike(tables):
    rng = np.random.default_rng(2)
    for size in range(1000):
        parts = [random_part(rng, tables[0], size % 8), random_part(rng, tables[1], size % 3)]
        data = encode(parts, engine="jax")
        assert encode(parts, engine="tfc") == data
        decoder = RangeDecoder(data, engine="tfc")
        for symbols, indices, table in parts:
            np.testing.assert_array_equal(decoder.decode(indices, table), symbols)
        decoder.finish()


@pytest.mark.tfc
def test_engine_tfc_refuses_what_its_ops_cannot_count(tables):
    far = np.array([-(2**31)], np.int32)
    with pytest.raises(ValueError, match="1073741824 or more from its table"):
        encode([(far, np.zeros(1, np.int32), tables[0])], engine="tfc")
