"""The few sizes that pictures are padded to, so that few programs are compiled. A rule of the file format."""

# Height and width in pixels, smallest first: squares and the two thirds of photographs.
SIZES = (
    (256, 256),
    (512, 512),
    (512, 768),
    (768, 512),
    (1024, 1024),
    (1024, 1536),
    (1536, 1024),
    (2048, 2048),
)


def whole_positions(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The area that a model computes on: the least multiples that hold a picture, of what its sides have to be."""
    return height + -height % multiple, width + -width % multiple


def bucket(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The height and width of the arrays that hold a picture, at their top left.

    The first of eight sizes that is large enough, and a multiple of what the model's sides have to be; beyond them,
    where padding would cost more than compiling, the least multiples.
    """
    for rows, columns in SIZES:
        if height <= rows and width <= columns and not (rows % multiple or columns % multiple):
            return rows, columns
    return whole_positions(height, width, multiple)
