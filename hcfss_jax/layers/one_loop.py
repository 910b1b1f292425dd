"""Modules that differ in their weights alone, as one loop: what they all compute is compiled once.

The weights stay where they are, each module's under its own name; the loop takes them as rows of a matrix.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

_LOOPS = contextvars.ContextVar("loops", default=False)


@contextlib.contextmanager
def equal_modules_in_loops() -> Iterator[None]:
    """While it holds, `in_turn` and `each` make loops where they can."""
    token = _LOOPS.set(True)
    try:
        yield
    finally:
        _LOOPS.reset(token)


def in_turn(modules: Sequence[nn.Module], x: jax.Array, rows: jax.Array | None = None) -> jax.Array:
    """x through all modules; they are bound, and keep its shape. rows: a second input of each, along the first axis."""
    if not _loop_serves(modules):
        for i, module in enumerate(modules):
            x = module(x) if rows is None else module(x, rows[i])
        return x
    call, weights = _stacked(modules)

    def step(x: jax.Array, own: tuple[jax.Array, jax.Array | None]) -> tuple[jax.Array, None]:
        weights, row = own
        return (call(weights, x) if row is None else call(weights, x, row)), None

    return lax.scan(step, x, (weights, rows))[0]


def each(modules: Sequence[nn.Module], inputs: Sequence[jax.Array]) -> list[jax.Array]:
    """Each of the modules, which are bound, of its own input."""
    if not _loop_serves(modules) or len({x.shape for x in inputs}) > 1:
        return [module(x) for module, x in zip(modules, inputs, strict=True)]
    call, weights = _stacked(modules)
    _, found = lax.scan(lambda _, own: (None, call(*own)), None, (weights, jnp.stack(inputs)))
    return list(found)


def rows_of(trees: Sequence[Any]) -> tuple[Callable[[jax.Array], Any], jax.Array]:
    """Trees of arrays of equal shapes as the rows of a matrix, and the function from a row to its tree."""
    _, tree_of = ravel_pytree(trees[0])
    return tree_of, jnp.stack([ravel_pytree(tree)[0] for tree in trees])


def _loop_serves(modules: Sequence[nn.Module]) -> bool:
    if len(modules) < 2 or not _LOOPS.get() or modules[0].is_initializing():
        return False
    (first, weights), *others = (module.unbind() for module in modules)
    return all(m == first and _shapes(w) == _shapes(weights) for m, w in others)


def _stacked(modules: Sequence[nn.Module]) -> tuple[Callable[..., jax.Array], jax.Array]:
    """(function of a module's weights and its inputs, weights of all)."""
    unbound: Any = modules[0].unbind()[0]
    tree_of, rows = rows_of([module.variables for module in modules])
    return lambda own, *inputs: unbound.apply(tree_of(own), *inputs), rows


def _shapes(tree: Any) -> Any:
    return jax.tree.map(jnp.shape, tree)
