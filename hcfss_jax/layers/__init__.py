"""Flax layers, each importable and usable alone; maps are `[B, H, W, C]`."""

from hcfss_jax.layers.acp import ACP
from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.attention_block import AttentionBlock
from hcfss_jax.layers.ca_ssm import CASSM
from hcfss_jax.layers.casa import CaSA
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.layers.convolution import (
    DepthwiseConv,
    SubPixelConv,
    conv,
    depth_to_space,
    space_to_depth,
)
from hcfss_jax.layers.cosine_attention import CosineWindowAttention
from hcfss_jax.layers.deformable_attention import DeformableAttention
from hcfss_jax.layers.deformable_conv import DeformableConv, DeformableResidual
from hcfss_jax.layers.depthwise_block import DepthwiseBlock
from hcfss_jax.layers.enhancement import DenseBlock, Enhancement
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.gated_attention import GatedAttention
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.layers.hscatb import HSCATB
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.interaction import ChannelContext, ChannelMap, GlobalContext, SpatialMap
from hcfss_jax.layers.map_mean import MapMean
from hcfss_jax.layers.mlgffn import MLGFFN
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.octave_conv import GoConv, GoTConv
from hcfss_jax.layers.pooled_attention import PooledAttention
from hcfss_jax.layers.residual import (
    ConcatenatedResidual,
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    ResidualBottleneck,
    ResidualUnit,
)
from hcfss_jax.layers.sasa import SaSA
from hcfss_jax.layers.ss2d import SS2D
from hcfss_jax.layers.swatten import SWAtten
from hcfss_jax.layers.swin_v2 import RS2TB, SwinV2Block
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
    "HSCATB",
    "MLGFFN",
    "MLP",
    "RS2TB",
    "SS2D",
    "VFSS",
    "VONSS",
    "VSS",
    "AttentionBlock",
    "CaSA",
    "ChannelContext",
    "ChannelMap",
    "CheckerboardConv",
    "ConcatenatedResidual",
    "CosineWindowAttention",
    "DeformableAttention",
    "DeformableConv",
    "DeformableResidual",
    "DenseBlock",
    "DepthwiseBlock",
    "DepthwiseConv",
    "Enhancement",
    "GatedAttention",
    "GlobalContext",
    "GoConv",
    "GoTConv",
    "HybridBlock",
    "MapMean",
    "PooledAttention",
    "ResidualBlock",
    "ResidualBlockUpsample",
    "ResidualBlockWithStride",
    "ResidualBottleneck",
    "ResidualUnit",
    "SWAtten",
    "SaSA",
    "SpatialMap",
    "SubPixelConv",
    "SubbandConv",
    "SubbandConv3D",
    "SwinBlock",
    "SwinV2Block",
    "TransposedConv",
    "Wavelet3D",
    "WeConvDown",
    "WeConvUp",
    "WindowAttention",
    "conv",
    "depth_to_space",
    "space_to_depth",
]
