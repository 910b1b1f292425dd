"""One training step, compiled once, over all devices of a mesh."""

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from train.gradient import GradientFn, Metrics
from train.mesh import batch_sharding, replicated
from train.objective import Batch
from train.packing import Packing, Vectors, part_learned
from train.state import TrainState, state_shardings

StepFn = jax.stages.Wrapped  # (TrainState, Batch, frozen Vectors) -> (TrainState, Metrics)


def make_step(
    gradient: GradientFn,
    packing: Packing,
    optimiser: optax.GradientTransformation,
    ema_decay: float,
    mesh: Mesh,
    frozen: Packing | None = None,
) -> StepFn:
    """The compiled (state, batch, frozen) -> (state, metrics); the given state's buffers are reused.

    batch: what `gradient` takes, and "request": int32 `[B]`, what the host that sent an image asks of all hosts. The
    largest comes back as the metric of that name: by it they all decide alike, without a word beside the step.
    frozen: the vectors of what the objective asks and does not train, as that packing says.
    Nothing random outlives a step. A step whose loss or gradient is not finite changes nothing but the counts; what
    `packing` holds still, no step changes.
    """

    def step(state: TrainState, batch: Batch, frozen: Vectors) -> tuple[TrainState, Metrics]:
        requests = batch.pop("request")
        (learned, still), (ema, still_ema) = part_learned(state.params), part_learned(state.ema)
        grads, metrics = gradient(state.params, batch, state.step, frozen)
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(part)) for part in grads.values()))
        finite = jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
        with jax.numpy_dtype_promotion("standard"):  # optax counts on it
            updates, opt_state = optimiser.update(grads, state.opt_state, learned)
        params = optax.apply_updates(learned, updates)
        kept = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old),
            (params, average(ema, params, state.step, ema_decay), opt_state),
            (learned, ema, state.opt_state),
        )
        state = TrainState(
            params={**kept[0], **still},
            ema={**kept[1], **still_ema},
            opt_state=kept[2],
            step=state.step + 1,
            skipped=state.skipped + (~finite).astype(jnp.int32),
            skipped_in_a_row=jnp.where(finite, 0, state.skipped_in_a_row + 1),
        )
        counts = {"skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}
        return state, metrics | {"grad_norm": norm, "request": jnp.max(requests)} | counts

    states = state_shardings(packing, optimiser, mesh)
    return jax.jit(
        step,
        in_shardings=(states, batch_sharding(mesh), (frozen or Packing.of({})).shardings(mesh)),
        out_shardings=(states, replicated(mesh)),
        donate_argnums=0,
    )


def average(ema: Vectors, params: Vectors, step: jax.Array, decay: float) -> Vectors:
    """The moving average after `step` (0-based); its decay grows from 0.1 to `decay`.

    So the random initial values are soon forgotten.
    """
    steps = step.astype(jnp.float32)
    rate = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    return jax.tree.map(lambda old, new: rate * old + (1.0 - rate) * new, ema, params)
