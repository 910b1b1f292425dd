"""Deep channels are seen where Pillow would cut them to eight bits in silence."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.bit_depth import bits_a_channel
from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.images import read_image

# A grey of 700 / 1023, 2x2 pixels, ten bits a channel, as libavif writes it. Pillow cannot.
AVIF_OF_TEN_BITS = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAA"
    "AAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAHAAAAChpaW5mAAAA"
    "AAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAAgAAAAIA"
    "AAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAGgAAAABdpcG1hAAAAAAAAAAEAAQQB"
    "AoMEAAAAJG1kYXQSAAoHOAA28CAgaTIPHsJipOAAFgAAAJA1jjxi"
)


def saved(kind: str, mode: str = "RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), 77 if mode == "L" else None).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_2000(depths: list[int], bare: bool) -> bytes:
    """A file that says of its three channels that they have so many bits."""
    data = bytearray(saved("JPEG2000", no_jp2=bare))
    first = data.index(b"\xff\x4f\xff\x51") + 42
    assert data[first : first + 9 : 3] == b"\7\7\7"
    data[first : first + 9 : 3] = bytes(depth - 1 for depth in depths)
    return bytes(data)


def test_an_avif_tells_its_depth():
    assert bits_a_channel("AVIF", saved("AVIF")) == 8
    assert bits_a_channel("AVIF", saved("AVIF", "RGBA")) == 8
    assert bits_a_channel("AVIF", AVIF_OF_TEN_BITS) == 10
    twelve = AVIF_OF_TEN_BITS.replace(b"av1C\x81\x20\x40", b"av1C\x81\x40\x60")
    assert bits_a_channel("AVIF", twelve) == 12


@pytest.mark.parametrize("bare", [False, True], ids=["in boxes", "bare codestream"])
@pytest.mark.parametrize("depths", [[8, 8, 8], [16, 16, 16], [8, 8, 12]])
def test_a_jpeg_2000_tells_the_depth_of_its_deepest_channel(bare, depths):
    assert bits_a_channel("JPEG2000", jpeg_2000(depths, bare)) == max(depths)


def test_files_too_short_to_tell_count_as_eight_bits():
    whole = jpeg_2000([16, 16, 16], bare=True)
    assert {bits_a_channel("JPEG2000", whole[:end]) for end in range(43)} == {8}
    assert {bits_a_channel("AVIF", AVIF_OF_TEN_BITS[:end]) for end in (0, 100)} == {8}


def test_deep_files_are_refused_and_others_read():
    for data in (AVIF_OF_TEN_BITS, jpeg_2000([16, 16, 16], False), jpeg_2000([9, 9, 9], True)):
        with pytest.raises(UnsupportedImage, match=r"more than 8 bits .* convert it to 8 bits"):
            read_image(data)
    for data in (saved("AVIF"), saved("JPEG2000"), saved("JPEG2000", "L")):
        assert np.ptp(read_image(data).rgb) <= 2  # one colour, but for what the format loses
