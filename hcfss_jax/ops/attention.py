"""Attention of many positions to many, in turns where all scores would not fit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LARGEST_SCORES = 2**24
"""Scores held at once, over the batch and all heads, 64 MiB of float32: beyond it queries take turns."""


def attend(
    query: jax.Array, key: jax.Array, value: jax.Array, seen: jax.Array | None = None
) -> jax.Array:
    """Scaled dot products (Vaswani et al. 2017) of queries `[B, N, heads, D]` with keys and values `[B, T, heads, D]`.

    seen: bool `[T]`, what may be attended to. Queries take turns where there are more than LARGEST_SCORES scores.
    """
    batch, count, heads, _ = query.shape
    at_once = max(1, LARGEST_SCORES // (batch * heads * key.shape[1]))
    if count <= at_once:
        return _attend(query, key, value, seen)
    turns = -(-count // at_once)
    at_once = -(-count // turns)
    query = jnp.pad(query, ((0, 0), (0, turns * at_once - count), (0, 0), (0, 0)))
    parts = query.reshape(batch, turns, at_once, *query.shape[2:]).swapaxes(0, 1)
    again = jax.checkpoint(functools.partial(_attend, key=key, value=value, seen=seen))
    y = lax.map(again, parts).swapaxes(0, 1)
    return y.reshape(batch, turns * at_once, *y.shape[3:])[:, :count]


def _attend(
    query: jax.Array, key: jax.Array, value: jax.Array, seen: jax.Array | None
) -> jax.Array:
    scores = jnp.einsum("bnhd,bthd->bhnt", query, key).astype(jnp.float32)
    scores = scores * np.float32(query.shape[-1] ** -0.5)
    if seen is not None:
        scores = jnp.where(seen[None, None, None], scores, -1e9)
    return jnp.einsum("bhnt,bthd->bnhd", jax.nn.softmax(scores).astype(value.dtype), value)
