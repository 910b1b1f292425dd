"""Pictures of more than eight bits a channel in formats that hold them, around the metadata of a smaller file.

Pillow writes a shell: a picture of one pixel with all that the picture carries. What it says of its pixels is replaced
here, so that a deep file carries what one of eight bits does, by the same code.
"""

import struct
from collections.abc import Callable

import numpy as np

from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.pictures.deep_pixels import imagecodecs_for
from hcfss_jax.pictures.deep_png import deep_png
from hcfss_jax.pictures.planes import Planes, to_array

_AVIF_QUALITY = 95  # as of eight bits
_LONG, _SHORT = 4, 3  # types of a TIFF's fields
_UNASSOCIATED = 2
_NCLX = b"colrnclx"


def held_depth(kind: str, depth: int) -> int:
    """Bits a channel that a format stores a picture of `depth` with, which are fewer where it holds no more."""
    return _HOLDS.get(kind, lambda depth: 8)(depth)


def deep_file(kind: str, shell: bytes, planes: Planes) -> bytes:
    """A file of more than eight bits. shell: of the same format, and of the same colours and alpha.

    Raises UnsupportedImage where imagecodecs is needed and not there.
    """
    return _WRITERS[kind](shell, planes)


def channels_of(planes: Planes, depth: int) -> np.ndarray:
    """uint16 `[H, W, C]` of so many bits: grey, grey and alpha, colours, or colours and alpha."""
    pixels = rescaled(to_array(planes), planes.depth, depth)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _png(shell: bytes, planes: Planes) -> bytes:
    return deep_png(shell, channels_of(planes, 16), planes.depth)


def _tiff(shell: bytes, planes: Planes) -> bytes:
    """Pixels follow the shell, uncompressed, as Pillow writes them."""
    channels = channels_of(planes, 16)
    height, width = channels.shape[:2]
    file = bytearray(shell)
    order = {b"II": "<", b"MM": ">"}[bytes(file[:2])]
    pixels = channels.astype(f"{order}u2").tobytes()
    file += bytes(len(file) % 2)
    values = {256: width, 257: height, 273: len(file), 278: height, 279: len(pixels)}
    if len(file) + len(pixels) >= 1 << 32:
        raise UnsupportedImage(f"TIFF cannot hold {width}x{height} pixels of 16 bits: use .png")
    (start,) = struct.unpack_from(order + "I", file, 4)
    for i in range(struct.unpack_from(order + "H", file, start)[0]):
        at = start + 2 + 12 * i
        tag, _, number, value = struct.unpack_from(order + "HHII", file, at)
        if tag in values:
            struct.pack_into(order + "HHII", file, at, tag, _LONG, 1, values[tag])
        elif tag == 258:
            place = at + 8 if 2 * number <= 4 else value
            struct.pack_into(f"{order}{number}H", file, place, *[16] * number)
        elif tag == 338:
            struct.pack_into(order + "HHIHH", file, at, tag, _SHORT, 1, _UNASSOCIATED, 0)
    return bytes(file) + pixels


def _avif(shell: bytes, planes: Planes) -> bytes:
    """Its pixels follow in a box of their own; Pillow writes no grey, and neither does this."""
    depth = held_depth("AVIF", planes.depth)
    channels = channels_of(planes, depth)
    if planes.grey:
        channels = np.concatenate([channels[..., :1].repeat(3, -1), channels[..., 1:]], -1)
    encode = imagecodecs_for(f"AVIF of {depth} bits").avif_encode
    deep = encode(np.ascontiguousarray(channels), level=_AVIF_QUALITY, bitspersample=depth)
    file = bytearray(shell)
    try:
        for name, size in ((b"av1C", 4), (b"pixi", None)):
            _replace_boxes(file, deep, name, size)
        for place in _places(file, b"ispe"):
            struct.pack_into(">II", file, place + 8, channels.shape[1], channels.shape[0])
        matrix = deep.index(_NCLX) + len(_NCLX) + 4
        place = bytes(file).index(_NCLX) + len(_NCLX) + 4
        file[place : place + 3] = deep[matrix : matrix + 3]
        items = [deep[start : start + size] for _, start, size in _items(deep)]
        start = len(file) + 8
        for (at, _, _), item in zip(_items(file), items, strict=False):
            struct.pack_into(">II", file, at, start, len(item))
            start += len(item)
    except (IndexError, ValueError, struct.error) as error:
        raise UnsupportedImage(
            f"this libavif writes what is not known here ({error}): use .png"
        ) from error
    pixels = b"".join(items)
    return bytes(file) + struct.pack(">I4s", 8 + len(pixels), b"mdat") + pixels


def _places(avif: bytes | bytearray, name: bytes) -> list[int]:
    """Where the names of boxes stand among the properties of items."""
    data, found = bytes(avif), []
    at, end = data.index(b"ipco"), data.index(b"ipma")
    while (at := data.find(name, at, end)) >= 0:
        found.append(at)
        at += len(name)
    return found


def _replace_boxes(file: bytearray, deep: bytes, name: bytes, size: int | None) -> None:
    """What boxes of a name hold, one after the other. size: of it, where it is known. Raises ValueError."""
    for place, other in zip(_places(file, name), _places(deep, name), strict=True):
        length = int.from_bytes(file[place - 4 : place], "big") - 8
        if length != int.from_bytes(deep[other - 4 : other], "big") - 8 or size not in (
            None,
            length,
        ):
            raise ValueError(f"{name!r} of other sizes")
        file[place + 4 : place + 4 + length] = deep[other + 4 : other + 4 + length]


def _items(avif: bytes | bytearray) -> list[tuple[int, int, int]]:
    """Of each item: where its place is written, the place, and its bytes. Raises ValueError for another layout."""
    data = bytes(avif)
    at = data.index(b"iloc") + 4
    version, sizes, count = struct.unpack_from(">IHH", data, at)
    if version or sizes != 0x4400:
        raise ValueError(f"iloc of version {version}, sizes {sizes:04x}")
    found, at = [], at + 8
    for _ in range(count):
        _, _, extents, start, size = struct.unpack_from(">HHHII", data, at)
        if extents != 1:
            raise ValueError(f"an item in {extents} parts")
        found.append((at + 6, start, size))
        at += 14
    return found


def _jpeg_2000(shell: bytes, planes: Planes) -> bytes:
    """Without loss; as Pillow's, it carries nothing."""
    encode = imagecodecs_for("JPEG 2000").jpeg2k_encode
    channels = np.ascontiguousarray(to_array(planes))
    return bytes(encode(channels, bitspersample=planes.depth, reversible=True, codecformat="jp2"))


_HOLDS: dict[str, Callable[[int], int]] = {
    "PNG": lambda depth: 16,
    "TIFF": lambda depth: 16,
    "AVIF": lambda depth: 10 if depth <= 10 else 12,
    "JPEG2000": lambda depth: depth,
}
_WRITERS: dict[str, Callable[[bytes, Planes], bytes]] = {
    "PNG": _png,
    "TIFF": _tiff,
    "AVIF": _avif,
    "JPEG2000": _jpeg_2000,
}
