"""What a compiled program sends between devices, read from its text."""

import math
import re

# A TPU sends to other slices through its host, by `send`.
_KINDS = (
    "all-gather",
    "all-reduce",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "send",
)
# `%name = f32[8,128]{1,0} all-gather(...)`; of an asynchronous pair the start counts.
_OPERATION = re.compile(r"= (\(.*?\)|\S+) (" + "|".join(_KINDS) + r")(?:-start)?\(")
_ARRAY = re.compile(r"([a-z]+)(\d+)\[([\d,]*)\]")


def collectives(program: str) -> dict[str, tuple[int, int]]:
    """Kind -> (how many, bytes of their results on one device), of the text of a compiled program.

    Those inside a loop count once.
    """
    found: dict[str, tuple[int, int]] = {}
    for shape, kind in _OPERATION.findall(program):
        count, size = found.get(kind, (0, 0))
        found[kind] = (count + 1, size + _bytes(shape))
    return found


def _bytes(shape: str) -> int:
    """Of an array such as `f32[8,128]{1,0}`; of a tuple, which an asynchronous start returns, its largest."""
    sizes = [
        int(bits) // 8 * math.prod(int(n) for n in dimensions.split(",") if n)
        for _, bits, dimensions in _ARRAY.findall(shape)
    ]
    return max(sizes, default=0)
