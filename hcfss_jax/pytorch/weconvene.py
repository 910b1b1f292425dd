"""What the modules of WeConvene are called in its authors' code (github.com/fengyurenpingsheng/WeConvene)."""

from hcfss_jax.pytorch.layers import GATED, RESIDUAL
from hcfss_jax.pytorch.names import within

_HIGH_AND_LOW = {"low_conv": "low_freq_conv", "high_conv": "high_freq_conv"}
DOWN = {
    "conv1": "conv1",
    "conv2": "conv2",
    **within("subbands", "", _HIGH_AND_LOW | {"low_gdn": "gdn_low", "high_gdn": "gdn_high"}),
    "skip": "skip",
}
UP = {
    "up.conv": "subpel_conv.0",
    **within("subbands", "", _HIGH_AND_LOW | {"low_gdn": "igdn_low", "high_gdn": "igdn_high"}),
    "skip.conv": "upsample.0",
}
ATTENTION = {
    **GATED,
    **within("block1", "non_local_block.block_1", RESIDUAL),
    **within("block2", "non_local_block.block_2", RESIDUAL),
}
