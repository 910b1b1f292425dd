"""What the modules inside of a layer are called in PyTorch code, for layers that several families share.

CompressAI's convolutional layers; the Swin block and the attention of TCM; the VSS block of VMamba.
"""

from hcfss_jax.pytorch.names import within

ITSELF = {"": ""}
RESIDUAL = {"conv1": "conv1", "conv2": "conv2"}
DOWN = {**RESIDUAL, "gdn": "gdn", "skip": "skip"}
UP = {"up.conv": "subpel_conv.0", "conv": "conv", "gdn": "igdn", "skip.conv": "upsample.0"}
SUB_PIXEL = {"conv": "0"}
MSA = {"": "", "qkv": "embedding_layer", "out": "linear"}
SWIN = {
    "norm1": "ln1",
    **within("attention", "msa", MSA),
    "norm2": "ln2",
    "mlp.in": "mlp.0",
    "mlp.out": "mlp.2",
}
SS2D = {"": "", "in": "in_proj", "conv": "conv2d", "norm": "out_norm", "out": "out_proj"}
VSS = {"norm": "norm", **within("ss2d", "op", SS2D)}
UNIT = {"narrow": "conv.0", "conv": "conv.2", "wide": "conv.4"}
BOTTLENECK = {"narrow": "conv1", "conv": "conv2", "wide": "conv3"}
ATTENTION_BLOCK = {"gate": "conv_b.3"}
for _i in range(3):
    ATTENTION_BLOCK |= within(f"trunk{_i + 1}", f"conv_a.{_i}", UNIT)
    ATTENTION_BLOCK |= within(f"gate{_i + 1}", f"conv_b.{_i}", UNIT)
GATED = {"in": "in_conv", **ATTENTION_BLOCK, "out": "out_conv"}
ATTENTION = {
    **GATED,
    **within("w_msa", "non_local_block.block_1", SWIN),
    **within("sw_msa", "non_local_block.block_2", SWIN),
}
NET = {"conv1": "0", "conv2": "2", "out": "4"}
