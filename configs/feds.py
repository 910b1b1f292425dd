"""Experiments with FEDS: a teacher, and a student that learns from it in three phases.

    python -m train.main --config configs/feds.py:tiny-teacher --workdir runs/feds-teacher --config.data.path=PHOTOS
    python -m train.export runs/feds-teacher teacher.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials; the student | two CPU cores | 13 % fewer bits than JPEG after `--config.steps=3000` |
| `tiny-teacher` | trials; its teacher | two CPU cores | 17 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the paper's student as we read it, 35 M parameters | a pod slice | not trained |
| `teacher` | its teacher, 94 M | a pod slice | not trained |

`tiny` is the student trained alone. Its phases have 60, 20 and 20 % of the steps that this takes, and each begins with
the weights of the one before it: features, then the channels that cost the teacher most, then rate and distortion alone
at a tenth of the learning rate, which in `base` is 1e-5. Steps, weights and rates are our reading.

    python -m train.main --config configs/feds.py:tiny,phase=features --workdir runs/feds-1 --config.data.path=PHOTOS \\
        --config.distil.teacher=teacher.safetensors
    python -m train.export runs/feds-1 first.safetensors --dtype float32
    python -m train.main --config configs/feds.py:tiny,phase=channels --workdir runs/feds-2 --config.data.path=PHOTOS \\
        --config.distil.teacher=teacher.safetensors --config.init_from=first.safetensors
    python -m train.export runs/feds-2 second.safetensors --dtype float32
    python -m train.main --config configs/feds.py:tiny,phase=tuned --workdir runs/feds-3 --config.data.path=PHOTOS \\
        --config.init_from=second.safetensors
    python -m train.export runs/feds-3 feds-tiny.safetensors

`python -m eval.distilled --family feds --train PHOTOS --data KODAK` does all this, trains the student alone as
long, and compares.

In place of the weights of the channels, `--config.distil.channels_by=top-k` counts those alike that cost most. Any
model learns from any other that has maps at the same strides: `configs/defaults.py` and `train/distillation.py`.
"""

import ml_collections

from configs.defaults import BASE, TINY, Phase, experiment

SIZES = {"tiny": TINY, "tiny-teacher": TINY, "base": BASE, "teacher": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("feds", SIZES, variant, PHASES)


def _features(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The first phase: the maps of all strides. Its learning rate does not fall, as it goes on in the next."""
    config.objective, config.distil.features = "distillation", 0.1
    config.steps, config.cooldown_fraction = 3 * config.steps // 5, 0.0
    return config


def _channels(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The second: the channels of y. A seed of its own, as the last has: other crops than those seen before."""
    config.objective, config.seed = "distillation", 1
    config.distil.features, config.distil.channels = 0.0, 1.0
    config.steps, config.cooldown_fraction = config.steps // 5, 0.0
    return config


def _tuned(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The last: no teacher."""
    config.seed = 2
    config.steps, config.learning_rate = config.steps // 5, config.learning_rate / 10
    return config


PHASES: dict[str, Phase] = {"features": _features, "channels": _channels, "tuned": _tuned}
