"""Batches through a model on the devices of one host: one compiled function for each size of arrays."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hcfss_jax.errors import InvalidInput
from hcfss_jax.evaluation.batches import Batch, checked
from hcfss_jax.evaluation.figures import Evaluation
from hcfss_jax.metrics import (
    MS_SSIM_SMALLEST_SIDE,
    ms_ssim_within,
    squared_error_within,
    whole_sums,
)
from hcfss_jax.models.estimate import estimate
from hcfss_jax.pictures.planes import luma


class Evaluator:
    """A model with its parameters on this host's devices of `mesh`, or on all of them; it knows of no other host."""

    def __init__(self, model: Any, variables: Any, mesh: Mesh | None = None):
        """All hosts make it together where the variables lie over their devices."""
        devices = jax.devices() if mesh is None else list(mesh.devices.flat)
        here = [device for device in devices if device.process_index == jax.process_index()]
        if not here:
            raise InvalidInput("none of the devices of this mesh is one of this host")
        self._model, self._mesh = model, Mesh(np.array(here), "batch")
        whole = NamedSharding(self._mesh, PartitionSpec())
        self._variables = jax.device_put(jax.tree.map(_of_this_host, variables), whole)
        self._largest: dict[tuple[int, ...], int] = {}

    def over(self, batches: Iterable[Batch]) -> Iterator[Evaluation]:
        """What is found in each batch; one is computed while the next is made."""
        before: Callable[[], Evaluation] | None = None
        for batch in batches:
            started = self.start(batch)
            if before:
                yield before()
            before = started
        if before:
            yield before()

    def start(self, batch: Batch) -> Callable[[], Evaluation]:
        """Begin with a batch that holds a picture; what is returned waits for its end. Raises InvalidInput."""
        arrays = checked(self._model, batch)
        count = len(arrays["rgb"])
        size = arrays["rgb"].shape[1:3]
        self._largest[size] = max(self._largest.get(size, 0), batch.get("room", 0), count)
        room = self._largest[size]
        chosen = np.arange(room + -room % self._mesh.size) % count  # the last only fill
        dealt = NamedSharding(self._mesh, PartitionSpec("batch"))
        filled = jax.device_put({name: part[chosen] for name, part in arrays.items()}, dealt)
        found = make_step(self._model, self._mesh)(self._variables, filled)

        def finish() -> Evaluation:
            values = {name: part[:count] for name, part in jax.device_get(found).items()}
            area = arrays["area"]
            return Evaluation(
                area=area,
                level=arrays["level"].astype(np.float64),
                bits=values["bits"].astype(np.float64),
                mse=whole_sums(values["error"]) / (3.0 * area.prod(axis=1)),
                ms_ssim=values["ms_ssim"].astype(np.float64),
            )

        return finish


@functools.cache
def make_step(model: Any, mesh: Mesh) -> jax.stages.Wrapped:
    """The compiled (variables, batch with grey) -> bits, error and ms_ssim, each device its part of the batch alone."""
    dealt = PartitionSpec("batch")
    on_one, specs = functools.partial(_measure, model), (PartitionSpec(), dealt)
    if hasattr(jax, "shard_map"):
        return jax.jit(
            jax.shard_map(on_one, mesh=mesh, in_specs=specs, out_specs=dealt, check_vma=False)
        )
    from jax.experimental.shard_map import shard_map  # its place in older versions of JAX

    return jax.jit(shard_map(on_one, mesh, specs, dealt, check_rep=False))


def _measure(model: Any, variables: Any, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    area = batch["area"]
    rgb = jax.vmap(_bordered)(batch["rgb"], area)
    x_hat, bits = estimate(model, variables, rgb, area, batch["level"])
    grey = batch["grey"][:, None, None, None]
    x_hat = jnp.where(grey, luma(x_hat)[..., None], x_hat)
    return {
        "bits": bits,
        "error": squared_error_within(rgb, x_hat, area),
        "ms_ssim": _similarity(rgb, x_hat, area),
    }


def _bordered(rgb: jax.Array, area: jax.Array) -> jax.Array:
    """A picture `[H, W, 3]` with its last row and column repeated beyond it, as codecs have it."""
    for axis in (0, 1):
        numbers = jnp.arange(rgb.shape[axis], dtype=area.dtype)
        rgb = jnp.take(rgb, jnp.minimum(numbers, area[axis] - 1), axis=axis)
    return rgb


def _similarity(a: jax.Array, b: jax.Array, area: jax.Array) -> jax.Array:
    """MS-SSIM `[B]`; NaN for pictures that are too small."""
    if min(a.shape[1:3]) < MS_SSIM_SMALLEST_SIDE:
        return jnp.full(len(a), jnp.nan, jnp.float32)
    edges = [(0, 0), *((0, -side % 16) for side in a.shape[1:3]), (0, 0)]
    found = ms_ssim_within(jnp.pad(a, edges), jnp.pad(b, edges), area)
    return jnp.where(jnp.min(area, axis=1) < MS_SSIM_SMALLEST_SIDE, jnp.float32(jnp.nan), found)


def _of_this_host(array: Any) -> Any:
    """An array that this host has whole."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return multihost_utils.process_allgather(array, tiled=True)
    return array
