"""Flax layers, each importable and usable alone; maps are `[B, H, W, C]`."""

from hcfss_jax.layers.acp import ACP
from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.ca_ssm import CASSM
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.layers.convolution import (
    DepthwiseConv,
    SubPixelConv,
    conv,
    depth_to_space,
    space_to_depth,
)
from hcfss_jax.layers.depthwise_block import DepthwiseBlock
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.gated_attention import GatedAttention
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.residual import (
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    ResidualUnit,
)
from hcfss_jax.layers.ss2d import SS2D
from hcfss_jax.layers.swatten import SWAtten
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.vfss import VFSS
from hcfss_jax.layers.vonss import VONSS
from hcfss_jax.layers.vss import VSS
from hcfss_jax.layers.weconv import SubbandConv, WeConvDown, WeConvUp
from hcfss_jax.layers.weconv3d import SubbandConv3D, Wavelet3D
from hcfss_jax.layers.window_attention import SwinBlock, WindowAttention

__all__ = [
    "ACP",
    "AFMM",
    "CASSM",
    "FSTAM",
    "GDN",
    "MLP",
    "SS2D",
    "VFSS",
    "VONSS",
    "VSS",
    "CheckerboardConv",
    "DepthwiseBlock",
    "DepthwiseConv",
    "GatedAttention",
    "HybridBlock",
    "ResidualBlock",
    "ResidualBlockUpsample",
    "ResidualBlockWithStride",
    "ResidualUnit",
    "SWAtten",
    "SubPixelConv",
    "SubbandConv",
    "SubbandConv3D",
    "SwinBlock",
    "TransposedConv",
    "Wavelet3D",
    "WeConvDown",
    "WeConvUp",
    "WindowAttention",
    "conv",
    "depth_to_space",
    "space_to_depth",
]
