"""Read every image of a tar file or a directory into memory, as uint8 RGB."""

import dataclasses
import io
import os
import tarfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from train.errors import DataTooLarge, NoImages


@dataclasses.dataclass(frozen=True)
class Photos:
    """Decoded images uint8 `[H, W, 3]` of any size, sorted by name, and what was left out."""

    names: tuple[str, ...]
    images: tuple[np.ndarray, ...]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]

    def split(self, held_out: int) -> tuple["Photos", "Photos"]:
        """(training, held out): the last `held_out` by name are held out. Raises NoImages."""
        if len(self) <= held_out:
            raise NoImages(
                f"{len(self)} images leave none to train on when {held_out} are held out: "
                "give more images or lower data.held_out"
            )
        cut = len(self) - held_out
        return (
            Photos(self.names[:cut], self.images[:cut], self.unreadable),
            Photos(self.names[cut:], self.images[cut:]),
        )


def load_photos(path: str | os.PathLike[str], memory_gib: float) -> Photos:
    """Decode every image under `path` (a tar file or a directory) on all cores.

    Files without an image's extension are passed over; images that cannot be read are skipped
    and named in the result. Raises NoImages and DataTooLarge.
    """
    sources = _sources(Path(path))
    names = sorted(sources)
    budget = _Budget(memory_gib)

    def decode(name: str) -> np.ndarray | None:
        try:
            image = decode_rgb(sources[name]())
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None
        budget.spend(image.nbytes)
        return image

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = list(
            tqdm(pool.map(decode, names), "decoding", len(names), unit="image", disable=None)
        )
    kept = [(name, image) for name, image in zip(names, decoded, strict=True) if image is not None]
    unreadable = [name for name, image in zip(names, decoded, strict=True) if image is None]
    if not kept:
        raise NoImages(f"none of the {len(names)} images in {path} can be read")
    return Photos(tuple(n for n, _ in kept), tuple(i for _, i in kept), tuple(unreadable))


def decode_rgb(data: bytes) -> np.ndarray:
    """An encoded image as uint8 RGB `[H, W, 3]`, upright. Raises what Pillow raises."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


class _Budget:
    """Counts decoded bytes across threads and refuses to go past a limit."""

    def __init__(self, gib: float):
        self._limit, self._used, self._lock = gib * 2**30, 0, threading.Lock()

    def spend(self, count: int) -> None:
        with self._lock:
            self._used += count
            if self._used > self._limit:
                raise DataTooLarge(
                    f"the decoded images need more than {self._limit / 2**30:g} GiB of memory: "
                    "raise data.memory_gib or train on fewer images"
                )


def _sources(path: Path) -> dict[str, Callable[[], bytes]]:
    """Name of each image under `path` -> how to read its bytes."""
    Image.init()
    known = tuple(Image.registered_extensions())
    if path.is_dir():
        files = [p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file()]
        sources: dict[str, Callable[[], bytes]] = {
            p.relative_to(path).as_posix(): p.read_bytes for p in files
        }
    elif path.is_file() and tarfile.is_tarfile(path):
        sources = _tar_members(path, known)
    elif path.exists():
        raise NoImages(f"{path} is neither a tar file nor a directory of images")
    else:
        raise NoImages(f"there is nothing at data.path={str(path)!r}: give a tar or a directory")
    if not sources:
        raise NoImages(f"{path} holds no file with an image's extension ({', '.join(known[:6])}…)")
    return sources


def _tar_members(path: Path, known: tuple[str, ...]) -> dict[str, Callable[[], bytes]]:
    """The images of an uncompressed tar, each a range of bytes of the file.

    Threads cannot share a TarFile's position, hence one opening of the file for each read.
    """

    def reader(member: tarfile.TarInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            with path.open("rb") as file:
                file.seek(member.offset_data)
                return file.read(member.size)

        return read

    try:
        with tarfile.open(path, "r:") as archive:
            members = [m for m in archive if m.isfile() and m.name.lower().endswith(known)]
            return {member.name: reader(member) for member in members}
    except tarfile.ReadError as error:
        raise NoImages(
            f"{path} is compressed: images gain nothing from it, so unpack it and "
            "give the plain tar or the directory"
        ) from error
