"""Meshes over several slices of a pod, whose devices are only named."""

import dataclasses
from typing import Any

import pytest

from train.errors import BadConfig
from train.mesh import make_mesh


@dataclasses.dataclass(frozen=True)
class Chip:
    """As much of a device as a mesh asks for."""

    id: int
    slice_index: int
    platform: str = "named"
    device_kind: str = "chip"
    process_index: int = 0


CHIPS: list[Any] = [Chip(i, i // 4) for i in range(8)]


@pytest.mark.parametrize("fsdp", [1, 2, 4])
def test_what_is_gathered_stays_within_a_slice(fsdp: int) -> None:
    mesh = make_mesh(fsdp=fsdp, devices=CHIPS)
    assert mesh.shape == {"data": 8 // fsdp, "fsdp": fsdp}
    assert {chip.id for chip in mesh.devices.flat} == set(range(8))
    for row in mesh.devices:
        assert len({chip.slice_index for chip in row}) == 1


def test_more_devices_than_a_slice_has_gather_nothing_together() -> None:
    with pytest.raises(BadConfig, match="fsdp=8 must divide the 4 devices of each of the 2 slices"):
        make_mesh(fsdp=8, devices=CHIPS)
