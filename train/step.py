"""One training step, compiled once, over all devices of a mesh."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from train.flat import FlatLayout
from train.loss import level_importance, rate_distortion_loss
from train.state import TrainState

Metrics = dict[str, jax.Array]
StepFn = Callable[[TrainState, dict[str, jax.Array]], tuple[TrainState, Metrics]]


def make_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh with the one axis `data` over `devices` (all of them by default)."""
    return Mesh(np.array(jax.devices() if devices is None else devices), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds the whole array: the state."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The first axis is dealt out over `data`: a batch."""
    return NamedSharding(mesh, PartitionSpec("data"))


def make_step(
    model: Any,
    layout: FlatLayout,
    optimiser: optax.GradientTransformation,
    lambdas: Sequence[float],
    balance: float,
    ema_decay: float,
    seed: int,
    mesh: Mesh,
) -> StepFn:
    """The compiled (state, batch) -> (state, metrics); the given state's buffers are reused.

    batch: {"image": uint8 `[B, H, W, 3]`, "level": float32 `[B]`, whole numbers}.
    The noise is a function of (seed, step): nothing random outlives a step. A step whose loss or
    gradient is not finite changes nothing but the counts.
    """
    weights = jnp.asarray(lambdas, jnp.float32)
    importance = level_importance(lambdas, balance)

    def loss_fn(params: jax.Array, batch: dict[str, jax.Array], key: jax.Array) -> Any:
        x = batch["image"].astype(jnp.float32) / 255.0
        out = model.apply(
            {"params": layout.unravel(params)}, x, batch["level"], rngs={"noise": key}
        )
        level = batch["level"].astype(jnp.int32)
        return rate_distortion_loss(out, x, weights[level], importance[level])

    def step(state: TrainState, batch: dict[str, jax.Array]) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        (loss, metrics), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params, batch, key)
        norm = jnp.linalg.norm(grads)
        finite = jnp.isfinite(norm) & jnp.isfinite(loss)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = average(state.ema, params, state.step, ema_decay)
        kept = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old),
            (params, ema, opt_state),
            (state.params, state.ema, state.opt_state),
        )
        state = TrainState(
            params=kept[0],
            ema=kept[1],
            opt_state=kept[2],
            step=state.step + 1,
            skipped=state.skipped + ~finite,
            skipped_in_a_row=jnp.where(finite, 0, state.skipped_in_a_row + 1),
        )
        counts = {"skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}
        return state, metrics | {"grad_norm": norm} | counts

    whole, dealt = replicated(mesh), batch_sharding(mesh)
    return jax.jit(
        step, in_shardings=(whole, dealt), out_shardings=(whole, whole), donate_argnums=0
    )


def average(ema: jax.Array, params: jax.Array, step: jax.Array, decay: float) -> jax.Array:
    """The moving average after `step` (0-based); its decay grows from 0.1 to `decay`.

    So the random initial values are soon forgotten.
    """
    rate = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return rate * ema + (1.0 - rate) * params
