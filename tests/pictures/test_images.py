"""Whatever users call an image comes in as they see it, or is refused by name."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageCms

from hcfss_jax.errors import HcfError, ImageTooLarge, UnsupportedImage
from hcfss_jax.pictures.images import Planes, read_image, to_pil
from hcfss_jax.pictures.planes import to_array


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.fixture(scope="module")
def alpha() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (5, 7), np.uint8)


def file_bytes(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_path_its_bytes_the_opened_image_and_the_array_are_the_same_image(tmp_path, rgb):
    image = Image.fromarray(rgb)
    path = tmp_path / "photo.png"
    image.save(path)
    for source in (path, str(path), path.read_bytes(), path.open("rb"), image, rgb):
        planes = read_image(source)
        assert np.array_equal(planes.rgb, rgb)
        assert (planes.alpha, planes.grey, planes.icc, planes.notes) == (None, False, None, ())


def test_other_ways_to_hand_over_bytes_and_pixels_are_the_same_image(rgb):
    data = file_bytes(Image.fromarray(rgb))

    class Pipe:
        """Only to be read, and only once."""

        def __init__(self, seekable: bool | None):
            self.left = data
            if seekable is not None:
                self.seekable = lambda: seekable

        def read(self) -> bytes:
            read, self.left = self.left, b""
            return read

    buffer = io.BytesIO(data)
    buffer.seek(0, io.SEEK_END)
    sources = [bytearray(data), memoryview(data), memoryview(data + data)[: len(data)], buffer]
    sources += [Pipe(None), Pipe(False), jnp.asarray(rgb), rgb[::-1][::-1]]
    for source in sources:
        planes = read_image(source)
        assert np.array_equal(planes.rgb, rgb)
        assert (planes.alpha, planes.grey, planes.icc, planes.notes) == (None, False, None, ())


def test_arrays_have_one_to_four_channels(rgb, alpha):
    for grey in (alpha, alpha[..., None], jnp.asarray(alpha)):
        planes = read_image(grey)
        assert planes.grey and np.array_equal(planes.rgb, np.stack([alpha] * 3, -1))
    planes = read_image(np.dstack([rgb, alpha]))
    assert np.array_equal(planes.rgb, rgb) and np.array_equal(planes.alpha, alpha)
    for depth, white in ((8, np.uint8(1)), (16, np.uint16(257))):
        of_two = np.dstack([rgb[..., 0], alpha]) * white
        planes = read_image(of_two)
        assert planes.grey and planes.depth == depth
        assert np.array_equal(to_array(planes), of_two)


@pytest.mark.parametrize("source", [None, 7, 1.5, [[0, 0], [0, 0]], io.StringIO("text"), object])
def test_what_is_no_source_is_named_with_what_would_be_one(source):
    with pytest.raises(UnsupportedImage, match=f"{type(source).__name__} .* give a path, bytes, a"):
        read_image(source)


def test_a_traced_array_is_no_image():
    with pytest.raises(UnsupportedImage, match="no array of pixels"):
        jax.jit(lambda x: read_image(x).rgb)(np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_planes_give_the_image_back_in_the_mode_it_came_in(mode, rgb, alpha):
    image = Image.fromarray(np.dstack([rgb, alpha])).convert(mode)
    restored = to_pil(read_image(file_bytes(image)))
    assert restored.mode == mode
    assert np.array_equal(np.asarray(restored), np.asarray(image))


def test_bilevel_and_greyscale_images_are_grey_and_colour_is_not(rgb):
    image = Image.fromarray(rgb)
    for mode, grey in (("1", True), ("L", True), ("P", False), ("YCbCr", False), ("HSV", False)):
        planes = read_image(image.convert(mode))
        assert planes.grey is grey
        if grey:
            assert np.ptp(planes.rgb, axis=-1).max() == 0


def test_a_palette_with_a_transparent_entry_gets_an_alpha_plane():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    planes = read_image(file_bytes(image, transparency=0))
    assert planes.rgb.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert planes.alpha is not None and planes.alpha.tolist() == [[0, 255]]


def test_a_colour_that_stands_for_transparent_gets_an_alpha_plane():
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    planes = read_image(file_bytes(image, transparency=(4, 5, 6)))
    assert planes.alpha is not None and planes.alpha.tolist() == [[255, 0]]


def test_the_orientation_of_exif_is_applied(rgb):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees to see it upright
    planes = read_image(file_bytes(Image.fromarray(rgb), exif=exif.tobytes()))
    assert np.array_equal(planes.rgb, np.rot90(rgb, k=3))


def test_the_colour_profile_is_kept_and_given_back(rgb):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    planes = read_image(file_bytes(Image.fromarray(rgb), icc_profile=profile))
    assert planes.icc == profile
    assert read_image(file_bytes(to_pil(planes))).icc == profile


@pytest.mark.parametrize("profile", [b"", b"not a profile"])
def test_cmyk_becomes_rgb_and_loses_the_profile_of_its_inks(profile):
    inks = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    planes = read_image(file_bytes(inks, "TIFF", icc_profile=profile))
    assert planes.rgb[0, 0].tolist() == [255, 0, 0]
    assert planes.icc is None


def test_of_an_animation_the_first_frame_is_kept_and_that_is_said():
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue", "lime")]
    data = file_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    planes = read_image(data)
    assert planes.rgb[0, 0].tolist() == [255, 0, 0]
    assert planes.notes == ("has 3 frames or pages: only the first is kept",)


def test_more_than_eight_bits_of_other_kinds_are_refused_not_cut_down():
    deep = [
        file_bytes(Image.new("F", (2, 2)), "TIFF"),
        file_bytes(Image.new("I", (2, 2)), "TIFF"),
        b"P6 1 1 65535\n" + bytes(6),
    ]
    for data in deep:
        with pytest.raises(
            UnsupportedImage,
            match=r"more than 8 bits .* convert it to 8 bits, or to whole numbers of 16 ",
        ):
            read_image(data)


def test_a_bitmap_in_plain_text_is_an_image():
    planes = read_image(b"P1\n# two by two\n2 2\n1 0\n0 1\n")
    assert planes.grey and planes.rgb[..., 0].tolist() == [[0, 255], [255, 0]]


def test_what_is_no_image_is_refused_by_name(tmp_path):
    text = tmp_path / "letter.png"
    text.write_text("Dear reader")
    for source in (b"", b"Dear reader", text):
        with pytest.raises(UnsupportedImage, match="not an image"):
            read_image(source)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "absent.png")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """One picture in many formats, where they can with the metadata that decoders stumble over."""
    i, j = np.mgrid[:24, :40]
    image = Image.fromarray(np.stack([i * 9, j * 6, i * j % 256], -1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a caption"
    more = {"exif": exif.tobytes(), "icc_profile": b"a profile" * 9}
    frames = {"save_all": True, "append_images": [image.rotate(90)]}
    kinds = ("BMP", "PPM", "TGA", "ICO", "JPEG2000", "PCX", "SGI")
    made = {kind: file_bytes(image, kind) for kind in kinds}
    made |= {kind: file_bytes(image, kind, **more) for kind in ("PNG", "JPEG", "WEBP", "AVIF")}
    made |= {
        f"{kind}, frames": file_bytes(image, kind, **frames) for kind in ("GIF", "WEBP", "PNG")
    }
    made["PNG, palette"] = file_bytes(image.convert("P"), transparency=3)
    made["JPEG, inks"] = file_bytes(image.convert("CMYK"), "JPEG", progressive=True)
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        made[f"TIFF, {compression}"] = file_bytes(image, "TIFF", compression=compression, **more)
    made["TIFF, bilevel"] = file_bytes(image.convert("1"), "TIFF", compression="group4")
    made["PBM, plain"] = b"P1\n# a comment\n8 3\n" + b"1 0 1 0 1 0 1 0\n" * 3
    return made


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """Cut off somewhere, or with a few bytes changed, mostly in the head."""
    if rng.random() < 0.4:
        return whole[: rng.integers(len(whole))]
    broken = bytearray(whole)
    reach = min(len(whole), 200) if rng.random() < 0.7 else len(whole)
    for position in rng.integers(reach, size=rng.integers(1, 5)):
        broken[position] = rng.integers(256)
    return bytes(broken)


@pytest.mark.filterwarnings("error")
def test_of_a_damaged_file_comes_a_picture_or_an_error_with_a_name(files):
    rng = np.random.default_rng(0)
    refused = dict.fromkeys(files, 0)
    for kind, whole in files.items():
        assert read_image(whole).rgb.size
        for _ in range(30):
            try:
                planes = read_image(damaged(whole, rng))
            except HcfError:
                refused[kind] += 1
            else:
                assert planes.rgb.dtype == np.uint8 and planes.rgb.shape[2:] == (3,)
    assert all(refused.values())


def test_a_file_that_ends_early_is_refused_however_it_comes(tmp_path, rgb):
    whole = file_bytes(Image.fromarray(rgb).resize((64, 64)))
    half = whole[: len(whole) // 2]
    path = tmp_path / "half.png"
    path.write_bytes(half)
    for source in (half, path, io.BytesIO(half), Image.open(path)):
        with pytest.raises(UnsupportedImage, match="damaged"):
            read_image(source)


def test_a_file_that_would_fill_the_memory_is_refused(monkeypatch, rgb):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(ImageTooLarge, match="cut the image into parts"):
        read_image(file_bytes(Image.fromarray(rgb)))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 3)), r"got float64 \[2, 2, 3\]: scale to 0..255, round and cast"),
        (np.zeros((2, 2), bool), r"got bool \[2, 2\]"),
        (np.zeros((9, 9, 5), np.uint8), r"got uint8 \[9, 9, 5\]: \[H, W\] and .* are images too"),
        (np.zeros((3, 9, 9), np.uint8), r"got uint8 \[3, 9, 9\]: channels come last"),
        (np.zeros((2, 9, 9, 3), np.uint8), r"got uint8 \[2, 9, 9, 3\]: give .* one by one"),
        (np.zeros(9, np.uint8), r"got uint8 \[9\]"),
    ],
    ids=["float", "bool", "five channels", "channels first", "batch", "flat"],
)
def test_arrays_of_another_kind_are_refused_and_told_what_is_expected(array, message):
    with pytest.raises(UnsupportedImage, match=r"expected uint8 \[H, W, 3\], " + message):
        read_image(array)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(UnsupportedImage, match="0x3"):
        read_image(np.zeros((3, 0, 3), np.uint8))


def test_a_decoded_grey_image_takes_the_luma_of_its_three_channels():
    coded = np.array([[[100, 101, 99]]], np.uint8)  # lossy channels differ by a little
    assert np.asarray(to_pil(Planes(coded, grey=True))).tolist() == [[100]]
