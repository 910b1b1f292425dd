"""A decoded picture in other formats, with all that it carries and they have room for."""

import dataclasses
import io
import struct
import warnings
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.pictures.deep_formats import deep_file, held_depth
from hcfss_jax.pictures.exif import with_density, without_layout
from hcfss_jax.pictures.icc_profile import cicp_of
from hcfss_jax.pictures.jpeg_xl_file import jpeg_xl_file
from hcfss_jax.pictures.planes import Planes, to_pil

# How pixels are stored: without a second loss where the format can.
_OPTIONS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
_NAMES = {"icc_profile": "colour profile", "exif": "EXIF", "xmp": "XMP", "dpi": "density"}
_ALL = frozenset(_NAMES)
# In WebP and AVIF the density is part of EXIF.
_HOLDS = {
    "PNG": _ALL,
    "JPEG": _ALL,
    "TIFF": _ALL,
    "WEBP": _ALL,
    "AVIF": _ALL,
    "GIF": frozenset({"icc_profile"}),
    "BMP": frozenset({"dpi"}),
}
_JPEG_LIMITS = {"exif": 65_533, "xmp": 65_504}  # bytes that fit in a marker
_LARGEST_JFIF_DENSITY = 65_535
_NCLX = b"colrnclx"


def encode_planes(planes: Planes, kind: str) -> tuple[bytes, list[str]]:
    """The file of a decoded picture in a format by Pillow's name, and notes of what that has no room for.

    More than 8 bits a channel stay where the format holds them. Raises UnsupportedImage where it cannot hold the
    pixels, or needs imagecodecs.
    """
    if kind == "JXL":
        return jpeg_xl_file(planes)
    held = held_depth(kind, planes.depth)
    less = [
        f"{kind} holds {held} bits a channel, and the picture has {planes.depth}: PNG keeps them"
    ]
    notes = less * (held < planes.depth)
    if planes.depth <= 8 or held <= 8:
        data, more = encode_picture(to_pil(planes.at_depth(8)), kind)
        return data, notes + more
    alpha = None if planes.alpha is None else np.zeros((1, 1), np.uint8)
    pixel = np.zeros((1, 1, 3), np.uint8)
    shell, more = encode_picture(
        to_pil(dataclasses.replace(planes, rgb=pixel, alpha=alpha, depth=8)), kind
    )
    return deep_file(kind, shell, planes), notes + more


def encode_picture(image: Image.Image, kind: str) -> tuple[bytes, list[str]]:
    """The file of a decoded image in a format by Pillow's name, and notes of what that has no room for.

    Raises UnsupportedImage where the format cannot hold the pixels.
    """
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of odd metadata, which is no news
        return _encoded(image, kind)


def _encoded(image: Image.Image, kind: str) -> tuple[bytes, list[str]]:
    carried = {name: image.info[name] for name in _NAMES if image.info.get(name)}
    kept = {name: value for name, value in carried.items() if name in _HOLDS.get(kind, ())}
    lost = ", ".join(_NAMES[name] for name in carried if name not in kept)
    notes = [f"{kind} has no place for {lost}, PNG has"] if lost else []
    if kind == "JPEG":
        notes += _drop_what_jpeg_cannot_hold(kept)
    if kind in ("TIFF", "WEBP", "AVIF"):
        notes += _adapt_exif(kept, kind)
    cicp = cicp_of(kept["icc_profile"]) if "icc_profile" in kept else None
    if kind == "PNG":
        kept["pnginfo"] = _chunks(kept.pop("xmp", None), cicp)
    data = _saved(image, kind, _OPTIONS.get(kind, {}) | kept)
    if kind == "AVIF" and cicp:
        data = _say_cicp(data, *cicp)
    return data, notes


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (KeyError, OSError, ValueError) as error:
        raise UnsupportedImage(f"{kind} cannot hold this picture ({error}): use .png") from error
    return buffer.getvalue()


def _drop_what_jpeg_cannot_hold(kept: dict[str, Any]) -> list[str]:
    notes = []
    for name, limit in _JPEG_LIMITS.items():
        if len(kept.get(name, b"")) > limit:
            size = len(kept.pop(name))
            notes.append(f"its {_NAMES[name]} of {size:,} bytes does not fit in a JPEG")
    if max(kept.get("dpi", (0, 0))) > _LARGEST_JFIF_DENSITY:
        notes.append(f"its density of {kept.pop('dpi')} does not fit in a JPEG")
    return notes


def _adapt_exif(kept: dict[str, Any], kind: str) -> list[str]:
    """Where the format wants EXIF that Pillow can read, and keeps other metadata in it."""
    try:
        if kind == "TIFF":
            told = Image.Exif()
            told.load(kept.get("exif", b""))
            told = without_layout(told)
            if "xmp" in kept:
                told[700] = kept.pop("xmp")
            kept["exif"] = told.tobytes() if len(told) else b""
        else:
            Image.Exif().load(kept.get("exif", b""))
            if "dpi" in kept:
                kept["exif"] = with_density(kept.get("exif"), kept.pop("dpi"))
    except Exception:  # whatever a parser of odd bytes comes to
        kept.pop("exif", None)
        return ["its EXIF cannot be read: it is left out"]
    return []


def _chunks(xmp: bytes | None, cicp: tuple[int, int] | None) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    if cicp:
        chunks.add(b"cICP", bytes([*cicp, 0, 1]))
    if xmp:
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
    return chunks


def _say_cicp(avif: bytes, primaries: int, transfer: int) -> bytes:
    """Pillow writes numbers of sRGB, or none; those of the profile take their place."""
    at = avif.find(_NCLX) + len(_NCLX)
    if at < len(_NCLX):
        return avif
    return avif[:at] + struct.pack(">HH", primaries, transfer) + avif[at + 4 :]
