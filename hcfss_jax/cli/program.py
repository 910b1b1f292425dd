"""The command line of `hcfss`: what can be asked, and how an answer or a failure is told."""

import argparse
import importlib
import io
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from hcfss_jax import __version__
from hcfss_jax.cli import values
from hcfss_jax.cli.messages import complain, explain

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0, 1 for failures, 2 for usage, 130 for Ctrl-C."""
    _print_any_name()
    args = _parse(argv)
    try:
        # Ctrl-C and a polite kill unwind alike, so neither leaves half a file behind.
        previous = signal.signal(signal.SIGTERM, _terminate)
    except ValueError:  # not the main thread: whoever runs it there handles signals
        previous = None
    dropped, sys.unraisablehook = sys.unraisablehook, _hear_again
    try:
        code = args.command(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        complain("interrupted: what was finished is whole, and nothing else was written")
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # the reader left (`hcfss info x | head`)
        return 1
    except Exception as error:
        complain(explain(error))
        _drop_output()
        return 1
    finally:
        sys.unraisablehook = dropped
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _print_any_name() -> None:
    """Names of files that the terminal has no letters for are shown by numbers, and end no command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What cannot be written to standard output is given up: Python would complain once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _hear_again(lost: "sys.UnraisableHookArgs") -> None:
    """Sends a signal again whose exception Python dropped, as it was raised in a callback of the garbage collector."""
    if not isinstance(lost.exc_value, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(lost)
        return
    number = signal.SIGINT if isinstance(lost.exc_value, KeyboardInterrupt) else signal.SIGTERM
    # Not before this hook is left, on a busy machine either: what is raised in it is dropped, too.
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()


def _command(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command that imports its module when it is run, not when the help is read."""

    def run(args: argparse.Namespace) -> int:
        return getattr(importlib.import_module(f"hcfss_jax.cli.{module}"), name)(args)

    return run


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with the usage of the subcommand where it makes no sense.

    Options may stand between paths: `hcfss compress a.png -q 5 b.hcf`.
    """
    args, rest = parser().parse_known_args(_explicit(sys.argv[1:] if argv is None else argv))
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    if rest and (unknown or not hasattr(args, "paths")):
        args.usage.error(f"unknown: {' '.join(unknown or rest)}")
    if rest:
        args.paths += rest
    return args


def _explicit(words: Sequence[str]) -> list[str]:
    """`--preview` before a path is that without a number: the path is no value of it."""
    following = itertools.islice([*words, ""], 1, None)
    return [
        "--preview=1" if word == "--preview" and not after.isdecimal() else word
        for word, after in zip(words, following, strict=True)
    ]


def parser() -> argparse.ArgumentParser:
    """All that can be asked."""
    parser = argparse.ArgumentParser(
        prog="hcfss", description="Learned image compression: photos to .hcf files and back."
    )
    parser.add_argument("--version", action="version", version=f"hcfss {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    compress = commands.add_parser("compress", help="photos to .hcf files")
    _add_paths(compress, "photos, or folders of them; the last may be the output; - is a pipe")
    rate = compress.add_mutually_exclusive_group()
    rate.add_argument(
        "-q",
        "--quality",
        type=values.quality,
        metavar="Q",
        help="1 to 8, or what the model has; default 4",
    )
    rate.add_argument(
        "--target-bpp",
        type=values.positive,
        metavar="X",
        help="the best quality within X bits a pixel",
    )
    rate.add_argument(
        "--target-size",
        type=values.size,
        metavar="BYTES",
        help="the best quality within so many bytes: 200kB, 1.5MB, 200KiB",
    )
    rate.add_argument(
        "--target-psnr",
        type=values.positive,
        metavar="DB",
        help="the least quality of at least so much PSNR",
    )
    rate.add_argument(
        "--target-ms-ssim",
        type=values.similarity,
        metavar="X",
        help="the least quality of at least this MS-SSIM, such as 0.98",
    )
    rate.add_argument(
        "--target-ssimulacra2",
        type=values.number,
        metavar="X",
        help="the least quality of at least this SSIMULACRA2, such as 70; takes a package of that name",
    )
    compress.add_argument(
        "--effort",
        type=int,
        choices=range(10),
        default=0,
        metavar="N",
        help="0 to 9: look longer for a smaller file of the same quality; default 0, 9 takes minutes",
    )
    compress.add_argument(
        "--tune",
        choices=["psnr", "ms-ssim"],
        help="what effort is for; default: what the weights were trained for",
    )
    compress.add_argument(
        "--strip", action="store_true", help="leave out EXIF, XMP and density (dpi)"
    )
    compress.add_argument(
        "--roi",
        metavar="MASK",
        help="a picture of the photo's size, white where the quality counts; for models that take one",
    )
    compress.add_argument(
        "--caption", metavar="TEXT", help="what the photo shows; for models that take a text"
    )
    compress.add_argument(
        "--text-encoder",
        metavar="FOLDER",
        help="a model of Hugging Face that reads the caption; default: a stand-in without meaning",
    )
    bound = compress.add_mutually_exclusive_group()
    bound.add_argument(
        "--lossless",
        action="store_true",
        help="give back every pixel to the bit; quality: of the base",
    )
    bound.add_argument(
        "--max-error",
        type=values.max_error,
        metavar="N",
        help="let no value be off by more than N levels; 0 is lossless",
    )
    compress.add_argument(
        "--exact",
        action="store_true",
        help="let every machine decode the same pixels, to the bit; some 60 bytes",
    )
    compress.add_argument(
        "--step-checks",
        action="store_true",
        help="let a machine that cannot read the file say where its symbols begin to differ",
    )
    compress.add_argument(
        "--tile",
        type=values.tile,
        metavar="PIXELS",
        help="the largest side of a tile: 512 for pictures of which regions are read; default 2048",
    )
    _set_command(compress, "transcode", "compress")

    decompress = commands.add_parser("decompress", help=".hcf files to pictures (PNG)")
    _add_paths(
        decompress, ".hcf files, or folders of them; the last may be the output; - is a pipe"
    )
    decompress.add_argument(
        "--format",
        type=values.picture_format,
        metavar="F",
        help="png, jpg, webp, avif, tif, ...; default png",
    )
    decompress.add_argument(
        "--region",
        type=values.region,
        metavar="L,T,R,B",
        help="that part of the picture alone, in pixels: left, top, right, bottom",
    )
    decompress.add_argument(
        "--preview",
        type=values.steps,
        metavar="K",
        nargs="?",
        const=1,
        help="quicker and coarser: the first coding step and K behind it; 1 where no K is given",
    )
    decompress.add_argument(
        "--partial", action="store_true", help="of a file that is cut, the picture of what is there"
    )
    decompress.add_argument(
        "--depth",
        type=int,
        choices=range(8, 17),
        metavar="N",
        help="bits a channel to round to, 8 to 16; default: what the picture had",
    )
    decompress.add_argument(
        "--base", action="store_true", help="leave out what makes a file lossless, or nearly so"
    )
    decompress.add_argument(
        "--no-exact",
        action="store_true",
        help="show a file written with --exact even where some values come out one level off",
    )
    _set_command(decompress, "transcode", "decompress")

    info = commands.add_parser("info", help="what .hcf files say of themselves")
    info.add_argument("paths", nargs="+", metavar="FILE", help=".hcf files; - is a pipe")
    info.add_argument("--json", action="store_true", help="as a list for programs")
    _set_command(info, "describe", "info")

    diagnose = commands.add_parser(
        "diagnose", help="why a .hcf file cannot be read, and how it can"
    )
    diagnose.add_argument("file", metavar="FILE", help=".hcf file")
    diagnose.add_argument(
        "-o", "--output", metavar="OUT", help="picture to write, if a way is found"
    )
    _add_model(diagnose)
    _set_command(diagnose, "diagnose", "diagnose")

    models = commands.add_parser("models", help="the models, and which have weights here")
    _set_command(models, "describe", "models")

    take = commands.add_parser("import-torch", help="weights of a PyTorch codec, for use here")
    take.add_argument("checkpoint", metavar="CHECKPOINT", help=".pth, .pth.tar or safetensors")
    _add_output(take, "weight package to write, NAME.safetensors")
    take.add_argument(
        "--model", required=True, metavar="NAME", help="a model, or a family such as csm"
    )
    _set_command(take, "port", "import_torch")

    give = commands.add_parser("export-torch", help="weights for the PyTorch code of a model")
    give.add_argument("weights", metavar="NAME|FILE", help="a model or a file of weights")
    _add_output(give, "state dict to write, .safetensors or .pth")
    _set_command(give, "port", "export_torch")

    nets = commands.add_parser(
        "export-nets",
        help="what decodes files elsewhere: a model's nets and tables, as ONNX or StableHLO",
    )
    nets.add_argument("weights", metavar="NAME|FILE", help="a model or a file of weights")
    _add_output(nets, "folder to write")
    nets.add_argument(
        "--size",
        type=values.side,
        nargs=2,
        action="append",
        default=[],
        metavar=("HEIGHT", "WIDTH"),
        help="of pictures, in pixels; others whose arrays are the same are decoded, too; may come again",
    )
    nets.add_argument(
        "--like",
        action="append",
        default=[],
        metavar="FILE",
        help=".hcf file of these weights: all that decoding it takes; may come again",
    )
    nets.add_argument(
        "--format",
        choices=["onnx", "stablehlo"],
        default="onnx",
        help="default onnx, which takes the extra of that name; stablehlo is for JAX without this library",
    )
    nets.add_argument(
        "--model-factory", metavar="MODULE:NAME", help="what makes a model that is not ours"
    )
    _set_command(nets, "export_nets", "export_nets")

    push = commands.add_parser("push", help="put weights on the Hugging Face Hub")
    push.add_argument("weights", metavar="NAME|FILE", help="a model or a file of weights")
    push.add_argument("address", metavar="hf://OWNER/NAME", help="made where there is none")
    push.add_argument("--card", metavar="FILE", help="Markdown; default: the shortest that is true")
    push.add_argument("--private", action="store_true", help="a new repository is for you alone")
    _set_command(push, "hub", "push")

    pull = commands.add_parser("pull", help="fetch weights from there, for use without a network")
    pull.add_argument("address", metavar="hf://OWNER/NAME[@REVISION]", help="of the weights")
    pull.add_argument("-o", "--out", metavar="FILE", help="to write it to, beside the cache")
    pull.add_argument("-f", "--force", action="store_true", help="replace an existing output")
    _set_command(pull, "hub", "pull")

    demo = commands.add_parser("demo", help="compress and decompress a sample photo")
    demo.add_argument("--out", default="hcfss-demo", metavar="DIR", help="default: hcfss-demo")
    demo.add_argument("--model", metavar="NAME|FILE", help="a model or a file of weights")
    demo.add_argument("-q", "--quality", type=values.quality, metavar="Q")
    _set_command(demo, "demo", "demo")

    completion = commands.add_parser("completion", help="print what makes a shell complete by tab")
    completion.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    _set_command(completion, "completion", "completion")
    return parser


def _set_command(parser: argparse.ArgumentParser, module: str, name: str) -> None:
    parser.set_defaults(command=_command(module, name), usage=parser)


def _add_paths(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help=what)
    parser.add_argument("-o", "--output", metavar="OUT", help="output file or folder; - is a pipe")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing outputs")
    _add_model(parser)
    parser.add_argument(
        "-r",
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="search folders to any depth, or not below the first; default: they are",
    )
    parser.add_argument(
        "--preserve", action="store_true", help="give outputs the times of their inputs"
    )
    parser.add_argument("--quiet", action="store_true", help="tell of errors alone")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME|FILE", help="a model or a file of weights")
    parser.add_argument(
        "--model-factory", metavar="MODULE:NAME", help="what makes a model that is not ours"
    )


def _add_output(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("out", metavar="OUT", help=what)
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output")
