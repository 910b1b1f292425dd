"""Blocks that keep nothing but their input for the gradient, and compute the inside again on the way back."""

import functools
from typing import Any, TypeVar

import flax.linen as nn

Block = TypeVar("Block")


def remat_if(remat: bool, block: Block) -> Block:
    """`block`, rematerialised where `remat` asks for it; parameters and values are the same.

    block: a class of modules, or one with some of its fields in a `functools.partial`. On CPU it saves nothing: XLA's
    compiler for it finds the work done twice and merges it again.
    """
    if not remat:
        return block
    if isinstance(block, functools.partial):
        partial: Any = functools.partial(_REMATERIALISED(block.func), *block.args, **block.keywords)
        return partial
    found: Block = _REMATERIALISED(block)
    return found


_REMATERIALISED: Any = functools.cache(nn.remat)  # so that equal blocks are of one class
