"""`hcfss demo`: a sample photo to an `.hcf` file and back, beside a JPEG of the same size.

The photo is `shipped/astronaut.webp`: Eileen Collins, NASA, public domain.
"""

import argparse
import io
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from hcfss_jax.cli import runtime
from hcfss_jax.cli.jpeg import jpeg_of_size
from hcfss_jax.cli.side_by_side import side_by_side
from hcfss_jax.pictures.images import read_image
from hcfss_jax.runtime.whole_file import write_whole

_Result = TypeVar("_Result")


def demo(args: argparse.Namespace) -> int:
    """Write `astronaut.hcf`, what it decodes to, and a comparison under `--out`; the exit code."""
    folder = Path(args.out)
    codec = _timed("load the model", lambda: runtime.load_codec(args.model))
    quality = codec.default_quality if args.quality is None else args.quality
    photo = read_image(resources.files("hcfss_jax").joinpath("shipped/astronaut.webp").read_bytes())

    hcf = folder / "astronaut.hcf"
    data = _timed("compress (and compile)", lambda: codec.compress(photo.rgb, quality))
    write_whole(hcf, data)
    # From the file, as anyone who is handed it would.
    decoded = _timed("decompress (and compile)", lambda: codec.decompress(hcf.read_bytes()))
    pixels = np.asarray(decoded.convert("RGB"))
    write_whole(folder / "astronaut.png", _png(decoded))

    jpeg, jpeg_quality = jpeg_of_size(photo.rgb, len(data))
    rivals = [
        ("original", photo.rgb, photo.rgb.size),
        (f"{codec.name}, quality {quality:g}", pixels, len(data)),
        (f"JPEG, quality {jpeg_quality}", read_image(jpeg).rgb, len(jpeg)),
    ]
    panels = [(image, _caption(title, photo.rgb, image, size)) for title, image, size in rivals]
    write_whole(folder / "comparison.png", _png(side_by_side(panels)))

    print()
    for _, (title, figures) in panels:
        print(f"{title:<32} {figures}")
    print()
    for file, what in (
        (hcf, "the compressed photo"),
        (folder / "astronaut.png", "what it decodes to"),
        (folder / "comparison.png", "original, ours and JPEG side by side"),
    ):
        print(f"{file}  {what}")
    return 0


def _timed(stage: str, action: Callable[[], _Result]) -> _Result:
    start = time.perf_counter()
    result = action()
    print(f"{stage:<32} {time.perf_counter() - start:6.1f} s", flush=True)
    return result


def _caption(title: str, original: np.ndarray, image: np.ndarray, size: int) -> tuple[str, str]:
    from hcfss_jax.metrics import psnr

    height, width = original.shape[:2]
    figures = f"{size:,} bytes, {8 * size / (width * height):.3f} bpp"
    if image is not original:
        figures += f", PSNR {psnr(original, image):.2f} dB"
    return title, figures


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
