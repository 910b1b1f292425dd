"""What all experiments have in common: `configs/NAME.py:VARIANT[,lambda=L][,metric=ms-ssim][,FIELD=VALUE]`.

One run learns all rates (8 levels, lambda .0018 to .05). `base,lambda=0.013` learns one, as papers do; theirs are
.0025, .0035, .0067, .013, .025 and .05. `metric=ms-ssim` minimises 1 - MS-SSIM instead of the squared error; its
lambdas are CompressAI's, 2.4 to 60.5. Every field can be overridden: `--config.batch_size=64 --config.mesh.fsdp=4`;
those of the model's own config, such as `base,state_size=1`, belong to the variant.

`tiny,phase=rounded` is a last phase, from the weights of a run before it: `--config.init_from=tiny.safetensors`.

What says "or package.module:name" below takes a function of your own, too: docs/extending.md.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ml_collections

from hcfss_jax.weights.tradeoff import MS_SSIM_SCALE

_LEVELS = 8
# Lambda of the first and the last of these levels; geometric in between, and on beyond them.
_LAMBDAS = {"mse": (0.0018, 0.05), "ms-ssim": (2.4, 60.5)}

Phase = Callable[[ml_collections.ConfigDict], ml_collections.ConfigDict]
"""What a phase of training makes of the experiment."""

# What an encoder is made of, or each of two: what the last phase leaves as it is.
ENCODER = r"^(\w+\.)?(g_a|h_a|gain_y|gain_z2?|encoder_\w+)\."


class Size(NamedTuple):
    """What suits a variant.

    crop: pixels a side. multiple: what they are one of. peak: learning rate. dtype: of the transforms. workers:
    processes that decode photos. remat, loops: see the config. one_rate: the model has no gains of its own, and takes
    them where it is to learn all rates. levels: rates that it learns. optimiser: see `train.optimiser`.
    """

    crop: int
    batch_size: int
    steps: int
    peak: float
    dtype: str
    workers: int
    remat: bool
    loops: bool
    one_rate: bool = False
    levels: int = _LEVELS
    optimiser: str = "adam"
    multiple: int = 64


TINY = Size(128, 4, 9_000, 1e-3, "float32", workers=0, remat=False, loops=False)
SMALL = Size(256, 8, 600_000, 3e-4, "bfloat16", workers=8, remat=False, loops=False)
BASE = Size(256, 16, 2_000_000, 1e-4, "bfloat16", workers=8, remat=True, loops=True)
PORTED = BASE._replace(one_rate=True)


def experiment(
    family: str, sizes: Mapping[str, Size], variant: str, phases: Mapping[str, Phase] = {}
) -> ml_collections.ConfigDict:
    """The experiment `variant` with a family of models.

    sizes: what suits each of its variants. phases: that it has beside those of all families. Raises ValueError, which
    says what there is, for one that does not exist.
    """
    phases = {**_PHASES, **phases}
    size, weight, metric, phase, fields = _parse(family, sizes, phases, variant)
    suits = sizes[size]
    crop, steps = suits.crop, suits.steps
    if metric == "ms-ssim":
        crop = max(crop, suits.multiple * -(-161 // suits.multiple))  # its coarsest scale needs 161
    config = ml_collections.ConfigDict()

    config.model = ml_collections.ConfigDict()
    config.model.name = f"{family}-{size}"
    config.model.overrides = ml_collections.ConfigDict(fields)  # of the model's own config
    config.model.factory = ""  # what makes it: ours, or package.module:name
    config.init_from = ""  # weights to start from: a name that comes with the library, or a file
    config.init_partial = False  # take what fits of them, and say what does not
    config.frozen = ()  # regular expressions of parameters that are not trained, as r"^g_a\."
    config.quantisation = "noise"  # of the rate in training; "rounded": as in files

    # What is minimised: "rate-distortion"; "region", where a mask weighs the error; "distillation";
    # or package.module:name
    config.objective = "rate-distortion"
    config.rate_weights = ()  # (latent, what a bit of it counts); 1 for the others
    config.metric = metric  # the distortion: "mse" or "ms-ssim"
    # Weight of the distortion for each rate level; an image draws one level, uniformly.
    config.lambdas = _lambdas(metric, suits.levels)
    config.balance = 0.5  # an image of a level counts lambda^-balance: all weigh about alike
    if weight is not None:
        config.lambdas = (weight,)
        start = (_gain_start(weight, metric),) * 2
        config.model.overrides.update({"levels": 1, "gain_start": start} | fields)
    elif suits.one_rate:
        config.model.overrides.update({"gains": True, "levels": _LEVELS} | fields)

    config.distil = ml_collections.ConfigDict()  # what "distillation" adds: train/distillation.py
    config.distil.teacher = (
        ""  # weights to learn from: a name that comes with the library, or a file
    )
    config.distil.factory = ""  # what makes its model: ours, or package.module:name
    config.distil.features = 0.1  # weight of the distance of maps
    config.distil.maps = ("g_a", "g_s")  # which: those of a transform, or "g_s/8", one of a stride
    config.distil.channels = 0.0  # weight of the distance of a latent's channels
    config.distil.latent = "y"  # which latent
    config.distil.channels_by = (
        "weights"  # its channels count by their share of the bits; "top-k": alike
    )
    config.distil.keep = (
        0  # channels that count, those that cost most; 0 for as many as the student has
    )
    config.distil.pictures = 0.0  # weight of the distortion from the teacher's pictures
    config.distil.falling = False  # all of these weights fall to 0 over the run
    config.distil.adapters = True  # 1x1 convolutions bring what is compared to the teacher's width

    config.data = ml_collections.ConfigDict()
    config.data.source = "files"  # where images come from, or package.module:name
    config.data.path = ""  # a directory of images (searched recursively), a tar, or ArrayRecord
    config.data.recipe = "crops"  # from an image to an example, or package.module:name
    config.data.given = ()  # what an example holds beside: ("mask", 1), ("text", its numbers)
    config.data.held_out = 14  # images kept for validation, spread evenly over the names
    config.data.half_size_probability = 0.25  # of a crop twice as large, averaged 2x2
    config.data.drawn = 0.08  # share of crops that are drawn: text, screens, dither; 0 for none
    config.data.cache_gib = 8.0  # memory of a process for decoded images; the rest is decoded anew
    config.data.workers = suits.workers  # processes that decode; 0: threads do
    config.data.threads = 2  # that decode, in the trainer or in each worker
    config.data.prefetch = 8  # batches made ahead of the step

    config.crop = crop  # pixels, a multiple of what the model takes: 64, or more
    config.batch_size = suits.batch_size  # images, over all devices
    config.accumulate = 1  # parts of the batch that a device takes one after the other
    config.steps = steps
    config.seed = 0

    config.mesh = ml_collections.ConfigDict()
    config.mesh.data = -1  # devices along the axis that only deals out the batch; -1 for the rest
    config.mesh.fsdp = 1  # devices that share the parameters and the optimiser's state
    config.sharding = ((".*", "fsdp"),)  # (regular expression of names, "fsdp" or "replicated")
    config.dtype = suits.dtype  # of the transforms: "float32" or "bfloat16"
    config.products = (
        "highest"  # of the coding steps in training; "high" or "default": faster on TPUs
    )
    config.remat = suits.remat  # compute each block again on the way back: less memory
    config.loops = suits.loops  # compile equal blocks once: starts sooner; half as fast on CPUs

    config.optimiser = suits.optimiser  # "adam", "soap" or "muon", or package.module:name
    config.soap_every = 10  # steps between two updates of its bases; GPUs, slow at those, want 50
    config.learning_rate = suits.peak
    config.warmup_steps = min(1_000, steps // 45)
    config.schedule = "wsd"  # constant, then linear to 1 % over the last part; or "cosine"
    config.cooldown_fraction = 0.35  # the last part of "wsd"
    config.clip = 1.0  # global norm of the gradient
    config.weight_decay = 0.0
    config.ema_decay = 0.999
    config.stop_after_skips = 100  # steps in a row with a non-finite gradient

    config.log_every = 50  # steps
    config.eval_every = 5_000  # steps; 0 for never
    config.eval_crop = 256  # pixels, a multiple of 64
    config.eval_levels = (0, *range(3, len(config.lambdas), 4))
    config.eval_files = 2  # held-out images that are also coded to real files, and shown
    config.eval_sets = ()  # (name, directory, tar or ArrayRecord) of whole pictures measured then
    config.evaluators = ("files",)  # more that is measured then; each may be package.module:name
    config.writers = (
        "jsonl",
        "tensorboard",
        "pictures",
    )  # or wandb; each may be package.module:name
    config.checkpoint_minutes = 10.0
    config.give_up_minutes = 30.0  # that a step, a validation or a checkpoint may take; 0: any time
    config.keep = 2  # newest checkpoints; the best by validation is kept beside them
    return phases[phase](config)


def _rounded(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """A last phase for what decodes: the encoder stays, latents are rounded as in files (arXiv 2506.08662).

    A tenth of the steps, from a fifth of the learning rate on, which only falls: our choice.
    """
    config.frozen, config.quantisation = (ENCODER,), "rounded"
    config.steps, config.learning_rate = config.steps // 10, config.learning_rate / 5
    config.warmup_steps, config.cooldown_fraction = min(100, config.steps // 45), 1.0
    return config


_PHASES: dict[str, Phase] = {
    "first": lambda config: config,
    "rounded": _rounded,
}


def _parse(
    family: str, sizes: Mapping[str, Size], phases: Mapping[str, Phase], variant: str
) -> tuple[str, float | None, str, str, dict[str, Any]]:
    """(size, lambda, metric, phase, other fields)."""
    size, *options = re.split(r",(?=\w+=)", variant)
    fields = {name: _value(text) for name, _, text in (o.partition("=") for o in options)}
    if size not in sizes:
        raise ValueError(f"{family} has no variant {size!r}: use one of {', '.join(sizes)}")
    metric, weight = fields.pop("metric", "mse"), fields.pop("lambda", None)
    phase = fields.pop("phase", "first")
    if phase not in phases:
        raise ValueError(f"phase={phase}: use one of {', '.join(phases)}")
    if metric not in _LAMBDAS:
        raise ValueError(f"metric={metric}: use one of {', '.join(_LAMBDAS)}")
    if weight is not None and not (isinstance(weight, int | float) and 0 < weight < math.inf):
        raise ValueError(f"lambda={weight} is not a positive number")
    return size, weight, metric, phase, fields


def _value(text: str) -> Any:
    """A number or a tuple as Python writes it, or else the text itself."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _lambdas(metric: str, levels: int) -> tuple[float, ...]:
    lowest, highest = _LAMBDAS[metric]
    ratio = (highest / lowest) ** (1 / (_LEVELS - 1))
    return tuple(round(lowest * ratio**level, 6) for level in range(levels))


def _gain_start(weight: float, metric: str) -> float:
    """Logarithm of the inverse of the best step of an orthonormal transform at this lambda.

    See `gain_start` of the model: the step whose slope of rate against error is lambda.
    """
    weight = weight / MS_SSIM_SCALE if metric == "ms-ssim" else weight
    return round(-0.5 * math.log(18 / (weight * math.log(2))) + math.log(255), 3)
