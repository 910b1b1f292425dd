"""What the modules of S2LIC are called in its authors' code (github.com/wyq2021/S2LIC), and in those it builds on.

Modules of InvCompress, SwinV2, TIC and MLIC keep the names that they have there. Of the contexts AC and AG no code is
public, and so only models without them have names.
"""

from collections.abc import Sequence

from hcfss_jax.models.s2lic import S2LICConfig
from hcfss_jax.pytorch.layers import ITSELF, SUB_PIXEL
from hcfss_jax.pytorch.names import Names, Place, Table, flat, within

DENSE = {"out": "conv5"} | {f"conv{i}": f"conv{i}" for i in range(1, 5)}
ENHANCEMENT = {
    **within("dense1", "0", DENSE),
    **{f"mix{i}": str(i) for i in range(1, 4)},
    **within("dense2", "4", DENSE),
}
ATTENTION = {
    "": "",
    "qkv": "qkv",
    "position1": "cpb_mlp.0",
    "position2": "cpb_mlp.2",
    "out": "proj",
}
SWIN_V2 = {
    **within("attention", "attn", ATTENTION),
    "norm1": "norm1",
    "mlp.in": "mlp.fc1",
    "mlp.out": "mlp.fc2",
    "norm2": "norm2",
}
H_A = {f"conv{i + 1}": f"reduction.{2 * i}" for i in range(5)}
H_S = {
    "conv1": "increase.0",
    "up1.conv": "increase.2.0",
    "conv2": "increase.4",
    "up2.conv": "increase.6.0",
    "out": "increase.8",
}
LRP = {"conv1": "lrp_transform.0", "conv2": "lrp_transform.2", "out": "lrp_transform.4"}


def group(blocks: int) -> Table:
    """An RS2TB of so many blocks."""
    found: dict[str, str] = {}
    for j in range(blocks):
        found |= within(f"block{j + 1}", f"residual_group.blocks.{j}", SWIN_V2)
    return found


def pointwise(hidden: Sequence[int]) -> Table:
    """A net of 1x1 convolutions, of which there are so many before the last."""
    layers = [*(f"conv{i + 1}" for i in range(len(hidden))), "out"]
    return {name: f"fusion.{2 * i}" for i, name in enumerate(layers)}


def modules(config: S2LICConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    places: dict[str, Place] = {
        "g_a.enhance": ("enh.forw_enh.layers", ENHANCEMENT),
        "g_s.enhance": ("enh.back_enh.layers", ENHANCEMENT),
        "g_a.conv4": ("g_a6", ITSELF),
        "g_s.out": ("g_s6", SUB_PIXEL),
        "h_a": ("h_a", H_A),
        "h_s": ("h_s", H_S),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    for i, blocks in enumerate(config.blocks):
        places[f"g_a.conv{i + 1}"] = (f"g_a{2 * i}", ITSELF)
        places[f"g_a.group{i + 1}"] = (f"g_a{2 * i + 1}", group(blocks))
        places[f"g_s.conv{i + 1}"] = (f"g_s{4 - 2 * i}", ITSELF)
        places[f"g_s.group{i + 1}"] = (f"g_s{5 - 2 * i}", group(blocks))
    for i in range(len(config.slices)):
        for ours, theirs in (("anchor_", "anchor"), ("", "nonanchor")):
            net = f"slices.{ours}parameter_net_{i}"
            places[net] = (
                f"entropy_parameters_{theirs}.{i}",
                pointwise(config.fusion_hidden),
            )
            places[f"slices.{ours}residual_net_{i}"] = (f"lrp_{theirs}.{i}", LRP)
    return flat(places)


NAMES = Names(modules, lambda config: not (config.contexts or config.anchor_context))
