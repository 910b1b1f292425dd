"""`hcfss compress` and `hcfss decompress`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hcfss_jax.cli import batch, jobs, runtime
from hcfss_jax.errors import Incomplete, UnknownModel, WrongWeights
from hcfss_jax.metrics import ssimulacra2
from hcfss_jax.pictures.fine_contrast import finely_contrasted, lost_blocks
from hcfss_jax.pictures.images import read_image
from hcfss_jax.pictures.mask import read_mask
from hcfss_jax.pictures.other_formats import encode_planes
from hcfss_jax.pictures.picture_files import PICTURE_ENDINGS, passed_over_as
from hcfss_jax.pictures.planes import described, to_pil
from hcfss_jax.texts import HuggingFaceEncoder, hashed

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec

PICTURE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jp2": "JPEG2000",
    ".jxl": "JXL",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".tga": "TGA",
}
"""What pictures are written as: Pillow's name of a format, by what the name of the file ends in."""

_WORTH_TELLING = 8  # blocks of 16x16 pixels: less is a detail, as a photo may have one


def compress(args: argparse.Namespace) -> int:
    """Photos to `.hcf` files; the exit code."""
    if args.tune and not args.effort:
        args.usage.error("--tune goes with --effort 1 to 9: without it there is nothing to tune")
    if args.text_encoder and args.caption is None:
        args.usage.error("--text-encoder goes with --caption: there is no text to read")
    max_error = 0 if args.lossless else args.max_error
    wishes = _wishes(args)
    todo = _plan(args, _to_hcf())
    given = _side_inputs(args, todo)
    if args.exact:
        given["exact"] = True
    codec = runtime.load_codec(args.model, args.model_factory, args.tile)
    quality = args.quality
    if quality is None:
        quality = codec.default_quality if max_error is None else codec.base_quality
    target = _target(args)
    if target and (args.effort or max_error is not None):
        option = "--effort" if args.effort else "--lossless" if args.lossless else "--max-error"
        args.usage.error(
            f"{option} goes with --quality: a target is what the quality alone comes to"
        )
    if not target:
        codec.check_quality(quality)
    if args.effort:
        codec.check_effort(args.effort, args.tune)

    def work(job: jobs.Job) -> tuple[bytes, str]:
        source = _source(job)
        planes = read_image(source, strip=args.strip)
        for note in planes.notes:
            wishes.note(f"{job.origin}: {note}")
        image, found = dataclasses.replace(planes, notes=()), quality
        how = {"progress": wishes.tiles, "step_checks": args.step_checks, **given}
        if target:
            data, found = codec.target(image, **target, **how)
        else:
            bound: dict[str, Any] = {} if max_error is None else {"max_error": max_error}
            with wishes.effort(args.effort, args.tune) as effort:
                data = codec.compress(image, quality, **effort, **bound, **how)
        height, width = planes.rgb.shape[:2]
        bpp = 8 * len(data) / (width * height)
        if {*target} & {"bpp", "size"} and found >= codec.levels:
            wishes.note(
                f"{job.origin}: quality {found:g}, the best of {codec.name}, takes {bpp:.3f} bpp, {len(data):,} bytes: "
                "no file comes nearer to the target"
            )
        shown = planes.at_depth(8).rgb
        if max_error is None and (lost := _lost_contrast(codec, shown, data, wishes)):
            wishes.note(f"{job.origin}: {lost} at quality {found:.3g}; PNG keeps it")
        if max_error == 0 and (before := _size(source)) < len(data):
            wishes.note(
                f"{job.origin}: has {before:,} bytes as it is, fewer than without loss here: graphics, noise and what "
                "was a lossy file already are no photos"
            )
        return data, f"{len(data):,} bytes, {bpp:.3f} bpp, {_bound(max_error)}quality {found:.3g}"

    return batch.run(todo, work, wishes)


def decompress(args: argparse.Namespace) -> int:
    """`.hcf` files to pictures; the exit code."""
    wishes = _wishes(args)
    todo = _plan(args, _to_picture(args))
    codecs: dict[str, Codec] = {}

    def work(job: jobs.Job) -> tuple[bytes, str]:
        kind = args.format or _format_of(job.target)
        source = _source(job)
        data = source if isinstance(source, bytes) else source.read_bytes()
        name = args.model or _model_of(data, args.partial)
        if name not in codecs:
            codecs[name] = runtime.load_codec(name, args.model_factory)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", Incomplete)
                planes = codecs[name].decode(data, progress=wishes.tiles, **_wanted(args))
        except WrongWeights as error:
            raise WrongWeights(f"{error} (--model FILE)") from error
        picture, notes = encode_planes(planes, kind)
        for note in [*(str(each.message) for each in told), *notes]:
            wishes.note(f"{job.origin}: {note}")
        return picture, described(planes)

    return batch.run(todo, work, wishes)


def _target(args: argparse.Namespace) -> dict[str, Any]:
    """What the file is to keep to, as `Codec.target` takes it; nothing where there is a quality."""
    asked = {
        "bpp": args.target_bpp,
        "size": args.target_size,
        "psnr": args.target_psnr,
        "ms_ssim": args.target_ms_ssim,
        "ssimulacra2": args.target_ssimulacra2,
    }
    if args.target_ssimulacra2 is not None:
        ssimulacra2()  # tells now where its package is missing
    return {name: number for name, number in asked.items() if number is not None}


def _wanted(args: argparse.Namespace) -> dict[str, Any]:
    """What of a file is asked for, as `Codec.decode` takes it, where that is not all of it."""
    asked = {
        "depth": args.depth,
        "region": args.region,
        "steps": args.preview,
        "partial": args.partial or None,
        "exact": False if args.no_exact else None,
        "base": args.base or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _bound(max_error: int | None) -> str:
    """How near to the photo its file is, where that is asked for, in words."""
    if max_error is None:
        return ""
    return (f"errors up to {max_error}" if max_error else "lossless") + ", base of "


def _side_inputs(args: argparse.Namespace, todo: jobs.Plan) -> dict[str, Any]:
    """What the codec is given beside a photo. Raises BadPaths for a mask or a caption of several photos."""
    for option, value in (("--roi", args.roi), ("--caption", args.caption)):
        if value is not None and len(todo.jobs) != 1:
            raise jobs.BadPaths(
                f"{option} {value} is of one photo, and these are {len(todo.jobs)}: compress each with its own"
            )
    given: dict[str, Any] = {}
    if args.roi is not None:
        if not os.path.isfile(args.roi):
            raise jobs.BadPaths(f"--roi {args.roi!r} is no file: give the path of a picture")
        given["roi"] = read_mask(args.roi)
    if args.caption is not None:
        encoder = HuggingFaceEncoder(args.text_encoder) if args.text_encoder else hashed
        given["given"] = {"text": encoder(args.caption)}
    return given


def _wishes(args: argparse.Namespace) -> batch.Wishes:
    return batch.Wishes(args.force, args.preserve, args.quiet)


def _plan(args: argparse.Namespace, direction: jobs.Direction) -> jobs.Plan:
    plan = jobs.plan(args.paths, args.output, direction, args.recursive)
    into_terminal = any(job.target is None and not job.problem for job in plan.jobs)
    if into_terminal and sys.stdout.isatty() and not args.force:
        raise jobs.BadPaths("a terminal cannot show the output: name a file, or pipe it on")
    return plan


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _source(job: jobs.Job) -> Path | bytes:
    return sys.stdin.buffer.read() if job.source is None else job.source


def _lost_contrast(codec: Codec, rgb: np.ndarray, data: bytes, wishes: batch.Wishes) -> str | None:
    """What of fine, hard contrast a file does not hold, in words.

    Only for the rare picture that has such contrast is the file decoded to look: photos have none, and cost nothing.
    """
    blocks = finely_contrasted(rgb)
    if wishes.quiet or len(blocks) < _WORTH_TELLING:
        return None
    decoded = to_pil(codec.decode(data, progress=wishes.tiles, depth=8))
    lost = lost_blocks(rgb, np.asarray(decoded.convert("RGB")), blocks)
    if lost < _WORTH_TELLING:
        return None
    return f"in {lost} blocks of 16x16 pixels hard contrast from pixel to pixel is lost"


def _model_of(data: bytes, cut: bool) -> str:
    """The weights that a file was written with, if they are here: a file must not point at others."""
    from hcfss_jax.coding import unpack, unpack_cut
    from hcfss_jax.weights import absence, shipped_with

    header = (unpack_cut if cut else unpack)(data)[0]
    name = shipped_with(header.model, header.fingerprint)
    if name is None:
        raise UnknownModel(
            f"it was written with weights {header.fingerprint.hex()} of {header.model!r}, "
            f"{absence(header.model, header.fingerprint)}: give them with --model FILE"
        )
    return name


def _format_of(path: Path | None) -> str:
    """Pillow's name of the format that a file's name asks for."""
    return "PNG" if path is None else PICTURE_FORMATS.get(path.suffix.lower(), "PNG")


def _to_hcf() -> jobs.Direction:
    return jobs.Direction(passed_over_as, PICTURE_ENDINGS, [".hcf"], ".hcf", "image")


def _to_picture(args: argparse.Namespace) -> jobs.Direction:
    makes = [end for end, kind in PICTURE_FORMATS.items() if args.format in (None, kind)]
    default = makes[0] if args.format else ".png"
    return jobs.Direction(_no_hcf_file, frozenset({".hcf"}), makes, default, "`.hcf` file")


def _no_hcf_file(name: str, head: Callable[[], bytes]) -> str | None:
    """None for an `.hcf` file, by its name or its content; else how it is counted."""
    ending = Path(name).suffix.lower()
    if ending == ".hcf" or head().startswith(b"HCF\2"):
        return None
    return ending or "without ending"
