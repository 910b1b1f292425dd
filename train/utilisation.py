"""How much of the devices' arithmetic a run uses: model FLOPs utilisation (PaLM, Chowdhery et al. 2022, appendix B)."""

from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.runtime.multiply_adds import multiply_adds

# Dense bfloat16 products a second of one device as JAX counts devices; the makers' data sheets.
_PEAK_FLOPS = {
    "TPU v3": 61.5e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "NVIDIA V100": 125e12,
    "NVIDIA A100": 312e12,
    "NVIDIA L4": 121e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA B200": 2250e12,
}


def peak_flops(device_kind: str) -> float | None:
    """Products a second of a device, by the longest name above that its own begins with; None for others."""
    fitting = [name for name in _PEAK_FLOPS if device_kind.startswith(name)]
    return _PEAK_FLOPS[max(fitting, key=len)] if fitting else None


def flops_per_image(model: Any, params: Any, crop: int) -> float:
    """Floating-point operations that training on one crop needs: forward, and twice that backward.

    Two for each multiply-add of a convolution or product; what rematerialisation computes again does not count.
    params: the parameters' shapes. Nothing is run.
    """
    x = jax.ShapeDtypeStruct((1, crop, crop, 3), jnp.float32)
    level = jax.ShapeDtypeStruct((1,), jnp.float32)

    def forward(params: Any, x: jax.Array, level: jax.Array) -> Any:
        return model.apply({"params": params}, x, level, method="evaluate")

    return 3 * 2 * multiply_adds(forward, params, x, level)
