"""Experiments with HCFSSNet, one variable-rate model for all rates.

    python -m train.main --config configs/hcfssnet.py:tiny --workdir runs/tiny \\
        --config.data.path=photos.tar
    python -m train.export runs/tiny hcfssnet-tiny.safetensors

`tiny` trains on two CPU cores: about 35 minutes to 36 % fewer bits than JPEG on Kodak, which are the
weights that come with the library (see their card). `small` and `base` want an accelerator and
have not been trained yet. A run prints bpp and PSNR on held-out images at three of the rate levels.
Every field can be overridden: `--config.batch_size=8 --config.steps=100000`.
"""

import ml_collections

# Geometric from 0.0018 to 0.05, the span of the usual MSE curves.
_LOWEST_LAMBDA, _HIGHEST_LAMBDA, _LEVELS = 0.0018, 0.05, 8

# Per variant: crop side in pixels, batch size, steps, peak learning rate.
_SIZES = {
    "tiny": (128, 4, 9_000, 1e-3),
    "small": (256, 8, 600_000, 3e-4),
    "base": (256, 8, 2_000_000, 1e-4),
}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`: tiny, small or base. Raises ValueError for any other name."""
    if variant not in _SIZES:
        raise ValueError(f"hcfssnet has no variant {variant!r}: use one of {', '.join(_SIZES)}")
    crop, batch_size, steps, peak = _SIZES[variant]
    ratio = (_HIGHEST_LAMBDA / _LOWEST_LAMBDA) ** (1 / (_LEVELS - 1))
    config = ml_collections.ConfigDict()

    config.model = ml_collections.ConfigDict()
    config.model.name = f"hcfssnet-{variant}"
    config.model.overrides = ml_collections.ConfigDict()  # fields of the model's own config

    # Weight of the distortion for each rate level; an image draws one level, uniformly.
    config.lambdas = tuple(round(_LOWEST_LAMBDA * ratio**level, 6) for level in range(_LEVELS))
    config.balance = 0.5  # an image of a level counts lambda^-balance: all weigh about alike

    config.data = ml_collections.ConfigDict()
    config.data.path = ""  # a tar of images or a directory, searched recursively
    config.data.held_out = 14  # the last images by name, kept for validation
    config.data.memory_gib = 16.0  # refuse to decode more than this into memory
    config.data.half_size_probability = 0.25  # of a crop twice as large, averaged 2x2
    config.data.prefetch = 8  # batches made ahead of the step

    config.crop = crop  # pixels, a multiple of 64
    config.batch_size = batch_size  # images, over all devices
    config.steps = steps
    config.seed = 0

    config.learning_rate = peak
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
    config.eval_levels = (0, 3, 7)
    config.checkpoint_minutes = 10.0
    return config
