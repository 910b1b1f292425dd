"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321, algorithm 3).

For a matrix G of gradients, with L and R the running means of G G^T and G^T G and Q_L, Q_R their eigenvectors, the step
is Adam's on Q_L^T G Q_R, turned back. Now and then the eigenvectors are brought up to date, by one round of orthogonal
iteration. What is no matrix, or too long on a side, is Adam's on that side.

A kernel is as many matrices as it has taps, all with one pair of bases. Matrices of equal shapes are one batch, and all
bases together one vector: a model has hundreds of arrays, and a step pays for each.

Otherwise than the authors' code: bases begin as the identity, so that the first steps are Adam's and none is left out.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from train.packing import Packing, Vectors

LONGEST_SIDE = 256


class Batch(NamedTuple):
    """Parameters of one shape. which: their places among the leaves. taps, rows, columns: of each.

    left, right: whether that side has a basis.
    """

    which: tuple[int, ...]
    taps: int
    rows: int
    columns: int
    left: bool
    right: bool

    @property
    def bases(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """The sides that have one, and the shape of all of them."""
        for side, has, length in (
            ("left", self.left, self.rows),
            ("right", self.right, self.columns),
        ):
            if has:
                yield side, (len(self.which), length, length)


class SoapState(NamedTuple):
    """steps: taken so far. mean, square: Adam's moments, as the parameters' vectors, of what was turned.

    covariance, basis: of every side of every batch, one after the other.
    """

    steps: jax.Array
    mean: Vectors
    square: Vectors
    covariance: jax.Array
    basis: jax.Array


Sides = list[dict[str, jax.Array]]


def scale_by_soap(
    packing: Packing,
    b1: float = 0.95,
    b2: float = 0.95,
    eps: float = 1e-8,
    every: int = 10,
    longest: int = LONGEST_SIDE,
) -> optax.GradientTransformation:
    """SOAP's direction for parameters that lie as `packing` says; to be followed by the learning rate.

    b1, b2: of Adam's moments; b2 also of the covariances. every: steps between two updates of the bases. longest: side
    that has a basis.
    """
    batches = _batches(packing, longest)

    def init(params: Vectors) -> SoapState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        shapes = [shape for batch in batches for _, shape in batch.bases]
        eyes = [jnp.broadcast_to(jnp.eye(shape[1], dtype=jnp.float32), shape) for shape in shapes]
        basis = _in_a_row(eyes)
        start = jnp.zeros((), jnp.int32), zeros, jax.tree.map(jnp.zeros_like, params)
        return SoapState(*start, jnp.zeros_like(basis), basis)

    def update(
        gradient: Vectors, state: SoapState, params: Vectors | None = None
    ) -> tuple[Vectors, SoapState]:
        del params
        count = state.steps + 1
        taken = count.astype(jnp.float32)
        covariances, bases = _parted(state.covariance, batches), _parted(state.basis, batches)
        covariances = _observe(packing, batches, covariances, gradient, b2)
        turned = _turn(packing, batches, bases, gradient)
        mean = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mean, turned)
        square = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.square, turned)
        scale = jnp.sqrt(1 - b2**taken) / (1 - b1**taken)
        direction = jax.tree.map(lambda m, v: scale * m / (jnp.sqrt(v) + eps), mean, square)
        direction = _turn(packing, batches, bases, direction, back=True)

        def refresh(moments: tuple[Vectors, Vectors]) -> tuple[Vectors, Vectors, jax.Array]:
            mean, square = moments
            orders = _orders(covariances, bases)
            square = _reorder(packing, batches, orders, square)
            newer = _iterate(covariances, bases, orders)
            mean = _turn(packing, batches, bases, mean, back=True)
            return _turn(packing, batches, newer, mean), square, _joined(newer, batches)

        def keep(moments: tuple[Vectors, Vectors]) -> tuple[Vectors, Vectors, jax.Array]:
            return *moments, state.basis

        mean, square, basis = jax.lax.cond(count % every == 0, refresh, keep, (mean, square))
        return direction, SoapState(count, mean, square, _joined(covariances, batches), basis)

    return optax.GradientTransformation(init, update)


def _batches(packing: Packing, longest: int) -> list[Batch]:
    """The parameters that have a basis on a side at least, by shape."""
    by_shape: dict[tuple[int, int, int], list[int]] = {}
    for i, shape in enumerate(packing.shapes):
        if len(shape) >= 2:
            *taps, rows, columns = shape
            by_shape.setdefault((math.prod(taps), rows, columns), []).append(i)
    found = [
        Batch(tuple(which), *shape, *(1 < side <= longest for side in shape[1:]))
        for shape, which in sorted(by_shape.items())
    ]
    return [batch for batch in found if batch.left or batch.right]


def _each_batch(packing: Packing, batches: list[Batch], vectors: Vectors, change: Any) -> Vectors:
    """Vectors with each batch `[parameters, taps, rows, columns]` replaced by change(number, batch)."""
    leaves, structure = jax.tree.flatten(packing.unpack(vectors))
    for number, batch in enumerate(batches):
        changed = change(number, _stack(batch, leaves))
        for i, one in zip(batch.which, changed, strict=True):
            leaves[i] = one.reshape(leaves[i].shape)
    return packing.pack(jax.tree.unflatten(structure, leaves))


def _stack(batch: Batch, leaves: list[jax.Array]) -> jax.Array:
    """Its parameters, `[parameters, taps, rows, columns]`."""
    return jnp.stack([leaves[i].reshape(batch[1:4]) for i in batch.which])


def _turn(
    packing: Packing, batches: list[Batch], bases: Sides, vectors: Vectors, back: bool = False
) -> Vectors:
    """Every matrix in its bases; or from there."""

    def turn(number: int, x: jax.Array) -> jax.Array:
        own = bases[number]
        if "left" in own:
            x = _product("kij,ktjc->ktic" if back else "kji,ktjc->ktic", own["left"], x)
        if "right" in own:
            x = _product("ktrj,kij->ktri" if back else "ktrj,kji->ktri", x, own["right"])
        return x

    return _each_batch(packing, batches, vectors, turn)


def _observe(
    packing: Packing, batches: list[Batch], covariances: Sides, gradient: Vectors, decay: float
) -> Sides:
    """The covariances with one more gradient in them."""
    leaves = jax.tree.leaves(packing.unpack(gradient))
    newer: Sides = []
    for batch, old in zip(batches, covariances, strict=True):
        x = _stack(batch, leaves)
        seen = {"left": "ktic,ktjc->kij", "right": "ktri,ktrj->kij"}
        newer.append(
            {
                side: decay * own + (1 - decay) * _product(seen[side], x, x)
                for side, own in old.items()
            }
        )
    return newer


def _orders(covariances: Sides, bases: Sides) -> Sides:
    """The columns of each basis by the variance that they see, the largest first."""
    return [
        {
            side: jnp.argsort(
                -jnp.sum(basis * _product("kij,kjc->kic", covariance[side], basis), axis=1)
            )
            for side, basis in own.items()
        }
        for covariance, own in zip(covariances, bases, strict=True)
    ]


def _iterate(covariances: Sides, bases: Sides, orders: Sides) -> Sides:
    """One round of orthogonal iteration."""

    def iterate(covariance: jax.Array, basis: jax.Array, order: jax.Array) -> jax.Array:
        ordered = jnp.take_along_axis(basis, order[:, None, :], axis=2)
        seen = _product("kij,kjc->kic", covariance, ordered)
        # One after the other: on CPUs LAPACK's batches wait for each other's threads, for ever where there are few.
        return jax.lax.map(lambda one: jnp.linalg.qr(one)[0], seen)

    return [
        {side: iterate(covariance[side], basis, order[side]) for side, basis in own.items()}
        for covariance, own, order in zip(covariances, bases, orders, strict=True)
    ]


def _reorder(packing: Packing, batches: list[Batch], orders: Sides, vectors: Vectors) -> Vectors:
    """Moments of what was turned, for bases whose columns are in another order."""

    def reorder(number: int, x: jax.Array) -> jax.Array:
        own = orders[number]
        if "left" in own:
            x = jnp.take_along_axis(x, own["left"][:, None, :, None], axis=2)
        if "right" in own:
            x = jnp.take_along_axis(x, own["right"][:, None, None, :], axis=3)
        return x

    return _each_batch(packing, batches, vectors, reorder)


def _parted(vector: jax.Array, batches: list[Batch]) -> Sides:
    """The sides of each batch from the one vector that holds all."""
    parts: Sides = []
    start = 0
    for batch in batches:
        own = {}
        for side, shape in batch.bases:
            own[side] = vector[start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)
        parts.append(own)
    return parts


def _joined(parts: Sides, batches: list[Batch]) -> jax.Array:
    """The inverse of `_parted`."""
    sides = [
        own[side] for own, batch in zip(parts, batches, strict=True) for side, _ in batch.bases
    ]
    return _in_a_row(sides)


def _in_a_row(arrays: list[jax.Array]) -> jax.Array:
    return jnp.concatenate([jnp.zeros(0, jnp.float32), *map(jnp.ravel, arrays)])


def _product(equation: str, *operands: jax.Array) -> jax.Array:
    return jnp.einsum(equation, *operands, precision="highest")
