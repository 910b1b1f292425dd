"""Slices of channels without gates: the nets see what is known as it is."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.entropy.steps import Decoded


class PlainSlices(AttendedSlices):
    """`AttendedSlices` without attention; for slice i and each of mean and scale

        concat(hyper features, what is decoded before) -> 3 convolutions

    Latent residual prediction sees the slice, and then what its mean was predicted from.
    """

    def attentions(self) -> Sequence[nn.Module]:
        """See `AttendedSlices.attentions`; there are none."""
        return ()

    def support(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> list[jax.Array]:
        """See `AttendedSlices.support`."""
        return [jnp.concatenate([features, *decoded], axis=-1) for features in hyper]

    def refine(self, number: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """See `ChannelSlices.refine`.

        What is known grows from slice to slice, and comes behind the slice: `run_equal_steps` makes a loop of slices
        whose further inputs are their last.
        """
        rest = self.residual_net[number](jnp.concatenate([quantised, features], axis=-1))
        return quantised + 0.5 * jnp.tanh(rest)
