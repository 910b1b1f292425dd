"""Every picture of a folder at every quality and through every anchor, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax.errors import JaxRuntimeError
from PIL import Image
from tqdm import tqdm

from eval.measure import Point, measure, measure_anchors
from hcfss_jax.codec import Codec
from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.images import read_image
from hcfss_jax.pictures.mask import mask_of_size
from hcfss_jax.pictures.picture_files import counted, printable, search
from hcfss_jax.pictures.planes import Planes, to_pil
from hcfss_jax.runtime.hosts import is_first, share

Setting = tuple[Codec, float]


@dataclasses.dataclass
class Sweep:
    """What came of the pictures.

    pictures: those measured, with a digest of the pixels of each. skipped: the rest, and why.
    notes: what was left aside of pictures that were measured. interrupted: by the user. how: see `measure`.
    """

    points: list[Point] = dataclasses.field(default_factory=list)
    pictures: dict[str, str] = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    interrupted: bool = False
    how: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def enter(self, name: str, picture: Image.Image, note: str) -> None:
        """Counts a picture as measured."""
        size = f"{picture.width}x{picture.height} ".encode()
        pixels = picture.convert("RGB").tobytes()
        self.pictures[name] = hashlib.sha256(size + pixels).hexdigest()
        if note:
            self.notes[name] = note

    @property
    def digest(self) -> str:
        """The same for the same pictures, whatever their names and files."""
        return hashlib.sha256(" ".join(sorted(self.pictures.values())).encode()).hexdigest()[:16]


class Pictures(NamedTuple):
    """The picture files of a folder, by name, and what else is there: see `hcfss_jax.pictures.picture_files.search`."""

    files: dict[str, Path]
    passed_over: Mapping[str, int]
    failed: dict[str, str]

    def first(self, count: int | None) -> Pictures:
        """So many of the files."""
        return self._replace(files=dict(list(self.files.items())[:count]))

    def of_this_host(self) -> Pictures:
        """Its share, where there are several."""
        return self._replace(files=dict(share(list(self.files.items()))))


def find_images(folder: Path, recursive: bool = True, option: str = "--data") -> Pictures:
    """The pictures of a folder, at any depth or in itself alone. Raises HcfError where there are none.

    option: by which the user gave it.
    """
    if not folder.is_dir():
        raise HcfError(f"{folder} is no folder: give {option} one with pictures")
    found = search(folder, recursive=recursive)
    if not found.sizes:
        told = counted(found.passed_over)
        raise HcfError(
            f"{folder} holds no picture{f' ({told})' * bool(told)}: give {option} another folder"
        )
    return Pictures(
        {printable(name): folder / name for name in found.sizes},
        found.passed_over,
        {printable(name): str(error) for name, error in found.failed.items()},
    )


class Masks(NamedTuple):
    """Where the masks of pictures lie, by the pictures' names. seen: whether encoders are given them."""

    files: dict[str, Path]
    seen: bool


def find_masks(folder: Path, pictures: Pictures, seen: bool = True) -> Masks:
    """A mask for each picture, of its name but for the ending. Raises HcfError where there is none or another."""
    known: dict[str, list[Path]] = {}
    for name, file in find_images(folder, option="--roi").files.items():
        known.setdefault(str(Path(name).with_suffix("")), []).append(file)
    files = {}
    for name in pictures.files:
        found = known.get(str(Path(name).with_suffix("")), [])
        if len(found) != 1:
            told = f"{len(found)} masks" if found else "no mask"
            raise HcfError(f"{folder} holds {told} of {name}: one of its name is wanted")
        files[name] = found[0]
    return Masks(files, seen)


def sweep(
    pictures: Pictures,
    settings: Sequence[Setting],
    anchors: Sequence[str],
    masks: Masks | None = None,
    how: Mapping[str, Any] = {},
) -> Sweep:
    """Measure the pictures one by one. A picture that fails is named and skipped; Ctrl-C keeps those before it.

    how: see `measure`.
    """
    done = Sweep(skipped=dict(pictures.failed), how=how)
    try:
        for name, file in progress(pictures.files):
            try:
                _measure(done, name, file, settings, anchors, masks)
            except (HcfError, OSError, MemoryError, JaxRuntimeError) as error:
                done.skipped[name] = str(error) or type(error).__name__
    except KeyboardInterrupt:
        done.interrupted = True
    return done


def progress(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Each name and file, with a bar on the first host; it counts that host's share."""
    yield from tqdm(files.items(), unit="image", disable=None if is_first() else True)


def read_picture(file: Path) -> tuple[Image.Image, str]:
    """The picture as it is coded, mode L or RGB, and what of the file was left aside, for its owner."""
    planes = read_image(file, strip=True)
    notes = list(planes.notes)
    if planes.alpha is not None:
        notes.append("its alpha plane is left aside, the colours under it count")
    if planes.depth > 8:
        notes.append(f"has {planes.depth} bits a channel: it is coded and measured with 8")
    return to_pil(Planes(planes.at_depth(8).rgb, grey=planes.grey)), "; ".join(notes)


def _measure(
    done: Sweep,
    name: str,
    file: Path,
    settings: Sequence[Setting],
    anchors: Sequence[str],
    masks: Masks | None,
) -> None:
    """All of one picture or nothing, so that every mean is over the same pictures."""
    picture, note = read_picture(file)
    mask = None if masks is None else mask_of_size(masks.files[name], picture.height, picture.width)
    seen = masks is not None and masks.seen
    points = [
        measure(codec, name, picture, quality, mask, seen, done.how) for codec, quality in settings
    ]
    points += measure_anchors(anchors, name, picture, mask)
    done.points += points
    done.enter(name, picture, note)
