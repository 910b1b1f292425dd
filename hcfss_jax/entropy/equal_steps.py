"""The coding steps of training, those of equal shapes as one loop: they differ in their weights, and compile once.

They are not quite equal. A step sees one decoded part more than the step before it, so the kernels that read them have
more inputs. In the loop every step sees what the last one does: parts not yet decoded are 0, and 0 are the rows of
kernels that would read them.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.entropy.steps import (
    FULL,
    Decoded,
    Latents,
    Prediction,
    noise_and_round,
)
from hcfss_jax.layers.one_loop import rows_of

Params = dict[str, Any]
Path = tuple[str, ...]


def run_equal_steps(
    model: Any,
    params: Params,
    level: jax.Array,
    keys: jax.Array | None,
    latents: Latents,
    products: str = FULL,
) -> tuple[Decoded, list[jax.Array]]:
    """What `run_steps` makes with `noise_and_straight_through`, but for the order of sums.

    Args:
      model: an unbound module with `plan`, `predict`, `refine`; and `modules_of_step`, which names those that a step
        has to itself. Steps that have some leave an array of the shape of their part; inputs of a layer that only later
        steps have come last. Steps that have none are run one by one.
      params: of the model.
      level: `[B]`.
      keys: `[B]`, one for the noise of each image; None for none.
      latents: what the steps code.
      products: see `run_steps`.
    """
    plan = model.plan
    bound = model.bind({"params": params})
    paths = [
        {name: module.path for name, module in bound.modules_of_step(step).items()}
        for step in range(len(plan))
    ]
    own = [
        {name: _at(params, path) for name, path in paths_of_step.items()} for paths_of_step in paths
    ]
    decoded: Decoded = ()
    bits: list[jax.Array] = []

    def call(weights: Params, method: str, *arguments: Any) -> Any:
        with jax.default_matmul_precision(products):
            return model.apply({"params": weights}, *arguments, method=method)

    def code(
        weights: Params, step: int, number: Any, part: jax.Array, before: Decoded
    ) -> tuple[Any, jax.Array]:
        prediction: Prediction = call(weights, "predict", step, level, before)
        quantised, cost = noise_and_round(keys, number, plan[step], part, prediction.distribution)
        return call(weights, "refine", step, level, before, prediction.features, quantised), cost

    def run(steps: Sequence[int]) -> tuple[jax.Array, jax.Array]:
        """Steps of one kind: their decoded parts `[steps, B, h, w, c]` and bits `[steps, B]`."""
        last = steps[-1]

        def run_one(done: jax.Array, of_step: Any) -> tuple[jax.Array, jax.Array]:
            place, row, part = of_step
            weights = params
            for name, tree in tree_of(row).items():
                weights = _with(weights, paths[last][name], tree)
            left, cost = code(weights, last, steps[0] + place, part, (*decoded, *done[:-1]))
            return done.at[place].set(left), cost

        tree_of, rows = rows_of([_with_inputs_of(own[step], own[last]) for step in steps])
        ours = jnp.stack([plan[step].part(latents) for step in steps])
        return lax.scan(run_one, jnp.zeros_like(ours), (jnp.arange(len(steps)), rows, ours))

    kinds = [_kind(plan[step], own[step], step) for step in range(len(plan))]
    for _, equal in itertools.groupby(range(len(plan)), lambda step: kinds[step]):
        steps = list(equal)
        if own[steps[0]]:
            more, costs = run(steps)
            decoded, bits = (*decoded, *more), [*bits, *costs]
        else:
            part = plan[steps[0]].part(latents)
            left, cost = code(params, steps[0], steps[0], part, decoded)
            decoded, bits = (*decoded, left), [*bits, cost]
    return decoded, bits


def _kind(step: Any, weights: Params, number: int) -> Any:
    """Equal for steps whose parameters differ in the number of inputs at most; of others, nobody else's."""
    if not weights:
        return number
    leaves, structure = jax.tree.flatten(weights)
    shapes = [(*leaf.shape[:-2], *leaf.shape[-1:]) for leaf in leaves]
    return structure, shapes, step._replace(first=0)


def _at(params: Params, path: Path) -> Any:
    for name in path:
        params = params[name]
    return params


def _with(params: Params, path: Path, tree: Any) -> Any:
    """The parameters with those of one module replaced."""
    if not path:
        return tree
    return {**params, path[0]: _with(params[path[0]], path[1:], tree)}


def _with_inputs_of(weights: Params, larger: Params) -> Params:
    def fill(x: jax.Array, like: jax.Array) -> jax.Array:
        return jnp.pad(x, [(0, n - m) for m, n in zip(x.shape, like.shape, strict=True)])

    return jax.tree.map(fill, weights, larger)
