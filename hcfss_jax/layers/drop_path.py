"""Stochastic depth (Huang et al. 2016): in training an image goes past a block now and then.

Which blocks it goes past is a function of its own key, like its noise, and so depends neither on the rest of the batch
nor on how the batch is dealt out to devices. A model keeps no random state for it: the pass of training says which keys
there are, and in every other pass, which says nothing, all blocks are gone through.

    with images_dropped_by(keys):
        kept = branch_factors((0.0, 0.05, 0.1), "g_a")
        x = in_turn(blocks, x, kept)         # block(x, kept[i]) is x + kept[i] * branch(x)
"""

import contextlib
import contextvars
import itertools
import zlib
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp

_KEYS = contextvars.ContextVar[jax.Array | None]("keys", default=None)


@contextlib.contextmanager
def images_dropped_by(keys: jax.Array) -> Iterator[None]:
    """While it holds, `branch_factors` draws for these images. keys: `[B]`, one for each."""
    token = _KEYS.set(keys)
    try:
        yield
    finally:
        _KEYS.reset(token)


def branch_factors(rates: Sequence[float], place: str) -> jax.Array | None:
    """What the branches of blocks in turn are multiplied by, float32 `[blocks, B]`; None for 1.

    Args:
      rates: the probability of each block to be gone past, in [0, 1).
      place: where the blocks are used. Draws are alike for equal places and independent for others.

    Returns:
      0 where an image goes past a block, else 1 / (1 - rate), so that the expectation is 1.
    """
    keys = _KEYS.get()
    if keys is None or not any(rates):
        return None
    ours = jax.vmap(jax.random.fold_in, (0, None))(keys, zlib.crc32(f"drop path {place}".encode()))
    chance = jax.vmap(lambda key: jax.random.uniform(key, (len(rates),), jnp.float32))(ours).T
    rate = jnp.asarray(rates, jnp.float32)[:, None]
    return jnp.where(chance < rate, 0.0, 1 / (1 - rate))


def linear_rates(largest: float, blocks: int) -> tuple[float, ...]:
    """Rates that rise from 0 at the first block to `largest` at the last (Huang et al. 2016, section 3)."""
    return tuple(largest * i / max(blocks - 1, 1) for i in range(blocks))


def dealt(rates: Sequence[float], counts: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    """Rates in groups of so many, in order; those that are left over are nobody's."""
    rest = iter(rates)
    return tuple(tuple(itertools.islice(rest, count)) for count in counts)


def along_branch(kept: jax.Array | None, branch: jax.Array) -> jax.Array:
    """A block's branch `[B, H, W, C]` times its factors `[B]`, which may be None for 1."""
    return branch if kept is None else kept[:, None, None, None].astype(branch.dtype) * branch
