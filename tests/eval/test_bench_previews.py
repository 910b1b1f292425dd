"""The bench of previews: shares of bytes that are enough and not one too many."""

import numpy as np
import pytest

from eval.bench import previews
from hcfss_jax.codec import Codec
from hcfss_jax.errors import Incomplete
from hcfss_jax.metrics import psnr
from tests.small_model import photo, small_package


def test_a_share_of_bytes_shows_what_its_row_says_and_one_byte_less_does_not():
    codec, rgb = Codec(small_package()), photo(40, 56)
    rows = previews.previews(codec, rgb, 5.0)
    data = codec.compress(rgb, 5.0)
    assert [share for share, _ in rows] == sorted(share for share, _ in rows)
    share, told = rows[1]
    length = round(share / 100 * len(data))
    for missing in (0, 1):
        with pytest.warns(Incomplete):
            shown = codec.decompress(data[: length - missing], partial=True)
        assert (float(psnr(np.asarray(shown), rgb)) == told) == (not missing)
    assert rows[-1][1] == float(psnr(np.asarray(codec.decompress(data)), rgb))


def test_the_table_has_a_row_for_each_number_of_steps():
    rows = np.array([[10.0, 20.5], [100.0, 30.25]])
    assert previews._table([4.0, 8.0], [rows, rows + 1]).splitlines()[2:] == [
        "| 0 | 10.0 %, 20.50 dB | 11.0 %, 21.50 dB |",
        "| 1 | 100.0 %, 30.25 dB | 101.0 %, 31.25 dB |",
    ]
