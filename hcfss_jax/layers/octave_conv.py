"""Generalised octave convolutions (Akbari et al. 2020, arXiv 2002.10032): maps at two resolutions that tell each other.

    H = a(HH) + a(HL up a(LL))          HH = conv h,  LL = conv l
    L = a(LL) + a(LH down a(HH))        up, down: transposed and plain convolutions with stride 2

GoConv convolves, GoTConv transposes; both tell the other resolution of what they made, not of what they were given. The
authors' file is not public: this is where two public re-implementations agree.
"""

from typing import Literal, get_args

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_even_sides, check_map
from hcfss_jax.layers.convolution import LECUN, PYTORCH, Initializer, conv
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.layers.transposed_conv import TransposedConv

Activation = Literal["gdn", "inverse gdn", "leaky relu", "none"]
Starts = tuple[tuple[str, Initializer], ...]

SLOPE = 0.2  # of TensorFlow's leaky ReLU


class GoConv(nn.Module):
    """`[B, h, w, C]` and `[B, h / 2, w / 2, D]` to as many `features` each, at 1 / stride of the sides.

    Without a low map it is a network's first layer, whose low map is made of the high one alone. Raises InvalidInput
    for maps that are no two resolutions of one, and for fields that there are not.
    """

    beyond = Beyond.ANYTHING

    features: int
    kernel: int = 5
    """Odd; of all paths."""
    stride: int = 2
    """1 or 2, of the paths that keep to a resolution."""
    activation: Activation = "none"
    one_gdn: bool = False
    """One GDN for both resolutions; by default each has its own, which serves what is made there and what comes
    there. The authors hand one object to a layer, so either may be meant."""
    pre_activation: bool = False
    """The activation stands before each convolution, on what it is given, with a GDN for each; not behind it."""
    use_bias: bool = True
    dtype: DTypeLike | None = None
    starts: Starts = ()
    """How the kernels of "hh", "ll", "hl" (from high to low) and "lh" start, those that are named."""
    only_high: bool = False
    """A network's last layer, which makes no low map."""

    @nn.compact
    def __call__(
        self, high: jax.Array, low: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array] | jax.Array:
        """The two maps; with `only_high` the high one."""
        self._check_fields()
        check_map(self, high)
        self._check_sides(high)
        if low is not None:
            self._check_low(high, low)
        gdn: dict[str, nn.Module] = {}

        def act(x: jax.Array, place: str) -> jax.Array:
            if self.activation == "none":
                return x
            if self.activation == "leaky relu":
                return nn.leaky_relu(x, SLOPE)
            name = "gdn" if self.one_gdn and not self.pre_activation else f"gdn_{place}"
            if name not in gdn:
                gdn[name] = GDN(inverse=self.activation == "inverse gdn", name=name)
            return gdn[name](x)

        def layer(x: jax.Array, path: str) -> jax.Array:
            """The convolution of a path, with the activation on its side."""
            made = self._conv(path)
            if self.pre_activation:
                return made(act(x, path))
            return act(made(x), path[1])

        high = layer(high, "hh")
        if low is None:
            return high if self.only_high else (high, layer(high, "hl"))
        low = layer(low, "ll")
        told_high = high + layer(low, "lh")
        return told_high if self.only_high else (told_high, low + layer(high, "hl"))

    def _check_fields(self) -> None:
        if self.activation not in get_args(Activation):
            raise InvalidInput(
                f"{type(self).__name__} has activation={self.activation!r}: choose one of {get_args(Activation)}"
            )
        if self.stride not in (1, 2):
            raise InvalidInput(f"{type(self).__name__} has stride={self.stride}: 1 or 2")

    def _check_sides(self, high: jax.Array) -> None:
        """Raise InvalidInput for sides of which half, and half of what is made of them, are no whole positions."""
        multiple = self._shrinks() * 2
        height, width = high.shape[1:3]
        if height % multiple or width % multiple:
            raise InvalidInput(
                f"{type(self).__name__} takes sides that are multiples of {multiple}, not {height}x{width}: pad the map"
            )

    def _shrinks(self) -> int:
        """How many times smaller its high map is than the one that it is given."""
        return self.stride

    def _check_low(self, high: jax.Array, low: jax.Array) -> None:
        check_map(self, low)
        check_even_sides(self, high)
        height, width = high.shape[1:3]
        if low.shape[1:3] != (height // 2, width // 2):
            raise InvalidInput(
                f"{type(self).__name__} takes a low map of half the sides, {height // 2}x{width // 2} beside "
                f"{height}x{width}, not {low.shape[1]}x{low.shape[2]}"
            )

    def _conv(self, path: str) -> nn.Module:
        if path == "lh":
            return self._doubling(path)
        return self._halving(path) if path == "hl" else self._keeping(path)

    def _keeping(self, path: str) -> nn.Module:
        """The convolution of one resolution."""
        return self._halving(path, self.stride)

    def _halving(self, path: str, stride: int = 2) -> nn.Module:
        return conv(
            self.features,
            self.kernel,
            stride,
            dtype=self.dtype,
            kernel_init=dict(self.starts).get(path, LECUN),
            use_bias=self.use_bias,
            name=path,
        )

    def _doubling(self, path: str) -> nn.Module:
        return TransposedConv(
            self.features,
            self.kernel,
            self.dtype,
            dict(self.starts).get(path, PYTORCH),
            self.use_bias,
            name=path,
        )


class GoTConv(GoConv):
    """`[B, h, w, C]` and `[B, h / 2, w / 2, D]` to as many `features` each, at `stride` times the sides.

    With a stride of 1 its convolutions are plain: a transposed one has the same weights in another order.
    """

    def _shrinks(self) -> int:
        return 1

    def _keeping(self, path: str) -> nn.Module:
        return self._halving(path, 1) if self.stride == 1 else self._doubling(path)
