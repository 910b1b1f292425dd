"""A model that learns from another: the same module, which in training also shows what is compared.

Its parameters are its own, under their own names, and beside them, in "adapters", a 1x1 convolution for each map that
is brought to the teacher's width. They are trained with it and lie in its checkpoints. `parameters` of
`train.experiment` leaves them out, and with it every package that is made of a run: what has learned from a teacher is
a model as any other.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import traverse_util
from ml_collections import ConfigDict

from hcfss_jax.layers.convolution import conv
from hcfss_jax.models.skeleton import Output
from train.errors import BadConfig
from train.maps import chosen, transforms_of, watched
from train.teacher import Teacher

ADAPTERS = "adapters"
"""Among the parameters of a student, the name of those that are no part of the model."""
Shapes = Mapping[str, Any]
"""Arrays, or no more than their shapes, by name."""


def of_adapter(name: str) -> bool:
    """Whether a parameter, "adapters/y/kernel", is of those that no package holds."""
    return name.startswith(f"{ADAPTERS}/")


def with_adapters(shapes: Mapping[str, Any], adapters: Mapping[str, Sequence[int]]) -> Any:
    """The shapes of a model's parameters, and beside them those of adapters, by the names that `of_adapter` knows."""
    more = {
        name: jax.ShapeDtypeStruct(tuple(shape), jnp.float32) for name, shape in adapters.items()
    }
    return {**shapes, **traverse_util.unflatten_dict(more, sep="/")}


def without_adapters(params: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of parameters, the model's alone."""
    return {name: part for name, part in params.items() if name != ADAPTERS}


@dataclasses.dataclass(frozen=True)
class Shows:
    """What of a student is compared: maps by their names (`train.maps`), and a latent by its name.

    Each with the width that it is brought to, or 0 where it stays as it is. `Output.features` has both, the latter as
    `adapted(name)`.
    """

    maps: tuple[tuple[str, int], ...] = ()
    latents: tuple[tuple[str, int], ...] = ()


def adapted(name: str) -> str:
    """What of `Output.features` is the map or latent of that name, brought to the teacher's width."""
    return f"adapted {name}"


class Adapters(nn.Module):
    """Maps `[B, h, w, .]` by name to float32 `[B, h, w, width]`.

    Each 1x1 convolution starts as the identity of the channels that both widths have: of a teacher and a student that
    start alike, equal channels are compared.
    """

    widths: tuple[tuple[str, int], ...]
    """By name; 0 for a map that stays as it is."""

    @nn.compact
    def __call__(self, maps: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        found = {}
        for name, width in self.widths:
            x = maps[name].astype(jnp.float32)
            if width:
                x = conv(width, 1, kernel_init=_identity, name=name.replace("/", "_"))(x)
            found[name] = x
        return found


def student_of(model: Any, config: ConfigDict) -> Any:
    """The model as a student of `config.distil.teacher`; the model as it is where none is named.

    Raises BadConfig, with strides and widths, where the two have not the same maps.
    """
    asked = config.distil
    if not asked.teacher:
        return model
    teacher = Teacher.of(config)
    maps, latents = _shapes(model, config)
    theirs = teacher.shapes(config.crop)
    names = (config.model.name, f"its teacher {teacher.name}")
    shows = Shows(
        _shared_maps(names, maps, theirs.maps, config) if asked.features else (),
        _shared_latent(names, latents, theirs.latents, config) if asked.channels else (),
    )
    fields = {
        field.name: getattr(model, field.name)
        for field in dataclasses.fields(model)
        if field.init and field.name not in ("parent", "name")
    }
    of: Any = type(model)
    return _showing(of)(**fields, shows=shows)


@functools.cache
def _showing(of: type) -> Any:
    """The class of students of that class."""

    class Student(of):  # type: ignore[misc, valid-type]
        """See the module."""

        shows: Shows = Shows()

        def setup(self) -> None:
            super().setup()
            self.adapters = Adapters((*self.shows.maps, *self.shows.latents))

        def __call__(self, x: jax.Array, *args: Any, **kwargs: Any) -> Output:
            """The pass of training, with what is shown among its features."""
            transforms = transforms_of([name for name, _ in self.shows.maps])
            with watched(x, transforms) as seen:
                output: Output = super().__call__(x, *args, **kwargs)
            found = {**seen.latents, **seen.maps()}
            brought = {adapted(name): map_ for name, map_ in self.adapters(found).items()}
            return output._replace(features={**output.features, **found, **brought})

    return Student


def _shapes(model: Any, config: ConfigDict) -> tuple[Shapes, Shapes]:
    """Those of a model's maps and of its latents, for one image; nothing is computed."""
    x, level = jnp.zeros((1, config.crop, config.crop, 3), jnp.float32), jnp.zeros(1, jnp.float32)

    def run() -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        with watched(x, transforms_of(config.distil.maps)) as seen:
            model.init({"params": jax.random.key(0)}, x, level, jax.random.key(0)[None])
        return seen.maps(), dict(seen.latents)

    return jax.eval_shape(run)


def _shared_maps(
    names: tuple[str, str], ours: Shapes, theirs: Shapes, config: ConfigDict
) -> tuple[tuple[str, int], ...]:
    """The maps that are compared, each with the width that it is brought to."""
    asked = tuple(config.distil.maps)
    both = [chosen(asked, list(maps)) for maps in (ours, theirs)]
    if not both[0] or both[0] != both[1]:
        told = (_told(of, shapes) for of, shapes in zip(both, (ours, theirs), strict=True))
        has = "; ".join(f"{who} has {what}" for who, what in zip(names, told, strict=True))
        raise BadConfig(f"config.distil.maps={asked}: {has}: name maps that both have, as 'g_s/8'")
    return tuple((name, _width(names, name, ours, theirs, config)) for name in both[0])


def _shared_latent(
    names: tuple[str, str], ours: Shapes, theirs: Shapes, config: ConfigDict
) -> tuple[tuple[str, int], ...]:
    latent = config.distil.latent
    for who, latents in zip(names, (ours, theirs), strict=True):
        if latent not in latents:
            has = ", ".join(latents) or "shows none"
            raise BadConfig(f"config.distil.latent={latent!r}: of {who}, {has}")
    return ((latent, _width(names, latent, ours, theirs, config)),)


def _width(
    names: tuple[str, str], name: str, ours: Shapes, theirs: Shapes, config: ConfigDict
) -> int:
    """What a map is brought to: the teacher's width, or 0 without adapters, where the two have to be equal."""
    own, other = ours[name].shape, theirs[name].shape
    if own[1:3] != other[1:3]:
        raise BadConfig(
            f"config.distil: {name!r} of {names[0]} is {_sides(own)} positions of {config.crop} pixels a side, that of "
            f"{names[1]} {_sides(other)}"
        )
    if config.distil.adapters:
        return other[-1]
    if own[-1] != other[-1]:
        raise BadConfig(
            f"config.distil.adapters=False: {name!r} has {own[-1]} channels in {names[0]} and {other[-1]} in {names[1]}"
        )
    return 0


def _told(names: list[str], shapes: Shapes) -> str:
    return ", ".join(f"{name} of {shapes[name].shape[-1]} channels" for name in names) or "none"


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[2]}"


def _identity(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """How an adapter's kernel `[1, 1, own width, teacher's]` starts."""
    own, other = shape[-2:]
    return jnp.eye(own, other, dtype=dtype)[None, None]
