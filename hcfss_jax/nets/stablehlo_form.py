"""Nets as StableHLO that JAX has serialised: `jax.export.deserialize` runs them, in later versions of JAX too."""

import jax
from jax import export

from hcfss_jax.errors import HcfError
from hcfss_jax.nets.net import Net

PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(net: Net) -> bytes:
    """A program for CPUs, CUDA and TPUs alike, that takes and returns arrays in the net's order.

    Raises HcfError for a net that cannot be lowered for all of them.
    """
    try:
        made = export.export(jax.jit(net.function), platforms=PLATFORMS)(*net.inputs.values())
    except (NotImplementedError, ValueError) as error:
        raise HcfError(f"{net.name} cannot be told in StableHLO: {error}") from error
    return bytes(made.serialize())
