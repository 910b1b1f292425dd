"""Hand a decoder files that no encoder wrote, and count what becomes of them.

    python -m eval.fuzz --count 10000

Good files of small pictures are damaged and forged (`eval.mutations`), and each is decoded. It must give the right
picture, to the bit, or an error of `hcfss_jax.errors`. Four outcomes are bad: a wrong picture; any other exception;
more than 10 seconds (a file that takes them is timed again, as the first of its size has its functions compiled); and
more memory than --memory beyond what the process had ever taken before (so it is the first such file that is seen).
Each bad one is told with the options that make it again.

"Another valid picture" is not bad. The checksum of the symbols tells a decoder that it reads the symbols which were
written; it does not cover what is made of them. Whoever writes a file's own checksum anew may say of the same symbols
that the picture ends elsewhere within their last blocks of 16x16 pixels, is grey, or has another alpha plane, profile
or metadata, and may move the quality as far as every symbol keeps its table. That is a sound file of that picture: an
encoder could have written it. A picture counts as one only if the file's checksum was made anew, its symbols are those
of a good file, and its size, mode and (unless the quality was moved) the pixels that both have are as they must be.

Ends with 1 if an outcome was bad, and with 130 after Ctrl-C; the table shows what was counted until then.
"""

import argparse
import dataclasses
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageCms
from tqdm import tqdm

from eval.machine import peak_memory
from eval.mutations import DAMAGE, FORGERIES
from hcfss_jax import coding
from hcfss_jax.codec import Codec, load
from hcfss_jax.codec.tiles import SMALLEST_TILE
from hcfss_jax.errors import HcfError, LeftOut
from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS

RIGHT, ANOTHER = "right picture", "another valid picture"
WRONG, UNNAMED, SLOW, HUNGRY = "WRONG PICTURE", "OTHER EXCEPTION", "TOO SLOW", "TOO MUCH MEMORY"
BAD = frozenset({WRONG, UNNAMED, SLOW, HUNGRY})

MUTATIONS = DAMAGE | FORGERIES
LONGEST = 10.0  # seconds
MEMORY = 512  # MiB
# What the decoder is asked to accept: more than the pictures have, and little enough to be quick.
MAX_PIXELS = 1 << 16
INTERRUPTED = 130  # as shells say it

_COPYRIGHT = 33432  # the tag of EXIF

Contents = tuple[coding.Header, bytes, dict[int, bytes]]


@dataclasses.dataclass(frozen=True)
class Good:
    """A file as an encoder wrote it, what it holds, and the picture that it is."""

    data: bytes
    contents: Contents
    picture: Image.Image


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One mutated file. outcome: RIGHT, ANOTHER, the class of a named error, or one of BAD; detail: of an exception."""

    number: int
    kind: str
    outcome: str
    detail: str = ""


def good_files(codec: Codec) -> list[Good]:
    """Small pictures of every colour mode at the lowest, a middle and the highest quality, and one in tiles."""
    middle, best = (1 + codec.levels) / 2, codec.levels
    see_through, grey_too = _picture(40, 24), _picture(19, 18).convert("L")
    for picture in (see_through, grey_too):
        picture.putalpha(_picture(picture.height, picture.width).resize(picture.size).convert("L"))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    see_through.info["icc_profile"] = profile
    see_through.getexif()[_COPYRIGHT] = "whoever made it"
    see_through.info |= {"xmp": b"<x:xmpmeta/>", "dpi": (300, 240)}
    pictures = [
        (_picture(56, 40), middle),
        (_picture(17, 33), 1),
        (_picture(30, 20).convert("L"), best),
        (see_through, middle),
        (grey_too, best),
        (_picture(1, 1), middle),
        (Image.new("RGB", (64, 64)), 1),
    ]
    files = [codec.compress(picture, quality) for picture, quality in pictures]
    deep = np.asarray(see_through).astype(np.uint16) << 2
    files.append(codec.compress(deep, middle, depth=10))
    files.append(codec.compress(deep[..., 0] << 6, best))
    in_tiles = Codec(codec.package, tile=SMALLEST_TILE)
    files.append(in_tiles.compress(_picture(SMALLEST_TILE + 30, 90), middle))
    with_gaps = _picture(40, 23).point(lambda value: value // 5 * 5)
    # Each exact alone, too: what the other is without its residual.
    for picture, bound in ((see_through, 1), (with_gaps, 0)):
        files.append(codec.compress(picture, middle, exact=True))
        files.append(codec.compress(picture, middle, max_error=bound))
    return [Good(data, coding.unpack(data), _decompressed(codec, data)) for data in files]


def attempts(
    codec: Codec, numbers: Iterable[int], seed: int = 0, memory: int = MEMORY
) -> Iterator[Attempt]:
    """Mutated files, decoded. The same seed and number make the same file; memory in MiB."""
    good = good_files(codec)
    for number in numbers:
        kind, data = mutated(good, number, seed)
        yield Attempt(number, kind, *decode(codec, data, kind in FORGERIES, good, memory))


def mutated(good: Sequence[Good], number: int, seed: int = 0) -> tuple[str, bytes]:
    """The kind of a numbered mutation, each kind in turn, and the file that it makes."""
    kind = list(MUTATIONS)[number % len(MUTATIONS)]
    rng = np.random.default_rng([seed, number])
    return kind, MUTATIONS[kind](rng, [each.data for each in good])


def decode(
    codec: Codec, data: bytes, forged: bool, good: Sequence[Good], memory: int = MEMORY
) -> tuple[str, str]:
    """(outcome, detail) of one file; `forged` says that its checksum was made anew."""
    before = peak_memory().get("process", 0)
    seconds, outcome, detail = _timed(codec, data, forged, good)
    if seconds > LONGEST:
        seconds, outcome, detail = _timed(codec, data, forged, good)
    grown = (peak_memory().get("process", 0) - before) / (1 << 20)
    if seconds > LONGEST:
        return SLOW, f"{seconds:.0f} s, then {outcome} {detail}"
    if grown > memory:
        return HUNGRY, f"{grown:.0f} MiB, then {outcome} {detail}"
    return outcome, detail


def _decompressed(codec: Codec, data: bytes) -> Image.Image:
    """As Pillow holds it: of deep colours eight bits."""
    with warnings.catch_warnings(action="ignore", category=LeftOut):
        return codec.decompress(data, max_pixels=MAX_PIXELS)


def _timed(codec: Codec, data: bytes, forged: bool, good: Sequence[Good]) -> tuple[float, str, str]:
    start = time.perf_counter()
    try:
        picture = _decompressed(codec, data)
    except HcfError as error:
        return time.perf_counter() - start, type(error).__name__, str(error)
    except Exception as error:
        return time.perf_counter() - start, UNNAMED, repr(error)
    return time.perf_counter() - start, _judge(coding.unpack(data), picture, forged, good), ""


def _judge(contents: Contents, picture: Image.Image, forged: bool, good: Sequence[Good]) -> str:
    for each in good:
        if contents == each.contents:
            return RIGHT if picture == each.picture else WRONG
    if forged and any(_is_of_the_symbols(contents, picture, each) for each in good):
        return ANOTHER
    return WRONG


def _is_of_the_symbols(contents: Contents, picture: Image.Image, good: Good) -> bool:
    """Whether a picture is what its file says of the symbols of a good one."""
    header, stream, sections = contents
    first = good.contents[0]
    known, picture = _shallow(good.picture), _shallow(picture)
    # Of more bits, eight are rounded from other values for another depth, and before the luma or after it.
    off = coding.Extra.DEPTH in {*sections, *good.contents[2]}
    mode = ("L" if header.colour == "grey" else "RGB") + "A" * (coding.Extra.ALPHA in sections)
    return (
        (picture.mode, picture.size) == (mode, (header.width, header.height))
        and (header.model, header.fingerprint) == (first.model, first.fingerprint)
        and (header.symbols_crc, stream) == (first.symbols_crc, good.contents[1])
        and (header.quality != first.quality or _agree(picture, known, int(off)))
    )


def _shallow(picture: Image.Image) -> Image.Image:
    """With eight bits a channel, where it is grey of sixteen."""
    if picture.mode != "I;16":
        return picture
    return Image.fromarray(rescaled(np.asarray(picture), 16, 8))


def _agree(a: Image.Image, b: Image.Image, off: int) -> bool:
    """Whether two pictures have the same colours, up to `off`, where both have pixels; luma, where one is grey."""
    mode = "L" if "L" in a.mode + b.mode else "RGB"
    box = (0, 0, min(a.width, b.width), min(a.height, b.height))
    first, second = (np.asarray(x.convert(mode).crop(box), int) for x in (a, b))
    return bool(np.abs(first - second).max() <= off)


def _picture(width: int, height: int) -> Image.Image:
    """A few soft blots."""
    blots = np.random.default_rng(width).integers(256, size=(4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    args = _parser().parse_args(argv)
    prepare_jax()
    try:
        codec = load(args.weights)
    except (HcfError, OSError) as error:
        print(f"eval.survive: {error}", file=sys.stderr)
        return 1
    tally: Counter[tuple[str, str]] = Counter()
    interrupted = False
    numbers = range(args.first, args.first + args.count)
    bar = tqdm(total=args.count, unit="file")
    try:
        for attempt in attempts(codec, numbers, args.seed, args.memory):
            tally[attempt.kind, attempt.outcome] += 1
            bar.update()
            if attempt.outcome in BAD or args.count == 1:
                again = f"--seed {args.seed} --first {attempt.number} --count 1"
                bar.write(f"{attempt.kind}: {attempt.outcome} {attempt.detail} ({again})")
    except KeyboardInterrupt:
        interrupted = True
    bar.close()
    _print_table(tally)
    if interrupted:
        return INTERRUPTED
    return int(any(outcome in BAD for _, outcome in tally))


def _print_table(tally: Counter[tuple[str, str]]) -> None:
    """Kinds of mutation down, outcomes across; the bad ones last, also where there were none."""
    named = sorted({outcome for _, outcome in tally} - {RIGHT, ANOTHER} - BAD)
    outcomes = [RIGHT, ANOTHER, *named, WRONG, UNNAMED, SLOW, HUNGRY]
    width = max(map(len, MUTATIONS))
    for i, outcome in enumerate(outcomes):
        print(f"{' ' * width}{'       |' * i}  {outcome}")
    for kind in [*MUTATIONS, "all"]:
        counts = [
            sum(n for (k, o), n in tally.items() if o == outcome and kind in (k, "all"))
            for outcome in outcomes
        ]
        print(f"{kind:<{width}}" + "".join(f"{n or '-':>8}" for n in counts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model's name, or a file")
    parser.add_argument("--count", type=int, default=10_000, help="mutated files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument(
        "--memory", type=int, default=MEMORY, metavar="MIB", help="that one file may take"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
