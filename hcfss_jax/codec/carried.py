"""What an image carries beside its colours, as optional sections of a file: alpha, profile, metadata; all lossless."""

import io
import warnings
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from hcfss_jax.codec.tiles import Tile
from hcfss_jax.coding import Extra
from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection
from hcfss_jax.pictures.bit_depth import DEEPEST, dtype_of, largest, rescaled
from hcfss_jax.pictures.colour import LARGEST_PROFILE
from hcfss_jax.pictures.metadata import LARGEST_METADATA, Metadata
from hcfss_jax.pictures.planes import Planes

_STEPS = 1000  # of a dot an inch, in which the density is written


def from_planes(planes: Planes) -> dict[int, bytes]:
    """The optional sections of an image, by type; an opaque image that says nothing of itself has none."""
    sections: dict[int, bytes] = {}
    if planes.depth > 8:
        sections[Extra.DEPTH] = bytes([planes.depth])
    if planes.alpha is not None:
        buffer = io.BytesIO()
        Image.fromarray(planes.alpha).save(buffer, "PNG", optimize=True)
        sections[Extra.ALPHA] = buffer.getvalue()
    told = planes.metadata
    for kind, text in ((Extra.ICC, planes.icc), (Extra.EXIF, told.exif), (Extra.XMP, told.xmp)):
        if text:
            sections[kind] = zlib.compress(text, 9)
    if told.dpi:
        sections[Extra.DENSITY] = b"".join(varint(max(1, round(_STEPS * d))) for d in told.dpi)
    return sections


def to_planes(
    rgb: np.ndarray,
    colour: str,
    sections: Mapping[int, bytes],
    depth: int | None = None,
    part: Tile | None = None,
    whole: tuple[int, int] | None = None,
) -> Planes:
    """The image of decoded colours `[h, w, 3]` and its sections.

    depth: bits of the colours, which alpha is brought to; None for those of the file.

    part: what of the picture the colours are, where they are not all. whole: height and width of all of it.
    Raises CorruptSection or TruncatedFile where a section is not what its type says.
    """
    size = height, width = rgb.shape[:2]
    part, whole = part or Tile(0, 0, height, width), whole or size
    stored = depth_of(sections)
    shown, alpha = depth or stored, None
    if Extra.ALPHA in sections:
        alpha = rescaled(_alpha(sections[Extra.ALPHA], part, *whole, stored), stored, shown)
    told = metadata_of(sections)
    if size != whole:
        told = told.of_size(width, height)
    return Planes(rgb, alpha, colour == "grey", profile_of(sections), told, depth=shown)


def depth_of(sections: Mapping[int, bytes]) -> int:
    """Bits a channel. Raises CorruptSection for a number that no file has."""
    section = sections.get(Extra.DEPTH, b"\x08")
    if Extra.DEPTH in sections and not (len(section) == 1 and 8 < section[0] <= DEEPEST):
        raise CorruptSection(f"the file claims a depth of {section[:8].hex()}: 9 to {DEEPEST} bits")
    return section[0]


def profile_of(sections: Mapping[int, bytes]) -> bytes | None:
    """The colour profile among the sections. Raises CorruptSection where it cannot be read."""
    return _inflated(sections, Extra.ICC, "colour profile", LARGEST_PROFILE)


def metadata_of(sections: Mapping[int, bytes]) -> Metadata:
    """The metadata among the sections. Raises CorruptSection or TruncatedFile where they cannot be read."""
    exif = _inflated(sections, Extra.EXIF, "EXIF", LARGEST_METADATA)
    xmp = _inflated(sections, Extra.XMP, "XMP", LARGEST_METADATA)
    density = sections.get(Extra.DENSITY)
    return Metadata(exif, xmp, None if density is None else _density(density))


def _alpha(png: bytes, part: Tile, height: int, width: int, depth: int) -> np.ndarray:
    """That of a part `[h, w]`, of a plane of height x width pixels."""
    mode = "L" if depth <= 8 else "I;16"
    try:
        # Pillow warns from half of the size that the codec takes.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(png), formats=["PNG"]) as image,
        ):
            # Before a pixel is decoded: a forged header must not cost memory.
            if image.mode != mode or image.size != (width, height):
                raise CorruptSection(
                    f"the alpha plane is {image.mode} {image.size}, not {mode} {width, height}"
                )
            right, bottom = part.left + part.width, part.top + part.height
            shown = image.crop((part.left, part.top, right, bottom))
            alpha = np.array(shown).astype(dtype_of(depth), copy=False)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CorruptSection(f"the alpha plane cannot be read: {error}") from error
    if alpha.max() > largest(depth):
        raise CorruptSection(f"the alpha plane reaches to {alpha.max()}, beyond {depth} bits")
    return alpha


def _inflated(sections: Mapping[int, bytes], kind: Extra, name: str, limit: int) -> bytes | None:
    if kind not in sections:
        return None
    inflate = zlib.decompressobj()
    try:
        whole = inflate.decompress(sections[kind], limit)
    except zlib.error as error:
        raise CorruptSection(f"the {name} cannot be read: {error}") from error
    if not inflate.eof:
        raise CorruptSection(f"the {name} is cut, or exceeds {limit} bytes")
    return whole


def _density(section: bytes) -> tuple[float, float]:
    reader = ByteReader(section)
    x, y = reader.varint("dots across"), reader.varint("dots down")
    if not (x and y) or reader.position != len(section):
        raise CorruptSection(f"the density is none: {section.hex()}")
    return x / _STEPS, y / _STEPS
