"""Files of a model whose symbols are decisions: FHIC's, of a mixture each."""

import numpy as np
import pytest

from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.picture_stream import read_picture, write_picture
from hcfss_jax.entropy.decisions import COINS
from hcfss_jax.entropy.margins import UNMEASURED
from hcfss_jax.entropy.plan import on_lattice
from hcfss_jax.errors import CorruptSection, DecodeMismatch
from tests.small_model import photo, small_package

NAME = "fhic-tiny"
SIZE = (75, 101)


@pytest.fixture(scope="module")
def codec():
    return Codec(small_package(name=NAME))


@pytest.mark.parametrize("height, width", [(1, 1), SIZE])
def test_a_picture_comes_back_as_its_encoder_said(codec, height, width):
    encoded = codec.encode(photo(height, width), 5)
    np.testing.assert_array_equal(codec.decompress(encoded.data), encoded.x_hat)


def away(monkeypatch, distance: float) -> None:
    """From here on, a machine whose coins lie up to `distance` from this one's."""
    here, rng = PicturePasses.positions, np.random.default_rng(5)

    def positions(self, step, prediction, question):
        found = here(self, step, prediction, question)
        noise = rng.uniform(-distance, distance, found.shape)
        return np.clip(found + noise, 0, COINS.highest).astype(np.float32)

    monkeypatch.setattr(PicturePasses, "positions", positions)


def test_a_machine_whose_floats_differ_a_little_decodes_to_the_bit(codec, monkeypatch):
    encoded = codec.encode(photo(*SIZE), 6)
    away(monkeypatch, 0.95 * UNMEASURED)
    np.testing.assert_array_equal(codec.decompress(encoded.data), encoded.x_hat)


def test_a_machine_whose_floats_differ_a_lot_says_so(codec, monkeypatch):
    data = codec.compress(photo(*SIZE), 6)
    away(monkeypatch, 0.7)
    with pytest.raises(DecodeMismatch, match="symbols are not those"):
        codec.decompress(data)


class Silent(PicturePasses):
    """Passes in which a picture has nothing in some channels of y."""

    empty = slice(2, 5)

    def quantise(self, step, part, prediction):
        q, bits = super().quantise(step, part, prediction)
        return (q.at[..., self.empty].set(0) if self.plan[step].flagged else q), bits


def test_a_channel_without_anything_costs_its_flag_alone(codec):
    passes = Silent(codec.model, {"params": codec.params}, *SIZE)
    room = codec._coder.margins(6)
    written = write_picture(passes, codec.tables, photo(*SIZE), 6, room)
    for step, parts in list(zip(passes.plan, written.steps, strict=True))[1:]:
        digits, flags, _, _, zeros, *_ = (part[0] for part in parts)
        assert flags.tolist() == [0, 0, 1, 1, 1, 0]
        positions = on_lattice(step.lattice, *step.area(*SIZE)).sum()
        assert zeros.size == 3 * positions  # of the six channels' other three nothing is asked
        assert digits.size == 6
    there = codec._coder.passes.of(*SIZE)
    found = read_picture(there, codec.tables, written.stream, 6, written.checks)
    np.testing.assert_array_equal(found, written.x_hat())


def test_bytes_that_no_encoder_wrote_end_in_an_error_with_a_name(codec):
    rng, passes = np.random.default_rng(0), codec._coder.passes.of(64, 64)
    for _ in range(20):
        data = rng.integers(0, 256, rng.integers(0, 200), np.uint8).tobytes()
        with pytest.raises((CorruptSection, DecodeMismatch)):
            read_picture(passes, codec.tables, data, 3, [0])
