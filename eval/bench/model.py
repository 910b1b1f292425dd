"""Size, work, time and memory of a model on one picture.

    python -m eval.bench.model --model NAME --image photo.png

Without shipped weights the model gets random ones: figures of size, work, time and memory are
then as good as any, the file's length is not.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from eval.work import variable_shapes, work
from hcfss_jax.codec import Codec
from hcfss_jax.errors import HcfError
from hcfss_jax.models import create_model
from hcfss_jax.pictures.images import read_image
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS, load_package, make_package, shipped_names


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; the exit code, 1 for failures and where the decoder disagrees with the encoder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT_WEIGHTS, help="any model's name")
    parser.add_argument("--image", required=True, help="a picture's file")
    parser.add_argument("--quality", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=3, help="timed runs; the median is printed")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device, to tell the share of it")
    args = parser.parse_args(argv)
    prepare_jax()
    try:
        return _report(args)
    except (HcfError, OSError) as error:
        print(f"eval.bench.model: {error}", file=sys.stderr)
        return 1


def _report(args: argparse.Namespace) -> int:
    pixels = read_image(args.image).at_depth(8).rgb
    height, width = pixels.shape[:2]
    model = create_model(args.model)
    of_model = work(model, height, width)
    encoding, decoding = of_model.encoder, of_model.decoder
    codec, origin = _codec(args.model, model)
    print(f"{'model':<24} {args.model}, {origin} weights, on {jax.devices()[0].device_kind}")
    print(f"{'picture':<24} {width}x{height}")
    print(f"{'parameters':<24} {codec.parameter_count:,}")
    for name, count in (("encoder", encoding), ("decoder", decoding)):
        per_pixel = f"{count / (width * height) / 1e3:.1f} k a pixel"
        print(f"{f'multiply-adds, {name}':<24} {count / 1e9:.2f} G, {per_pixel}")

    def encode() -> bytes:
        return codec.compress(pixels, args.quality)

    def decode() -> Any:
        return codec.decompress(data)

    first_encode, data = _timed(encode)
    first_decode, decoded = _timed(decode)
    times = [(_timed(encode)[0], _timed(decode)[0]) for _ in range(args.repeats)]
    medians = (statistics.median(column) for column in zip(*times, strict=True))
    for name, seconds, first, count in zip(
        ("encode", "decode"),
        medians,
        (first_encode, first_decode),
        (encoding, decoding),
        strict=True,
    ):
        print(f"{name:<24} {seconds:.2f} s (the first, with compilation, {first:.2f} s)")
        rate = 2 * count / seconds
        share = f", {rate / args.peak / 1e12:.1%} of its peak" if args.peak else ""
        print(f"{'':<24} {rate / 1e9:,.1f} GFLOP/s of the model's arithmetic{share}")
    exact = np.array_equal(np.asarray(decoded), codec.encode(pixels, args.quality).x_hat)
    print(f"{'file':<24} {len(data):,} bytes")
    print(f"{'decoded as promised':<24} {'to the bit' if exact else 'NO'}")
    print(f"{'peak memory':<24} {_peak_gib():.2f} GiB of this process")
    return int(not exact)


def _codec(name: str, model: Any) -> tuple[Codec, str]:
    if name in shipped_names():
        return Codec(load_package(name)), "trained"
    params = jax.tree.map(_draw, variable_shapes(model)["params"])
    return Codec(make_package(model, name, params, {}, "float32")), "random"


def _draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    """Random kernels, and ones: by numpy, since compiling the model's own start takes minutes."""
    if len(leaf.shape) < 2:
        return np.ones(leaf.shape, np.float32)
    rng = np.random.default_rng(leaf.shape)
    return (rng.normal(size=leaf.shape) / np.prod(leaf.shape[:-1]) ** 0.5).astype(np.float32)


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def _peak_gib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20


if __name__ == "__main__":
    sys.exit(main())
