"""What a decoder computes with floats, as a few functions of named arrays that know nothing of models.

A decoder needs floats where the tables of a coding step follow from them, and for the picture. So there is a net for
each such step, and one for the picture:

    net of step n   symbols of the steps since the last net; what nets left -> positions among the tables; what is left
    picture         the same                                                -> x_hat

Between them a decoder has integers alone. A net holds `refine` of the steps whose symbols it takes and `predict` of the
step that it is for (`entropy.steps`), at one size of arrays. Names are those of steps by number: "step1.position".
A step that is `decided` has a second net, which tells the positions of answers from its distribution.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.decisions import position
from hcfss_jax.entropy.plan import only_on
from hcfss_jax.entropy.shifted_index import BLOCK
from hcfss_jax.entropy.steps import FULL, Prediction
from hcfss_jax.layers.area import only_within
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.nets.net import Net, Shape, tidied

Memory = dict[str, Any]
"""Trees of arrays: "level", "area", and for each step what is known of it."""

PICTURE = "picture"


@dataclasses.dataclass(frozen=True)
class DecoderNets:
    """Those of one model at one size of arrays.

    before: the net that runs before the symbols of a step are read, by the step's number; that of the picture has the
    number of steps. questions: of each step that is decided, from its distribution at 4096 symbols and from "near" and
    "far" `[4096, 2]` to "position" `[4096]`.
    """

    before: Mapping[int, Net]
    questions: Mapping[int, Net]

    @property
    def every(self) -> list[Net]:
        """All of both."""
        return [*self.before.values(), *self.questions.values()]


def decoder_nets(model: CompressionModel, params: Any, size: tuple[int, int]) -> DecoderNets:
    """The nets for arrays of so many pixels, height and width.

    All take "level" `[1]`, the quality less 1, and where the model can be padded "area" int32 `[2]`, height and width
    of the picture padded to multiples of `model.multiple`; a net has those of its inputs that matter. "stepN.symbols"
    are int32 `[1, h, w, c]`, 0 where none is sent; "stepN.position" is what `shifted_index` takes; "picture" is x_hat,
    float32 `[1, H, W, 3]`, not clipped.
    """
    stops = [n for n, step in enumerate(model.plan) if step.distribution.grid is not None]
    memory: Memory = {"level": Shape((1,), jnp.float32)}
    if model.paddable:
        memory["area"] = Shape((2,), jnp.int32)
    drafts, start = {}, 0
    for stop in (*stops, len(model.plan)):
        for number in range(start, stop):
            step = model.plan[number]
            shape = Shape((1, *step.area(*size), step.channels), jnp.int32)
            memory = _with(memory, {f"step{number}": {"symbols": shape}})
        between = _Between(model, {"params": params}, size, start, stop)
        drafts[stop] = _draft(between, memory)
        memory = _with(memory, jax.eval_shape(between, memory))
        start = stop
    questions = {n: _question(n, memory) for n in stops if model.plan[n].distribution.decided}
    read = [_read_by_decoder(net, stop) for stop, net in drafts.items()]
    nets = tidied([*drafts.values()], read)
    return DecoderNets(dict(zip(drafts, nets, strict=True)), questions)


@dataclasses.dataclass(frozen=True)
class _Between:
    """From the symbols of the steps from `start` on to what is known of step `stop`, or to the picture."""

    model: CompressionModel
    variables: Any
    size: tuple[int, int]
    start: int
    stop: int

    def __call__(self, memory: Memory) -> Memory:
        """What is new in it."""
        padded = "area" in memory
        within = only_within(memory["area"], self.size) if padded else contextlib.nullcontext()
        level, found = memory["level"], {}
        decoded = tuple(memory[f"step{n}"]["left"] for n in range(self.start))
        with within:
            for n in range(self.start, self.stop):
                decoded = (*decoded, self._left(n, level, decoded, memory[f"step{n}"]))
                found[f"step{n}"] = {"left": decoded[-1]}
            if self.stop == len(self.model.plan):
                return {**found, PICTURE: self._apply("synthesise", decoded, level)}
            prediction = self._predict(self.stop, level, decoded)
        return {**found, f"step{self.stop}": _told(prediction)}

    def _left(self, n: int, level: Any, decoded: tuple[Any, ...], known: Memory) -> Any:
        if "distribution" in known:
            prediction = Prediction(known["distribution"], known["features"])
        else:
            prediction = self._predict(n, level, decoded)
        value = prediction.distribution.value(known["symbols"])
        quantised = only_on(self.model.plan[n].lattice, value)
        with jax.default_matmul_precision(FULL):
            return self._apply("refine", n, level, decoded, prediction.features, quantised)

    def _predict(self, n: int, level: Any, decoded: tuple[Any, ...]) -> Prediction:
        with jax.default_matmul_precision(FULL):
            return self._apply("predict", n, level, decoded)

    def _apply(self, method: str, *args: Any) -> Any:
        return self.model.apply(self.variables, *args, method=method)


def _told(prediction: Prediction) -> Memory:
    """What a step's symbols are read by, and what it needs again once they are known."""
    given = prediction.distribution
    told = {"distribution": given, "features": prediction.features}
    return told if given.decided else {**told, "position": given.row(())}


def _draft(between: _Between, memory: Memory) -> Net:
    """A net with all inputs that it may have, and all outputs."""
    inputs, outputs = _by_name(memory), _by_name(jax.eval_shape(between, memory))
    tree = jax.tree.structure(memory)

    def function(*arrays: jax.Array) -> Sequence[jax.Array]:
        return jax.tree.leaves(between(jax.tree.unflatten(tree, arrays)))

    n = between.stop
    return Net(PICTURE if PICTURE in outputs else f"step{n}", inputs, outputs, function)


def _read_by_decoder(net: Net, stop: int) -> set[str]:
    """The outputs by which symbols are read, or the picture."""
    sought = {PICTURE, f"step{stop}.position"} & {*net.outputs}
    return sought or {n for n in net.outputs if n.startswith(f"step{stop}.distribution.")}


def _question(n: int, memory: Memory) -> Net:
    given = memory[f"step{n}"]["distribution"]
    rows = jax.tree.map(lambda leaf: Shape((BLOCK, *leaf.shape[4:]), leaf.dtype), given)
    tree, ends = jax.tree.structure(given), Shape((BLOCK, 2), jnp.float32)

    def function(*arrays: jax.Array) -> Sequence[jax.Array]:
        *leaves, near, far = arrays
        return [position(jax.tree.unflatten(tree, leaves), near, far)]

    inputs = {**_by_name({f"step{n}": {"distribution": rows}}), "near": ends, "far": ends}
    return Net(f"step{n}.question", inputs, {"position": Shape((BLOCK,), jnp.float32)}, function)


def _with(memory: Memory, more: Memory) -> Memory:
    """What is known, and what is known now."""
    steps = {
        name: {**memory.get(name, {}), **told} for name, told in more.items() if name != PICTURE
    }
    return {**memory, **steps}


def _by_name(tree: Any) -> dict[str, Shape]:
    """The arrays of a tree, by the way that leads to each, in their order."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {".".join(map(_key, path)): leaf for path, leaf in leaves}


def _key(part: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(part, attribute):
            return str(getattr(part, attribute))
    raise TypeError(f"{part!r} is no part of a name")
