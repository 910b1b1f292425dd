"""What can be known to fail before anything is compiled or written."""

import math
from collections.abc import Iterator
from typing import Any

from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.metrics import MS_SSIM_SMALLEST_SIDE
from train.errors import BadConfig, NoImages
from train.packing import MULTIPLE
from train.workdir import flat_fields

FEW = 500
"""Images below which a run says that they are few."""


def check_config(config: ConfigDict, model: Any, mesh: Mesh) -> None:
    """Raise BadConfig, which names the field, for values that would fail later."""
    devices, levels, multiple = mesh.size, model.config.levels, model.multiple
    deal = devices * max(1, config.accumulate)
    of_multiple = f"must be a positive multiple of {multiple}"
    coded = {step.latent for step in model.plan} if hasattr(model, "plan") else None
    weighed = dict(config.rate_weights)
    checks = {
        "data.path": (
            bool(config.data.path) or config.data.source != "files",
            "must be a directory, a tar or ArrayRecord files",
        ),
        "data.drawn": (0.0 <= config.data.drawn <= 1.0, "must lie in [0, 1]"),
        "data.workers": (config.data.workers >= 0, "must not be negative"),
        "data.threads": (config.data.threads > 0, "must be positive"),
        "data.prefetch": (config.data.prefetch > 0, "must be positive"),
        "data.held_out": (
            config.data.held_out > 0 or not config.eval_every,
            "leaves nothing to validate on: hold some images out, or set eval_every=0",
        ),
        "crop": (config.crop > 0 and config.crop % multiple == 0, of_multiple),
        "eval_crop": (config.eval_crop > 0 and config.eval_crop % multiple == 0, of_multiple),
        "metric": (config.metric in ("mse", "ms-ssim"), "must be 'mse' or 'ms-ssim'"),
        "accumulate": (config.accumulate > 0, "must be positive"),
        "batch_size": (
            config.batch_size > 0 and config.batch_size % deal == 0,
            f"must be a positive multiple of devices times accumulate, {deal}",
        ),
        "mesh.fsdp": (MULTIPLE % mesh.shape["fsdp"] == 0, f"must divide {MULTIPLE}"),
        "dtype": (config.dtype in ("float32", "bfloat16"), "must be 'float32' or 'bfloat16'"),
        "steps": (config.steps > 0, "must be positive"),
        "lambdas": (
            len(config.lambdas) == levels and all(weight > 0 for weight in config.lambdas),
            f"must hold one positive value for each of the model's {levels} levels",
        ),
        "rate_weights": (
            coded is None or weighed.keys() <= coded,
            f"must be (latent, weight) of what the model codes: {', '.join(sorted(coded or ()))}",
        ),
        "init_partial": (
            bool(config.init_from) or not config.init_partial,
            "takes what fits of config.init_from, which is not given",
        ),
        "distil.teacher": (
            not config.distil.teacher or config.objective != "rate-distortion",
            "is asked by config.objective='distillation', or one of your own",
        ),
        "eval_levels": (
            all(0 <= level < levels for level in config.eval_levels),
            f"must lie in 0..{levels - 1}",
        ),
        "products": (
            config.products in ("highest", "high", "default"),
            "must be 'highest', 'high' or 'default'",
        ),
        "quantisation": (
            config.quantisation in ("noise", "rounded"),
            "must be 'noise' or 'rounded'",
        ),
        "soap_every": (config.soap_every > 0, "must be positive"),
        "schedule": (config.schedule in ("cosine", "wsd"), "must be 'cosine' or 'wsd'"),
        "log_every": (config.log_every > 0, "must be positive"),
        "eval_every": (config.eval_every >= 0, "must not be negative: 0 is never"),
        "give_up_minutes": (config.give_up_minutes >= 0, "must not be negative: 0 is never"),
        "keep": (config.keep > 0, "must be positive"),
        "ema_decay": (0.0 <= config.ema_decay < 1.0, "must lie in [0, 1)"),
    }
    for name, value in flat_fields(config.to_dict()).items():
        if any(isinstance(part, float) and math.isnan(part) for part in _parts(value)):
            raise BadConfig(f"config.{name}={value!r} is not a number")
    for field, (holds, rule) in checks.items():
        if not holds:
            raise BadConfig(f"config.{field}={_value(config, field)!r} {rule}")
    side = min(config.crop, config.eval_crop)
    if config.metric == "ms-ssim" and side < MS_SSIM_SMALLEST_SIDE:
        raise BadConfig(f"metric='ms-ssim' needs crops of 192 pixels or more, not {side}")


def images_held_out(images: int, asked: int) -> tuple[int, str | None]:
    """(How many of the images are held out, a line for the user where that is not what was asked for).

    Where `asked` is half of them or more, a tenth is held out instead, and one at least. Raises NoImages where that
    leaves none to train on.
    """
    if 2 * asked < images or not asked:
        return asked, None
    if images < 2:
        raise NoImages(
            "1 image is too few: training takes 2, one of them to validate on (config.data.held_out=0 and "
            "config.eval_every=0: none), and thousands to learn what serves other pictures"
        )
    fewer = max(1, images // 10)
    if fewer == asked:
        return asked, None
    verb = "is" if fewer == 1 else "are"
    half = f"config.data.held_out={asked} would be half of {images} images or more"
    return fewer, f"{half}: {fewer} {verb} held out"


def few_images(training: int) -> str | None:
    """A line for the user where what is learned will fit these images and no others."""
    if training >= FEW:
        return None
    return (
        f"{training} images are few: the model will learn these and little that serves others; "
        "thousands are usual"
    )


def _parts(value: Any) -> Iterator[Any]:
    """Of a field that is a tuple, or tuples in one, each."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def _value(config: ConfigDict, field: str) -> Any:
    for name in field.split("."):
        config = config[name]
    return config
