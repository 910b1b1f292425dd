"""Kernels with which a chain of strided skips starts: a Haar wavelet packet, and its inverse.

A random network has to find out first that neighbouring pixels resemble each other. One whose skips start as an
orthonormal Haar packet is a plain transform codec from its first step, and spends its training on what goes beyond. Our
choice, for sizes that train briefly; nothing ties the kernels to it afterwards.

Each stage turns cells of 2x2 pixels of C channels into 4 C subbands and keeps those with the most energy in a picture
whose neighbouring pixels correlate by 0.95, as many as the next stage has channels.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from hcfss_jax.layers.convolution import SILENT, Initializer

CORRELATION = (
    0.95  # of neighbouring pixels: the Markov model of pictures that the DCT is derived from
)
_COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
_COLOUR_ENERGY = (1.0, 0.06, 0.02)  # brightness, and the two differences, roughly
_SIGNS = {"low": (1, 1), "high": (1, -1)}

Channel = tuple[int, tuple[str, ...], tuple[str, ...]]
"""A basis function: colour, and the passes taken downwards and across, coarsest last."""


@functools.cache
def packet(widths: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The stages of the packet from a picture through `widths` channels.

    Returns:
      For each stage float64 `[2, 2, fine, coarse]`, from the pixels of a cell to the subbands kept; its columns are
      orthonormal, or 0 where there are fewer subbands than channels.
    """
    channels: list[Channel] = [(colour, (), ()) for colour in range(3)]
    kernels: list[np.ndarray] = []
    for fine, coarse in itertools.pairwise((3, *widths)):
        mix = _COLOURS if not kernels else np.eye(fine)
        candidates = [
            (source, (colour, (*down, i), (*across, j)))
            for source, (colour, down, across) in enumerate(channels)
            for i, j in itertools.product(_SIGNS, _SIGNS)
        ]
        kept = sorted(candidates, key=lambda candidate: -_energy(candidate[1]))[:coarse]
        kernel = np.zeros((2, 2, fine, coarse))
        for out, (source, (_, down, across)) in enumerate(kept):
            cell = np.outer(_SIGNS[down[-1]], _SIGNS[across[-1]]) / 2
            kernel[:, :, :, out] = cell[..., None] * mix[source]
        channels = [channel for _, channel in kept]
        kernels.append(kernel)
    return tuple(kernels)


def _energy(channel: Channel) -> float:
    colour, down, across = channel
    return _COLOUR_ENERGY[colour] * _energy_along(down) * _energy_along(across)


@functools.cache
def _energy_along(passes: tuple[str, ...]) -> float:
    """Energy of a one-dimensional Haar function in the Markov model."""
    function = np.ones(1)
    for name in passes:
        function = np.concatenate([sign * function for sign in _SIGNS[name]]) / np.sqrt(2)
    positions = np.arange(function.size)
    correlation = CORRELATION ** np.abs(positions[:, None] - positions)
    return float(function @ correlation @ function)


def of_sizes(stage: np.ndarray, fine: int, coarse: int) -> np.ndarray:
    """A stage for other numbers of channels: without its last ones, or with more that are not used."""
    found = np.zeros((*stage.shape[:2], fine, coarse))
    fine, coarse = min(fine, stage.shape[2]), min(coarse, stage.shape[3])
    found[:, :, :fine, :coarse] = stage[:, :, :fine, :coarse]
    return found


def forward_start(stage: np.ndarray, rest: Initializer = SILENT) -> Initializer:
    """A stage as a convolution with stride 2 and a kernel of 2x2, or of an odd side k padded by (k - 1) / 2.

    A transposed convolution that starts with the same kernel inverts it. rest: how the kernels of those channels start
    for which there is no subband; where they are 0, a channel that nothing else reads or writes stays 0 for ever.
    """

    def init(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        kernel = np.zeros(shape)
        first = (shape[0] - 1) // 2
        kernel[first : first + len(stage), first : first + len(stage)] = stage
        spare = ~np.any(stage, axis=(0, 1, 2), keepdims=True)
        ours = jnp.asarray(kernel, dtype)
        return jnp.where(spare, rest(key, shape, dtype), ours) if spare.any() else ours

    return init


def inverse_start(stage: np.ndarray) -> Initializer:
    """The inverse of a stage as the convolution inside a `SubPixelConv` with an odd kernel."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        kernel = np.zeros(shape)
        to_cells = stage.transpose(3, 2, 0, 1)  # [coarse, fine, 2, 2]
        kernel[shape[0] // 2, shape[1] // 2] = to_cells.reshape(shape[2:])
        return jnp.asarray(kernel, dtype)

    return init
