"""Pixels of more than eight bits a channel, which Pillow would cut to eight: by imagecodecs, the extra `deep`.

Pillow opens the file and tells all but the pixels. Grey of 16 bits it reads itself.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.pictures.bare_file import bare
from hcfss_jax.pictures.bit_depth import bits_a_channel, bits_of_tiff, is_deep, largest

INSTALL = "pip install 'hcfss-jax[deep]'"

_GREY_OF_PILLOW = frozenset({None, "HCF", "PNG", "TIFF"})  # where I;16 holds what the file does
_SAMPLE_FORMAT, _PHOTOMETRIC, _PLANAR, _EXTRA_SAMPLES = 339, 262, 284, 338
_UNSIGNED, _WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _IN_PLANES = 1, 0, 1, 2, 2
_NO_ALPHA, _PREMULTIPLIED = 0, 1
# Colours of a JPEG 2000 that are neither sRGB nor grey, or stand in a palette: by number, and by name.
_JP2_COLOURS = re.compile(rb"colr\x01..(....)", re.DOTALL)
_JP2_KNOWN = frozenset({16, 17})
_JP2_DEPTHS = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)

_TURNED: dict[Image.Transpose, Callable[[np.ndarray], np.ndarray]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda x: x[:, ::-1],
    Image.Transpose.ROTATE_180: lambda x: x[::-1, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda x: x[::-1],
    Image.Transpose.TRANSPOSE: lambda x: x.swapaxes(0, 1),
    Image.Transpose.ROTATE_270: lambda x: np.rot90(x, -1),
    Image.Transpose.TRANSVERSE: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    Image.Transpose.ROTATE_90: np.rot90,
}


@dataclasses.dataclass(frozen=True)
class DeepPixels:
    """Pixels as a file has them, not yet upright.

    channels: uint16 `[H, W, C]`: grey, grey and alpha, colours, or colours and alpha. depth: their bits, 9 to 16.
    """

    channels: np.ndarray
    depth: int

    @property
    def grey(self) -> bool:
        """Whether there is no colour."""
        return self.channels.shape[-1] < 3

    def upright(self, method: Image.Transpose | None) -> tuple[np.ndarray, np.ndarray | None]:
        """`[H, W, 3]`, and the alpha plane `[H, W]` where there is one."""
        turned = self.channels if method is None else _TURNED[method](self.channels)
        rgb = np.repeat(turned[..., :1], 3, -1) if self.grey else turned[..., :3]
        alpha = turned[..., -1] if turned.shape[-1] in (2, 4) else None
        return np.ascontiguousarray(rgb), None if alpha is None else np.ascontiguousarray(alpha)


def deep_pixels(image: Image.Image, data: bytes) -> DeepPixels | None:
    """Those of an image that Pillow has opened; None where it has no more than eight bits.

    data: the file's, or nothing where they are not at hand. Raises UnsupportedImage for what is not read at its depth,
    and whatever imagecodecs raises for a damaged file.
    """
    bits = bits_a_channel(image.format, data)
    if not is_deep(image) and bits <= 8:
        return None
    if image.mode.startswith("I;16") and image.format in _GREY_OF_PILLOW:
        return _grey_of_pillow(image)
    if image.format not in _READERS or not data:
        raise refusal(f"mode {image.mode}")
    return _READERS[image.format](image, data, bits)


def imagecodecs_for(what: str) -> ModuleType:
    """The library. Raises UnsupportedImage where it is not installed."""
    try:
        import imagecodecs
    except ImportError as error:
        raise UnsupportedImage(
            f"more than 8 bits a channel ({what}): {INSTALL} reads and writes them, or convert it to 8 bits first"
        ) from error
    return imagecodecs


def refusal(what: str) -> UnsupportedImage:
    """What is said of deep pictures of a kind that is not read."""
    return UnsupportedImage(
        f"more than 8 bits a channel ({what}): convert it to 8 bits, or to whole numbers of 16 in a PNG or TIFF, first"
    )


def _grey_of_pillow(image: Image.Image) -> DeepPixels:
    depth = bits_of_tiff(image, otherwise=16)
    inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    grey = np.asarray(image).astype(np.uint16)
    hidden = image.info.get("transparency")
    if inverted:
        grey = largest(depth) - grey
    if not isinstance(hidden, int):
        return DeepPixels(grey[..., None], depth)
    alpha = np.where(grey == hidden, 0, largest(depth)).astype(np.uint16)
    return DeepPixels(np.stack([grey, alpha], -1), depth)


def _of_png(image: Image.Image, data: bytes, bits: int) -> DeepPixels:
    """The decoder is given what concerns pixels alone: it complains aloud of metadata."""
    decode = imagecodecs_for(f"mode {image.mode}").png_decode
    channels = decode(bare(data)[0])
    if channels.shape[:2] != (image.height, image.width):
        raise UnsupportedImage("a damaged image: it says its size twice")
    return DeepPixels(channels, 16)


def _of_tiff(image: Image.Image, data: bytes, bits: int) -> DeepPixels:
    return read_tiff(image.tag_v2, data)  # type: ignore[attr-defined]


def read_tiff(tags: Mapping[int, Any], data: bytes) -> DeepPixels:
    """Of the first page. tags: its own. Raises UnsupportedImage for other than unsigned integers, grey or RGB."""
    depths = set(tags.get(258, (1,)))
    photometric, formats = tags.get(_PHOTOMETRIC), set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)))
    what = (
        f"TIFF of {sorted(depths)} bits, photometric {photometric}, sample format {sorted(formats)}"
    )
    plain = photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) and formats == {_UNSIGNED}
    samples, colours = tags.get(277, 1), 3 if photometric == _RGB else 1
    if not plain or len(depths) != 1 or max(depths) > 16 or not 0 <= samples - colours <= 1:
        raise refusal(what)
    shape: tuple[int, ...] = (tags[257], tags[256], samples)
    planes = samples > 1 and tags.get(_PLANAR) == _IN_PLANES
    if planes:
        shape = samples, *shape[:2]
    pixels = _decoded(imagecodecs_for(what).tiff_decode, data, [shape])
    channels = np.moveaxis(pixels, 0, -1) if planes else pixels
    return _as_meant(channels, colours, max(depths), tags)


def _as_meant(
    channels: np.ndarray, colours: int, depth: int, tags: Mapping[int, Any]
) -> DeepPixels:
    """With black as zero, and alpha, if it is some, on its own."""
    white = np.uint16(largest(depth))
    extra = tags.get(_EXTRA_SAMPLES, (2,))[0]
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        channels = channels.copy()
        channels[..., :1] = white - channels[..., :1]
    if channels.shape[-1] == colours or extra == _NO_ALPHA:
        return DeepPixels(channels[..., :colours], depth)
    if extra == _PREMULTIPLIED:
        alpha = channels[..., -1:].astype(np.uint32)
        whole = (channels[..., :-1] * np.uint32(white) + alpha // 2) // np.maximum(alpha, 1)
        channels = np.concatenate(
            [np.minimum(whole, white).astype(np.uint16), channels[..., -1:]], -1
        )
    return DeepPixels(channels, depth)


def _of_avif(image: Image.Image, data: bytes, bits: int) -> DeepPixels:
    decode = imagecodecs_for(f"AVIF of {bits} bits").avif_decode
    size = image.height, image.width
    counts = {"L": (1,), "LA": (2,), "RGB": (3, 1), "RGBA": (4, 2)}[image.mode]
    return DeepPixels(_decoded(decode, data, [(*size, count) for count in counts], index=0), bits)


def _of_jpeg_2000(image: Image.Image, data: bytes, bits: int) -> DeepPixels:
    start = _JP2_DEPTHS.search(data)
    count = int.from_bytes(start[1], "big") if start else 0
    depths = set(data[start.end() : start.end() + 3 * count : 3]) if start else set()
    colours = {int.from_bytes(found[1], "big") for found in _JP2_COLOURS.finditer(data[:65536])}
    what = f"JPEG 2000 of depths {sorted(depths)}, {count} channels, colours {sorted(colours)}"
    if depths != {bits - 1} or bits > 16 or count > 4 or not colours <= _JP2_KNOWN:
        raise refusal(what)
    if b"pclr" in data[:65536]:
        raise refusal("JPEG 2000 with a palette")
    decode = imagecodecs_for(what).jpeg2k_decode
    return DeepPixels(_decoded(decode, data, [(image.height, image.width, count)]), bits)


def _decoded(
    decode: Callable[..., np.ndarray], data: bytes, shapes: Sequence[tuple[int, ...]], **how: int
) -> np.ndarray:
    """Of the first shape that fits, which a decoder tells before it makes room: no file costs more than it says."""
    for shape in shapes:
        out = np.empty(shape[:-1] if shape[-1] == 1 else shape, np.uint16)
        try:
            return decode(data, out=out, **how).reshape(shape)
        except ValueError as error:
            fault = error
    raise fault


_READERS: dict[str | None, Callable[[Image.Image, bytes, int], DeepPixels]] = {
    "PNG": _of_png,
    "TIFF": _of_tiff,
    "AVIF": _of_avif,
    "JPEG2000": _of_jpeg_2000,
}
