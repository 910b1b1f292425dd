"""SS2D, the selective state space of maps (VMamba, Liu et al. 2024), along whichever lines one asks for."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, DepthwiseConv, Initializer
from hcfss_jax.layers.numerics import FLAX, Numerics
from hcfss_jax.ops.line_scans import scan_all_lines
from hcfss_jax.ops.scan_lines import Parallel, lines_of


def _log_uniform_dt(low: float = 1e-3, high: float = 1e-1) -> Initializer:
    """A bias whose softplus is log-uniform in [low, high] (Mamba, section 3.6)."""

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
        log = jax.random.uniform(key, shape, dtype, math.log(low), math.log(high))
        return jnp.log(jnp.expm1(jnp.exp(log)))

    return initialise


def _log_of_state_number(_: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    """A = -(1, 2, ..., N) for every direction and channel (S4D-real); shape `[K, N, C]`."""
    return jnp.broadcast_to(jnp.log(jnp.arange(1.0, shape[1] + 1, dtype=dtype))[:, None], shape)


class SS2D(nn.Module):
    """A selective state-space layer that reads a map along lines of one order, and sums what it found.

        x -> dense -> (u | gate);  u -> depthwise 3x3 -> SiLU -> sum of K scans -> LayerNorm -> * SiLU(gate) -> dense

    `directions` lines are the first of `scan_lines`, one of `hcfss_jax.ops.scan_lines.ORDERS`: with 4 of "raster" the
    layer is VMamba's.
    """

    state_size: int = 16
    directions: int = 4
    scan_lines: str = "raster"
    expand: float = 2.0
    dtype: DTypeLike | None = None
    numerics: Numerics = FLAX
    out_init: Initializer = LECUN
    """Of the last product."""

    @property
    def beyond(self) -> Beyond | None:
        """A walk through all positions would meet the padding between two rows; lines of their own leave the map."""
        lines = lines_of(self.scan_lines, self.directions)
        return Beyond.ANYTHING if all(isinstance(line, Parallel) for line in lines) else None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to the same."""
        check_map(self, x)
        channels = x.shape[-1]
        inner = round(self.expand * channels)
        dense = nn.Dense(2 * inner, use_bias=False, dtype=self.dtype, name="in")
        u, gate = jnp.split(dense(x), 2, axis=-1)
        u = nn.silu(DepthwiseConv(dtype=self.dtype, name="conv")(u))
        y = self.numerics.layer_norm("norm", self.dtype)(self._scan_all(u))
        y = y * nn.silu(gate)
        out = nn.Dense(
            channels, use_bias=False, dtype=self.dtype, kernel_init=self.out_init, name="out"
        )
        return out(y)

    def _scan_all(self, u: jax.Array) -> jax.Array:
        """The sum over all lines of u `[B, H, W, inner]` scanned along them."""
        inner, n = u.shape[-1], self.state_size
        k, rank = self.directions, math.ceil(inner / (16 * self.expand))
        lecun = nn.initializers.variance_scaling(
            1.0, "fan_in", "truncated_normal", in_axis=1, out_axis=2, batch_axis=(0,)
        )
        parameters: dict[str, tuple[Initializer, tuple[int, ...]]] = {
            "x_proj": (lecun, (k, inner, rank + 2 * n)),
            "dt_proj": (lecun, (k, rank, inner)),
            "dt_bias": (_log_uniform_dt(), (k, inner)),
            "a_log": (_log_of_state_number, (k, n, inner)),
            "d": (nn.initializers.ones, (k, inner)),
        }
        weights = {
            name: self.param(name, start, shape, jnp.float32)
            for name, (start, shape) in parameters.items()
        }
        return scan_all_lines(u, weights, self.scan_lines)
