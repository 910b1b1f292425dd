"""How large a picture may be: beyond, memory or time would not be worth it."""

from collections.abc import Sequence

from hcfss_jax import coding
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.codec.tiles import LARGEST_TILE, SMALLEST_TILE, Tile, layout, tile_count
from hcfss_jax.errors import ImageTooLarge
from hcfss_jax.models.skeleton import CompressionModel

MAX_PIXELS = 2 * 89_478_485
"""Of a picture: twice Pillow's warning, where Pillow itself refuses an image."""

_ARRAYS_OVER_PIXELS = (
    4  # just above 2048 pixels a side the arrays of tiles hold nearly four times the picture
)


def check_size(height: int, width: int) -> None:
    """Raises ImageTooLarge for more pixels than are coded, or a side longer than the format holds."""
    if height * width > MAX_PIXELS:
        raise ImageTooLarge(
            f"{width}x{height} pixels, more than {MAX_PIXELS}: cut the image into parts"
        )
    if max(height, width) > coding.LARGEST_SIDE:
        raise ImageTooLarge(
            f"{width}x{height} pixels, a side above {coding.LARGEST_SIDE}: cut the image into parts"
        )


def check_work(
    model: CompressionModel, height: int, width: int, side: int, max_pixels: int = MAX_PIXELS
) -> None:
    """Raises ImageTooLarge for a picture so thin that each of its tiles of `side` fills little of its arrays."""
    if (count := tile_count(height, width, side)) < 2:
        return
    few = count * SMALLEST_TILE**2 <= _work_limit(max_pixels)
    if not few or _too_thin(model, layout(height, width, side), max_pixels):
        raise ImageTooLarge(
            f"{width}x{height} pixels are too thin to be worth their tiles: "
            "cut the image into parts, or raise max_pixels for a file that you trust"
        )


def check_part(model: CompressionModel, tiles: Sequence[Tile], max_pixels: int) -> None:
    """Raises ImageTooLarge where a part of a picture takes more tiles than are worth it, as `check_work`."""
    few = len(tiles) * SMALLEST_TILE**2 <= _work_limit(max_pixels)
    if not few or _too_thin(model, tiles, max_pixels):
        raise ImageTooLarge(
            f"{len(tiles)} tiles so thin are too many at once: ask for a smaller region, "
            "or raise max_pixels for a file that you trust"
        )


def _work_limit(max_pixels: int) -> int:
    """Pixels of arrays."""
    return _ARRAYS_OVER_PIXELS * max(max_pixels, LARGEST_TILE**2)


def _too_thin(model: CompressionModel, tiles: Sequence[Tile], max_pixels: int) -> bool:
    sizes = (arrays_of(model, tile.height, tile.width) for tile in tiles)
    return sum(rows * columns for rows, columns in sizes) > _work_limit(max_pixels)
