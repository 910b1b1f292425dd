"""Adam or SOAP with a clipped gradient and a warmed-up, decaying learning rate."""

import optax
from ml_collections import ConfigDict

from train.errors import BadConfig
from train.packing import Packing
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

    "adam", or "soap", see `train.soap`. Raises BadConfig.
    """
    if config.optimiser not in DIRECTIONS:
        raise BadConfig(
            f"config.optimiser={config.optimiser!r}: use one of {', '.join(DIRECTIONS)}"
        )
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        DIRECTIONS[config.optimiser](packing),
        optax.add_decayed_weights(config.weight_decay),
        optax.scale_by_learning_rate(make_schedule(config)),
    )


def _adam(_: Packing) -> optax.GradientTransformation:
    return optax.scale_by_adam()


DIRECTIONS = {"adam": _adam, "soap": scale_by_soap}
