"""Blocks that keep nothing but their input for the gradient, and compute the inside again on the way back."""

import functools
from typing import Any, TypeVar

import flax.linen as nn

Block = TypeVar("Block", bound=nn.Module)


def remat_if(remat: bool, block: type[Block]) -> type[Block]:
    """`block`, rematerialised where `remat` asks for it; parameters and values are the same.

    On CPU it saves nothing: XLA's compiler for it finds the work done twice and merges it again.
    """
    return _REMATERIALISED(block) if remat else block


_REMATERIALISED: Any = functools.cache(nn.remat)  # so that equal blocks are of one class
