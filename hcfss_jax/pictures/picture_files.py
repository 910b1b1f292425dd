"""Which files of a folder are pictures: decided here for the command line, the trainer and the evaluation.

A file is a picture where its first bytes or its name say so. Where the name promises one and the bytes do not, it is
one too: whoever reads it tells of the damage. What is no picture, or of a kind that Pillow cannot read here, is passed
over and counted by its kind; so is what is hidden, among it the "._photo.jpg" that macOS leaves beside each photo.
"""

import dataclasses
import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Mapping

from PIL import Image

_ENDINGS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WebP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "HEIC": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "JPEG XL": (".jxl",),
    "JPEG 2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "PNM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "QOI": (".qoi",),
    "TGA": (".tga",),
    "PSD": (".psd",),
    "PCX": (".pcx", ".dcx"),
    "DDS": (".dds",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "Sun raster": (".ras",),
    "ICO": (".ico",),
    "ICNS": (".icns",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings}
PICTURE_ENDINGS = frozenset(_KINDS)
"""What names of pictures usually end in: lower case, with the dot."""

_ALWAYS_READ = frozenset({"PNG", "JPEG", "GIF", "BMP", "PNM"})  # by Pillow, whatever it is built of
# Only such as nothing else begins with: short ones would take text and programs for pictures.
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"8BPS": "PSD",
    b"qoif": "QOI",
}
_TIFF = (b"II*\0", b"MM\0*")
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

HEAD = 64
"""Bytes that tell what a file is."""


Judge = Callable[[str, Callable[[], bytes]], str | None]
"""(name, its first bytes) -> None for a file to be taken, or the kind that it is passed over as."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search has met.

    sizes: bytes of each file to be taken, by its path from the folder on, sorted. passed_over: how many others, by
    kind. failed: paths that may hide more, and why they could not be looked at.
    """

    sizes: dict[str, int]
    passed_over: Counter[str]
    failed: dict[str, OSError]


def passed_over_as(name: str, head: Callable[[], bytes]) -> str | None:
    """None for a picture; else its kind, for a count. head: reads the first bytes, asked only where the name does not
    tell."""
    ending = os.path.splitext(name)[1].lower()
    kind = _KINDS.get(ending) or _kind_of(head(), ending)
    if kind is None:
        return ending or "without ending"
    return None if _can_read(kind) else f"{kind} (Pillow has no plugin for it here)"


def search(
    folder: str | os.PathLike[str], judge: Judge = passed_over_as, recursive: bool = True
) -> Found:
    """The files under a folder that `judge` takes. Links to files are followed, links to folders are not.

    recursive: at any depth. Raises OSError where the folder itself cannot be read.
    """
    root = os.path.join(folder, "")
    sizes: dict[str, int] = {}
    passed_over: Counter[str] = Counter()
    failed: dict[str, OSError] = {}
    folders = [root]
    while folders:
        place = folders.pop()
        try:
            entries = os.scandir(place)
        except OSError as error:
            if place == root:
                raise
            failed[place.removeprefix(root)] = error
            continue
        with entries:
            for entry in entries:
                name = entry.path.removeprefix(root)
                if entry.name.startswith("."):
                    passed_over["hidden"] += 1
                elif entry.is_dir():
                    if entry.is_symlink():
                        passed_over["linked folder"] += 1
                    elif recursive:
                        folders.append(entry.path)
                    else:
                        passed_over["folder"] += 1
                else:
                    try:
                        kind = _judged(entry, judge)
                        if kind is None:
                            sizes[name] = entry.stat().st_size
                    except OSError as error:
                        failed[name] = error
                        continue
                    if kind is not None:
                        passed_over[kind] += 1
    return Found(dict(sorted(sizes.items())), passed_over, failed)


def counted(passed_over: Mapping[str, int]) -> str:
    """In words: "3 passed over (2 .txt, 1 hidden)"; nothing where there is nothing."""
    if not (total := sum(passed_over.values())):
        return ""
    kinds = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    return f"{total} passed over ({', '.join(f'{count} {kind}' for kind, count in kinds)})"


def printable(path: str | os.PathLike[str]) -> str:
    """A path for messages and reports: what in it is no UTF-8 is shown as `\\xe9`."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _judged(entry: os.DirEntry[str], judge: Judge) -> str | None:
    if not entry.is_file():
        entry.stat()  # raises for a link that leads nowhere
        return "no regular file"

    def head() -> bytes:
        with open(entry.path, "rb") as file:
            return file.read(HEAD)

    return judge(entry.name, head)


def _kind_of(head: bytes, ending: str) -> str | None:
    """The kind of picture that begins so."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and head[14:18] in (
        b"\x0c\0\0\0",
        b"\x28\0\0\0",
        b"\x6c\0\0\0",
        b"\x7c\0\0\0",
    ):
        return "BMP"
    if head[4:8] == b"ftyp":
        brands = {head[start : start + 4] for start in range(8, len(head), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIC" if head[8:12] in _HEIC_BRANDS else None
    # Cameras' raw files begin as TIFF does, and Pillow would read the thumbnail in them.
    return "TIFF" if head[:4] in _TIFF and not ending else None


def _can_read(kind: str) -> bool:
    if kind in _ALWAYS_READ:
        return True
    if kind == "JPEG XL" and importlib.util.find_spec("imagecodecs"):
        return True
    known = Image.registered_extensions()  # imports Pillow's plugins, the first time
    return any(known.get(ending) in Image.OPEN for ending in _ENDINGS[kind])
