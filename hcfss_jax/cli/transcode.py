"""`hcfss compress` and `hcfss decompress`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from PIL import Image

from hcfss_jax.cli import batch, jobs, runtime
from hcfss_jax.errors import UnknownModel, UnsupportedImage
from hcfss_jax.images import read_image, to_pil
from hcfss_jax.other_formats import encode_picture

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec


def compress(args: argparse.Namespace) -> int:
    """Photos to `.hcf` files; the exit code."""
    todo = jobs.plan(args.paths, args.output, _to_hcf())
    codec = runtime.load_codec(args.model)
    quality = codec.default_quality if args.quality is None else args.quality
    if args.target_bpp is None:
        codec.check_quality(quality)

    def work(job: jobs.Job) -> tuple[bytes, str]:
        planes = read_image(job.source, strip=args.strip)
        for note in planes.notes:
            batch.complain(f"{job.source}: {note}")
        image, found = to_pil(planes), quality
        if args.target_bpp is None:
            data = codec.compress(image, quality=quality, progress=batch.tiles)
        else:
            data, found = codec.target_bpp(image, args.target_bpp, progress=batch.tiles)
        bpp = 8 * len(data) / (image.width * image.height)
        return data, f"{len(data):,} bytes, {bpp:.3f} bpp, quality {found:.3g}"

    return batch.run(todo, work, args.force)


def decompress(args: argparse.Namespace) -> int:
    """`.hcf` files to pictures; the exit code."""
    todo = jobs.plan(args.paths, args.output, _to_picture())
    codecs: dict[str, Codec] = {}

    def work(job: jobs.Job) -> tuple[bytes, str]:
        kind = _picture_format(job.target.suffix)
        data = job.source.read_bytes()
        name = args.model or _model_of(data)
        if name not in codecs:
            codecs[name] = runtime.load_codec(name)
        image = codecs[name].decompress(data, progress=batch.tiles)
        picture, notes = encode_picture(image, kind)
        for note in notes:
            batch.complain(f"{job.source}: {note}")
        return picture, f"{image.width}x{image.height} pixels, {image.mode}"

    return batch.run(todo, work, args.force)


def _model_of(data: bytes) -> str:
    """The model that a file names, if its weights are here: a file must not point at others."""
    from hcfss_jax.coding import unpack
    from hcfss_jax.weights import shipped_names

    name = unpack(data)[0].model
    if name not in shipped_names():
        raise UnknownModel(
            f"it was written with {name!r}, whose weights do not come with the library: "
            "give them with --model FILE"
        )
    return name


def _picture_format(suffix: str) -> str:
    kind = Image.registered_extensions().get(suffix.lower())
    if kind not in Image.SAVE:
        raise UnsupportedImage(f"pictures of type {suffix or 'without suffix'} cannot be written")
    return kind


def _to_hcf() -> jobs.Direction:
    return jobs.Direction(_pictures(), frozenset({".hcf"}), ".hcf", "image")


def _to_picture() -> jobs.Direction:
    return jobs.Direction(frozenset({".hcf"}), _pictures(), ".png", "`.hcf` file")


def _pictures() -> frozenset[str]:
    """Suffixes of what Pillow knows by itself; `hcfss_jax.pillow` teaches it ours."""
    return frozenset(Image.registered_extensions()) - {".hcf"}
