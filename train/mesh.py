"""The devices of a run as a mesh, and how arrays lie on them.

Two axes. `data` deals the batch out and holds a copy of the parameters in each of its rows; `fsdp` deals the batch out
too, and the parameters, their averages and the optimiser's state with it. Both together see the whole batch.

Between the slices of a pod the network is slow: `fsdp` stays within one, and `data` goes from slice to slice.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from train.errors import BadConfig

FSDP = "fsdp"
BATCH_AXES = ("data", FSDP)


def make_mesh(data: int = -1, fsdp: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of data x fsdp over `devices` (all of all hosts by default).

    data: -1 for as many as there are. Its rows lie within a slice, one slice after the other. Raises BadConfig where
    the devices cannot be laid out so.
    """
    devices = jax.devices() if devices is None else devices
    if fsdp < 1 or len(devices) % fsdp:
        raise BadConfig(f"config.mesh.fsdp={fsdp} must divide the {len(devices)} devices")
    rows = len(devices) // fsdp
    if data not in (-1, rows):
        raise BadConfig(
            f"config.mesh.data={data} times fsdp={fsdp} must be the {len(devices)} devices: "
            "-1 takes all"
        )
    slices = len({getattr(device, "slice_index", 0) for device in devices})
    if rows % slices:
        raise BadConfig(
            f"config.mesh.fsdp={fsdp} must divide the {len(devices) // slices} devices of each of the {slices} slices: "
            "what it gathers does not go from one to another"
        )
    if slices == 1:
        grid = mesh_utils.create_device_mesh((rows, fsdp), devices, allow_split_physical_axes=True)
    else:
        grid = mesh_utils.create_hybrid_device_mesh(
            (rows // slices, fsdp), (slices, 1), devices, allow_split_physical_axes=True
        )
    return Mesh(grid, BATCH_AXES)


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The first axis is dealt out over all devices: a batch."""
    return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def place_batch(batch: Any, mesh: Mesh) -> Any:
    """This host's part of a batch, arrays `[B / hosts, ...]`, as global arrays `[B, ...]`."""
    sharding = batch_sharding(mesh)
    with jax.transfer_guard_host_to_device("allow"):  # which is what this is for
        return jax.tree.map(
            lambda part: jax.make_array_from_process_local_data(sharding, np.asarray(part)), batch
        )


def place(values: Any, shardings: Any) -> Any:
    """Arrays that every host holds alike, laid out over the devices of all hosts."""

    def put(value: Any, sharding: NamedSharding) -> jax.Array:
        host = np.asarray(value)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    with jax.transfer_guard_host_to_device("allow"):
        return jax.tree.map(put, values, shardings)
