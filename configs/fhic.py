"""Experiments with FHIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/fhic.py:tiny --workdir runs/fhic-tiny --config.data.path=PHOTOS
    python -m train.export runs/fhic-tiny fhic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 14 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the authors' size for low rates | a pod slice | not trained yet |

The authors train three times, and say little more (our reading): a teacher; `phase=joint`, a student of the same size
beside it, by the maps of g_s and by its pictures, which count less and less; and, with blocks taken out of the decoder,
`phase=pruned`, in which the encoder stays.

    python -m train.main --config configs/fhic.py:tiny,phase=joint --workdir runs/fhic-2 --config.data.path=PHOTOS \\
        --config.distil.teacher=fhic-tiny.safetensors
    python -m train.export runs/fhic-2 second.safetensors --dtype float32
    python -m train.main --config "configs/fhic.py:tiny,phase=pruned,decoder_blocks=(0,0,1,0)" --workdir runs/fhic-3 \\
        --config.data.path=PHOTOS --config.distil.teacher=fhic-tiny.safetensors \\
        --config.init_from=second.safetensors --config.init_partial=True

The decoder of `pruned` begins far off, at some 11 dB: a block that is taken out had doubled its map at its start. It
learns within the first tens of steps that it is gone.

Their size for high rates has 256 channels throughout. `base,deformable=()` has the transforms of their earlier
codec.
"""

import ml_collections

from configs.defaults import BASE, ENCODER, TINY, Phase, experiment

# Its blocks add up to twice their maps, and inverse GDNs square them: at the 1e-3 of others it left all bounds.
SIZES = {"tiny": TINY._replace(peak=4e-4), "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("fhic", SIZES, variant, PHASES)
    config.objective = "train.sparse_latents:objective"
    config.magnitude_weight = 1e-4  # our reading; the paper has no number
    return config


def _joint(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """A student of its teacher's size: maps are compared as they are."""
    asked = config.distil
    asked.features, asked.pictures, asked.falling = 1.0, 1.0, True
    asked.maps, asked.adapters = ("g_s/8", "g_s/4", "g_s/2"), False
    return config


def _pruned(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The last: what decodes learns alone."""
    config = _joint(config)
    config.frozen = (ENCODER,)
    return config


PHASES: dict[str, Phase] = {"joint": _joint, "pruned": _pruned}
