"""Colours mean after decoding what they meant before: by the profile of the image, or by one made of what it says."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from hcfss_jax.pictures.icc_profile import Curve, cicp_of, colour_space, make_profile
from hcfss_jax.pictures.images import read_image, to_pil
from hcfss_jax.pictures.other_formats import encode_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
GREY = make_profile("grey", Curve((2.2,)), None)
REC_709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
DISPLAY_P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
REC_2020 = (0.3127, 0.3290, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046)


def file_bytes(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colours() -> Image.Image:
    pixels = np.random.default_rng(0).integers(90, 166, (16, 16, 3), np.uint8)
    pixels[0] = pixels[0, :, :1]  # greys
    return Image.fromarray(pixels)


def png_saying(mode: str = "RGB", **chunks: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, body in chunks.items():
        info.add(name.encode(), body)
    return file_bytes(colours().convert(mode), "PNG", pnginfo=info)


def gama(gamma: float) -> bytes:
    return struct.pack(">I", round(gamma * 100_000))


def chrm(chromaticities: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(100_000 * value) for value in chromaticities))


def avif_saying(primaries: int, transfer: int) -> bytes:
    """Pillow writes 1 and 13."""
    whole = file_bytes(colours(), "AVIF", quality=100)
    assert whole.count(b"colrnclx\0\1\0\x0d") == 1
    said = b"colrnclx" + struct.pack(">HH", primaries, transfer)
    return whole.replace(b"colrnclx\0\1\0\x0d", said)


def light(pixels: np.ndarray, chromaticities: tuple[float, ...], curve) -> np.ndarray:
    """XYZ of uint8 RGB, by the textbook: white is Y = 1."""
    xy = np.array(chromaticities).reshape(4, 2)
    white, *primaries = np.column_stack([xy, 1 - xy.sum(1)]) / xy[:, 1:]
    matrix = np.array(primaries).T
    return curve(pixels / 255) @ (matrix * np.linalg.solve(matrix, white)).T


def srgb_curve(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def rec_709_curve(v: np.ndarray) -> np.ndarray:
    return np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))


def shown(icc: bytes, image: Image.Image) -> np.ndarray:
    """XYZ as a program that knows profiles shows it on an sRGB screen: little CMS, not this project."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    on_screen = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), 1)
    return light(np.asarray(on_screen), REC_709, srgb_curve)


@pytest.mark.parametrize(
    ("data", "chromaticities", "curve"),
    [
        (png_saying(cICP=bytes([12, 13, 0, 1])), DISPLAY_P3, srgb_curve),
        (png_saying(cICP=bytes([9, 1, 0, 1])), REC_2020, rec_709_curve),
        (png_saying(cICP=bytes([1, 4, 0, 1])), REC_709, lambda v: v**2.2),
        (png_saying(gAMA=gama(1 / 1.8)), REC_709, lambda v: v**1.8),
        (png_saying(gAMA=gama(1.0), cHRM=chrm(DISPLAY_P3)), DISPLAY_P3, lambda v: v),
        (png_saying(cHRM=chrm(REC_2020)), REC_2020, srgb_curve),
    ],
    ids=["P3", "Rec. 2020", "gamma 2.2", "gAMA", "gAMA and cHRM", "cHRM"],
)
def test_colours_said_without_a_profile_get_one_that_means_the_same(data, chromaticities, curve):
    planes = read_image(data)
    assert planes.notes == () and colour_space(planes.icc) == "RGB"
    expected = light(planes.rgb, chromaticities, curve)
    seen = shown(planes.icc, Image.fromarray(planes.rgb))
    # Some are too vivid for the screen. It has 255 steps, and one of them is up to 0.009 of white.
    on_screen = expected @ np.linalg.inv(light(255 * np.eye(3), REC_709, srgb_curve))
    within = (on_screen.min(-1) > 0.01) & (on_screen.max(-1) < 0.99)
    assert within.mean() > 0.9
    np.testing.assert_allclose(seen[within], expected[within], atol=0.006)


def pq(v: float) -> float:
    root = v ** (1 / 78.84375)
    return (max(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def hlg(v: float) -> float:
    return v * v / 3 if v <= 0.5 else (np.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12


@pytest.mark.parametrize(("transfer", "function"), [(16, pq), (18, hlg)], ids=["PQ", "HLG"])
def test_the_curves_of_high_dynamic_range_are_those_of_their_standards(transfer, function):
    planes = read_image(png_saying(cICP=bytes([9, transfer, 0, 1])))
    curve = planes.icc[planes.icc.index(b"curv") :]
    assert struct.unpack_from(">I", curve, 8) == (256,)
    samples = np.frombuffer(curve[12 : 12 + 512], ">u2") / 65535
    np.testing.assert_allclose(samples, [function(k / 255) for k in range(256)], atol=1e-5)
    assert cicp_of(planes.icc) == (9, transfer)


@pytest.mark.parametrize("said", [(9, 16), (9, 18), (12, 13), (9, 8), (1, 1)])
def test_cicp_goes_from_png_and_avif_into_png_and_avif(said):
    sources = png_saying(cICP=bytes([*said, 0, 1])), avif_saying(*said)
    profiles = {read_image(data).icc for data in sources}
    (icc,) = profiles
    image = to_pil(read_image(sources[0]))
    png, _ = encode_picture(image, "PNG")
    assert b"\0\0\0\4cICP" + bytes([*said, 0, 1]) in png and png.index(b"cICP") < png.index(b"IDAT")
    avif, _ = encode_picture(image, "AVIF")
    assert b"colrnclx" + struct.pack(">HH", *said) in avif
    for kind in ("PNG", "AVIF", "JPEG", "WEBP", "TIFF"):
        again = read_image(encode_picture(image, kind)[0])
        assert (again.icc, again.notes) == (icc, ())


@pytest.mark.parametrize(
    "data",
    [
        png_saying(),
        png_saying(gAMA=gama(0.45455)),
        png_saying(gAMA=gama(0.45455), cHRM=chrm(REC_709)),
        png_saying(sRGB=b"\0", gAMA=gama(0.5), cHRM=chrm(DISPLAY_P3)),
        png_saying(cICP=bytes([1, 13, 0, 1])),
        png_saying("L", cICP=bytes([9, 13, 0, 1])),
        png_saying("L", cHRM=chrm(DISPLAY_P3)),
        avif_saying(1, 13),
        avif_saying(2, 2),
    ],
)
def test_what_means_srgb_needs_no_profile(data):
    planes = read_image(data)
    assert (planes.icc, planes.notes) == (None, ())


def test_a_grey_picture_gets_a_profile_of_grey():
    for said in ({"gAMA": gama(1.0)}, {"cICP": bytes([9, 8, 0, 1])}):
        planes = read_image(png_saying("L", **said))
        assert colour_space(planes.icc) == "GRAY"
        ImageCms.ImageCmsProfile(io.BytesIO(planes.icc))
        png, _ = encode_picture(to_pil(planes), "PNG")
        assert read_image(png).icc == planes.icc


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({"cICP": bytes([9, 9, 0, 1])}, r"CICP 9, 9\) that no profile is made for"),
        ({"cICP": bytes([10, 13, 0, 1])}, r"CICP 10, 13\)"),
        ({"cICP": bytes([1, 13, 0, 0])}, r"CICP 1, 13, narrow range\)"),
        ({"gAMA": gama(0)}, r"broken colours \(a gamma of 0.0\)"),
        ({"cHRM": bytes(32)}, "are of no light"),
        ({"cHRM": chrm((0.3, 0.3) * 4)}, "span no colours"),
        ({"cHRM": b"\xff" * 32}, "broken colours"),
        ({"cHRM": chrm((1e-5, 1e-5, *REC_709[2:]))}, "broken colours"),
    ],
)
def test_colours_of_which_no_profile_can_be_made_are_noted(said, note):
    planes = read_image(png_saying(**said))
    assert planes.icc is None
    assert re.search(note, planes.notes[0])


@pytest.mark.parametrize(
    ("mode", "icc", "note"),
    [
        ("RGB", GREY, "a colour profile of GRAY, and its pixels are RGB"),
        ("RGB", LAB, "a colour profile of Lab, and its pixels are RGB"),
        ("L", SRGB, "a colour profile of RGB, and its pixels are GRAY"),
        ("P", GREY, "a colour profile of GRAY, and its pixels are RGB"),
        ("RGB", b"no profile", "a broken colour profile, and its pixels are RGB"),
    ],
)
def test_a_profile_of_another_space_than_the_pixels_is_left_out_with_a_note(mode, icc, note):
    planes = read_image(file_bytes(colours().convert(mode), "TIFF", icc_profile=icc))
    assert planes.icc is None
    assert planes.notes == (f"has {note}: the profile is left out",)


def test_a_profile_of_the_pixels_own_space_is_kept():
    for mode, icc in (("RGB", SRGB), ("P", SRGB), ("L", GREY), ("1", GREY)):
        planes = read_image(file_bytes(colours().convert(mode), "TIFF", icc_profile=icc))
        assert (planes.icc, planes.notes) == (icc, ())


def test_a_broken_profile_of_inks_is_noted():
    planes = read_image(file_bytes(Image.new("CMYK", (4, 4)), "TIFF", icc_profile=SRGB))
    assert planes.icc is None and "profile of its inks" in planes.notes[0]


def test_cicp_of_a_png_goes_before_its_profile_and_that_of_an_avif_behind_it():
    png = png_saying(cICP=bytes([9, 16, 0, 1]))
    body = b"name\0\0" + zlib.compress(SRGB)
    chunk = (
        struct.pack(">I", len(body))
        + b"iCCP"
        + body
        + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    )
    assert cicp_of(read_image(png[:33] + chunk + png[33:]).icc) == (9, 16)
    avif = file_bytes(colours(), "AVIF", icc_profile=SRGB)
    assert read_image(avif).icc == SRGB


def test_the_profile_of_a_jpeg_2000_is_kept_though_pillow_does_not_tell():
    whole = file_bytes(colours(), "JPEG2000")
    at = whole.index(b"colr") - 4
    size = int.from_bytes(whole[at : at + 4], "big")
    box = struct.pack(">I", 11 + len(SRGB)) + b"colr\x02\0\0" + SRGB
    head = whole.index(b"jp2h") - 4
    longer = int.from_bytes(whole[head : head + 4], "big") + len(box) - size
    data = (
        whole[:head] + struct.pack(">I", longer) + whole[head + 4 : at] + box + whole[at + size :]
    )
    planes = read_image(data)
    assert (planes.icc, planes.notes) == (SRGB, ())


def test_what_the_plugin_for_heif_says_of_colours_is_heard():
    image = colours()
    image.info["nclx_profile"] = {"color_primaries": 12, "transfer_characteristics": 13}
    assert cicp_of(read_image(image).icc) == (12, 13)


def test_an_opened_png_or_avif_tells_its_colours_until_it_is_loaded():
    for data in (png_saying(cICP=bytes([9, 16, 0, 1])), avif_saying(9, 16)):
        assert cicp_of(read_image(Image.open(io.BytesIO(data))).icc) == (9, 16)


def test_whatever_bytes_a_profile_has_they_are_no_error():
    rng = np.random.default_rng(0)
    good = make_profile("P3", Curve((1.0,)), DISPLAY_P3, (12, 13))
    for _ in range(60):
        odd = bytearray(good)
        for place in rng.integers(len(good), size=3):
            odd[place] = rng.integers(256)
        odd = bytes(odd[: rng.integers(len(good))] if rng.random() < 0.3 else odd)
        image = colours()
        image.info["icc_profile"] = odd
        planes = read_image(image)
        for kind in ("PNG", "AVIF", "JPEG"):
            encode_picture(to_pil(planes), kind)
