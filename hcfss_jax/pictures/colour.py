"""What the numbers of an image mean as light: its profile, or one made of what it says instead.

A PNG may say gAMA and cHRM, or CICP, which are numbers for primaries and transfer function (ITU-T H.273); an AVIF says
CICP. Whatever means sRGB needs no profile, as that is what an image without one is taken for.
"""

import io
import re
import struct
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms

from hcfss_jax.pictures.icc_profile import Chromaticities, Curve, colour_space, make_profile

LARGEST_PROFILE = 1 << 24  # bytes that a file may keep; a colour profile takes some kilobytes

_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
_REC_709: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_REC_601: Chromaticities = (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
_PRIMARIES: dict[int, Chromaticities] = {
    1: _REC_709,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _REC_601,
    7: _REC_601,
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_NAMES = {9: "Rec. 2020", 11: "DCI P3", 12: "Display P3", 16: "PQ", 18: "HLG", 8: "linear"}
_UNSPECIFIED = 2
_SRGB_CURVE = Curve((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
_REC_709_CURVE = Curve((1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081))

_SRGB_GAMMA = 0.45455
_JP2_ICC = re.compile(rb"(.{4})colr[\x02\x03]..", re.DOTALL)
_NCLX = re.compile(rb"colrnclx(....)", re.DOTALL)


class Cicp(NamedTuple):
    """Primaries and transfer function by number, and whether the numbers use the whole range."""

    primaries: int
    transfer: int
    full_range: bool = True


def profile_of(image: Image.Image, grey: bool, data: bytes) -> tuple[bytes | None, list[str]]:
    """The profile that describes an image's pixels, None for sRGB, and what had to be left out, as notes.

    grey: whether it has no colour. data: its file, or nothing where that is not at hand.
    """
    cicp = _cicp_in(image.format, data) or _cicp_of_plugin(image.info.get("nclx_profile"))
    if image.format == "PNG" and cicp:  # there it goes before the profile
        return _of_cicp(cicp, grey)
    icc, notes = _fitting(image.info.get("icc_profile") or _jp2_icc(image.format, data), grey)
    if icc:
        return icc, notes
    made, more = _of_cicp(cicp, grey) if cicp else _of_gamma(image.info, grey)
    return made, notes + more


def without_inks(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """CMYK as sRGB, by the profile of the inks where there is one, and a note where that is no use."""
    icc = image.info.get("icc_profile")
    if not icc:
        return image.convert("RGB"), []
    try:
        inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, inks, screen, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        converted = None
    if converted is None:
        return image.convert("RGB"), [
            "has a broken profile of its inks: they are turned into RGB without"
        ]
    return converted, []


def _fitting(icc: bytes | None, grey: bool) -> tuple[bytes | None, list[str]]:
    """The profile that came with an image, where it is of its pixels."""
    if not icc:
        return None, []
    if len(icc) > LARGEST_PROFILE:
        return None, [f"has a colour profile of {len(icc):,} bytes: it is left out"]
    space = colour_space(icc)
    expected = "GRAY" if grey else "RGB"
    if space == expected:
        return icc, []
    what = f"a colour profile of {space}" if space else "a broken colour profile"
    return None, [f"has {what}, and its pixels are {expected}: the profile is left out"]


def _of_cicp(cicp: Cicp, grey: bool) -> tuple[bytes | None, list[str]]:
    primaries, transfer, full_range = cicp
    primaries = 1 if primaries == _UNSPECIFIED else primaries
    transfer = 13 if transfer == _UNSPECIFIED else transfer
    if transfer == 13 and (primaries == 1 or grey) and full_range:
        return None, []
    curve = _curve(transfer)
    if curve is None or primaries not in _PRIMARIES or not full_range:
        said = f"CICP {cicp.primaries}, {cicp.transfer}" + ", narrow range" * (not full_range)
        return None, [f"has colours ({said}) that no profile is made for: they are taken as sRGB"]
    parts = (_NAMES.get(number, f"CICP {number}") for number in (primaries, transfer))
    chromaticities = None if grey else _PRIMARIES[primaries]
    return make_profile(", ".join(parts), curve, chromaticities, (primaries, transfer)), []


def _of_gamma(info: dict[Any, Any], grey: bool) -> tuple[bytes | None, list[str]]:
    """Of PNG's gAMA and cHRM; sRGB, said or nearly so, needs none."""
    if "srgb" in info or not {"gamma", "chromaticity"} & info.keys():
        return None, []
    gamma, primaries = info.get("gamma", _SRGB_GAMMA), info.get("chromaticity", _REC_709)
    usual_gamma = abs(gamma / _SRGB_GAMMA - 1) < 0.01
    if usual_gamma and (grey or np.allclose(primaries, _REC_709, rtol=0, atol=0.002)):
        return None, []
    try:
        if not 0.05 <= gamma <= 5:
            raise ValueError(f"a gamma of {gamma}")
        curve = _SRGB_CURVE if usual_gamma else Curve((1 / gamma,))
        return make_profile(f"gamma {gamma:g}", curve, None if grey else primaries), []
    except ValueError as error:
        return None, [f"has broken colours ({error}): they are taken as sRGB"]


def _curve(transfer: int) -> Curve | None:
    """Of a number of H.273."""
    value = np.arange(256) / 255  # pixels have eight bits, so these are all of them
    match transfer:
        case 1 | 6 | 11 | 12 | 14 | 15:
            return _REC_709_CURVE
        case 4:
            return Curve((2.2,))
        case 5:
            return Curve((2.8,))
        case 7:
            return Curve((1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913))
        case 8:
            return Curve((1.0,))
        case 13:
            return _SRGB_CURVE
        case 16:  # PQ, SMPTE ST 2084: 1 is 10,000 candelas a square metre
            root = value ** (32 / 2523)
            light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
            return Curve(samples=light ** (8192 / 1305))
        case 18:  # HLG, ARIB STD-B67: light of the scene
            a, b, c = 0.17883277, 0.28466892, 0.55991073
            above = (np.exp((value - c) / a) + b) / 12
            return Curve(samples=np.where(value <= 0.5, value**2 / 3, above))
    return None


def _cicp_in(kind: str | None, data: bytes) -> Cicp | None:
    """What a file says that Pillow does not tell."""
    if kind == "PNG" and (body := _png_cicp(data)):
        return Cicp(body[0], body[1], body[3] != 0)
    if kind == "AVIF" and (found := _NCLX.search(data)):
        return Cicp(*struct.unpack(">HH", found[1]))  # Pillow has brought it to the whole range
    return None


def _jp2_icc(kind: str | None, data: bytes) -> bytes | None:
    """The profile of a JPEG 2000, of which Pillow says nothing."""
    found = _JP2_ICC.search(data) if kind == "JPEG2000" else None
    if not found:
        return None
    size = int.from_bytes(found[1], "big")  # of the box, which begins 11 bytes before the profile
    return data[found.end() : found.start() + size]


def _png_cicp(data: bytes) -> bytes | None:
    """The body of the chunk cICP, which stands before the pixels."""
    at = 8
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"cICP" and size == 4:
            return data[at + 8 : at + 12]
        if kind == b"IDAT":
            return None
        at += 12 + size
    return None


def _cicp_of_plugin(nclx: Any) -> Cicp | None:
    """As pillow_heif tells it."""
    if not isinstance(nclx, dict):
        return None
    primaries, transfer = (
        nclx.get(name, _UNSPECIFIED) for name in ("color_primaries", "transfer_characteristics")
    )
    return Cicp(int(primaries), int(transfer))
