"""Probability models of latents, and the driver of the coding steps."""

from hcfss_jax.entropy.channel_slices import AttendedSlices, ChannelSlices
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.gaussian import gaussian_bits, scale_position, scale_table
from hcfss_jax.entropy.steps import (
    Prediction,
    noise_and_straight_through,
    rounding,
    run_steps,
)

__all__ = [
    "AttendedSlices",
    "ChannelSlices",
    "FactorisedPrior",
    "Prediction",
    "gaussian_bits",
    "noise_and_straight_through",
    "rounding",
    "run_steps",
    "scale_position",
    "scale_table",
]
