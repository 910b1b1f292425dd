"""Bytes of lossless coding and of bounded errors: `python -m eval.bench.lossless PICTURES`.

For each picture the bytes of optimised PNG, of WebP, JPEG XL and AVIF at their lossless settings, as far as they are
installed, of the coder of residuals without a base, and, with --model, of whole files at each base quality. Every
picture of ours is decoded and compared. Then the bytes for each bound on the error, and seconds of processor time.
"""

import argparse
import importlib.util
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from hcfss_jax.codec import Codec, load
from hcfss_jax.coding.residual import decode_residual, encode_residual
from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.images import read_image
from hcfss_jax.runtime.jax_settings import prepare_jax


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path, help="files, or folders of PNG")
    parser.add_argument("--model", help="weights of whole files; default: the coder alone")
    parser.add_argument("--base-qualities", type=float, nargs="+", default=[1.0])
    parser.add_argument("--max-errors", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--crop", type=int, help="pixels a side, from the middle")
    parser.add_argument("--without", nargs="+", default=[], help="codecs to leave out, by name")
    args = parser.parse_args(argv)
    prepare_jax()
    try:
        return _report(args)
    except (HcfError, OSError) as error:
        print(f"eval.bench.lossless: {error}", file=sys.stderr)
        return 1


def _report(args: argparse.Namespace) -> int:
    found = [q for p in args.pictures for q in (sorted(p.glob("*.png")) if p.is_dir() else [p])]
    codec = load(args.model) if args.model else None
    beside = others(args.without)
    total: Counter[str] = Counter()
    for path in found:
        rgb = _cropped(read_image(path).rgb, args.crop)
        sizes: dict[str, float] = {name: len(encode(rgb)) for name, encode in beside.items()}
        sizes |= _ours(rgb, args.max_errors)
        if codec:
            sizes |= _files(codec, rgb, args.max_errors, args.base_qualities)
        total.update(sizes)
        print(path.name, _told(sizes), flush=True)
    print(f"{len(found)} pictures")
    for name, size in total.items():
        if "seconds" in name:
            print(f"{name:28} {size:12,.2f}")
        else:
            ratios = [f"{100 * size / total[other] - 100:+.1f} % of {other}" for other in beside]
            print(f"{name:28} {size:12,}   {', '.join(ratios)}")
    return 0


def others(without: Sequence[str] = ()) -> dict[str, Callable[[np.ndarray], bytes]]:
    """Lossless codecs that are installed, by name, each at a setting worth the wait."""
    found = {
        "png": lambda rgb: _saved(rgb, "PNG", optimize=True),
        "webp": lambda rgb: _saved(rgb, "WEBP", lossless=True, quality=100, method=6, exact=True),
    }
    if importlib.util.find_spec("imagecodecs"):
        found["jxl-7"] = partial(_jpeg_xl, 7)
        found["avif"] = _avif
    return {name: encode for name, encode in found.items() if name not in without}


def _jpeg_xl(effort: int, rgb: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(rgb, lossless=True, effort=effort))


def _avif(rgb: np.ndarray) -> bytes:
    """Lossless by libaom."""
    import imagecodecs

    return bytes(imagecodecs.avif_encode(rgb, level=100, speed=4))


def _saved(rgb: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def _ours(rgb: np.ndarray, max_errors: list[int]) -> dict[str, float]:
    """The coder alone. Raises HcfError where a picture is further off than it may."""
    sizes: dict[str, float] = {}
    for n in max_errors:
        start = time.process_time()
        data = encode_residual(rgb, max_error=n)
        middle = time.process_time()
        _check(decode_residual(data, rgb.shape, max_error=n), rgb, n)
        end = time.process_time()
        sizes[f"coder n={n}"] = len(data)
        sizes[f"coder n={n} seconds to write"] = middle - start
        sizes[f"coder n={n} seconds to read"] = end - middle
    return sizes


def _files(
    codec: Codec, rgb: np.ndarray, max_errors: list[int], qualities: list[float]
) -> dict[str, float]:
    sizes: dict[str, float] = {}
    for quality in qualities:
        sizes[f"base q={quality:g}"] = len(codec.compress(rgb, quality, exact=True))
        for n in max_errors:
            data = codec.compress(rgb, quality, max_error=n)
            _check(np.asarray(codec.decompress(data)), rgb, n)
            sizes[f"file q={quality:g} n={n}"] = len(data)
    return sizes


def _check(decoded: np.ndarray, truth: np.ndarray, max_error: int) -> None:
    off = int(np.abs(decoded.astype(int) - truth).max())
    if off > max_error:
        raise HcfError(f"a value is off by {off}, more than {max_error}")


def _cropped(rgb: np.ndarray, side: int | None) -> np.ndarray:
    if side is None:
        return rgb
    top, left = (max(0, (n - side) // 2) for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + side, left : left + side])


def _told(sizes: dict[str, float]) -> str:
    return "  ".join(f"{k} {v:.2f}" if "sec" in k else f"{k} {v:,}" for k, v in sizes.items())


if __name__ == "__main__":
    sys.exit(main())
