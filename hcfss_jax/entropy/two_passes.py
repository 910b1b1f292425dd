"""A latent whole, in the two passes of one checkerboard (He et al. 2021, arXiv 2103.15306)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.gaussian import SCALE_MIN
from hcfss_jax.entropy.pointwise_net import PointwiseNet
from hcfss_jax.entropy.scale_start import scales_of_1
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.ops import lower_bound


class TwoPasses(nn.Module):
    """Two coding steps, of all channels at every other position each.

        (scale | mean) = 1x1s(anchors' 5x5, hyper features)

    The 5x5 convolution sees the other colour alone. Before the first pass there are no anchors, and in its place is 0;
    both passes have the same net, as in ELIC (He et al. 2022).
    """

    channels: int
    hidden: tuple[int, ...]
    """Channels inside of the net of 1x1 convolutions."""

    def setup(self) -> None:
        self.anchor_conv = CheckerboardConv(2 * self.channels)
        self.parameter_net = PointwiseNet(self.hidden, 2 * self.channels, bias_init=scales_of_1)

    def predict(self, number: int, hyper: jax.Array, decoded: Decoded) -> Prediction:
        """Mean and log scale of a pass. number: 0 or 1; hyper: `[B, h, w, .]`; decoded: the anchors, for the second."""
        if number:
            context = self.anchor_conv(decoded[0])
        else:
            context = jnp.zeros((*hyper.shape[:-1], 2 * self.channels), hyper.dtype)
        found = self.parameter_net(jnp.concatenate([context, hyper], axis=-1))
        scale, mean = jnp.split(found, 2, axis=-1)
        log_scale = jnp.log(lower_bound(scale, SCALE_MIN))
        return Prediction(Gaussian(mean, log_scale), decoded[0] if number else None)

    def refine(self, number: int, features: jax.Array | None, quantised: jax.Array) -> jax.Array:
        """Of the first pass the anchors, 0 elsewhere; of the second all of y_hat."""
        return quantised if features is None else features + quantised
