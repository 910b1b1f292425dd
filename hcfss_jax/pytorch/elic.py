"""What the modules of ELIC are called in a reimplementation (github.com/VincentChandelier/ELiC-ReImplemetation)."""

from hcfss_jax.models.elic import ATTENDED, ELICConfig
from hcfss_jax.pytorch.layers import ATTENTION_BLOCK, BOTTLENECK, ITSELF, NET
from hcfss_jax.pytorch.mambaic import CHECKERBOARD, constants
from hcfss_jax.pytorch.names import Names, Place, flat, numbered


def modules(config: ELICConfig) -> dict[str, str]:
    """Every module that owns parameters, by its name here, to its name there."""
    attention: Place = ("attention", ATTENTION_BLOCK)
    g_a: list[Place] = []
    g_s: list[Place] = [attention]
    stages = list(enumerate(config.blocks))
    for i, count in stages:
        attended = _attended(i)
        g_a += [(f"down{i + 1}", ITSELF), *_blocks(i, count), *attended]
    for i, count in reversed(stages):
        g_s += [(f"up{i + 1}", ITSELF), *_attended(i), *_blocks(i, count)]
    places = {
        **numbered("g_a", "g_a", [*g_a, ("out", ITSELF), attention]),
        **numbered("g_s", "g_s", [*g_s, ("out", ITSELF)]),
        **_between_activations("h_a", ("in", "down", "out")),
        **_between_activations("h_s", ("up1", "up2", "out")),
        "prior": ("entropy_bottleneck", ITSELF),
    }
    for i in range(len(config.slices)):
        places[f"slices.anchor_conv_{i}"] = (f"context_prediction.{i}", CHECKERBOARD)
        places[f"slices.parameter_net_{i}"] = (f"ParamAggregation.{i}", NET)
        if i:
            places[f"slices.told_net_{i - 1}"] = (f"cc_transforms.{i - 1}", NET)
    return flat(places)


def _blocks(stage: int, count: int) -> list[Place]:
    return [(f"stage{stage + 1}_block{j + 1}", BOTTLENECK) for j in range(count)]


def _attended(stage: int) -> list[Place]:
    return [(f"stage{stage + 1}_attention", ATTENTION_BLOCK)] if stage == ATTENDED else []


def _between_activations(name: str, layers: tuple[str, ...]) -> dict[str, Place]:
    """Layers with an activation between each two, which is numbered too."""
    return {f"{name}.{layer}": (f"{name}.{2 * n}", ITSELF) for n, layer in enumerate(layers)}


NAMES = Names(
    modules,
    whole=lambda config: config.checkerboard and config.seen == "first and last",
    constants=constants,
)
