"""Hard contrast from pixel to pixel, as of checkers, dither and screens of dots, and whether a codec kept it.

Photos have none in whole blocks. A learned transform with a stride may turn it into flat grey.
"""

import numpy as np

_BLOCK = 16  # pixels a side
_STEP = 96  # grey levels between neighbours that no eye can miss
_SHARE = 0.4  # of the pairs of neighbours in a block; checkers of two pixels and stripes of one have half or more
_LOST = 0.5  # of a block's variance; in photos at the lowest quality errors stay below 0.4 of it


def finely_contrasted(rgb: np.ndarray) -> np.ndarray:
    """The blocks of 16x16 pixels in which two of five pairs of neighbours, or more, are a hard step apart.

    rgb: uint8 `[H, W, 3]`. Returns rows and columns of blocks, `[N, 2]`. Three lines of each block say whether the rest
    is worth a look, so that a photo costs next to nothing.
    """
    rows, columns = (side // _BLOCK for side in rgb.shape[:2])
    whole = rgb[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK, 3)
    above, line, below = (whole[:, k] for k in (6, 7, 8))  # [rows, columns, 16, 3]
    along = _hard(line[:, :, 1:], line[:, :, :-1]).sum(-1)
    down = (_hard(above, line) | _hard(line, below)).sum(-1)
    suspects = np.argwhere(np.maximum(along, down) >= _SHARE * _BLOCK)
    return suspects[[_is_fine(whole[row, :, column]) for row, column in suspects]]


def lost_blocks(rgb: np.ndarray, decoded: np.ndarray, blocks: np.ndarray) -> int:
    """How many of these blocks are lost: their mean squared error is more than half of their variance.

    As flat grey it would be all of it. rgb, decoded: uint8 `[H, W, 3]`. blocks: as `finely_contrasted` returns them.
    """
    return sum(_is_lost(_block(rgb, *place), _block(decoded, *place)) for place in blocks)


def _hard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether pixels of uint8 `[..., 3]` are a hard step apart."""
    return ((np.maximum(a, b) - np.minimum(a, b)) > _STEP).any(-1)


def _is_fine(block: np.ndarray) -> bool:
    along, down = _hard(block[:, 1:], block[:, :-1]), _hard(block[1:], block[:-1])
    return max(along.mean(), down.mean()) >= _SHARE


def _block(rgb: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = row * _BLOCK, column * _BLOCK
    return rgb[top : top + _BLOCK, left : left + _BLOCK].astype(np.float32)


def _is_lost(block: np.ndarray, decoded: np.ndarray) -> bool:
    return bool(np.mean((decoded - block) ** 2) > _LOST * block.var(axis=(0, 1)).mean())
