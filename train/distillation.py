"""Terms by which a model learns from a trained one: its maps, its latent, its pictures.

    rate and distortion + features * sum over maps of mean (A(map) - teacher's)^2
                        + channels * sum over channels of weight * mean (P(y) - teacher's y)^2
                        + pictures * lambda * distortion of the picture from the teacher's

each weighed by `config.distil`, the last three falling to 0 where it says so. A, P: the adapters of `train.student`.
The first two terms are of arXiv 2503.06399, the first and the third, without adapters, of arXiv 2309.02529; both tell
little more than that there are such. So the rest is our reading:

- The teacher sees the crops as they are, at the levels that they have, and does what it does in files: latents rounded,
  no noise.
- y is compared as it is coded, with its gain: an error counts in steps of the quantiser, and so at every rate as much
  as it does for the distortion.
- What a channel costs, and so its weight, is that of each image alone. Images of a batch have different levels, and
  what one counts shall not hang on those that lie on the same device.
- The third term is that of the distortion, of the same measure and lambda, with the teacher's picture for the original.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from hcfss_jax.models.skeleton import Output
from train.errors import BadConfig
from train.example import given_of
from train.objective import Batch, Figures, Objective, rate_distortion, rate_distortion_of
from train.student import adapted
from train.teacher import Teacher

CHANNELS_BY = ("weights", "top-k")


def distillation(config: ConfigDict) -> Objective:
    """Rate and distortion, and what `config.distil` asks of its teacher. Raises BadConfig, see `with_teacher`."""
    return with_teacher(rate_distortion(config), config)


def with_teacher(usual: Objective, config: ConfigDict) -> Objective:
    """An objective, and what `config.distil` asks beside of its teacher, whose parameters are frozen.

    Raises BadConfig where it asks for nothing, or for what the teacher does not have.
    """
    asked, teacher = config.distil, Teacher.of(config)
    _check(config, teacher)
    of, steps = rate_distortion_of(config), config.steps

    def near_the_teacher(
        output: Output, batch: Batch, step: jax.Array, frozen: Any
    ) -> tuple[jax.Array, Figures]:
        x, level, ours = batch["image"], batch["level"], output.features
        shown = teacher.show(frozen["teacher"], x, level, given_of(batch))
        apart: Figures = {}
        if asked.features:
            names = [name for name in shown.maps if adapted(name) in ours]
            each = [map_distance(ours[adapted(name)], shown.maps[name]) for name in names]
            apart["features"] = sum(each[1:], start=each[0])
        if asked.channels:
            latent, theirs = asked.latent, shown.latents[asked.latent]
            kept = asked.keep or ours[latent].shape[-1]
            weights = channel_weights(shown.rates[latent], kept, asked.channels_by)
            apart["channels"] = channel_distance(ours[adapted(latent)], theirs, weights)
        if asked.pictures:
            apart["pictures"], _ = of.distortion(output, shown.x_hat, level)
        parts = [asked[name] * value for name, value in apart.items()]
        value = sum(parts[1:], start=parts[0])
        if asked.falling:
            value = falling(step, steps) * value
        return value, {f"apart_{name}": value for name, value in apart.items()}

    return dataclasses.replace(
        usual,
        terms=(*usual.terms, (1.0, near_the_teacher)),
        frozen={**usual.frozen, "teacher": teacher.params},
    )


def map_distance(student: jax.Array, teacher: jax.Array) -> jax.Array:
    """Mean squared distance of two maps `[B, h, w, C]`, of each image: `[B]`."""
    apart = student.astype(jnp.float32) - teacher.astype(jnp.float32)
    return jnp.mean(jnp.square(apart), axis=(1, 2, 3))


def channel_weights(rates: jax.Array, kept: int, by: str) -> jax.Array:
    """What each channel counts, `[B, M]`, of which the `kept` that cost most count anything.

    rates: bits of each channel, `[B, M]`. by: "weights", its share of the bits of all channels; "top-k", those that
    count do so alike, 1 in all.
    """
    kept = min(kept, rates.shape[-1])
    _, chosen = jax.lax.top_k(rates, kept)
    counts = jnp.sum(jax.nn.one_hot(chosen, rates.shape[-1], dtype=jnp.float32), axis=1)
    if by == "top-k":
        return counts / kept
    return counts * rates / jnp.maximum(jnp.sum(rates, axis=-1, keepdims=True), 1e-9)


def channel_distance(student: jax.Array, teacher: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted sum over channels of their mean squared distance: two latents `[B, h, w, M]`, `[B, M]` -> `[B]`."""
    return jnp.sum(weights * jnp.mean(jnp.square(student - teacher), axis=(1, 2)), axis=-1)


def falling(step: jax.Array, steps: int) -> jax.Array:
    """1 at the first of so many steps, and 0 behind the last; float32, linear."""
    return jnp.maximum(1.0 - step.astype(jnp.float32) / steps, 0.0)


def _check(config: ConfigDict, teacher: Teacher) -> None:
    """Raise BadConfig for what is asked of a teacher and makes no sense."""
    asked, levels = config.distil, len(config.lambdas)
    if min(asked.features, asked.channels, asked.pictures) < 0:
        raise BadConfig("config.distil: features, channels and pictures must not be negative")
    if not (asked.features or asked.channels or asked.pictures):
        raise BadConfig(
            "config.distil asks nothing of its teacher: give features, channels or pictures a weight"
        )
    if asked.channels_by not in CHANNELS_BY:
        raise BadConfig(
            f"config.distil.channels_by={asked.channels_by!r} must be one of {', '.join(CHANNELS_BY)}"
        )
    if asked.keep < 0:
        raise BadConfig(
            f"config.distil.keep={asked.keep} must not be negative: 0 is as many as the student has"
        )
    if teacher.model.config.levels < levels:
        raise BadConfig(
            f"config.distil.teacher={teacher.name!r} has {teacher.model.config.levels} levels, and the student "
            f"learns {levels}"
        )
    if teacher.lambdas and teacher.lambdas[:levels] != tuple(map(float, config.lambdas)):
        raise BadConfig(
            f"config.distil.teacher={teacher.name!r} was trained for lambdas {teacher.lambdas}, the student learns "
            f"{tuple(config.lambdas)}: at the same level they would differ in rate"
        )
