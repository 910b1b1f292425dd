"""A function as JAX's plain primitives: calls opened, what follows from constants computed, nothing done twice.

Converters to other formats know what `jax.lax` computes with, not how our layers say it. What is opened here is
numerically the same: calls of compiled functions, rematerialisation, rules of gradients; and of branches by platform
that of CPUs, the plainest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend import core

_INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""What a call's program may be named among its parameters."""
_CALLS = (
    *("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
)
_SMALL = 1024  # numbers that a constant may always have; one larger than what it is made of stays a computation


def plain(function: Callable[..., Any], *inputs: jax.ShapeDtypeStruct) -> core.ClosedJaxpr:
    """The function of arrays, returning a sequence of arrays, as one program; loops stay loops."""
    traced = jax.make_jaxpr(function)(*inputs)
    constants = [_constant(value) for value in traced.consts]

    def opened(*arrays: jax.Array) -> list[Any]:
        return _Walk().results(traced.jaxpr, constants, arrays)

    return _without_idle(jax.make_jaxpr(opened)(*inputs))


def used_inputs(program: core.ClosedJaxpr, outputs: Sequence[bool]) -> list[bool]:
    """Which inputs some of the outputs follow from; a loop counts as one operation."""
    wanted = zip(program.jaxpr.outvars, outputs, strict=True)
    _, needed = _needed(program.jaxpr, [variable for variable, is_wanted in wanted if is_wanted])
    return [variable in needed for variable in program.jaxpr.invars]


def _needed(jaxpr: Any, outputs: Iterable[Any]) -> tuple[list[Any], set[Any]]:
    """(operations, variables) that outputs follow from."""
    needed = {v for v in outputs if not isinstance(v, core.Literal)}
    kept = []
    for operation in reversed(jaxpr.eqns):
        if needed & {*operation.outvars}:
            kept.append(operation)
            needed |= {v for v in operation.invars if not isinstance(v, core.Literal)}
    return kept[::-1], needed


def _without_idle(program: core.ClosedJaxpr) -> core.ClosedJaxpr:
    kept, _ = _needed(program.jaxpr, program.jaxpr.outvars)
    return program.replace(jaxpr=program.jaxpr.replace(eqns=kept))


class _Walk:
    """Computes a program anew: constants at once, the rest as it is traced. One walk for each body of a loop."""

    def __init__(self) -> None:
        self._done: dict[Any, tuple[list[Any], list[Any]]] = {}

    def results(self, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """What a program makes of its inputs."""
        known = dict(zip(jaxpr.constvars, constants, strict=True))
        known |= zip(jaxpr.invars, inputs, strict=True)

        def value(variable: Any) -> Any:
            literal = isinstance(variable, core.Literal)
            shape: Any = variable.aval
            return np.asarray(variable.val, shape.dtype) if literal else known[variable]

        for operation in jaxpr.eqns:
            made = self._once(operation, [*map(value, operation.invars)])
            known |= zip(operation.outvars, made, strict=True)
        return [*map(value, jaxpr.outvars)]

    def _once(self, operation: Any, inputs: list[Any]) -> list[Any]:
        """An operation's results; those from before, where the same was computed already."""
        inside = operation.primitive.name in _CALLS or _is_loop(operation)
        if inside or operation.primitive.name == "cond":
            return self._computed(operation, inputs)
        same = tuple(_identity(value) for value in inputs)
        key = operation.primitive.name, same, repr(operation.params)
        if key not in self._done:
            self._done[key] = self._computed(operation, inputs), inputs  # kept: ids stay theirs
        return self._done[key][0]

    def _computed(self, operation: Any, inputs: list[Any]) -> list[Any]:
        name, params = operation.primitive.name, operation.params
        if name in _CALLS:
            return self.results(*_program(params), inputs)
        if name == "platform_index":
            return [_number_of_cpu(params["platforms"])]
        if name == "cond" and _is_constant(inputs[0]):
            branches = params["branches"]
            chosen = branches[int(np.clip(inputs[0], 0, len(branches) - 1))]
            return self.results(*_opened(chosen), inputs[1:])
        if (
            name == "scan" and "num_consts" in params
        ):  # in JAX 0.11 a loop says it otherwise, and stays closed
            return _scan(params, inputs)
        if name == "select_n" and _is_constant(inputs[0]) and not inputs[0].ndim:
            return [inputs[1 + int(inputs[0])]]
        if name == "stop_gradient":
            return inputs
        if name == "concatenate":  # in ONNX a length of 0 means another thing
            inputs = [value for value in inputs if value.size] or inputs[:1]
            if len(inputs) == 1:
                return inputs
        if _becomes_constant(operation, inputs):
            with jax.ensure_compile_time_eval():
                return [_constant(value) for value in _bound(operation, inputs)]
        return _bound(operation, inputs)


def _scan(params: Mapping[str, Any], inputs: list[Any]) -> list[Any]:
    """A loop whose body is opened, too."""
    jaxpr, constants = _opened(params["jaxpr"])
    outside, carried = params["num_consts"], params["num_carry"]
    given, start, steps = (
        inputs[:outside],
        inputs[outside : outside + carried],
        inputs[outside + carried :],
    )

    def body(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        found = _Walk().results(jaxpr, constants, [*given, *carry, *x])
        return found[:carried], found[carried:]

    how = {"length": params["length"], "reverse": params["reverse"]}
    arrays = [jax.numpy.asarray(value) for value in (*start, *steps)]
    last, collected = lax.scan(body, arrays[:carried], arrays[carried:], **how)
    return [*last, *collected]


def _bound(operation: Any, inputs: list[Any]) -> list[Any]:
    found = operation.primitive.bind(*inputs, **operation.params)
    return [*found] if operation.primitive.multiple_results else [found]


def _becomes_constant(operation: Any, inputs: list[Any]) -> bool:
    if _is_loop(operation) or not all(map(_is_constant, inputs)):
        return False
    size = sum(variable.aval.size for variable in operation.outvars)
    return size <= max(_SMALL, sum(value.size for value in inputs))


def _is_loop(operation: Any) -> bool:
    return operation.primitive.name in ("scan", "while")


def _is_constant(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _constant(value: Any) -> np.ndarray:
    return np.asarray(value)


def _identity(value: Any) -> Any:
    """Equal for what is the same array; small constants are the same where they are equal."""
    if _is_constant(value) and value.size <= 16:
        return value.dtype.name, value.shape, value.tobytes()
    return id(value)


def _program(params: Mapping[str, Any]) -> tuple[Any, Sequence[Any]]:
    return _opened(next(params[name] for name in _INSIDE if name in params))


def _opened(program: Any) -> tuple[Any, Sequence[Any]]:
    """(jaxpr, its constants) of one that is closed, or has none."""
    if isinstance(program, core.ClosedJaxpr):
        return program.jaxpr, [_constant(value) for value in program.consts]
    return program, ()


def _number_of_cpu(platforms: Sequence[Sequence[str] | None]) -> np.ndarray:
    """Of branches by platform that of CPUs, or else of all others."""
    return np.asarray([p is None or "cpu" in p for p in platforms].index(True), np.int32)
