"""What the modules of WeConvene are called in its authors' code (github.com/fengyurenpingsheng/WeConvene)."""

import itertools

import numpy as np

from hcfss_jax.models.weconvene import WeConveneConfig
from hcfss_jax.pytorch import layers
from hcfss_jax.pytorch.layers import GATED, ITSELF, NET, RESIDUAL, SUB_PIXEL
from hcfss_jax.pytorch.names import Names, Place, Table, flat, join, numbered, within

_PASSES = ((1, 1), (1, -1))
_HIGH_AND_LOW = {"low_conv": "low_freq_conv", "high_conv": "high_freq_conv"}
DOWN = {
    "conv1": "conv1",
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


def modules(config: WeConveneConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    return flat(_places(config))


def constants(config: WeConveneConfig) -> dict[str, np.ndarray]:
    """The kernels of the Haar transforms, buffers there: of the latent's own, and of each WeConv's."""
    cells = np.array([np.outer(a, b) for a, b in itertools.product(_PASSES, _PASSES)], np.float32)
    found = {}
    for owner in ("", *_those_with(_places(config), DOWN), *_those_with(_places(config), UP)):
        for band, cell in zip(("ll", "lh", "hl", "hh"), cells, strict=True):
            found[join(owner, f"dwt.w_{band}")] = cell[None, None] / 2
        found[join(owner, "idwt.filters")] = cells[:, None] / 2
    return found


def _places(c: WeConveneConfig) -> dict[str, Place]:
    """Every layer, by its name here, to its name there and what is in it."""
    g_a: list[Place] = []
    for i, down in enumerate((layers.DOWN, DOWN, DOWN)):
        g_a += [(f"down{i + 1}", down), *_blocks(f"stage{i + 1}_block", c.blocks[i])]
    g_s: list[Place] = []
    for i, up in ((2, layers.UP), (1, UP), (0, UP)):
        g_s += [(f"up{i + 1}", up), *_blocks(f"stage{i + 1}_block", c.decoder_blocks[i])]
    blocks = _blocks("block", c.hyper_blocks)
    h_s = [("up", UP), *blocks, ("sub_pixel", SUB_PIXEL)]
    places = {
        **numbered("g_a", "g_a", [*g_a, ("out", ITSELF)]),
        **numbered("g_s", "g_s", [*g_s, ("out", SUB_PIXEL)]),
        **numbered("h_a", "h_a", [("down", DOWN), *blocks, ("out", ITSELF)]),
        **numbered("h_s.mean", "h_mean_s", h_s),
        **numbered("h_s.scale", "h_scale_s", h_s),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    for number, owner in enumerate(_those_with(places, DOWN)):
        places[f"spare_{number}"] = (f"{owner}.conv2", ITSELF)
    for slices, count, part in (
        ("low_slices", len(c.slices), "real"),
        ("high_slices", len(c.high_slices), "imag"),
    ):
        for i, kind in itertools.product(range(count), ("mean", "scale")):
            attention = f"atten_{kind}_{part}.{i}.0"
            places[f"{slices}.{kind}_attention_{i}"] = (attention, ATTENTION)
            places[f"{slices}.{kind}_net_{i}"] = (f"cc_{kind}_transforms_{part}.{i}", NET)
            places[f"{slices}.residual_net_{i}"] = (f"lrp_transforms_{part}.{i}", NET)
    return places


def _those_with(places: dict[str, Place], table: Table) -> list[str]:
    """Names there of layers that hold what a table says."""
    return [there for there, held in places.values() if held is table]


def _blocks(name: str, count: int) -> list[Place]:
    return [(f"{name}{j + 1}", RESIDUAL) for j in range(count)]


NAMES = Names(
    modules,
    lambda config: config.spare_convolutions,
    constants,
    ("gaussian_conditional_real", "gaussian_conditional_imag"),
)
