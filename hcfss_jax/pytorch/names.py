"""What the parameters of a model are called in its authors' PyTorch code.

There the layers of a transform are numbered, and so are those inside of an `nn.Sequential`. `modules` numbers the
layers of a model from its config; the tables say what is called how inside of each.
"""

import itertools
import re
from collections.abc import Mapping

import numpy as np

from hcfss_jax.errors import WrongWeights
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.pytorch.buffers import is_buffer

Table = Mapping[str, str]
"""Module in a layer here to module in the layer there; parts joined by dots."""


def _within(here: str, there: str, table: Table) -> dict[str, str]:
    """A table of what lies one level deeper."""
    return {_join(here, ours): _join(there, theirs) for ours, theirs in table.items()}


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if inner else outer


ITSELF = {"": ""}
RESIDUAL = {"conv1": "conv1", "conv2": "conv2"}
DOWN = {**RESIDUAL, "gdn": "gdn", "skip": "skip"}
UP = {"up.conv": "subpel_conv.0", "conv": "conv", "gdn": "igdn", "skip.conv": "upsample.0"}
SUB_PIXEL = {"conv": "0"}
MSA = {"": "", "qkv": "embedding_layer", "out": "linear"}
SWIN = {
    "norm1": "ln1",
    **_within("attention", "msa", MSA),
    "norm2": "ln2",
    "mlp.in": "mlp.0",
    "mlp.out": "mlp.2",
}
SS2D = {"": "", "in": "in_proj", "conv": "conv2d", "norm": "out_norm", "out": "out_proj"}
VSS = {"norm": "norm", **_within("ss2d", "op", SS2D)}
ACP = {
    "conv1": "net.0",
    "conv2": "net.2",
    "squeeze": "channelattention.1",
    "excite": "channelattention.3",
}
HYBRID = {
    "split": "conv1_1",
    **_within("local_path", "conv_block", RESIDUAL),
    "join": "conv1_2",
    **_within("global_path", "trans_block", SWIN),
    **_within("global_path", "mambaVC_block", VSS),
    **_within("acp", "score", ACP),
}
UNIT = {"narrow": "conv.0", "conv": "conv.2", "wide": "conv.4"}
ATTENTION = {
    "in": "in_conv",
    **_within("w_msa", "non_local_block.block_1", SWIN),
    **_within("sw_msa", "non_local_block.block_2", SWIN),
    "gate": "conv_b.3",
    "out": "out_conv",
}
for _i in range(3):
    ATTENTION |= _within(f"trunk{_i + 1}", f"conv_a.{_i}", UNIT)
    ATTENTION |= _within(f"gate{_i + 1}", f"conv_b.{_i}", UNIT)
NET = {"conv1": "0", "conv2": "2", "out": "4"}


def modules(config: ModelConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    found: dict[str, str] = {}
    for here, (there, table) in _places(config).items():
        found |= _within(here, there, table)
    return found


def _places(config: ModelConfig) -> dict[str, tuple[str, Table]]:
    """Every layer of a model, by its name here, to its name there and what is in it."""
    stages = range(len(config.widths))
    g_a: list[tuple[str, Table]] = []
    for i in stages:
        g_a += [(f"down{i + 1}", DOWN), *_blocks(f"stage{i + 1}_block", config.blocks[i])]
    g_s: list[tuple[str, Table]] = []
    for i in reversed(stages):
        g_s += [(f"up{i + 1}", UP), *_blocks(f"stage{i + 1}_block", config.blocks[i])]
    blocks = _blocks("block", config.hyper_blocks)
    h_s = [("up", UP), *blocks, ("sub_pixel", SUB_PIXEL)]
    places = {
        **_numbered("g_a", "g_a", [*g_a, ("out", ITSELF)]),
        **_numbered("g_s", "g_s", [*g_s, ("out", SUB_PIXEL)]),
        **_numbered("h_a", "h_a", [("down", DOWN), *blocks, ("out", ITSELF)]),
        **_numbered("h_s.mean", "h_mean_s", h_s),
        **_numbered("h_s.scale", "h_scale_s", h_s),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    for i, kind in itertools.product(range(len(config.slices)), ("mean", "scale")):
        places[f"slices.{kind}_attention_{i}"] = (f"atten_{kind}.{i}.0", ATTENTION)
        places[f"slices.{kind}_net_{i}"] = (f"cc_{kind}_transforms.{i}", NET)
        places[f"slices.residual_net_{i}"] = (f"lrp_transforms.{i}", NET)
    return places


def _blocks(name: str, count: int) -> list[tuple[str, Table]]:
    return [(f"{name}{j + 1}", HYBRID) for j in range(count)]


def _numbered(
    here: str, there: str, layers: list[tuple[str, Table]]
) -> dict[str, tuple[str, Table]]:
    return {f"{here}.{name}": (f"{there}.{n}", table) for n, (name, table) in enumerate(layers)}


def canonical(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parameters of a state dict under the names of today's CompressAI, without its buffers.

    Raises WrongWeights where two names mean the same.
    """
    prefix = "module." if all(name.startswith("module.") for name in state) else ""
    named = {name.removeprefix(prefix): value for name, value in state.items()}
    kept = [(_today(name), value) for name, value in named.items() if not is_buffer(name)]
    if len(found := dict(kept)) < len(kept):
        raise WrongWeights("the state dict has a parameter twice, under an old name and a new one")
    return found


def _today(name: str) -> str:
    """CompressAI before 1.2.7 called the bottleneck's parameters otherwise."""
    kinds = {"matrix": "matrices", "bias": "biases", "factor": "factors"}
    return re.sub(
        r"^(entropy_bottleneck)\._(matrix|bias|factor)(\d+)$",
        lambda match: f"{match[1]}.{kinds[match[2]]}.{match[3]}",
        name,
    )
