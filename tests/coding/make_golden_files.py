"""Writes golden/v2: files of format version 2, the weights that they need, and what they decode to.

    python -m tests.coding.make_golden_files

Run it for a new version of the format, into a folder of its own, or for a new section: what is there stays, as these
files must be read for ever.
"""

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from hcfss_jax.codec import Codec
from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.pictures.images import Planes, read_image
from hcfss_jax.pictures.other_formats import encode_planes
from hcfss_jax.weights import load_package, make_package, save_package
from tests.small_model import NAME, photo, small_model, small_params

FOLDER = Path(__file__).parent / "golden" / "v2"
WEIGHTS = FOLDER / "weights.safetensors"


def main() -> None:
    """Write what is not there yet."""
    FOLDER.mkdir(exist_ok=True)
    if not WEIGHTS.exists():
        save_package(WEIGHTS, make_package(small_model(), NAME, small_params(), {}))
    codec = Codec(load_package(WEIGHTS), tile=128)
    for name, (image, quality) in cases().items():
        path = FOLDER / f"{name}.hcf"
        if not path.exists():
            wishes = {"step_checks": name == "step-checks", "exact": name == "exact"}
            max_error = {"lossless": 0, "values-that-occur": 0, "errors-of-2": 2}.get(name)
            path.write_bytes(codec.compress(image, quality, max_error=max_error, **wishes))
            picture, _ = encode_planes(codec.decode(path.read_bytes()), "PNG")
            path.with_suffix(".png").write_bytes(picture)


def cases() -> dict[str, tuple[Image.Image | Planes, float]]:
    """Pictures, each with a quality."""
    colour = Image.fromarray(photo(70, 90))
    clear = colour.copy()
    clear.putalpha(Image.fromarray(photo(70, 90, 1)[..., 0]))
    clear.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = Image.fromarray(photo(60, 40))
    exif = told.getexif()
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Orientation] = "whoever took it", 6
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (11.0, 34.0, 0.25)}
    told.info |= {"xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', "dpi": (300, 240.5)}
    deep = np.dstack([photo(140, 100), photo(140, 100, 1)[..., :1]]).astype(np.uint16) * 257
    deep += np.arange(100, dtype=np.uint16)[:, None]  # which wraps around near white
    return {
        "ten-bits": (read_image(rescaled(deep, 16, 10), depth=10), 4.0),  # in two tiles
        "sixteen-bits-grey": (read_image(deep[:60, :40, 0]), 3.0),
        "colour": (colour, 4.0),
        "between-levels": (colour, 6.515625),
        "grey": (colour.convert("L"), 2.0),
        "alpha-and-profile": (clear, 5.0),
        "one-pixel": (Image.fromarray(np.array([[[200, 30, 90]]], np.uint8)), 1.0),
        "metadata": (told, 3.5),
        "step-checks": (Image.fromarray(photo(140, 100)), 2.5),  # in two tiles
        "exact": (Image.fromarray(photo(150, 140)), 4.5),  # in four tiles
        "lossless": (clear, 1.0),
        "values-that-occur": (Image.fromarray(photo(60, 50) // 5 * 5), 1.0),
        "errors-of-2": (Image.fromarray(photo(51, 141)), 2.0),  # in two tiles
        "tiles": (Image.fromarray(photo(150, 250)), 3.0),
    }


if __name__ == "__main__":
    main()
