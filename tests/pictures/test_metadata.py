"""Date, place, author, density, XMP, profile and orientation survive whatever a picture comes in and goes to."""

import functools
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from hcfss_jax.codec import carried
from hcfss_jax.pictures.images import Planes, read_image, to_pil
from hcfss_jax.pictures.metadata import LARGEST_METADATA
from hcfss_jax.pictures.other_formats import encode_picture

FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" '
    b'dc:creator="me"/></x:xmpmeta>'
)
GPS = {1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (11.0, 34.0, 0.25)}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TAKEN, AUTHOR = "2026:01:02 03:04:05", "(c) me"
MAKER_NOTE = b"only its maker knows" * 3


def exif_of_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = (
        6  # the camera was turned: rotate by 270 degrees to see it upright
    )
    exif[ExifTags.Base.DateTime], exif[ExifTags.Base.Copyright] = TAKEN, AUTHOR
    exif[ExifTags.IFD.GPSInfo] = GPS
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: TAKEN,
        ExifTags.Base.MakerNote: MAKER_NOTE,
    }
    return exif


def pixels() -> np.ndarray:
    """Smooth, so that lossy formats tell up from down."""
    i, j = np.mgrid[:24, :40]
    return np.stack([i * 10, j * 6, 255 - i * 5], -1).astype(np.uint8)


def file_bytes(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def photo(kind: str) -> bytes:
    """As a camera and an editor leave it."""
    exif, more = exif_of_a_camera(), {"icc_profile": PROFILE}
    if kind == "TIFF":
        exif[700] = XMP
    elif kind == "PNG":
        more["pnginfo"] = PngImagePlugin.PngInfo()
        more["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP)
    else:
        more["xmp"] = XMP
    if kind in ("PNG", "JPEG", "TIFF"):
        more["dpi"] = (300, 300)
    else:
        exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 300.0, 300.0
        exif[ExifTags.Base.ResolutionUnit] = 2
    return file_bytes(Image.fromarray(pixels()), kind, exif=exif.tobytes(), **more)


def through_a_file(planes: Planes) -> Image.Image:
    """As the codec gives it back, with pixels as good as lossless."""
    return to_pil(carried.to_planes(planes.rgb, "rgb", carried.from_planes(planes)))


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_all_that_a_photo_says_comes_back_in_every_format(source, target):
    planes = read_image(photo(source))
    assert planes.notes == ()
    data, notes = encode_picture(through_a_file(planes), target)
    assert notes == []
    again = read_image(data)
    assert np.abs(again.rgb.astype(int) - np.rot90(pixels(), k=3)).mean() < 6
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        exif = picture.getexif()
        assert exif[ExifTags.Base.DateTime] == TAKEN and exif[ExifTags.Base.Copyright] == AUTHOR
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert exif.get_ifd(ExifTags.IFD.GPSInfo) == GPS
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == TAKEN
        assert details[ExifTags.Base.MakerNote] == MAKER_NOTE
        upright = XMP.replace(b'tiff:Orientation="6"', b"")
        assert picture.info["xmp"].replace(b'tiff:Orientation="1"', b"") == upright
        assert picture.info["icc_profile"] == PROFILE
        if target in ("PNG", "JPEG", "TIFF"):
            # PNG has whole dots a metre.
            assert list(map(float, picture.info["dpi"])) == pytest.approx((300, 300), rel=1e-4)
    assert again.notes == ()
    np.testing.assert_allclose(again.metadata.dpi, (300, 300), rtol=1e-4)


def test_a_density_is_turned_with_its_picture():
    exif = exif_of_a_camera().tobytes()
    for kind in ("PNG", "JPEG"):
        data = file_bytes(Image.fromarray(pixels()), kind, exif=exif, dpi=(300, 150))
        assert read_image(data).metadata.dpi == pytest.approx((150, 300), rel=1e-4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("orientation", "wanted"), [(1, (300, 150)), (3, (300, 150)), (6, (150, 300))]
)
def test_resolutions_in_exif_turn_with_a_picture_that_lay_on_its_side(order, orientation, wanted):
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 300, 150
    data = file_bytes(Image.fromarray(pixels()), "JPEG", exif=exif.tobytes())
    told = Image.Exif()
    told.load(read_image(data).metadata.exif)
    found = told[ExifTags.Base.XResolution], told[ExifTags.Base.YResolution]
    assert tuple(map(float, found)) == wanted and ExifTags.Base.Orientation not in told


def test_strip_leaves_out_all_but_what_the_pixels_need():
    planes = read_image(photo("JPEG"), strip=True)
    assert set(carried.from_planes(planes)) == {carried.Extra.ICC}
    assert planes.rgb.shape == (40, 24, 3)


def test_metadata_take_few_bytes_and_none_where_there_are_none():
    sections = carried.from_planes(read_image(photo("JPEG")))
    assert sum(map(len, sections.values())) < 900
    assert carried.from_planes(read_image(pixels())) == {}


def png(*chunks: tuple[bytes, bytes], before: bool = True) -> bytes:
    """A sound picture of one colour with such chunks before its pixels, or behind them."""
    whole = file_bytes(Image.new("RGB", (4, 3), (9, 8, 7)), "PNG")
    at = 33 if before else len(whole) - 12
    inserted = b"".join(
        struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return whole[:at] + inserted + whole[at:]


@pytest.mark.parametrize("before", [True, False], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"Raw profile type exif\0\nexif\n      10\nzz not hex\n"),
        (b"tEXt", b"Raw profile type xmp\0\nxmp\n      10\nzz not hex\n"),
        (b"eXIf", b"garbage"),
        (b"eXIf", b"II*\0\xff\xff\xff\x7f"),
        (b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        (b"zTXt", b"Comment\0\x07not deflated"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 24))),
        (b"pHYs", b"\0"),
    ],
)
def test_broken_metadata_are_a_note_and_the_pixels_are_read(chunk, before):
    planes = read_image(png(chunk, before=before))
    assert planes.rgb.tolist() == [[[9, 8, 7]] * 4] * 3
    assert planes.metadata == read_image(png()).metadata
    (note,) = planes.notes
    assert "metadata" in note and "left out" in note
    assert "EXIF" not in note or b"exif" in chunk[1] or chunk[0] == b"eXIf"


@pytest.mark.parametrize("chunk", [(b"gAMA", b"\0"), (b"iCCP", b"name\0\x05"), (b"cHRM", b"")])
def test_a_broken_chunk_of_colours_is_a_note_too(chunk):
    planes = read_image(png(chunk))
    assert planes.rgb[0, 0].tolist() == [9, 8, 7]
    assert "profile" in planes.notes[0]


def test_an_avif_with_broken_exif_is_read():
    exif = exif_of_a_camera()
    del exif[ExifTags.Base.Orientation]
    whole = file_bytes(Image.fromarray(pixels()), "AVIF", exif=exif.tobytes(), quality=100)
    planes = read_image(whole.replace(b"MM\0*", b"XX\0*"))
    assert planes.notes == ("has broken EXIF metadata: they are left out",)
    assert np.abs(planes.rgb.astype(int) - pixels()).mean() < 6


def test_odd_exif_never_costs_the_picture_nor_its_way_to_another_format():
    """Whatever its bytes are: a note or odd EXIF, and files of all formats."""
    rng = np.random.default_rng(0)
    exif = exif_of_a_camera().tobytes()[6:]
    left_out = 0
    for attempt in range(120):
        odd = bytearray(exif)
        for place in rng.integers(len(odd) if attempt % 2 else 130, size=4):
            odd[place] = rng.integers(256)
        planes = read_image(png((b"eXIf", bytes(odd))))
        assert planes.rgb[0, 0].tolist() == [9, 8, 7]
        left_out += planes.metadata.exif is None
        assert bool(planes.notes) or planes.metadata.exif
        for kind in FORMATS:
            encode_picture(through_a_file(planes), kind)
    assert 0 < left_out < 60


def test_a_thumbnail_is_left_out_and_nothing_else_moves():
    """Maker's notes hold places in the file, which must stay true."""
    exif = exif_of_a_camera().tobytes()[6:]
    thumbnail = file_bytes(Image.fromarray(pixels()), "JPEG")
    second = struct.pack(
        ">HHHIIHHIII", 2, 0x0201, 4, 1, len(exif) + 30, 0x0202, 4, 1, len(thumbnail), 0
    )
    count = struct.unpack_from(">H", exif, 8)[0]
    link = 10 + 12 * count
    whole = exif[:link] + struct.pack(">I", len(exif)) + exif[link + 4 :] + second + thumbnail
    with Image.open(io.BytesIO(png((b"eXIf", whole)))) as known:
        assert known.getexif().get_ifd(ExifTags.IFD.IFD1)[0x0202] == len(thumbnail)
    kept = read_image(png((b"eXIf", whole))).metadata.exif
    assert len(kept) < len(exif) + 40 and b"\xff\xd8" not in kept
    assert kept.index(MAKER_NOTE) == exif.index(MAKER_NOTE)


def test_metadata_that_imagemagick_writes_into_texts_are_read():
    exif = exif_of_a_camera().tobytes()
    info = PngImagePlugin.PngInfo()
    for name, body in (("exif", exif), ("xmp", XMP)):
        info.add_text(
            f"Raw profile type {name}", f"\n{name}\n{len(body):8}\n{body.hex()}\n", zip=True
        )
    planes = read_image(file_bytes(Image.fromarray(pixels()), "PNG", pnginfo=info))
    assert planes.rgb.shape == (40, 24, 3) and planes.notes == ()
    assert AUTHOR.encode() in planes.metadata.exif
    assert planes.metadata.xmp == XMP.replace(b'"6"', b'"1"')


def test_what_a_user_takes_out_of_an_image_s_exif_does_not_go_into_the_file():
    image = Image.open(io.BytesIO(photo("JPEG")))
    del image.getexif()[ExifTags.IFD.GPSInfo]
    image.getexif()[ExifTags.Base.Copyright] = "someone else"
    decoded = through_a_file(read_image(image)).getexif()
    assert ExifTags.IFD.GPSInfo not in decoded
    assert decoded[ExifTags.Base.Copyright] == "someone else"
    assert decoded[ExifTags.Base.DateTime] == TAKEN


def test_no_density_is_made_up():
    image = Image.fromarray(pixels())
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = AUTHOR
    for kind in FORMATS:
        assert read_image(file_bytes(image, kind, exif=exif.tobytes())).metadata.dpi is None


@pytest.mark.parametrize(
    "dpi", [(float("nan"), 1.0), (0, 300), (-72, 72), "300", (300,), None, (1e12, 1)]
)
def test_a_density_that_is_none_is_passed_over(dpi):
    image = Image.fromarray(pixels())
    image.info["dpi"] = dpi
    assert read_image(image).metadata.dpi is None


def test_metadata_that_no_file_can_hold_are_left_out_and_that_is_noted():
    image = Image.fromarray(pixels())
    image.info["xmp"] = bytes(range(1, 256)) * (LARGEST_METADATA // 255 + 1)
    planes = read_image(image)
    assert planes.metadata.xmp is None
    assert planes.notes == (
        f"has XMP metadata of {len(image.info['xmp']):,} bytes: they are left out",
    )


def test_what_people_wrote_elsewhere_is_noted_and_what_programs_wrote_is_not():
    info = PngImagePlugin.PngInfo()
    for name in ("Software", "date:create", "Author", "parameters"):
        info.add_text(name, "something")
    image = Image.fromarray(pixels())
    notes = {
        "PNG": "has texts (Author, parameters): they are left out",
        "JPEG": "has a comment: it is left out",
        "GIF": "has a comment: it is left out",
    }
    for kind, note in notes.items():
        data = file_bytes(
            image, kind, **({"pnginfo": info} if kind == "PNG" else {"comment": "hello"})
        )
        assert read_image(data).notes == (note,)
        assert read_image(data, strip=True).notes == ()


def test_iptc_in_a_jpeg_is_noted():
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", 4) + b"text"
    body = b"Photoshop 3.0\0" + resource
    whole = file_bytes(Image.fromarray(pixels()), "JPEG")
    data = whole[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + whole[2:]
    assert read_image(data).notes == (
        "has IPTC metadata: they are left out, EXIF and XMP are kept",
    )


def test_pixels_that_are_not_square_are_noted():
    jpeg = bytearray(file_bytes(Image.fromarray(pixels()), "JPEG"))
    at = jpeg.index(b"JFIF\0") + 7
    assert jpeg[at : at + 5] == bytes([0, 0, 1, 0, 1])
    jpeg[at + 4] = 2
    flat = png((b"pHYs", struct.pack(">IIB", 1, 2, 0)))
    for data in (bytes(jpeg), flat):
        assert read_image(data).notes == (
            "has pixels that are not square (1:2): they are taken as square",
        )
    assert read_image(png((b"pHYs", struct.pack(">IIB", 2, 2, 0)))).notes == ()


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        ("GIF", "EXIF, XMP, density"),
        ("BMP", "colour profile, EXIF, XMP"),
        ("PPM", "colour profile, EXIF, XMP, density"),
    ],
)
def test_a_format_without_room_says_what_it_loses(kind, lost):
    _, notes = encode_picture(through_a_file(read_image(photo("JPEG"))), kind)
    assert notes == [f"{kind} has no place for {lost}, PNG has"]


def test_what_is_too_long_for_a_jpeg_is_left_out_and_that_is_said():
    image = Image.fromarray(pixels())
    image.info |= {"xmp": b"x" * 70_000, "exif": b"MM\0*" + bytes(70_000), "dpi": (70_000, 70_000)}
    data, notes = encode_picture(image, "JPEG")
    assert [note.split(" does")[0] for note in notes] == [
        "its EXIF of 70,004 bytes",
        "its XMP of 70,000 bytes",
        "its density of (70000, 70000)",
    ]
    assert read_image(data).metadata == read_image(pixels()).metadata
