"""The `hcfss` command: photos to `.hcf` files and back.

JAX is imported only by the commands that run a model, so that `hcfss --help` answers at once.
"""

from hcfss_jax.cli.program import main

__all__ = ["main"]
