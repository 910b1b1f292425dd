"""The gradient of the objective over a global batch: each device its own images, then one sum over all."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from hcfss_jax.pictures.pixels import to_floats
from train.example import given_of
from train.mesh import BATCH_AXES, FSDP
from train.objective import Batch, Objective
from train.packing import Packing, Vectors, gather, part_learned

Metrics = dict[str, jax.Array]
GradientFn = Callable[[Vectors, Batch, jax.Array, Vectors], tuple[Vectors, Metrics]]
_OfPart = Callable[[Batch], tuple[Vectors, Metrics]]


def make_gradient(
    model: Any,
    packing: Packing,
    objective: Objective,
    mesh: Mesh,
    accumulate: int = 1,
    asked: Mapping[str, str] = {},
    frozen: Packing | None = None,
) -> GradientFn:
    """The function (parameters, batch, step, frozen) -> (gradient, metrics), each the mean over the batch.

    batch: what `train.example` says, less what a host asks for. An image carries the seed of its own noise, so the
    result does not depend on how many devices there are. step: int32, steps taken so far. frozen: the vectors of
    `objective.frozen`, laid out as the packing of that name says. The gradient is of what is trained, see
    `Packing.learned`.
    accumulate: in how many parts, one after the other, a device takes its images; B / devices is a multiple of it.
    asked: further arguments of the model's pass of training.

    A step costs one gathering of the parameters and one scattered sum of the gradient, whatever the model.
    """
    aside = frozen or Packing.of({})

    def loss_of(
        learned: Vectors, still: Vectors, batch: Batch, step: jax.Array, frozen: Any
    ) -> tuple[jax.Array, Metrics]:
        x = to_floats(batch["image"])
        keys = jax.vmap(jax.random.key)(batch["noise"])
        params = packing.unpack({**learned, **still})
        more = {"given": given} if (given := given_of(batch)) else {}
        out = model.apply({"params": params}, x, batch["level"], keys, **more, **asked)
        return objective(out, {**batch, "image": x}, step, frozen)

    def on_a_device(
        shards: Vectors, batch: Batch, step: jax.Array, frozen: Vectors
    ) -> tuple[Vectors, Metrics]:
        learned, still = part_learned(gather(shards))
        nets = aside.unpack(gather(frozen))

        def of_part(batch: Batch) -> tuple[Vectors, Metrics]:
            of = jax.value_and_grad(loss_of, has_aux=True)
            (_, metrics), gradient = of(learned, still, batch, step, nets)
            return gradient, metrics

        gradient, metrics = _mean_over_parts(of_part, batch, accumulate)
        return _mean_over_devices(gradient, mesh), lax.pmean(metrics, BATCH_AXES)

    whole = PartitionSpec()
    return jax.shard_map(
        on_a_device,
        mesh=mesh,
        in_specs=(packing.specs, PartitionSpec(BATCH_AXES), whole, aside.specs),
        out_specs=(packing.learned.specs, whole),
        check_vma=False,  # the scans of the model start from plain zeros
    )


def _mean_over_parts(of_part: _OfPart, batch: Batch, parts: int) -> tuple[Vectors, Metrics]:
    """Mean of `of_part` over equal parts of the batch; only one part's activations exist at a time."""
    if parts == 1:
        return of_part(batch)
    split = jax.tree.map(lambda a: a.reshape(parts, -1, *a.shape[1:]), batch)
    total = jax.eval_shape(of_part, jax.tree.map(lambda a: a[0], split))
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), total)

    def add(total: Any, part: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_part(part)), None

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
