"""Pictures beside each other, with captions, for eyes to compare."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_MARGIN, _LINE, _TEXT = 12, 26, 20  # pixels
_PAPER, _INK = "white", "black"


def side_by_side(panels: Sequence[tuple[np.ndarray, Sequence[str]]]) -> Image.Image:
    """A row of pictures, uint8 `[H, W, 3]` of one size, the lines of a caption above each."""
    height, width = panels[0][0].shape[:2]
    head = _MARGIN + _LINE * max(len(lines) for _, lines in panels)
    sheet = Image.new(
        "RGB",
        (_MARGIN + len(panels) * (width + _MARGIN), head + height + _MARGIN),
        _PAPER,
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for number, (pixels, lines) in enumerate(panels):
        left = _MARGIN + number * (width + _MARGIN)
        for row, line in enumerate(lines):
            draw.text((left, _MARGIN // 2 + row * _LINE), line, _INK, font)
        sheet.paste(Image.fromarray(pixels), (left, head))
    return sheet
