"""Everything that a training step changes, as one pytree."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class TrainState(NamedTuple):
    """params and ema: the model's parameters and their moving average, as vectors `[n]`.

    opt_state: optax's. step, skipped, skipped_in_a_row: int32 counts of steps taken, of those whose
    gradient was not finite, and of the latest unbroken run of such.
    """

    params: jax.Array
    ema: jax.Array
    opt_state: Any
    step: jax.Array
    skipped: jax.Array
    skipped_in_a_row: jax.Array


def init_state(params: jax.Array, optimiser: optax.GradientTransformation) -> TrainState:
    """The state before the first step; the average starts at the parameters themselves."""

    def zero() -> jax.Array:  # each its own buffer: a donated state may not share any
        return jnp.zeros((), jnp.int32)

    return TrainState(params, jnp.array(params), optimiser.init(params), zero(), zero(), zero())
