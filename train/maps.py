"""The maps that the transforms of a model make at each stride, of whatever model: nothing is asked of it.

    with watched(x, ("g_a", "g_s")) as seen:
        output = model.apply(variables, x, level, keys)
    seen.maps()        # {"g_a/2": [B, H / 2, W / 2, .], ..., "g_a/16": y before its gain, "g_s/8": ..., "g_s/1": ...}

A model says nowhere where its stages end, and their layers have other names in each. But whatever halves or doubles the
sides of a map was handed the last map of its stride. So Flax's interceptors look at calls within a transform, and keep
what the outermost of those that halve or double were given, and what the transform gives in the end. Blocks that keep
the shape are never looked into, and may be loops, or be computed again on the way back.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax

_Path = tuple[str, ...]


class Seen:
    """What one pass over a batch has shown so far.

    latents: what `analyse` gave, by name; none of a model that has no such method.
    """

    def __init__(self, height: int, transforms: Sequence[str]):
        self.latents: Mapping[str, jax.Array] = {}
        self._height, self._transforms = height, transforms
        self._ends: dict[str, tuple[jax.Array, jax.Array]] = {}
        self._given: dict[str, dict[_Path, jax.Array]] = {name: {} for name in transforms}

    def maps(self) -> dict[str, jax.Array]:
        """By transform and stride, as "g_s/8": `[B, H / 8, W / 8, .]`, in the order in which they were made.

        Not the one that a transform was given; and none of a transform that takes or gives more than one map.
        """
        found = {}
        for name, (given, made) in self._ends.items():
            own = self._given[name]
            outermost = [x for path, x in own.items() if not _inside(path, own)]
            for x in (*outermost, made):
                if x.shape[1] != given.shape[1]:
                    found[f"{name}/{self._height // x.shape[1]}"] = x
        return found

    def look(
        self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        """The interceptor."""
        result, path = call(*args, **kwargs), context.module.path
        if context.method_name == "analyse" and not path:
            self.latents = result
        if context.method_name != "__call__" or not args:
            return result
        if not (_is_map(args[0]) and _is_map(result)):
            return result
        for name in self._transforms:
            of = tuple(name.split("."))
            if path == of:
                self._ends[name] = args[0], result
            elif path[: len(of)] == of and _halves_or_doubles(args[0], result):
                self._given[name][path] = args[0]
        return result


@contextlib.contextmanager
def watched(x: jax.Array, transforms: Sequence[str]) -> Iterator[Seen]:
    """What is applied meanwhile is looked at. x: the images, `[B, H, W, 3]`. transforms: paths, such as "fine.g_a"."""
    seen = Seen(x.shape[1], transforms)
    with nn.intercept_methods(seen.look):
        yield seen


def chosen(names: Sequence[str], among: Sequence[str]) -> list[str]:
    """Of the maps those that are meant: "g_s" means all of a transform, "g_s/8" one."""
    return [name for name in among if name in names or name.partition("/")[0] in names]


def transforms_of(names: Sequence[str]) -> tuple[str, ...]:
    """The transforms that these maps are of, each once."""
    return tuple(dict.fromkeys(name.partition("/")[0] for name in names))


def _is_map(x: Any) -> bool:
    return len(getattr(x, "shape", ())) == 4


def _halves_or_doubles(given: jax.Array, made: jax.Array) -> bool:
    sides, others = given.shape[1:3], made.shape[1:3]
    return any(
        all(a == 2 * b for a, b in zip(large, small, strict=True))
        for large, small in ((sides, others), (others, sides))
    )


def _inside(path: _Path, paths: Mapping[_Path, Any]) -> bool:
    return any(path[:end] in paths for end in range(len(path)))
