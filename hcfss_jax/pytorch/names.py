"""What parameters are called in PyTorch code: names of modules as tables, and how tables are put together.

There the layers of a transform are numbered, and so are those inside of an `nn.Sequential`. A family has a file of its
own here, whose `modules(config)` numbers the layers of a model; `layers` says what is called how inside of each layer
that several families share.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hcfss_jax.errors import WrongWeights
from hcfss_jax.pytorch.buffers import is_buffer


class Names(NamedTuple):
    """What a family's authors call things.

    modules: from a config, every module that owns parameters, by its name here, to its name there. whole: whether a
    config leaves out nothing that their model has. constants: from a config, buffers of the family's own. gaussians:
    what codes y there. second: from a parameter's name there to the other name that its tensor has in a state dict,
    where it has one.
    """

    modules: Callable[[Any], dict[str, str]]
    whole: Callable[[Any], bool] = lambda config: True
    constants: Callable[[Any], dict[str, np.ndarray]] = lambda config: {}
    gaussians: tuple[str, ...] = ("gaussian_conditional",)
    second: Callable[[str], str | None] = lambda name: None


Table = Mapping[str, str]
"""Module in a layer here to module in the layer there; parts joined by dots."""

Place = tuple[str, Table]
"""What a layer is called on one of the two sides, and what is in it."""


def within(here: str, there: str, table: Table) -> dict[str, str]:
    """A table of what lies one level deeper."""
    return {join(here, ours): join(there, theirs) for ours, theirs in table.items()}


def join(outer: str, inner: str) -> str:
    """The name of a module in a module; "" for one that is the other itself."""
    return f"{outer}.{inner}" if outer and inner else outer or inner


def numbered(here: str, there: str, layers: Sequence[Place]) -> dict[str, Place]:
    """Layers by their names here, as an `nn.Sequential` called `there` numbers them."""
    return {f"{here}.{name}": (f"{there}.{n}", table) for n, (name, table) in enumerate(layers)}


def flat(places: Mapping[str, Place]) -> dict[str, str]:
    """Every module that owns parameters, from every layer by its name here to its name there and what is in it."""
    found: dict[str, str] = {}
    for here, (there, table) in places.items():
        found |= within(here, there, table)
    return found


def canonical(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parameters of a state dict under the names of today's CompressAI, without its buffers.

    Raises WrongWeights where two names mean the same.
    """
    prefix = "module." if all(name.startswith("module.") for name in state) else ""
    named = {name.removeprefix(prefix): value for name, value in state.items()}
    kept = [(_today(name), value) for name, value in named.items() if not is_buffer(name)]
    if len(found := dict(kept)) < len(kept):
        raise WrongWeights("the state dict has a parameter twice, under an old name and a new one")
    return found


def _today(name: str) -> str:
    """CompressAI before 1.2.7 called the bottleneck's parameters otherwise."""
    kinds = {"matrix": "matrices", "bias": "biases", "factor": "factors"}
    return re.sub(
        r"^(entropy_bottleneck)\._(matrix|bias|factor)(\d+)$",
        lambda match: f"{match[1]}.{kinds[match[2]]}.{match[3]}",
        name,
    )
