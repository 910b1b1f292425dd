"""A pure function of named arrays, and several that run in turn, with what is idle between them taken out."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from hcfss_jax.nets.plain_primitives import plain, used_inputs

Shape = jax.ShapeDtypeStruct


@dataclasses.dataclass(frozen=True)
class Net:
    """inputs, outputs: shapes by name, in the order of the function's arguments and results."""

    name: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    function: Callable[..., Sequence[jax.Array]]


def tidied(nets: Sequence[Net], read: Sequence[set[str]]) -> list[Net]:
    """Nets that run in turn and keep all that those before gave, without what is idle.

    Gone are outputs that nobody takes, inputs that nothing follows from, and second names of an array. read: of each
    the outputs that are read outside, which stay.
    """
    once, programs, one_name = [], [], dict[str, str]()
    for net, outside in zip(nets, read, strict=True):
        once.append(_renamed(net, one_name))
        programs.append(plain(once[-1].function, *once[-1].inputs.values()))
        one_name |= _second_names(once[-1], programs[-1], outside)
    wanted, kept = set[str](), []
    for net, program, outside in reversed([*zip(once, programs, read, strict=True)]):
        gives = [name in wanted | outside for name in net.outputs]
        kept.append(_narrowed(net, used_inputs(program, gives), gives))
        wanted |= {*kept[-1].inputs}
    return kept[::-1]


def _second_names(net: Net, program: core.ClosedJaxpr, outside: set[str]) -> dict[str, str]:
    """Of outputs that are an input, or another output, the name of that."""
    first: dict[Any, str] = dict(zip(program.jaxpr.invars, net.inputs, strict=True))
    found = {}
    outputs = zip(net.outputs, program.jaxpr.outvars, strict=True)
    for name, variable in sorted(outputs, key=lambda output: output[0] not in outside):
        if isinstance(variable, core.Literal):
            continue
        if name not in outside and variable in first:
            found[name] = first[variable]
        first.setdefault(variable, name)
    return found


def _renamed(net: Net, one_name: Mapping[str, str]) -> Net:
    """With each array that it takes once, under its first name."""
    names = [one_name.get(name, name) for name in net.inputs]
    inputs = dict(zip(names, net.inputs.values(), strict=True))

    def function(*arrays: jax.Array) -> Sequence[jax.Array]:
        given = dict(zip(inputs, arrays, strict=True))
        return net.function(*(given[name] for name in names))

    return dataclasses.replace(net, inputs=inputs, function=function)


def _narrowed(net: Net, takes: Sequence[bool], gives: Sequence[bool]) -> Net:
    """With some of its inputs, on which alone some of its outputs hang."""
    inputs = _some(net.inputs, takes)

    def function(*arrays: jax.Array) -> Sequence[jax.Array]:
        given = dict(zip(inputs, arrays, strict=True))
        absent = (name for name in net.inputs if name not in inputs)
        given |= {n: jnp.zeros(net.inputs[n].shape, net.inputs[n].dtype) for n in absent}
        found = net.function(*(given[name] for name in net.inputs))
        return [value for value, kept in zip(found, gives, strict=True) if kept]

    return Net(net.name, inputs, _some(net.outputs, gives), function)


def _some(shapes: Mapping[str, Shape], which: Sequence[bool]) -> dict[str, Shape]:
    return {name: shapes[name] for name, kept in zip(shapes, which, strict=True) if kept}
