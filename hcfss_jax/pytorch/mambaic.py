"""What the modules of MambaIC are called in its authors' code (github.com/AuroraZengfh/MambaIC)."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

from hcfss_jax.layers.checkerboard_conv import CheckerboardConv, seen_by_kernel
from hcfss_jax.models.mambaic import MambaICConfig
from hcfss_jax.pytorch.layers import ATTENTION, ITSELF, NET, VSS
from hcfss_jax.pytorch.names import Names, Place, flat, numbered

CHECKERBOARD = {"conv": ""}


def modules(config: MambaICConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    analysis, hyper = _chain(config.blocks), _chain([config.hyper_blocks])
    places = {
        **numbered("g_a", "g_a", analysis),
        **numbered("g_s", "g_s", _chain(config.blocks[::-1])),
        **numbered("h_a", "h_a", hyper),
        **numbered("h_s.mean", "h_mean_s", hyper),
        **numbered("h_s.scale", "h_scale_s", hyper),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    context = [*((f"block{j + 1}", VSS) for j in range(config.context_blocks)), ("out", ITSELF)]
    for i in range(len(config.slices)):
        places |= numbered(f"slices.context_net_{i}", f"context_vss_{i + 1}", context)
        places[f"slices.anchor_conv_{i}"] = (f"context_prediction.{i}", CHECKERBOARD)
        places[f"slices.residual_net_{i}"] = (f"lrp_transforms.{i}", NET)
    for i, kind in itertools.product(range(len(config.slices)), ("mean", "scale")):
        places[f"slices.{kind}_attention_{i}"] = (f"atten_{kind}.{i}.0", ATTENTION)
        places[f"slices.{kind}_gate_{i}"] = (f"anchor_atten_{kind}.{i}.0", ATTENTION)
        places[f"slices.{kind}_net_{i}"] = (f"cc_{kind}_transforms.{i}", NET)
    return flat(places)


def constants(config: MambaICConfig) -> dict[str, np.ndarray]:
    """The masks of the convolutions that read anchors."""
    seen = seen_by_kernel(CheckerboardConv.kernel)
    return {
        f"context_prediction.{i}.mask": np.tile(seen, (2 * channels, channels, 1, 1))
        for i, channels in enumerate(config.slices)
    }


def second_name(name: str) -> str | None:
    """Another name under which a parameter's tensor is in a state dict, if there is one: context nets have two."""
    match = re.match(r"context_vss_(\d+)\.", name)
    return f"context_vss.{int(match[1]) - 1}.{name[match.end() :]}" if match else None


def _chain(blocks: Sequence[int]) -> list[Place]:
    """Convolutions, and VSS blocks between them: see `hcfss_jax.models.mambaic.Chain`."""
    layers: list[Place] = [("conv1", ITSELF)]
    for i, count in enumerate(blocks, start=1):
        layers += [(f"stage{i}_block{j + 1}", VSS) for j in range(count)]
        layers.append((f"conv{i + 1}", ITSELF))
    return layers


NAMES = Names(modules, lambda config: config.idle_nets, constants, second=second_name)
