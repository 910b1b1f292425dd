"""Latents of one picture, moved along the gradient of what their file costs: bits a pixel + lambda * distortion.

The passes are the model's own, over the plan, in arrays of a bucket of which it sees the picture alone; what is not
sent costs nothing, and what is no picture is no error. Compiled once a bucket.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.plan import Step, only_on
from hcfss_jax.entropy.soft_rounding import two_way_rounding
from hcfss_jax.entropy.steps import Latents, Prediction, run_steps, symbols
from hcfss_jax.layers.area import inside, only_within
from hcfss_jax.metrics import ms_ssim_of_floats
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.pictures.bit_depth import largest
from hcfss_jax.pictures.pixels import to_floats, to_pixels
from hcfss_jax.weights.tradeoff import Tune

_DECAYS = (0.9, 0.999)  # Adam's (Kingma and Ba 2015)
_NOISE = 0.3  # of the paper's; in few steps much noise hides what is to be found
_LEAST = 1e-14  # gradients of single latents are small: the cost is of a pixel


class Aim(NamedTuple):
    """What is to be met, and at which price.

    x: uint8 `[1, H, W, 3]`, the picture in its arrays. sides: int32 `[2]`, its height and width. weights: float32
    `[1, H, W, 1]`, what the error of a pixel counts, 0 beyond the picture. level: `[1]`. price: lambda, of a distortion
    as `weights.tradeoff` has it.
    """

    x: jax.Array
    sides: jax.Array
    weights: jax.Array
    level: jax.Array
    price: jax.Array


class Moving(NamedTuple):
    """Latents on their way. mean: of their gradients, as Adam has it; square: of their squares, of each channel `[C]`.
    taken: steps so far, int32."""

    latents: Latents
    mean: Latents
    square: Latents
    taken: jax.Array


class Cost(NamedTuple):
    """Of what would be written: all of it, in bits a pixel; the bits alone; the latents as they would be decoded."""

    total: jax.Array
    bits: jax.Array
    decoded: Latents


@jax.jit
def started(latents: Latents) -> Moving:
    """From what the encoder makes of a picture."""
    still = {name: jnp.zeros_like(y) for name, y in latents.items()}
    square = {name: jnp.zeros(y.shape[-1], y.dtype) for name, y in latents.items()}
    return Moving(dict(latents), still, square, jnp.zeros((), jnp.int32))


Rounded = Callable[[int, jax.Array], jax.Array]


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def true_cost(
    model: CompressionModel,
    size: tuple[int, int] | None,
    tune: Tune,
    variables: Any,
    area: jax.Array,
    aim: Aim,
    latents: Latents,
) -> Cost:
    """With rounding and pixels as in files, bits as the model says."""
    x_hat, bits, decoded = _forward(
        model, size, variables, area, aim, latents, lambda step, x: jnp.round(x)
    )
    pixels = to_floats(to_pixels(x_hat))
    return Cost(_total(tune, pixels, bits, aim), bits, decoded)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def moved(
    model: CompressionModel,
    size: tuple[int, int] | None,
    tune: Tune,
    variables: Any,
    area: jax.Array,
    aim: Aim,
    moving: Moving,
    rate: jax.Array,
    temperature: jax.Array,
) -> Moving:
    """One step of Adam. rate: its learning rate, in steps of the quantiser. temperature: of the soft rounding."""
    keys = jax.random.fold_in(jax.random.key(0), moving.taken)  # noise that is the same each time

    def soft(step: int, x: jax.Array) -> jax.Array:
        return two_way_rounding(jax.random.fold_in(keys, step), x, temperature, _NOISE)

    def cost(latents: Latents) -> jax.Array:
        x_hat, bits, _ = _forward(model, size, variables, area, aim, latents, soft)
        return _total(tune, jnp.clip(x_hat, 0, 1), bits, aim)

    slopes = jax.grad(cost)(moving.latents)
    slopes = jax.tree.map(lambda slope: jnp.where(jnp.isfinite(slope), slope, 0), slopes)
    shown = jnp.prod(aim.sides.astype(jnp.float32)) / (aim.x.shape[1] * aim.x.shape[2])
    return _adam(moving, slopes, rate, shown)


def _adam(moving: Moving, slopes: Latents, rate: jax.Array, shown: jax.Array) -> Moving:
    """Adam, but that the channels of a latent have one scale each.

    With a scale for each number, those that hardly matter are moved as far as those that do, and where most symbols are
    0, at low qualities, that costs more bits than it saves. shown: the share of the arrays that is picture.
    """
    first, second = _DECAYS
    taken = moving.taken + 1
    mean = jax.tree.map(lambda m, s: first * m + (1 - first) * s, moving.mean, slopes)

    def of_channel(v: jax.Array, slope: jax.Array) -> jax.Array:
        square = jnp.mean(slope * slope, axis=(0, 1, 2)) / shown
        return second * v + (1 - second) * square

    square = jax.tree.map(of_channel, moving.square, slopes)
    count = taken.astype(jnp.float32)
    of_mean, of_square = 1 - first**count, 1 - second**count

    def after(y: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        scale = jnp.sqrt(v / of_square) + _LEAST
        return y - rate / of_mean * m / scale[None, None, None]

    return Moving(jax.tree.map(after, moving.latents, mean, square), mean, square, taken)


def _forward(
    model: CompressionModel,
    size: tuple[int, int] | None,
    variables: Any,
    area: jax.Array,
    aim: Aim,
    latents: Latents,
    rounded: Rounded,
) -> tuple[jax.Array, jax.Array, Latents]:
    """(x_hat `[1, H, W, 3]`, bits, the latents as decoded)."""
    with only_within(area, size) if size else contextlib.nullcontext():
        found: Any = model.apply(variables, latents, aim, rounded, method=_pass)
        return found


def _pass(
    model: CompressionModel, latents: Latents, aim: Aim, rounded: Rounded
) -> tuple[jax.Array, jax.Array, Latents]:
    plan = model.plan

    def quantise(number: int, prediction: Prediction) -> tuple[jax.Array, Any]:
        step, part, given = plan[number], plan[number].part(latents), prediction.distribution
        within = inside(part, jnp.stack(step.area(*aim.sides)))
        q, bits = symbols(step.lattice, part, given, within, functools.partial(rounded, number))
        value = only_on(step.lattice, given.value(q))
        return value, (value, jnp.sum(bits))

    decoded, records = run_steps(model, aim.level, quantise)
    x_hat = model.synthesise(decoded, aim.level)
    whole = _put_together(plan, latents, [value for value, _ in records])
    return x_hat, sum(bits for _, bits in records), whole


def _put_together(
    plan: tuple[Step, ...], latents: Latents, values: list[jax.Array]
) -> dict[str, jax.Array]:
    """The inverse of `Step.part`: every number of a latent is of one step."""
    whole = {name: jnp.zeros_like(y) for name, y in latents.items()}
    for step, value in zip(plan, values, strict=True):
        last = step.first + step.channels
        whole[step.latent] = whole[step.latent].at[..., step.first : last].add(value)
    return whole


def _total(tune: Tune, x_hat: jax.Array, bits: jax.Array, aim: Aim) -> jax.Array:
    """Bits a pixel and lambda * distortion. x_hat: floats `[1, H, W, 3]` in [0, 1]."""
    x = to_floats(aim.x)
    height, width = aim.sides
    pixels = (height * width).astype(jnp.float32)
    if tune == "ms-ssim":
        error = 1 - ms_ssim_of_floats(x_hat, x, aim.sides[None])[0]
    else:
        square = jnp.mean(jnp.square(x_hat - x), axis=-1, keepdims=True)
        error = largest(8) ** 2 * jnp.sum(aim.weights * square) / pixels
    return bits / pixels + aim.price * error
