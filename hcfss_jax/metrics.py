"""How close two pictures are: PSNR, SSIM, MS-SSIM and, by a package of its own, SSIMULACRA2 on 8-bit pixels.

The first three take uint8 `[..., H, W, 3]` and return one float for each image, shape `[...]`. Three more may stand
in a compiled function: `ms_ssim_within` and `squared_error_within`, which makes a PSNR, for pictures of several sizes
in arrays of one, and `ms_ssim_of_floats` for training, with a gradient.
"""

import functools
import io
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from PIL import Image

from hcfss_jax.coding.buckets import bucket
from hcfss_jax.errors import HcfError
from hcfss_jax.ops import lower_bound

_PEAK = 255.0
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
# Exponents of the five scales, finest first: Wang et al. 2003, section 3.2.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The coarsest scale, a sixteenth of the image, must still hold one window.
MS_SSIM_SMALLEST_SIDE = (_WINDOW - 1) * 2 ** (len(_SCALE_WEIGHTS) - 1) + 1


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB over all pixels and channels; inf for equal images.

    Raises ValueError for anything but two uint8 arrays `[..., H, W, 3]` of one shape.
    """
    _check_pair(a, b)
    difference = a.astype(np.float64) - b.astype(np.float64)
    error = np.mean(difference**2, axis=(-3, -2, -1))
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(_PEAK**2 / error)


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity, at most 1, mean over channels (Wang et al. 2004, section III.B).

    Gaussian window of 11x11 with sigma 1.5, only where it lies within the image. Raises
    ValueError as `psnr` does, and for a side under 11 pixels.
    """
    _check_pair(a, b, smallest_side=_WINDOW)
    return jax.device_get(_ssim(*jax.device_put((a, b))))


def ms_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multi-scale structural similarity in [0, 1], mean over channels (Wang et al. 2003).

    Five scales, each the 2x2 mean of the one before; an odd last row or column counts double
    (our reading; the paper is silent). Negative contrast terms count as 0. Raises ValueError as
    `psnr` does, and for a side under 161 pixels. Compiles once for each of the few sizes that pictures are padded to.
    """
    _check_pair(a, b, smallest_side=MS_SSIM_SMALLEST_SIDE)
    height, width = sides = a.shape[-3:-1]
    size = bucket(height, width, 64)
    areas = np.broadcast_to(np.asarray(sides, np.int32), (*a.shape[:-3], 2))
    images = jax.device_put((_padded(a, size), _padded(b, size), areas))
    return jax.device_get(ms_ssim_within(*images))


def ssimulacra2() -> Callable[[np.ndarray, np.ndarray], float]:
    """What measures SSIMULACRA2 (Sneyers, Cloudinary 2022): of a picture uint8 `[H, W, 3]` beside its original, at most
    100. Both are taken as sRGB, whatever their profile.

    By the package of that name. Raises HcfError where it is not installed.
    """
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError as error:
        raise HcfError(
            f"SSIMULACRA2 takes a package of that name ({error}): pip install 'hcfss-jax[ssimulacra2]'"
        ) from error

    def as_file(rgb: np.ndarray) -> io.BytesIO:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "BMP")
        return file

    return lambda a, b: float(compute_ssimulacra2(as_file(b), as_file(a)))


@jax.jit
def ms_ssim_within(a: Array, b: Array, areas: Array) -> Array:
    """`ms_ssim` of the first rows and columns of each image; what lies beyond has no influence.

    Args:
      a, b: uint8 or float pixels in [0, 255], `[..., H, W, 3]`, H and W multiples of 16.
      areas: int `[..., 2]`, height and width of each picture.

    Returns:
      float32 `[...]`; it means nothing for a picture with a side under 161 pixels.
    """
    return _ms_ssim(_float_planes(a), _float_planes(b), 0.0, areas[..., None, :])


@jax.jit
def squared_error_within(a: Array, b: Array, areas: Array) -> Array:
    """The sum over pixels and channels of (a - b)^2 in the first rows and columns of each image, to the last unit.

    Args:
      a, b: uint8 `[..., H, W, 3]`, sides up to 16,384.
      areas: int `[..., 2]`, height and width of each picture.

    Returns:
      uint32 `[..., 2]`: of each sum the part in units of 65,536, and the rest. `whole_sums` puts them together.
    """
    planes = (jnp.moveaxis(image, -1, -3).astype(jnp.int32) for image in (a, b))
    squares = jnp.square(functools.reduce(jnp.subtract, planes)).astype(jnp.uint32)
    kept = jnp.where(_within(squares.shape, areas[..., None, :]), squares, jnp.uint32(0))
    # A row of 16,384 pixels is below 2**32 here, a whole picture is not.
    rows = jnp.sum(kept, axis=(-3, -1), dtype=jnp.uint32)
    parts = (rows >> jnp.uint32(16), rows & jnp.uint32(0xFFFF))
    return jnp.stack([jnp.sum(part, axis=-1, dtype=jnp.uint32) for part in parts], axis=-1)


def whole_sums(parts: np.ndarray) -> np.ndarray:
    """What `squared_error_within` returns, as float64 `[...]`."""
    return parts[..., 0] * 65536.0 + parts[..., 1]


@jax.jit
def ms_ssim_of_floats(a: Array, b: Array, areas: Array | None = None) -> Array:
    """`ms_ssim` for training: float images `[..., H, W, 3]` in [0, 1] to float32 `[...]`.

    areas: as of `ms_ssim_within`, H and W then multiples of 16; None for the whole. Its gradient is finite everywhere:
    a contrast term counts at least 1e-4, where the power of 0 would be infinitely steep, and may climb back from below.
    Raises ValueError as `ms_ssim` does.
    """
    _check_shapes(a, b, MS_SSIM_SMALLEST_SIDE)
    of_planes = None if areas is None else areas[..., None, :]
    return _ms_ssim(_PEAK * _float_planes(a), _PEAK * _float_planes(b), 1e-4, of_planes)


@jax.jit
def _ssim(a: ArrayLike, b: ArrayLike) -> Array:
    luminance, contrast = _similarity_maps(_float_planes(a), _float_planes(b))
    return jnp.mean(luminance * contrast, axis=(-3, -2, -1))


def _ms_ssim(x: Array, y: Array, least: float, areas: Array | None = None) -> Array:
    """Of planes; the mean of each scale counts at least `least`, so that its fractional power exists.

    areas: of each plane, int `[..., 2]`; None for the whole.
    """
    score = jnp.ones(x.shape[:-2], x.dtype)
    for weight in _SCALE_WEIGHTS[:-1]:
        _, contrast = _similarity_maps(x, y)
        score *= lower_bound(_plane_mean(contrast, areas), least) ** weight
        x, y = _halve(x, areas), _halve(y, areas)
        areas = None if areas is None else (areas + 1) // 2
    luminance, contrast = _similarity_maps(x, y)
    score *= lower_bound(_plane_mean(luminance * contrast, areas), least) ** _SCALE_WEIGHTS[-1]
    return jnp.mean(score, axis=-1)


def _float_planes(image: ArrayLike) -> Array:
    """Pixels `[..., H, W, 3]` -> float32 `[..., 3, H, W]`, so that sums run along memory."""
    return jnp.moveaxis(jnp.asarray(image, jnp.float32), -1, -3)


def _similarity_maps(x: Array, y: Array) -> tuple[Array, Array]:
    """(luminance, contrast * structure) of each window, `[..., H - 10, W - 10]`."""
    # One blur of five planes: compiles in a fifth of the time of five blurs.
    mean_x, mean_y, square_x, square_y, product = _blur(jnp.stack([x, y, x * x, y * y, x * y]))
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _plane_mean(values: Array, areas: Array | None) -> Array:
    """Mean over `[H, W]`, of the windows that lie within `areas`."""
    if areas is None:
        return jnp.mean(values, axis=(-2, -1))
    windows = areas - (_WINDOW - 1)
    kept = jnp.where(_within(values.shape, windows), values, 0)
    return jnp.sum(kept, axis=(-2, -1)) / (windows[..., 0] * windows[..., 1]).astype(kept.dtype)


def _within(shape: tuple[int, ...], areas: Array) -> Array:
    """bool `[..., H, W]`: the first rows and columns."""
    rows, columns = (_before(n, areas[..., i]) for i, n in enumerate(shape[-2:]))
    return rows[..., :, None] & columns[..., None, :]


def _before(n: int, ends: Array) -> Array:
    """bool `[..., n]`: the places before each of the ends `[...]`."""
    return _numbers(n, ends) < ends[..., None]


def _numbers(n: int, like: Array) -> Array:
    """0 to n - 1 behind as many axes of 1 as `like` has, in its type."""
    return jnp.arange(n, dtype=like.dtype).reshape((1,) * like.ndim + (n,))


def _blur(x: Array) -> Array:
    """Gaussian window over rows, then columns, without padding."""
    return _filter(_filter(x, axis=-2), axis=-1)


def _filter(x: Array, axis: int) -> Array:
    # A sum of shifted slices: XLA fuses it, while its depthwise convolution on CPU is slow.
    length = x.shape[axis] - _WINDOW + 1
    shifted = (lax.slice_in_dim(x, i, i + length, axis=axis) for i in range(_WINDOW))
    return functools.reduce(
        jnp.add, (tap * part for tap, part in zip(_gaussian_taps(), shifted, strict=True))
    )


@functools.cache
def _gaussian_taps() -> tuple[float, ...]:
    positions = np.arange(_WINDOW) - _WINDOW // 2
    taps = np.exp(-(positions**2) / (2 * _SIGMA**2))
    return tuple((taps / taps.sum()).tolist())


def _halve(x: Array, areas: Array | None) -> Array:
    """2x2 means of `[..., H, W]`; an odd side is first extended by its own last line."""
    height, width = x.shape[-2:]
    if areas is None:
        edges = [(0, 0)] * (x.ndim - 2) + [(0, height % 2), (0, width % 2)]
        x = jnp.pad(x, edges, mode="edge")
    else:
        for axis, end in ((-2, areas[..., 0]), (-1, areas[..., 1])):
            line_after = _numbers(x.shape[axis], end) == end[..., None]
            x = jnp.where(jnp.expand_dims(line_after, -3 - axis), jnp.roll(x, 1, axis), x)
    halves = x.reshape(*x.shape[:-2], x.shape[-2] // 2, 2, x.shape[-1] // 2, 2)
    return jnp.mean(halves, axis=(-3, -1))


def _padded(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 `[..., H, W, 3]` at the top left of `[..., *size, 3]`."""
    whole = np.zeros((*images.shape[:-3], *size, 3), np.uint8)
    whole[..., : images.shape[-3], : images.shape[-2], :] = images
    return whole


def _check_pair(a: np.ndarray, b: np.ndarray, smallest_side: int = 1) -> None:
    for image in (a, b):
        if image.dtype != np.uint8 or image.ndim < 3 or image.shape[-1] != 3:
            raise ValueError(
                f"expected uint8 [..., H, W, 3], got {image.dtype} {list(image.shape)}: "
                "convert to 8-bit RGB first"
            )
    _check_shapes(a, b, smallest_side)


def _check_shapes(a: np.ndarray | Array, b: np.ndarray | Array, smallest_side: int) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the images differ in shape: {list(a.shape)} and {list(b.shape)}")
    if min(a.shape[-3:-1]) < smallest_side:
        raise ValueError(
            f"the image is {a.shape[-2]}x{a.shape[-3]} pixels, and this metric needs at least "
            f"{smallest_side} on its short side: use psnr, or a larger image"
        )
