"""Rate and distortion on held-out images, with real rounding and the averaged parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from hcfss_jax.pictures.pixels import to_floats, to_pixels
from train.loss import RateDistortion
from train.mesh import BATCH_AXES, batch_sharding, place, replicated
from train.packing import Packing, Vectors, gather

_PER_DEVICE = 2  # images at a time, small enough for a CPU
Figures = dict[str, float]


def make_validation(
    model: Any,
    packing: Packing,
    loss: RateDistortion,
    photos: np.ndarray,
    drawn: np.ndarray,
    levels: Sequence[int],
    mesh: Mesh,
) -> Callable[[Vectors], Figures]:
    """The function of parameters -> figures, each the mean over `photos`, uint8 `[N, s, s, 3]`.

    For each level: `bpp_L`, estimated bits per pixel, and `psnr_L`, dB on rounded and clipped pixels (with
    `ms_ssim_db_L`, where that is trained for); `bpp_drawn_L` and so on over `drawn`, of the same side. `loss` is the
    mean over the levels of bpp + lambda * distortion, of the photos alone: what a run is chosen by stays comparable.
    Each image counts once, on however many devices. All hosts hold all images, and call it together.
    """

    def on_a_device(shards: Vectors, image: jax.Array, level: jax.Array) -> dict[str, jax.Array]:
        x = to_floats(image)
        params = {"params": packing.unpack(gather(shards))}
        out = model.apply(params, x, level, method="evaluate")
        shown = to_floats(to_pixels(out.x_hat))
        distortion, quality = loss.measure(shown, x)
        bpp = out.total_bits / (x.shape[1] * x.shape[2])
        return {"bpp": bpp, "distortion": distortion, **quality}

    dealt = PartitionSpec(BATCH_AXES)
    measure = jax.jit(
        jax.shard_map(
            on_a_device,
            mesh=mesh,
            in_specs=(packing.specs, dealt, dealt),
            out_specs=dealt,
            check_vma=False,
        ),
        out_shardings=replicated(mesh),
    )
    at_a_time = _PER_DEVICE * mesh.size

    def at_level(params: Vectors, crops: np.ndarray, level: int) -> dict[str, np.ndarray]:
        """Each figure of each image, `[N]`."""
        count, parts = len(crops), []
        for start in range(0, count, at_a_time):
            chosen = np.arange(start, start + at_a_time) % count  # the last are only there to fill
            batch = crops[chosen], np.full(at_a_time, level, np.float32)
            image, levels_ = place(batch, (batch_sharding(mesh),) * 2)
            parts.append(jax.device_get(measure(params, image, levels_)))
        return {name: np.concatenate([p[name] for p in parts])[:count] for name in parts[0]}

    def validate(params: Vectors) -> Figures:
        figures: Figures = {}
        losses = []
        for level in levels:
            values = at_level(params, photos, level)
            losses.append(values["bpp"] + loss.lambdas[level] * values["distortion"])
            figures |= _means(values, f"{level}")
            figures |= _means(at_level(params, drawn, level), f"drawn_{level}")
        return {"loss": float(np.mean(losses)), **figures}

    return validate


def _means(values: dict[str, np.ndarray], of: str) -> Figures:
    return {f"{name}_{of}": float(np.mean(v)) for name, v in values.items() if name != "distortion"}
