"""Whether the hard, fine contrast of screens survives: checkers, dither and small coloured text through whole files.

    python -m eval.fine_contrast --weights MODEL --qualities 4 8

What a picture loses here no photo shows: a checkerboard that is decoded to grey costs Kodak nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import resources

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hcfss_jax.codec import Codec, load
from hcfss_jax.errors import HcfError
from hcfss_jax.metrics import psnr
from hcfss_jax.pictures.images import read_image
from hcfss_jax.weights import DEFAULT_WEIGHTS

SIDE = 256
_LETTERS = 9  # pixels, of the font
_INKS = ("black", "#c00000", "#0040d0", "#007a20", "#8a00a8", "#b05000", "#606060")
_GROUNDS = ("white", "#fff4c8", "#d8ecff", "#202830")
_LINE = "Pack my box with five dozen liquor jugs: 0123456789 (=) {x} [y];"


def main(argv: Sequence[str] | None = None) -> int:
    """Print bpp and PSNR of each picture at each quality; the exit code."""
    args = _parser().parse_args(argv)
    try:
        codec = load(args.weights)
        for quality in args.qualities or [float(codec.levels)]:
            for name, picture in pictures().items():
                bpp, quality_db = measure(codec, picture, quality)
                print(f"quality {quality:g}  {name:<22} {bpp:6.3f} bpp {quality_db:6.2f} dB")
    except (HcfError, OSError) as error:
        print(f"eval.fine_contrast: {error}", file=sys.stderr)
        return 1
    return 0


def measure(codec: Codec, picture: np.ndarray, quality: float) -> tuple[float, float]:
    """(bits per pixel of the whole file, PSNR in dB of what is decoded from it); picture uint8 `[H, W, 3]`."""
    data = codec.compress(picture, quality)
    decoded = np.asarray(codec.decompress(data).convert("RGB"))
    return 8 * len(data) / (picture.size / 3), float(psnr(picture, decoded))


def pictures() -> dict[str, np.ndarray]:
    """Four pictures by their names, each uint8 `[SIDE, SIDE, 3]`, always the same."""
    return {
        "checker of one pixel": checker(1),
        "checker of two pixels": checker(2),
        "dithered photo": dithered_photo(),
        "small coloured text": coloured_text(),
    }


def checker(cell: int) -> np.ndarray:
    """Black and white squares of `cell` pixels."""
    i, j = np.mgrid[:SIDE, :SIDE] // cell
    return np.repeat(((i + j) % 2 * 255).astype(np.uint8)[..., None], 3, axis=-1)


def dithered_photo() -> np.ndarray:
    """The sample photo in black and white, its errors diffused (Floyd and Steinberg 1976)."""
    photo = read_image(resources.files("hcfss_jax").joinpath("shipped/astronaut.webp").read_bytes())
    part = Image.fromarray(photo.rgb).crop((128, 0, 128 + SIDE, SIDE))
    return np.asarray(part.convert("1").convert("RGB"))


def coloured_text() -> np.ndarray:
    """Lines of small antialiased letters, seven inks on four grounds."""
    page = Image.new("RGB", (SIDE, SIDE))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(_LETTERS)
    band, step = SIDE // len(_GROUNDS), _LETTERS + 3
    for number, ground in enumerate(_GROUNDS):
        pen.rectangle((0, number * band, SIDE, (number + 1) * band), ground)
    for number, y in enumerate(range(1, SIDE - step, step)):
        ink = _INKS[number % len(_INKS)] if y < 3 * band - step // 2 else "#f0e070"
        shifted = _LINE[number:] + _LINE[:number]
        pen.text((3, y), shifted, ink, font)
    return np.asarray(page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model's name, or a file")
    parser.add_argument("--qualities", type=float, nargs="+", help="(the highest)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
