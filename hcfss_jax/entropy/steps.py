"""The one driver over the coding steps of a latent, and the quantisers that tell its uses apart.

Step t predicts the distribution of its part of y from the hyperprior and from what is decoded so far, quantises, and
refines. Training, evaluation, encoding and decoding run these same lines; what differs is the quantiser:

    noise_and_straight_through   training: noise for the rate, straight-through rounding for the rest
    rounding                     evaluation: rounding, bits by the model
    (the codec's own two)        encoding collects symbols, decoding reads them

`equal_steps` is the same for training where the model is to compile quickly.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.gaussian import gaussian_bits
from hcfss_jax.ops import add_uniform_noise, round_straight_through


class Prediction(NamedTuple):
    """What a step knows of its part of y before it is coded, each `[B, h, w, c]`."""

    mean: jax.Array
    log_scale: jax.Array
    features: jax.Array
    """What `refine` will want again."""


Decoded = tuple[jax.Array, ...]
Predict = Callable[[int, Any, Decoded], Prediction]
Refine = Callable[[int, jax.Array, jax.Array], jax.Array]
Quantise = Callable[[int, Prediction], tuple[jax.Array, Any]]


def run_steps(
    steps: int, predict: Predict, refine: Refine, quantise: Quantise, hyper: Any
) -> tuple[Decoded, list[Any]]:
    """Runs all steps in order.

    Args:
      steps: how many there are.
      predict: (step, hyper, decoded so far) to a `Prediction`.
      refine: (step, features, quantised part) to the decoded part: latent residual prediction.
      quantise: (step, prediction) to (quantised part of y, record).
      hyper: what h_s made of z, handed on to `predict`.

    Returns:
      The decoded parts, and the quantiser's record of each step.
    """
    decoded: Decoded = ()
    records = []
    for step in range(steps):
        prediction = predict(step, hyper, decoded)
        quantised, record = quantise(step, prediction)
        decoded = (*decoded, refine(step, prediction.features, quantised))
        records.append(record)
    return decoded, records


def noise_and_straight_through(keys: jax.Array, parts: Sequence[jax.Array]) -> Quantise:
    """The quantiser of training (Minnen and Singh 2020, section 3.3); records bits `[B]`.

    keys: `[B]`, one for the noise of each image.
    """

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        return noise_and_round(keys, step, parts[step], prediction)

    return quantise


def noise_and_round(
    keys: jax.Array, step: int | jax.Array, part: jax.Array, prediction: Prediction
) -> tuple[jax.Array, jax.Array]:
    """What training makes of one part of y: (its rounded values, bits `[B]` of a noisy copy)."""
    mean, log_scale, _ = prediction
    centred = part - mean
    noisy = add_uniform_noise(jax.vmap(jax.random.fold_in, (0, None))(keys, step), centred)
    bits = jnp.sum(gaussian_bits(noisy, log_scale), axis=(1, 2, 3))
    return round_straight_through(centred) + mean, bits


def rounding(parts: Sequence[jax.Array]) -> Quantise:
    """The quantiser of evaluation; records bits `[B]`."""

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        mean, log_scale, _ = prediction
        q = jnp.round(parts[step] - mean)
        return q + mean, jnp.sum(gaussian_bits(q, log_scale), axis=(1, 2, 3))

    return quantise
