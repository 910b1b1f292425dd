"""Count the multiply-adds of a function from its jaxpr, without running or compiling it."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

_KEEPS_WHAT_IT_TAKES = ("reshape", "transpose", "rev", "squeeze", "convert_element_type")


def multiply_adds(function: Callable[..., Any], *args: Any) -> int:
    """Those of convolutions and matrix products, as papers count them; nothing elementwise.

    Arguments may be `jax.ShapeDtypeStruct`s. Bodies of `scan` count once a turn, of several branches the dearest
    counts; a `while` loop, whose turns are not known, counts once. XLA's own cost analysis would count every loop body
    once and every addition too.

    Zeros do not count: those between the samples of a transposed convolution, nor those with which a kernel was padded
    so that such a convolution is a plain one. So it is the same number whichever way a layer computes it.
    """
    return counted(function, *args)[0]


def counted(function: Callable[..., Any], *args: Any) -> tuple[int, Any]:
    """The same, and the shapes of the function's results: to trace a large one takes seconds."""
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return round(_count(closed.jaxpr, [1.0] * len(closed.jaxpr.invars))[0]), shapes


def _count(jaxpr: Any, filled: Sequence[float]) -> tuple[float, list[float]]:
    """(multiply-adds, of each result the share that is not known to be zeros). filled: that of each argument."""
    shares: dict[Any, float] = dict(zip(jaxpr.invars, filled, strict=True))

    def share(variable: Any) -> float:
        if hasattr(variable, "val"):  # a literal, which is no key
            return float(not (np.ndim(variable.val) == 0 and variable.val == 0))
        return shares.get(variable, 1.0)

    total = 0.0
    for equation in jaxpr.eqns:
        taken = [share(variable) for variable in equation.invars]
        count, left = _count_equation(equation, taken)
        total += count
        shares.update(zip(equation.outvars, left, strict=False))
    return total, [share(variable) for variable in jaxpr.outvars]


def _count_equation(equation: Any, taken: Sequence[float]) -> tuple[float, list[float]]:
    """(multiply-adds, of the results the share that is not known to be zeros; nothing where it is 1)."""
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return _size(equation.outvars[0]) * math.prod(shape[axis] for axis in contracted), []
    if name == "conv_general_dilated":
        return _convolution(equation) * taken[1], []
    if name == "pad" and taken[1] == 0:
        return 0, [taken[0] * _size(equation.invars[0]) / _size(equation.outvars[0])]
    if name in _KEEPS_WHAT_IT_TAKES:
        return 0, [taken[0]]
    inner = [
        _count(jaxpr, taken if len(jaxpr.invars) == len(taken) else [1.0] * len(jaxpr.invars))
        for jaxpr in _inner_jaxprs(params)
    ]
    counts = [count for count, _ in inner]
    if name == "cond":
        return max(counts), []
    if name in ("scan", "while"):
        return sum(counts) * params.get("length", 1), []
    return sum(counts), inner[0][1] if len(inner) == 1 else []


def _convolution(equation: Any) -> int:
    """Taps that fall on zeros between the samples of a transposed convolution do not count."""
    params = equation.params
    kernel = equation.invars[1].aval.shape
    features = kernel[params["dimension_numbers"].rhs_spec[0]]
    taps = _size(equation.outvars[0]) * math.prod(kernel) // features
    return taps // math.prod(params["lhs_dilation"])


def _inner_jaxprs(params: dict[str, Any]) -> Iterator[Any]:
    """The bodies of calls, loops and branches; told by what they have, as their types move."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            closed = getattr(item, "jaxpr", item)
            if hasattr(closed, "eqns"):
                yield closed


def _size(variable: Any) -> int:
    return math.prod(variable.aval.shape)
