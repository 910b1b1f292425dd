"""What the modules of TCM are called in its authors' code (github.com/jmliu206/LIC_TCM)."""

import itertools

from hcfss_jax.models.tcm import TCMConfig
from hcfss_jax.pytorch.layers import ATTENTION, DOWN, ITSELF, NET, RESIDUAL, SUB_PIXEL, SWIN, UP
from hcfss_jax.pytorch.names import Names, Place, Table, flat, numbered, within

HYBRID = {
    "split": "conv1_1",
    **within("local_path", "conv_block", RESIDUAL),
    "join": "conv1_2",
    **within("global_path", "trans_block", SWIN),
}


def modules(config: TCMConfig, hybrid: Table = HYBRID) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there. hybrid: what its blocks hold."""
    stages = range(len(config.widths))
    g_a: list[Place] = []
    for i in stages:
        g_a += [(f"down{i + 1}", DOWN), *_blocks(f"stage{i + 1}_block", config.blocks[i], hybrid)]
    g_s: list[Place] = []
    for i in reversed(stages):
        g_s += [(f"up{i + 1}", UP), *_blocks(f"stage{i + 1}_block", config.blocks[i], hybrid)]
    blocks = _blocks("block", config.hyper_blocks, hybrid)
    h_s = [("up", UP), *blocks, ("sub_pixel", SUB_PIXEL)]
    places = {
        **numbered("g_a", "g_a", [*g_a, ("out", ITSELF)]),
        **numbered("g_s", "g_s", [*g_s, ("out", SUB_PIXEL)]),
        **numbered("h_a", "h_a", [("down", DOWN), *blocks, ("out", ITSELF)]),
        **numbered("h_s.mean", "h_mean_s", h_s),
        **numbered("h_s.scale", "h_scale_s", h_s),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    for i, kind in itertools.product(range(len(config.slices)), ("mean", "scale")):
        places[f"slices.{kind}_attention_{i}"] = (f"atten_{kind}.{i}.0", ATTENTION)
        places[f"slices.{kind}_net_{i}"] = (f"cc_{kind}_transforms.{i}", NET)
        places[f"slices.residual_net_{i}"] = (f"lrp_transforms.{i}", NET)
    return flat(places)


def _blocks(name: str, count: int, hybrid: Table) -> list[Place]:
    return [(f"{name}{j + 1}", hybrid) for j in range(count)]


NAMES = Names(modules)
