"""A model's coding steps as compiled functions, the same ones for the encoder and the decoder.

What is coded depends on floats only through these; each is compiled once a shape, and run alike on both sides.
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.coding.buckets import bucket, whole_positions
from hcfss_jax.coding.interval import bucket as bucket_of
from hcfss_jax.entropy.decisions import Question, position
from hcfss_jax.entropy.distributions import Distribution
from hcfss_jax.entropy.plan import Lattice, Plan, on_lattice, only_on
from hcfss_jax.entropy.steps import FULL, Decoded, Latents, Prediction, run_steps, symbols
from hcfss_jax.layers.area import inside, only_within
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.pictures.pixels import to_floats, to_pixels
from hcfss_jax.runtime import compiled_cache

LARGEST_SYMBOL = 2**20  # beyond what any trained model makes; keeps broken ones inside int32


def arrays_of(model: CompressionModel, height: int, width: int) -> tuple[int, int]:
    """Height and width of the arrays that hold a picture of so many pixels."""
    return (bucket if model.paddable else whole_positions)(height, width, model.multiple)


class CodingPasses:
    """The passes of one model with its parameters, for pictures of any size."""

    def __init__(self, model: CompressionModel, params: Any):
        self._model, self._variables = model, {"params": jax.device_put(params)}
        self._foreseen: set[Any] = set()

    def of(self, height: int, width: int, depth: int = 8) -> "PicturePasses":
        """Those for a picture of `height` x `width` pixels of `depth` bits a channel."""
        return PicturePasses(self._model, self._variables, height, width, depth)

    def foresee(self, passes: "PicturePasses", given: Mapping[str, np.ndarray] | None) -> None:
        """`PicturePasses.foresee`, once for a size; where programs are not kept, nothing."""
        what = passes.size, passes.depth, given is None
        if what not in self._foreseen and compiled_cache.foresees():
            self._foreseen.add(what)
            passes.foresee(given)


class PicturePasses:
    """The passes for a picture of one size, a batch of one in arrays of its bucket's size.

    A model that can sees only the picture in them (`layers.area`); for others the arrays are as small as can be.

    Attributes:
      plan: of the model.
      height, width: of the picture, pixels.
      depth: bits a channel; pixels are uint8, or uint16 from 9 bits on. No symbol depends on it but by the pixels.
      size: height and width of the arrays, pixels.
    """

    def __init__(
        self, model: CompressionModel, variables: Any, height: int, width: int, depth: int = 8
    ):
        self._model, self._variables = model, variables
        self.plan = model.plan
        self.height, self.width, self.depth = height, width, depth
        self.size = arrays_of(model, height, width)
        self._seen_within = self.size if model.paddable else None
        whole = whole_positions(height, width, model.multiple)
        self._area = jax.device_put(np.asarray(whole, np.int32))
        self._compute: Callable[..., Any] = compiled_cache.run
        self._sent_over: Callable[[Any], Any] = jax.device_put

    def foresee(self, given: Mapping[str, np.ndarray] | None) -> None:
        """From now on the programs are loaded, or compiled, side by side, that a picture of this size is read by, or
        with what its encoder is given, that one is written by. Only where programs are kept."""
        shapes = copy.copy(self)
        shapes._compute, shapes._sent_over = compiled_cache.foresee, tuple
        level, parts = np.zeros(1, np.float32), None
        if given is not None:
            pixels = jax.ShapeDtypeStruct((1, *self.size, 3), jnp.float32)
            parts = shapes.split(shapes._run("analyse", pixels, level, given))

        def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, None]:
            q: Any = np.zeros(self._shape_of(step), np.int32)
            if parts is not None:
                q, _ = shapes._quantised(step, parts[step], prediction)
            given = prediction.distribution
            if given.grid and not given.decided:
                shapes._call(_rows, given)
            return shapes.dequantise(step, q, prediction), None

        decoded, _ = run_steps(shapes, level, quantise)
        if parts is None:
            shapes._pixels(decoded, level)

    def analyse(
        self, rgb: np.ndarray, level: np.ndarray, given: Mapping[str, np.ndarray] = {}
    ) -> Latents:
        """Pixels `[1, H, W, 3]` to the latents, not quantised. given: see `CompressionModel.analyse`."""
        return self._run("analyse", to_floats(rgb, self.depth), level, given)

    @property
    def level_only_scales(self) -> bool:
        """See `CompressionModel.level_only_scales`; models from outside need not say."""
        return bool(getattr(self._model, "level_only_scales", False))

    def unscaled(self, rgb: np.ndarray, level: np.ndarray, given: Mapping[str, np.ndarray]) -> Any:
        """Pixels `[1, H, W, 3]` to what `scaled` makes the latents of, at any level."""
        return self._run("unscaled", to_floats(rgb, self.depth), level, given)

    def scaled(self, unscaled: Any, level: np.ndarray) -> Latents:
        """The latents of a level."""
        return self._run("scaled", unscaled, level)

    def split(self, latents: Latents) -> tuple[jax.Array, ...]:
        """The parts of the steps."""
        return self._call(_split, latents, static=(self.plan,))

    def predict(self, step: int, level: np.ndarray, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        return self._run("predict", level, decoded, step=step)

    def refine(
        self, step: int, level: np.ndarray, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """See `CompressionModel.refine`."""
        return self._run("refine", level, decoded, features, quantised, step=step)

    def rows(self, step: int, prediction: Prediction) -> np.ndarray:
        """`Distribution.row` of each symbol that is sent, `[n]`."""
        given, shape = prediction.distribution, self._shape_of(step)
        return self.sent(step, self._call(_rows, given) if given.grid else given.row(shape))

    def places(self, step: int) -> np.ndarray:
        """Where in the step's map, flattened, each symbol lies that is sent, int32 `[n]`."""
        shape = self._shape_of(step)
        return self.sent(step, np.arange(np.prod(shape), dtype=np.int32).reshape(shape))

    def positions(self, step: int, prediction: Prediction, question: Question) -> np.ndarray:
        """Of each answer `[k]` the position of its coin. The question names symbols by their `places`."""
        count = question.which.size
        room = bucket_of(count)

        def filled(x: np.ndarray) -> np.ndarray:
            return np.pad(x, [(0, room - count), *[(0, 0)] * (x.ndim - 1)])

        asked = map(filled, (question.which, question.near, question.far))
        return jax.device_get(self._call(_positions, prediction.distribution, *asked))[:count]

    def quantise(
        self, step: int, part: jax.Array, prediction: Prediction
    ) -> tuple[jax.Array, float]:
        """Symbols, int32 `[1, h, w, c]`, 0 where none is sent; and their bits."""
        q, bits = self._quantised(step, part, prediction)
        return q, float(jax.device_get(bits))

    def _quantised(self, step: int, part: jax.Array, prediction: Prediction) -> tuple[Any, Any]:
        here = self.plan[step]
        area = np.asarray(here.area(self.height, self.width), np.int32)
        return self._call(_quantise, part, prediction.distribution, area, static=(here.lattice,))

    def dequantise(self, step: int, q: jax.Array | np.ndarray, prediction: Prediction) -> jax.Array:
        """Symbols to values of the latent."""
        return self._call(
            _dequantise, q, prediction.distribution, static=(self.plan[step].lattice,)
        )

    def guess(self, step: int, prediction: Prediction) -> jax.Array:
        """Values of the latent where none of its symbols is known."""
        q, lattice = np.zeros(self._shape_of(step), np.int32), self.plan[step].lattice
        return self._call(_guess, q, prediction.distribution, static=(lattice,))

    def synthesise(self, decoded: Decoded, level: np.ndarray) -> np.ndarray:
        """What all steps left to pixels `[H, W, 3]`."""
        return jax.device_get(self._pixels(decoded, level))[0]

    def _pixels(self, decoded: Decoded, level: np.ndarray) -> jax.Array:
        return self._call(_to_pixels, self._run("synthesise", decoded, level), static=(self.depth,))

    def whole(self, function: Callable[..., Any], *args: Any, static: tuple[Any, ...] = ()) -> Any:
        """A compiled function of (model, where it sees the picture, static; variables, area, args); see `_run`."""
        statics = self._model, self._seen_within, *static
        inputs = self._variables, self._area, *self._sent_over(args)
        return self._compute(function, *statics, *inputs, static=len(statics))

    def synthesise_floats(self, decoded: Decoded, level: np.ndarray) -> np.ndarray:
        """What all steps left to float32 `[H, W, 3]`, not clipped, by products in full precision on every device."""
        return jax.device_get(self._run("synthesise", decoded, level, precise=True))[0]

    def sent(self, step: int, symbols: jax.Array | np.ndarray) -> np.ndarray:
        """Of a map `[1, h, w, c]` what is sent, `[n]`: row by row, the channels of a position together."""
        within, taken = self._within(step, jax.device_get(symbols))
        return within[taken].ravel()

    def unsent(self, step: int, symbols: np.ndarray) -> np.ndarray:
        """The inverse: the map, 0 where nothing was sent."""
        whole = np.zeros(self._shape_of(step), symbols.dtype)
        within, taken = self._within(step, whole)
        within[taken] = symbols.reshape(within[taken].shape)
        return whole

    def _within(self, step: int, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        """(a view of the positions that the picture touches, an index of those that are sent)."""
        here = self.plan[step]
        rows, columns = here.area(self.height, self.width)
        taken = ... if here.lattice == "whole" else on_lattice(here.lattice, rows, columns)
        return whole[0, :rows, :columns], taken

    def _shape_of(self, step: int) -> tuple[int, int, int, int]:
        here = self.plan[step]
        return (1, *here.area(*self.size), here.channels)

    def _run(self, method: str, *args: Any, step: int | None = None, precise: bool = False) -> Any:
        static = self._model, method, step, precise or step is not None, self._seen_within
        inputs = self._variables, self._area, *self._sent_over(args)
        return self._compute(_run, *static, *inputs, static=len(static))

    def _call(self, function: Callable[..., Any], *args: Any, static: tuple[Any, ...] = ()) -> Any:
        """A compiled function of arrays, sent to the device by name: `jax.transfer_guard` lets no other pass."""
        return self._compute(function, *static, *self._sent_over(args), static=len(static))


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def _run(
    model: CompressionModel,
    method: str,
    step: int | None,
    precise: bool,
    size: tuple[int, int] | None,
    variables: Any,
    area: jax.Array,
    *args: Any,
) -> Any:
    leading = () if step is None else (step,)
    products = jax.default_matmul_precision(FULL) if precise else contextlib.nullcontext()
    with products, only_within(area, size) if size else contextlib.nullcontext():
        return model.apply(variables, *leading, *args, method=method)


@functools.partial(jax.jit, static_argnums=0)
def _split(plan: Plan, latents: Latents) -> tuple[jax.Array, ...]:
    return tuple(step.part(latents) for step in plan)


@jax.jit
def _rows(given: Distribution) -> jax.Array:
    return given.row(())


@jax.jit
def _positions(
    given: Distribution, places: jax.Array, near: jax.Array, far: jax.Array
) -> jax.Array:
    """places: `[k]`, of symbols in a map `[1, h, w, c]`."""
    of_each = jax.tree.map(lambda x: x.reshape(-1, *x.shape[4:])[places], given)
    return position(of_each, near, far)


@functools.partial(jax.jit, static_argnums=0)
def _quantise(
    lattice: Lattice, part: jax.Array, given: Distribution, area: jax.Array
) -> tuple[jax.Array, jax.Array]:
    q, bits = symbols(lattice, part, given, inside(part, area), _round_within_int32)
    return q.astype(jnp.int32), jnp.sum(bits)


def _round_within_int32(x: jax.Array) -> jax.Array:
    return jnp.clip(jnp.nan_to_num(jnp.round(x)), -LARGEST_SYMBOL, LARGEST_SYMBOL)


@functools.partial(jax.jit, static_argnums=0)
def _dequantise(lattice: Lattice, q: jax.Array, given: Distribution) -> jax.Array:
    return only_on(lattice, given.value(q))


@functools.partial(jax.jit, static_argnums=0)
def _guess(lattice: Lattice, q: jax.Array, given: Distribution) -> jax.Array:
    return only_on(lattice, given.guess(q))


@functools.partial(jax.jit, static_argnums=0)
def _to_pixels(depth: int, x: jax.Array) -> jax.Array:
    return to_pixels(x, depth)
