"""The one driver over a model's coding steps, and the quantisers that tell its uses apart.

Step t predicts the distribution of its part of a latent from what the steps before it left, quantises, and refines.
Training, evaluation, encoding and decoding run these same lines; what differs is the quantiser:

    noise_and_straight_through   training: noise for the rate, straight-through rounding for the rest
    rounding                     evaluation, estimates of many pictures: rounding, bits by the model
    (the codec's own two)        encoding collects symbols, decoding reads them

`equal_steps` is the same for training where the model is to compile quickly.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Distribution
from hcfss_jax.entropy.plan import Lattice, Plan, Step, only_on
from hcfss_jax.ops import add_uniform_noise, round_straight_through

FULL = "highest"
"""The precision, as JAX names it, of float32 products in full: what reaches a table index depends on no fast mode."""


class Prediction(NamedTuple):
    """What a step knows of its part before it is coded."""

    distribution: Distribution
    features: Any = None
    """What `refine` will want again."""


Decoded = tuple[Any, ...]
"""What each step so far has left for those after it."""
Latents = Mapping[str, jax.Array]
Quantise = Callable[[int, Prediction], tuple[jax.Array, Any]]


class Steps(Protocol):
    """A model's, or those of its compiled passes. step: a number, into the plan."""

    @property
    def plan(self) -> Plan: ...

    def predict(self, step: int, level: Any, decoded: Decoded) -> Prediction: ...

    def refine(
        self, step: int, level: Any, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any: ...


def run_steps(
    steps: Steps, level: Any, quantise: Quantise, products: str = FULL
) -> tuple[Decoded, list[Any]]:
    """Runs all steps in order.

    Args:
      steps: `predict` tells what a step knows; `refine`, what it leaves of its quantised part.
      level: `[B]`.
      quantise: (step, prediction) to (quantised part, record).
      products: precision of those that say none of their own. Only training may take another.

    Returns:
      What each step left, and the quantiser's record of each.
    """
    decoded: Decoded = ()
    records = []
    for step in range(len(steps.plan)):
        with jax.default_matmul_precision(products):
            prediction = steps.predict(step, level, decoded)
        quantised, record = quantise(step, prediction)
        with jax.default_matmul_precision(products):
            left = steps.refine(step, level, decoded, prediction.features, quantised)
        decoded = (*decoded, left)
        records.append(record)
    return decoded, records


def noise_and_straight_through(keys: jax.Array | None, plan: Plan, latents: Latents) -> Quantise:
    """The quantiser of training (Minnen and Singh 2020, section 3.3); records bits `[B]`.

    keys: `[B]`, one for the noise of each image; None for no noise, so that bits are those of rounded values, too.
    """

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        part = plan[step].part(latents)
        return noise_and_round(keys, step, plan[step], part, prediction.distribution)

    return quantise


def noise_and_round(
    keys: jax.Array | None,
    number: int | jax.Array,
    step: Step,
    part: jax.Array,
    given: Distribution,
) -> tuple[jax.Array, jax.Array]:
    """What training makes of one part: (its rounded values, bits `[B]` of a noisy copy). number: of the step.

    keys: see `noise_and_straight_through`.
    """
    centred = given.centred(part)
    rounded = round_straight_through(centred)
    coded = rounded
    if keys is not None:
        coded = add_uniform_noise(jax.vmap(jax.random.fold_in, (0, None))(keys, number), centred)
    bits = jnp.sum(only_on(step.lattice, given.bits(coded)), axis=(1, 2, 3))
    return only_on(step.lattice, given.value(rounded)), bits


def rounding(
    plan: Plan,
    latents: Latents,
    sent: Callable[[Step, jax.Array], jax.Array | None] = lambda step, part: None,
    over: tuple[int, ...] = (1, 2, 3),
) -> Quantise:
    """The quantiser of evaluation; records bits `[B]`.

    sent: of pictures in arrays that are larger, (step, its part) to bool `[1, h, w, 1]`: beyond it a latent is what is
    predicted, and costs nothing.
    over: axes of `[B, h, w, c]` that bits are summed over; with (3,) they are maps `[B, h, w]`.
    """

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        lattice, part, given = plan[step].lattice, plan[step].part(latents), prediction.distribution
        q, bits = symbols(lattice, part, given, sent(plan[step], part))
        return only_on(lattice, given.value(q)), jnp.sum(bits, axis=over)

    return quantise


def symbols(
    lattice: Lattice,
    part: jax.Array,
    given: Distribution,
    within: jax.Array | None,
    rounded: Callable[[jax.Array], jax.Array] = jnp.round,
) -> tuple[jax.Array, jax.Array]:
    """What a step sends of its part `[B, h, w, c]`, and its bits; both are 0 where nothing is sent.

    within: bool `[1, h, w, 1]`, what of the lattice is sent; None for all of it.
    """

    def only_sent(x: jax.Array) -> jax.Array:
        on = only_on(lattice, x)
        return on if within is None else jnp.where(within, on, 0)

    q = only_sent(rounded(given.centred(part)))
    return q, only_sent(given.bits(q))
