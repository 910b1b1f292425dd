"""Adam, SOAP, Muon or the user's own, with a clipped gradient and a warmed-up, decaying learning rate."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from ml_collections import ConfigDict

from train.named import choose
from train.packing import Packing, Vectors
from train.soap import scale_by_soap


def make_schedule(config: ConfigDict) -> optax.Schedule:
    """Step -> learning rate: linear warm-up, then `config.schedule`, down to 1 % of the peak."""
    peak, steps = config.learning_rate, config.steps
    warmup = min(config.warmup_steps, steps // 2)
    if config.schedule == "cosine":
        return optax.warmup_cosine_decay_schedule(0.0, peak, warmup, steps, 0.01 * peak)
    cooldown = max(1, int(config.cooldown_fraction * steps))
    start = max(warmup, steps - cooldown)
    return optax.join_schedules(
        [
            optax.linear_schedule(0.0, peak, warmup),
            optax.constant_schedule(peak),
            optax.linear_schedule(peak, 0.01 * peak, steps - start),
        ],
        [warmup, start],
    )


def make_optimiser(config: ConfigDict, packing: Packing) -> optax.GradientTransformation:
    """`config.optimiser` on the gradient clipped to global norm `clip`, with decoupled weight decay.

    "adam"; "soap", see `train.soap`; "muon", by optax; or "package.module:name", as `DIRECTIONS` holds them. It sees
    the parameters that are trained, and no others. Raises BadConfig.
    """
    direction = choose("optimiser", config.optimiser, DIRECTIONS)
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        direction(config, packing.learned),
        optax.add_decayed_weights(config.weight_decay),
        optax.scale_by_learning_rate(make_schedule(config)),
    )


def _adam(config: ConfigDict, packing: Packing) -> optax.GradientTransformation:
    return optax.scale_by_adam()


def _soap(config: ConfigDict, packing: Packing) -> optax.GradientTransformation:
    return scale_by_soap(packing, every=config.soap_every)


def _muon(config: ConfigDict, packing: Packing) -> optax.GradientTransformation:
    """Orthogonalised momentum for matrices, those of a kernel one for each tap, and Adam for the rest; as large as
    Adam's steps (Liu et al. 2025, 2.2)."""
    matrix = optax.contrib.MuonDimensionNumbers(-2, -1)
    sides = [
        matrix if len(shape) >= 2 and min(shape[-2:]) > 1 else None for shape in packing.shapes
    ]
    muon = optax.contrib.muon(
        1.0,
        consistent_rms=0.2,
        muon_weight_dimension_numbers=jax.tree.unflatten(packing.structure, sides),
    )

    def init(params: Vectors) -> optax.OptState:
        return muon.init(packing.unpack(params))

    def update(
        gradient: Vectors, state: optax.OptState, params: Vectors | None = None
    ) -> tuple[Vectors, optax.OptState]:
        assert params is not None
        downhill, state = muon.update(packing.unpack(gradient), state, packing.unpack(params))
        return packing.pack(jax.tree.map(jnp.negative, downhill)), state

    return optax.GradientTransformation(init, update)


DIRECTIONS: dict[str, Callable[[ConfigDict, Packing], optax.GradientTransformation]] = {
    "adam": _adam,
    "soap": _soap,
    "muon": _muon,
}
"""(config, packing) -> from a gradient to the direction that the learning rate scales, of vectors as the packing says;
`Packing.unpack` makes the model's arrays of them."""
