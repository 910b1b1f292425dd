"""`hcfss compress` and `hcfss decompress`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hcfss_jax.cli import batch, jobs, runtime
from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.pictures.fine_contrast import finely_contrasted, lost_blocks
from hcfss_jax.pictures.images import read_image, to_pil
from hcfss_jax.pictures.mask import read_mask
from hcfss_jax.pictures.other_formats import encode_picture
from hcfss_jax.pictures.picture_files import PICTURE_ENDINGS, passed_over_as
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
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".tga": "TGA",
}
"""What pictures are written as: Pillow's name of a format, by what the name of the file ends in."""

_WORTH_TELLING = 8  # blocks of 16x16 pixels: less is a detail, as a photo may have one


def compress(args: argparse.Namespace) -> int:
    """Photos to `.hcf` files; the exit code."""
    if args.step_checks and args.target_bpp is not None:
        args.usage.error(
            "--step-checks goes with --quality: they would come on top of --target-bpp"
        )
    if args.text_encoder and args.caption is None:
        args.usage.error("--text-encoder goes with --caption: there is no text to read")
    max_error = 0 if args.lossless else args.max_error
    if max_error is not None and args.target_bpp is not None:
        args.usage.error(
            "--target-bpp goes without --lossless and --max-error: they take what they take"
        )
    wishes = _wishes(args)
    todo = _plan(args, _to_hcf())
    given = _side_inputs(args, todo)
    if args.exact:
        given["exact"] = True
    if max_error is not None:
        given["max_error"] = max_error
    codec = runtime.load_codec(args.model, args.model_factory)
    quality = args.quality
    if quality is None:
        quality = codec.default_quality if max_error is None else codec.base_quality
    if args.target_bpp is None:
        codec.check_quality(quality)

    def work(job: jobs.Job) -> tuple[bytes, str]:
        planes = read_image(_source(job), strip=args.strip)
        for note in planes.notes:
            wishes.note(f"{job.origin}: {note}")
        image, found = to_pil(planes), quality
        if args.target_bpp is None:
            data = codec.compress(
                image, quality, progress=wishes.tiles, step_checks=args.step_checks, **given
            )
        else:
            data, found = codec.target_bpp(image, args.target_bpp, progress=wishes.tiles, **given)
        bpp = 8 * len(data) / (image.width * image.height)
        if args.target_bpp is not None and found >= codec.levels:
            wishes.note(
                f"{job.origin}: quality {found:g}, the best of {codec.name}, takes {bpp:.3f} bpp: "
                f"no file comes nearer to {args.target_bpp:g}"
            )
        if max_error is None and (lost := _lost_contrast(codec, planes.rgb, data, wishes)):
            wishes.note(f"{job.origin}: {lost} at quality {found:.3g}; PNG keeps it")
        return data, f"{len(data):,} bytes, {bpp:.3f} bpp, {_bound(max_error)}quality {found:.3g}"

    return batch.run(todo, work, wishes)


def decompress(args: argparse.Namespace) -> int:
    """`.hcf` files to pictures; the exit code."""
    wishes = _wishes(args)
    todo = _plan(args, _to_picture(args))
    codecs: dict[str, Codec] = {}
    wanted = {"exact": False} if args.no_exact else {}
    if args.base:
        wanted["base"] = True

    def work(job: jobs.Job) -> tuple[bytes, str]:
        kind = args.format or _format_of(job.target)
        source = _source(job)
        data = source if isinstance(source, bytes) else source.read_bytes()
        name = args.model or _model_of(data)
        if name not in codecs:
            codecs[name] = runtime.load_codec(name, args.model_factory)
        try:
            image = codecs[name].decompress(data, progress=wishes.tiles, **wanted)
        except WrongWeights as error:
            raise WrongWeights(f"{error} (--model FILE)") from error
        picture, notes = encode_picture(image, kind)
        for note in notes:
            wishes.note(f"{job.origin}: {note}")
        return picture, f"{image.width}x{image.height} pixels, {image.mode}"

    return batch.run(todo, work, wishes)


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


def _source(job: jobs.Job) -> Path | bytes:
    return sys.stdin.buffer.read() if job.source is None else job.source


def _lost_contrast(codec: Codec, rgb: np.ndarray, data: bytes, wishes: batch.Wishes) -> str | None:
    """What of fine, hard contrast a file does not hold, in words.

    Only for the rare picture that has such contrast is the file decoded to look: photos have none, and cost nothing.
    """
    blocks = finely_contrasted(rgb)
    if wishes.quiet or len(blocks) < _WORTH_TELLING:
        return None
    decoded = codec.decompress(data, progress=wishes.tiles)
    lost = lost_blocks(rgb, np.asarray(decoded.convert("RGB")), blocks)
    if lost < _WORTH_TELLING:
        return None
    return f"in {lost} blocks of 16x16 pixels hard contrast from pixel to pixel is lost"


def _model_of(data: bytes) -> str:
    """The weights that a file was written with, if they are here: a file must not point at others."""
    from hcfss_jax.coding import unpack
    from hcfss_jax.weights import shipped_with

    header = unpack(data)[0]
    name = shipped_with(header.model, header.fingerprint)
    if name is None:
        raise UnknownModel(
            f"it was written with weights {header.fingerprint.hex()} of {header.model!r}, which do not come with the "
            "library: give them with --model FILE"
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
