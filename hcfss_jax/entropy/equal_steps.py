"""The coding steps of training, those of equal shapes as one loop: they differ in their weights, and compile once.

They are not quite equal. A step sees one decoded part more than the step before it, so the kernels that read them have
more inputs. In the loop every step sees what the last one does: parts not yet decoded are 0, and 0 are the rows of
kernels that would read them.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.entropy.steps import Decoded, noise_and_round
from hcfss_jax.layers.one_loop import rows_of

Params = dict[str, Any]
Apply = Callable[..., Any]

_OF_A_STEP = re.compile(r"(.+)_(\d+)")


def run_equal_steps(
    apply: Apply, params: Params, keys: jax.Array, parts: Sequence[jax.Array], hyper: Any
) -> tuple[Decoded, list[jax.Array]]:
    """What `run_steps` makes with `noise_and_straight_through`, but for the order of sums.

    Args:
      apply: (parameters, method, step, *arguments) to what the entropy model's "predict" or "refine" returns.
      params: of the entropy model. Those of step 3 alone are under names that end in "_3"; inputs of a layer that only
        later steps have come last.
      keys: `[B]`, one for the noise of each image.
      parts: of y, one a step.
      hyper: what h_s made of z.
    """
    own = [_of_step(params, step) for step in range(len(parts))]
    shared = {name: tree for name, tree in params.items() if not _OF_A_STEP.fullmatch(name)}
    decoded: Decoded = ()
    bits: list[jax.Array] = []

    def run(steps: Sequence[int]) -> tuple[jax.Array, jax.Array]:
        """Steps of one kind: their decoded parts `[steps, B, h, w, c]` and bits `[steps, B]`."""
        last = steps[-1]

        def run_one(done: jax.Array, of_step: Any) -> tuple[jax.Array, jax.Array]:
            place, row, part = of_step
            weights = shared | {f"{name}_{last}": tree for name, tree in tree_of(row).items()}
            prediction = apply(weights, "predict", last, hyper, (*decoded, *done[:-1]))
            quantised, bits = noise_and_round(keys, steps[0] + place, part, prediction)
            refined = apply(weights, "refine", last, prediction.features, quantised)
            return done.at[place].set(refined), bits

        tree_of, rows = rows_of([_with_inputs_of(own[step], own[last]) for step in steps])
        ours = jnp.stack([parts[step] for step in steps])
        return lax.scan(run_one, jnp.zeros_like(ours), (jnp.arange(len(steps)), rows, ours))

    for _, equal in itertools.groupby(range(len(parts)), lambda step: _kind(own[step])):
        more, bits_of_them = run(list(equal))
        decoded, bits = (*decoded, *more), [*bits, *bits_of_them]
    return decoded, bits


def _of_step(params: Params, step: int) -> Params:
    """The parameters of one step, under names without its number."""
    names = {name: _OF_A_STEP.fullmatch(name) for name in params}
    return {m[1]: params[name] for name, m in names.items() if m and int(m[2]) == step}


def _kind(weights: Params) -> Any:
    """Equal for steps whose parameters differ in the number of inputs at most."""
    leaves, structure = jax.tree.flatten(weights)
    return structure, [(*leaf.shape[:-2], *leaf.shape[-1:]) for leaf in leaves]


def _with_inputs_of(weights: Params, larger: Params) -> Params:
    def fill(x: jax.Array, like: jax.Array) -> jax.Array:
        return jnp.pad(x, [(0, n - m) for m, n in zip(x.shape, like.shape, strict=True)])

    return jax.tree.map(fill, weights, larger)
