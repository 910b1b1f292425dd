"""What an image says beside its pixels: EXIF, XMP and how densely it is to be printed.

EXIF stays as it is, byte for byte, but for two things that would be wrong: the orientation, as pixels are stored
upright, and the thumbnail, which is of the picture as it lay. What cannot be read is left out, with a note.
"""

import contextlib
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from hcfss_jax.pictures.exif import (
    DIRECTORIES,
    ORIENTATION,
    RESOLUTION,
    RESOLUTION_UNIT,
    of_size,
    upright,
    without_layout,
)

LARGEST_METADATA = 1 << 20  # bytes of EXIF or XMP that a file may keep; JPEG has room for 64 KiB

_INCHES_A_UNIT = {2: 1.0, 3: 2.54}  # what dots a unit are multiplied by: inches, centimetres
_LARGEST_DENSITY = (1 << 32) / 1000  # dots an inch
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset(_TRANSPOSE[orientation] for orientation in (5, 6, 7, 8))
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")
_XMP_WIDTH, _XMP_HEIGHT = (
    re.compile(rb"((?:exif:Pixel%cDimension|tiff:Image%s)(?:=[\"']|>))\d+" % (axis, name))
    for axis, name in ((b"X", b"Width"), (b"Y", b"Length"))
)
_RAW_PROFILE = "Raw profile type "  # how ImageMagick writes metadata into texts of a PNG
_WITH_COMMENTS = frozenset({"GIF", "JPEG", "MPO"})  # of people; JPEG 2000 has those of its encoder
_IPTC = 0x0404  # among the resources of Photoshop in a JPEG


@dataclasses.dataclass(frozen=True)
class Metadata:
    """exif: a TIFF structure, without "Exif" before it. xmp: XML. dpi: dots an inch, across and down."""

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def info(self) -> dict[Any, Any]:
        """As `info` of a PIL image has it, under "exif", "xmp" and "dpi"."""
        exif = {"exif": b"Exif\0\0" + self.exif} if self.exif else {}
        return exif | {k: v for k, v in (("xmp", self.xmp), ("dpi", self.dpi)) if v}

    def of_size(self, width: int, height: int) -> "Metadata":
        """Of a part of the picture, so many pixels large: where the size is told, it is that of the part."""
        exif, xmp = self.exif, self.xmp
        with contextlib.suppress(Exception):  # whatever a parser of odd bytes comes to: they stay
            exif = exif and of_size(exif, width, height)
        for names, side in ((_XMP_WIDTH, width), (_XMP_HEIGHT, height)):
            xmp = xmp and names.sub(rb"\g<1>%d" % side, xmp)
        return dataclasses.replace(self, exif=exif, xmp=xmp)


NO_METADATA = Metadata()


def read_metadata(image: Image.Image) -> tuple[Metadata, Image.Transpose | None, list[str]]:
    """Of an image whose pixels are loaded: its metadata, how to turn it upright, and notes of what is left out.

    The metadata are those of the upright image.
    """
    exif, density, method, notes = _read_exif(image)
    xmp, more = _read_xmp(image)
    notes += more
    for name, part in (("EXIF", exif), ("XMP", xmp)):
        if part and len(part) > LARGEST_METADATA:
            notes.append(f"has {name} metadata of {len(part):,} bytes: they are left out")
    exif, xmp = (part if part and len(part) <= LARGEST_METADATA else None for part in (exif, xmp))
    return Metadata(exif, xmp, density), method, notes + _without_place(image)


def _read_exif(
    image: Image.Image,
) -> tuple[bytes | None, tuple[float, float] | None, Image.Transpose | None, list[str]]:
    """EXIF, density, how to turn the image, and notes."""
    try:
        told = image.getexif()
        exif = upright(_exif_of(image, told))
        method = _TRANSPOSE.get(told.get(ORIENTATION, 1))
    except Exception:  # whatever a parser of odd bytes comes to
        return None, _density_of(image, {}), None, ["has broken EXIF metadata: they are left out"]
    density = _density_of(image, told)
    return exif, density[::-1] if density and method in _SIDEWAYS else density, method, []


def _exif_of(image: Image.Image, told: Image.Exif) -> bytes:
    """The TIFF structure, empty where there is none. told: what Pillow reads of it, and what its user has changed."""
    raw = image.info.get("exif")
    if raw is None and (text := image.info.get(_RAW_PROFILE + "exif")):
        raw = _of_raw_profile(text)
    if raw is None and hasattr(image, "tag_v2"):
        told = without_layout(told)
    if raw is None or _is_changed(raw, told):
        return told.tobytes() if len(told) else b""
    return raw


def _is_changed(raw: bytes, told: Image.Exif) -> bool:
    """Whether its user has changed what an image says, such as where it was taken. Pillow adds XMP's orientation."""
    before = Image.Exif()
    before.load(raw)

    def said(exif: Image.Exif) -> list[str]:
        parts = exif, *(exif.get_ifd(tag) for tag in DIRECTORIES if tag in exif)
        return [f"{k} {v!r}" for part in parts for k, v in sorted(part.items()) if k != ORIENTATION]

    return said(before) != said(told)


def _density_of(image: Image.Image, told: Mapping[int, Any]) -> tuple[float, float] | None:
    """Of the file itself, or else of EXIF. Pillow makes up 72 for JPEG without any, and 1 for TIFF."""
    said = image.info.get("dpi")
    if image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2):
        said = None
    try:
        if said is None:
            scale = _INCHES_A_UNIT[told.get(RESOLUTION_UNIT, 2)]
            said = [scale * float(told[tag]) for tag in RESOLUTION]
        x, y = map(float, said)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    sound = all(math.isfinite(side) and 0 < side < _LARGEST_DENSITY for side in (x, y))
    return (x, y) if sound and (x, y) != (1, 1) else None


def _read_xmp(image: Image.Image) -> tuple[bytes | None, list[str]]:
    xmp = image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
    try:
        if xmp is None and (text := image.info.get(_RAW_PROFILE + "xmp")):
            xmp = _of_raw_profile(text)
        xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp or b"")
    except (TypeError, ValueError):
        return None, ["has broken XMP metadata: they are left out"]
    more = ["has XMP in several parts: only the first is kept"] if b"HasExtendedXMP" in xmp else []
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp.rstrip(b"\0")) or None, more


def _of_raw_profile(text: str) -> bytes:
    """Name and length stand on lines of their own before the hexadecimal digits."""
    return bytes.fromhex("".join(text.split("\n")[3:]))


def _without_place(image: Image.Image) -> list[str]:
    """Notes of what has no place in a file: texts of a PNG, comments, IPTC, pixels that are not square."""
    notes = []
    # What programs write of themselves, with names such as "date:create", is no loss.
    texts = [name for name in getattr(image, "text", {}) if not _is_of_programs(name)]
    if texts:
        notes.append(f"has texts ({', '.join(texts)[:80]}): they are left out")
    if image.format in _WITH_COMMENTS and image.info.get("comment"):
        notes.append("has a comment: it is left out")
    if _IPTC in (image.info.get("photoshop") or {}):
        notes.append("has IPTC metadata: they are left out, EXIF and XMP are kept")
    unitless = image.info.get("jfif_density") if image.info.get("jfif_unit") == 0 else None
    x, y = image.info.get("aspect") or unitless or (1, 1)
    if x != y:
        notes.append(f"has pixels that are not square ({x}:{y}): they are taken as square")
    return notes


def _is_of_programs(name: str) -> bool:
    return ":" in name or name == "Software" or name.startswith(_RAW_PROFILE)
