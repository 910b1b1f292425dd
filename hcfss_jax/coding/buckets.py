"""The few sizes that pictures are padded to, so that few programs are compiled. A rule of the file format."""

_STEP = 64  # pixels that a position of z stands for
# Height and width in pixels, smallest first: squares and the two thirds of photographs.
_SIZES = (
    (256, 256),
    (512, 512),
    (512, 768),
    (768, 512),
    (1024, 1024),
    (1024, 1536),
    (1536, 1024),
    (2048, 2048),
)


def whole_positions(height: int, width: int) -> tuple[int, int]:
    """The least multiples of 64 that hold a picture: the area that a model computes on."""
    return height + -height % _STEP, width + -width % _STEP


def bucket(height: int, width: int) -> tuple[int, int]:
    """The height and width of the arrays that hold a picture, at their top left.

    The first of eight sizes that is large enough; beyond them, where padding would cost more than compiling, the
    least multiples of 64.
    """
    fitting = [size for size in _SIZES if height <= size[0] and width <= size[1]]
    return fitting[0] if fitting else whole_positions(height, width)
