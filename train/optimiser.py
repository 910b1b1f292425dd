"""Adam with a clipped gradient and a warmed-up, decaying learning rate."""

import optax
from ml_collections import ConfigDict


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


def make_optimiser(config: ConfigDict) -> optax.GradientTransformation:
    """AdamW (Adam where `weight_decay` is 0) on the gradient clipped to global norm `clip`."""
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.adamw(make_schedule(config), weight_decay=config.weight_decay),
    )
