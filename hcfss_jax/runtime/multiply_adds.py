"""Count the multiply-adds of a function from its jaxpr, without running or compiling it."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax


def multiply_adds(function: Callable[..., Any], *args: Any) -> int:
    """Those of convolutions and matrix products, as papers count them; nothing elementwise.

    Arguments may be `jax.ShapeDtypeStruct`s. Bodies of `scan` count once a turn, of several
    branches the dearest counts; a `while` loop, whose turns are not known, counts once. XLA's own
    cost analysis would count every loop body once and every addition too.
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr)


def _count(jaxpr: Any) -> int:
    return sum(_count_equation(equation) for equation in jaxpr.eqns)


def _count_equation(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return _size(equation.outvars[0]) * math.prod(shape[axis] for axis in contracted)
    if name == "conv_general_dilated":
        return _convolution(equation)
    counts = [_count(inner) for inner in _inner_jaxprs(params)]
    if name == "cond":
        return max(counts)
    return sum(counts) * (params["length"] if name == "scan" else 1)


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
