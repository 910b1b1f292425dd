"""Reading the photos to train on."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train.errors import DataTooLarge, NoImages
from train.images import load_photos


def test_a_tar_and_its_directory_hold_the_same_photos(photo_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for file in sorted(photo_dir.iterdir(), reverse=True):
            archive.add(file, file.name)
    packed, loose = load_photos(tmp_path / "photos.tar", 1.0), load_photos(photo_dir, 1.0)
    assert packed.names == loose.names == tuple(sorted(loose.names))
    for one, other in zip(packed.images, loose.images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unreadable_photo_is_left_out_and_named(photo_dir: Path, tmp_path: Path) -> None:
    whole = (photo_dir / "photo0.png").read_bytes()
    (tmp_path / "good.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "list.csv").write_text("good.png")
    photos = load_photos(tmp_path, 1.0)
    assert photos.names == ("good.png",)
    assert photos.unreadable == ("cut.png", "text.jpg")


def test_every_mode_is_read_as_upright_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: width and height change places
    grey.save(tmp_path / "turned.png", exif=exif)
    (photo,) = load_photos(tmp_path, 1.0).images
    assert photo.shape == (4, 3, 3)
    np.testing.assert_array_equal(photo[..., 0], np.rot90(np.asarray(grey), -1))


@pytest.mark.parametrize("kind", ["missing", "empty", "compressed", "a photo"])
def test_a_path_without_photos_says_what_is_wrong(
    kind: str, photo_dir: Path, tmp_path: Path
) -> None:
    path, says = {
        "missing": (tmp_path / "nowhere", "there is nothing at"),
        "empty": (tmp_path, "no file with an image's extension"),
        "compressed": (tmp_path / "p.tar.gz", "is compressed"),
        "a photo": (photo_dir / "photo0.png", "neither a tar file nor a directory"),
    }[kind]
    if kind == "compressed":
        with tarfile.open(path, "w:gz") as archive:
            archive.add(photo_dir / "photo0.png", "photo0.png")
    with pytest.raises(NoImages, match=says):
        load_photos(path, 1.0)


def test_photos_beyond_the_memory_limit_are_refused(photo_dir: Path) -> None:
    with pytest.raises(DataTooLarge, match=r"data\.memory_gib"):
        load_photos(photo_dir, 1e-5)


def test_the_last_photos_by_name_are_held_out(photo_dir: Path) -> None:
    photos = load_photos(photo_dir, 1.0)
    training, held_out = photos.split(3)
    assert held_out.names == ("photo5.png", "photo6.png", "photo7.png")
    assert training.names + held_out.names == photos.names
    with pytest.raises(NoImages, match="leave none to train on"):
        photos.split(8)
