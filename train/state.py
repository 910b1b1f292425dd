"""Everything that a training step changes, as one pytree."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from train.mesh import replicated
from train.packing import Packing, Vectors, part_learned


class TrainState(NamedTuple):
    """params and ema: the model's parameters and their moving average, as the vectors of a `Packing`.

    opt_state: optax's, of what is trained. step, skipped, skipped_in_a_row: int32 counts of steps taken, of those whose
    gradient was not finite, and of the latest unbroken run of such.
    """

    params: Vectors
    ema: Vectors
    opt_state: Any
    step: jax.Array
    skipped: jax.Array
    skipped_in_a_row: jax.Array


def init_state(params: Vectors, optimiser: optax.GradientTransformation) -> TrainState:
    """The state before the first step; the average starts at the parameters themselves."""

    def zero() -> jax.Array:  # each its own buffer: a donated state may not share any
        return jnp.zeros((), jnp.int32)

    ema = jax.tree.map(jnp.array, params)
    opt_state = optimiser.init(part_learned(params)[0])
    return TrainState(params, ema, opt_state, zero(), zero(), zero())


def state_shardings(
    packing: Packing, optimiser: optax.GradientTransformation, mesh: Mesh
) -> TrainState:
    """How a state lies on the devices: every vector as its group, wherever it stands; counts whole."""
    by_group = packing.shardings(mesh)

    def sharding(path: Any, leaf: Any) -> jax.sharding.NamedSharding:
        group = getattr(path[-1], "key", None)
        return by_group[group] if group in by_group else replicated(mesh)

    return jax.tree_util.tree_map_with_path(sharding, _shapes(packing, optimiser))


def state_like(packing: Packing, optimiser: optax.GradientTransformation, mesh: Mesh) -> TrainState:
    """The shapes and shardings of a run's state; nothing is computed."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        _shapes(packing, optimiser),
        state_shardings(packing, optimiser, mesh),
    )


def _shapes(packing: Packing, optimiser: optax.GradientTransformation) -> TrainState:
    zeros = {group: jax.ShapeDtypeStruct((n,), jnp.float32) for group, n in packing.lengths.items()}
    return jax.eval_shape(lambda params: init_state(params, optimiser), zeros)
