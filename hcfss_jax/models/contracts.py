"""What the trainer and the codec ask of a model, wherever it comes from.

`CompressionModel` keeps both contracts for whoever writes a plan and its five passes; a module that has nothing of it
may be trained if it is `Trainable`, and coded if it is `Codable`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax

from hcfss_jax.coding import Tables
from hcfss_jax.entropy.plan import Plan
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.errors import UnknownModel
from hcfss_jax.models.config import tuples_of
from hcfss_jax.models.skeleton import Output
from hcfss_jax.named import by_name


class Trainable(Protocol):
    """A Flax module whose parameters are all it has: float32, in the collection "params".

    config: a frozen dataclass of what JSON holds, with `levels`, the rates that the model offers. It travels with the
    weights. multiple: pixels that the sides of images are multiples of.
    """

    config: Any

    @property
    def multiple(self) -> int: ...

    def __call__(self, x: jax.Array, level: jax.Array, keys: jax.Array) -> Output:
        """The pass of training: images `[B, H, W, 3]` in [0, 1], levels `[B]`, and a key for each image's noise, of
        which nothing else may depend.

        A model that takes more says so by its parameters: `given`, a mapping of what only the encoder sees beside the
        image (`train.example`), `quantisation`, "noise" or "rounded", and `products`, their precision in the coding
        steps: "highest", "high" or "default".
        """
        ...

    def evaluate(self, x: jax.Array, level: jax.Array) -> Output:
        """The pass with real rounding."""
        ...

    def init(self, rngs: Any, *args: Any) -> Any:
        """Flax's."""
        ...

    def apply(self, variables: Any, *args: Any, **kwargs: Any) -> Any:
        """Flax's."""
        ...

    def build_tables(self, variables: Any) -> dict[str, Tables]:
        """The coder's tables by latent, made once, at export."""
        ...


class Codable(Trainable, Protocol):
    """A model whose steps are known, so that it can be coded to files; see `CompressionModel` for each.

    What spares work may be left out: `level_only_scales` with `unscaled` and `scaled`, and `takes`.
    """

    @property
    def plan(self) -> Plan: ...

    @property
    def paddable(self) -> bool: ...

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents: ...

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction: ...

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any: ...

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array: ...


ModelFactory = Callable[..., Any]
"""(name, **fields of its config) -> the Flax module, as `create_model`; the trainer adds `dtype`, `remat`, `loops`."""


def missing(model: Any, contract: type) -> list[str]:
    """What a model lacks of a contract, by name; nothing is computed."""
    of_each = [{*vars(base), *vars(base).get("__annotations__", ())} for base in contract.__mro__]
    wanted = set().union(*of_each)
    has = {*dir(type(model)), *(field.name for field in dataclasses.fields(model))}
    return sorted(name for name in wanted - has if not name.startswith("_"))


def made_by(factory: ModelFactory, name: str, fields: Mapping[str, Any]) -> Any:
    """The model of a factory. Lists among the fields become tuples, so that they may come from JSON."""
    return factory(name, **{field: tuples_of(value) for field, value in fields.items()})


def factory_by_name(name: str) -> ModelFactory:
    """The factory called "package.module:function". Raises UnknownModel where there is none."""
    try:
        return by_name(name)
    except ValueError as error:
        raise UnknownModel(f"the factory of the model: {error}") from error
