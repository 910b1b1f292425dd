"""Probability models of latents, the order in which they are coded, and the driver that walks it."""

from hcfss_jax.entropy.channel_slices import AttendedSlices, ChannelSlices
from hcfss_jax.entropy.distributions import Distribution, Factorised, Gaussian
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.gaussian import gaussian_bits, scale_position, scale_table
from hcfss_jax.entropy.mixture import Mixture
from hcfss_jax.entropy.plan import Plan, Step, in_slices
from hcfss_jax.entropy.steps import (
    Prediction,
    noise_and_straight_through,
    rounding,
    run_steps,
)

__all__ = [
    "AttendedSlices",
    "ChannelSlices",
    "Distribution",
    "Factorised",
    "FactorisedPrior",
    "Gaussian",
    "Mixture",
    "Plan",
    "Prediction",
    "Step",
    "gaussian_bits",
    "in_slices",
    "noise_and_straight_through",
    "rounding",
    "run_steps",
    "scale_position",
    "scale_table",
]
