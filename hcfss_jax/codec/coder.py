"""A model with its weights and tables, as those who write and read files need it."""

import contextlib
from collections.abc import Iterator

from flax.errors import FlaxError

from hcfss_jax.codec.compiled_model import CodingPasses
from hcfss_jax.entropy.margins import margins, pixel_noise
from hcfss_jax.errors import InvalidQuality, WrongWeights
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.runtime import compiled_cache
from hcfss_jax.runtime.forked import check_not_forked
from hcfss_jax.weights import WeightPackage, check_parameters


class Coder:
    """What coding needs; a value.

    Attributes:
      name, fingerprint: that a file carries.
      levels: rate levels; quality runs from 1 to this.
      model, tables: the Flax module, and the coder's integers.
      meta: where the weights come from.
      passes: the model's, compiled, for pictures of any size.
    """

    def __init__(self, model: CompressionModel, package: WeightPackage):
        """Raises WrongWeights where the package says of noise what is no record."""
        self.name, self.fingerprint = package.name, package.fingerprint
        self.levels = int(package.config["levels"])
        self.model, self.tables, self.meta = model, package.tables, package.meta
        self.passes = CodingPasses(model, package.params)
        self._package = package
        try:
            self.margins(quality=1)
            self.pixel_noise(quality=1)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WrongWeights(f"what the weights say of noise is no record: {error}") from error

    def margins(self, quality: float) -> list[float]:
        """Of each step, see `entropy.margins`."""
        return margins(self._package.meta.get("noise"), quality, self.model.plan)

    def pixel_noise(self, quality: float) -> float:
        """How far other machines' pixels lie off, see `entropy.margins`."""
        return pixel_noise(self._package.meta.get("noise"), quality)

    def check_quality(self, quality: float) -> None:
        """Raises InvalidQuality for a quality that this model does not offer."""
        if not (is_number(quality) and 1 <= quality <= self.levels):
            shown = f"{quality:g}" if is_number(quality) else repr(quality)
            raise InvalidQuality(f"quality {shown}: {self.name} offers 1 to {self.levels}")

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Around the passes: names parameters that do not fit the model, which Flax finds out when they are used; after
        an error, or Ctrl-C, nothing is compiled any more.

        Raises ForkedProcess in a process that cannot compute, WrongWeights for such parameters.
        """
        check_not_forked()
        try:
            yield
        except FlaxError:
            check_parameters(self._package, self.model)
            raise
        finally:
            compiled_cache.give_up()


def is_number(value: object) -> bool:
    """Also a scalar of NumPy or JAX."""
    if isinstance(value, bool | str | bytes):
        return False
    try:
        float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError):
        return False
    return True
