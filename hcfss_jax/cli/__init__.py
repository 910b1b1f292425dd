"""The `hcfss` command: photos to `.hcf` files and back.

JAX is imported only by the commands that run or list models, so that `hcfss --help` and
`hcfss info` answer at once.
"""

from hcfss_jax.cli.program import main

__all__ = ["main"]
