"""The gradient of the loss over a global batch: each device its own images, then one sum over all."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from train.loss import Loss
from train.mesh import BATCH_AXES, FSDP
from train.packing import Packing, Vectors, gather

Metrics = dict[str, jax.Array]
Batch = dict[str, jax.Array]
GradientFn = Callable[[Vectors, Batch], tuple[Vectors, Metrics]]


def make_gradient(
    model: Any, packing: Packing, loss: Loss, mesh: Mesh, accumulate: int = 1
) -> GradientFn:
    """The function (parameters, batch) -> (gradient, metrics), each the mean over the batch.

    batch: {"image": uint8 `[B, H, W, 3]`, "level": float32 `[B]`, whole numbers, "noise": uint32 `[B]`, the seed of
    each image's quantisation noise}. So the result does not depend on how many devices there are.
    accumulate: in how many parts, one after the other, a device takes its images; B / devices is a multiple of it.

    A step costs one gathering of the parameters and one scattered sum of the gradient, whatever the model.
    """

    def loss_of(params: Vectors, batch: Batch) -> tuple[jax.Array, Metrics]:
        x = batch["image"].astype(jnp.float32) / 255.0
        keys = jax.vmap(jax.random.key)(batch["noise"])
        out = model.apply({"params": packing.unpack(params)}, x, batch["level"], keys)
        return loss(out, x, batch["level"])

    def of_part(params: Vectors, batch: Batch) -> tuple[Vectors, Metrics]:
        (_, metrics), gradient = jax.value_and_grad(loss_of, has_aux=True)(params, batch)
        return gradient, metrics

    def on_a_device(shards: Vectors, batch: Batch) -> tuple[Vectors, Metrics]:
        params = gather(shards)
        gradient, metrics = _mean_over_parts(of_part, params, batch, accumulate)
        return _mean_over_devices(gradient, mesh), lax.pmean(metrics, BATCH_AXES)

    return jax.shard_map(
        on_a_device,
        mesh=mesh,
        in_specs=(packing.specs, PartitionSpec(BATCH_AXES)),
        out_specs=(packing.specs, PartitionSpec()),
        check_vma=False,  # the scans of the model start from plain zeros
    )


def _mean_over_parts(
    of_part: GradientFn, params: Vectors, batch: Batch, parts: int
) -> tuple[Vectors, Metrics]:
    """Mean of `of_part` over equal parts of the batch; only one part's activations exist at a time."""
    if parts == 1:
        return of_part(params, batch)
    split = jax.tree.map(lambda a: a.reshape(parts, -1, *a.shape[1:]), batch)
    total = jax.eval_shape(of_part, params, jax.tree.map(lambda a: a[0], split))
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), total)

    def add(total: Any, part: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_part(params, part)), None

    total, _ = lax.scan(add, zeros, split)
    return jax.tree.map(lambda a: a / parts, total)


def _mean_over_devices(gradient: Vectors, mesh: Mesh) -> Vectors:
    """Each device's part of the mean gradient, as the parameters lie."""
    means = {}
    for group, vector in gradient.items():
        if group == FSDP:
            part = lax.psum_scatter(vector, FSDP, tiled=True)
            means[group] = lax.psum(part, "data") / mesh.size
        else:
            means[group] = lax.pmean(vector, BATCH_AXES)
    return means
