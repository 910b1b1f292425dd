"""The same maths at any scale: devices, hosts and parts of a batch change who computes, not what."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.processes import finish, lines, start

_FLAGS = ("--config.steps=20", "--config.batch_size=16")


@pytest.fixture(scope="module")
def on_one_device(photo_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Loss, bpp and gradient norm of each of 20 steps."""
    return _curve(tmp_path_factory.mktemp("one"), photo_dir)


@pytest.mark.parametrize(
    ("devices", "hosts", "flags"),
    [
        (8, 1, ()),
        (8, 1, ("--config.mesh.data=4", "--config.mesh.fsdp=2")),
        (8, 1, ("--config.mesh.fsdp=8", '--config.sharding=(("bias","replicated"),(".","fsdp"))')),
        (4, 2, ("--config.mesh.fsdp=4", "--config.accumulate=2", "--config.data.workers=1")),
        (1, 1, ("--config.accumulate=4",)),
    ],
    ids=["data 8", "data 4 x fsdp 2", "fsdp 8, biases whole", "2 hosts x 4, 2 parts", "4 parts"],
)
def test_the_loss_curve_is_that_of_one_device(
    devices: int,
    hosts: int,
    flags: tuple[str, ...],
    on_one_device: np.ndarray,
    photo_dir: Path,
    tmp_path: Path,
) -> None:
    curve = _curve(tmp_path, photo_dir, *flags, devices=devices, hosts=hosts)
    # Sums in another order: float32 over 20 steps of Adam.
    np.testing.assert_allclose(curve, on_one_device, rtol=1e-4)


def _curve(workdir: Path, photos: Path, *flags: str, devices: int = 1, hosts: int = 1):
    finish(start(workdir, photos, *_FLAGS, *flags, devices=devices, hosts=hosts), workdir)
    rows = [[line[name] for name in ("loss", "bpp", "grad_norm")] for line in lines(workdir)]
    assert len(rows) == 20
    return np.asarray(rows)


def test_what_is_frozen_may_be_dealt_out_too(photo_dir: Path, tmp_path: Path) -> None:
    flags = (
        "--config.objective=tests.train.outside:near_a_teacher",
        '--config.frozen=("^analysis",)',
        '--config.data.given=(("mask",1),)',
        "--config.data.recipe=tests.train.outside:masked",
    )
    one = _curve(tmp_path / "one", photo_dir, *flags)
    more = ("--config.mesh.fsdp=4", "--config.accumulate=2")
    dealt = _curve(tmp_path / "dealt", photo_dir, *flags, *more, devices=8)
    np.testing.assert_allclose(dealt, one, rtol=1e-4)  # as above


def test_bases_of_soap_are_the_same_wherever_the_parameters_lie(
    photo_dir: Path, tmp_path: Path
) -> None:
    soap = "--config.optimiser=soap"
    one = _curve(tmp_path / "one", photo_dir, soap)
    dealt = _curve(tmp_path / "dealt", photo_dir, soap, "--config.mesh.fsdp=2", devices=2)
    # Two rounds of orthogonal iteration see sums in another order.
    np.testing.assert_allclose(dealt, one, rtol=1e-3)
