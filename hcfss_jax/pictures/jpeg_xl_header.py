"""What the header of a JPEG XL says of its picture (ISO/IEC 18181-1: SizeHeader, ImageMetadata, ColourEncoding).

Pillow reads none without a plugin, and plugins do not tell the depth.
"""

import dataclasses
import re

# A codestream begins so, bare or in its box, of which there may be several with a number each.
_CODESTREAM = re.compile(rb"(?:\A|jxlc|jxlp.{4})\xff\x0a", re.DOTALL)
_BYTES = 4096  # that the fields below fit in many times

# How a side of the image is told, and of a preview: in units of eight pixels, or of one. Each is
# (offset, bits): a number of so many bits is added to the offset.
_Choices = tuple[tuple[int, int], ...]
_SIZE: tuple[_Choices, _Choices] = ((1, 5),), ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW = ((16, 0), (32, 0), (1, 5), (33, 9)), ((1, 6), (65, 8), (321, 10), (1345, 12))
_ENUM = (0, 0), (1, 0), (2, 4), (18, 6)
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_ALPHA, _SPOT, _FILTER_ARRAY = 0, 2, 5  # types of extra channels
_GREY, _XYB = 1, 2  # spaces of colours; 0 is RGB
_WHITE_D65, _WHITE_DCI, _CUSTOM = 1, 11, 2
# Primaries with their white, and transfer functions, by their numbers in H.273.
_PRIMARIES = {(_WHITE_D65, 1): 1, (_WHITE_D65, 9): 9, (_WHITE_D65, 11): 12, (_WHITE_DCI, 11): 11}
_TRANSFERS = frozenset({1, 8, 13, 16, 17, 18})


@dataclasses.dataclass(frozen=True)
class JpegXlHeader:
    """height, width: upright, pixels. depth: bits of a colour. floats: whether those are floats. grey: without colour.

    extras: types of the channels beside the colours, 0 for alpha. animated: of several frames. cicp: primaries and
    transfer function by number, None where they have none, as of a profile. colours: from which bit of the codestream,
    behind its signature, to which they are told; nowhere where all is as by default.
    """

    height: int
    width: int
    depth: int = 8
    floats: bool = False
    grey: bool = False
    extras: tuple[int, ...] = ()
    animated: bool = False
    cicp: tuple[int, int] | None = (1, 13)
    colours: tuple[int, int] = (0, 0)


def read_jpeg_xl_header(data: bytes) -> JpegXlHeader | None:
    """None for what is no JPEG XL. Of one that is cut, what is missing counts as zeros."""
    start = _CODESTREAM.search(data)
    if not start:
        return None
    bits = _Bits(data[start.end() : start.end() + _BYTES])
    width, height = _size(bits, *_SIZE)
    if bits.take(1):  # all is as by default
        return JpegXlHeader(height, width)
    animated, orientation = _extra_fields(bits) if bits.take(1) else (False, 1)
    if orientation > 4:
        height, width = width, height
    floats, depth = _depth(bits)
    bits.take(1)  # whether 16 bits are enough inside
    count = bits.choose((0, 0), (1, 0), (2, 4), (1, 12))
    extras = tuple(_extra_channel(bits) for _ in range(count))
    bits.take(1)  # whether the colours are coded as XYB
    place = bits.at
    grey, cicp = _colours(bits)
    where = place, bits.at
    return JpegXlHeader(height, width, depth, floats, grey, extras, animated, cicp, where)


def with_cicp(codestream: bytes, primaries: int, transfer: int) -> bytes:
    """A codestream, whole and bare, that says of its numbers that they have such primaries and transfer function.

    Raises ValueError for what has no place in it, and for a header that says more than libjxl's of a lossless picture.
    """
    header = read_jpeg_xl_header(codestream)
    white = {at: white for (white, at), number in _PRIMARIES.items() if number == primaries}
    if header is None or transfer not in _TRANSFERS or not white:
        raise ValueError(f"CICP {primaries}, {transfer} has no place in a JPEG XL")
    start, end = header.colours
    bits = int.from_bytes(codestream[2 : 2 + _BYTES], "little")
    # Extensions (none, two bits), the inverse of XYB (as by default, one), zeros up to a whole byte.
    rest, size = bits >> end & 0b111, -(-(end + 3) // 8)
    if not start or rest != 0b100 or bits >> (end + 3) & ((1 << 8 * size - end - 3) - 1):
        raise ValueError("a JPEG XL whose header is not known here")
    told = _Told()
    told.add(0, 2)  # not as by default, no profile
    told.choose(_GREY if header.grey else 0)
    ((at, point),) = white.items()
    told.choose(point)
    if not header.grey:
        told.choose(at)
    told.add(0, 1)  # no gamma
    told.choose(transfer)
    told.choose(1)  # relative colorimetric
    told.add(rest, 3)
    head = bits & ((1 << start) - 1) | told.value << start
    length = -(-(start + told.count) // 8)
    return codestream[:2] + head.to_bytes(length, "little") + codestream[2 + size :]


class _Told:
    """Numbers as a header has them."""

    def __init__(self) -> None:
        self.value, self.count = 0, 0

    def add(self, value: int, bits: int) -> None:
        self.value |= value << self.count
        self.count += bits

    def choose(self, value: int) -> None:
        """In the first of the forms of an enumeration that it fits in."""
        for i, (offset, bits) in enumerate(_ENUM):
            if offset <= value < offset + (1 << bits):
                self.add(i, 2)
                self.add(value - offset, bits)
                return


class _Bits:
    """Numbers of a header, lowest bit first; zeros past the end."""

    def __init__(self, data: bytes):
        self._data, self.at = int.from_bytes(data, "little"), 0

    def take(self, count: int) -> int:
        value = (self._data >> self.at) & ((1 << count) - 1)
        self.at += count
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """A number of one of four forms, which two bits name, or of the only one."""
        offset, bits = choices[self.take(2) if len(choices) > 1 else 0]
        return offset + self.take(bits)


def _size(bits: _Bits, eighths: _Choices, ones: _Choices) -> tuple[int, int]:
    """Width and height; the width may be said as a simple ratio of the height."""
    unit, side = (8, eighths) if bits.take(1) else (1, ones)
    height = unit * bits.choose(*side)
    ratio = bits.take(3)
    if not ratio:
        return unit * bits.choose(*side), height
    times, over = _RATIOS[ratio]
    return height * times // over, height


def _extra_fields(bits: _Bits) -> tuple[bool, int]:
    """Whether it is an animation, and its orientation, as EXIF counts it."""
    orientation = 1 + bits.take(3)
    if bits.take(1):  # the size meant for display
        _size(bits, *_SIZE)
    if bits.take(1):
        _size(bits, *_PREVIEW)
    animated = bool(bits.take(1))
    if animated:
        bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
        bits.take(1)
    return animated, orientation


def _depth(bits: _Bits) -> tuple[bool, int]:
    """Whether numbers are floats, and their bits."""
    if bits.take(1):
        depth = bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
        return True, depth
    return False, bits.choose((8, 0), (10, 0), (12, 0), (1, 6))


def _extra_channel(bits: _Bits) -> int:
    """Its type."""
    if bits.take(1):
        return _ALPHA
    kind = bits.choose(*_ENUM)
    _depth(bits)
    bits.choose((0, 0), (3, 0), (4, 0), (1, 3))
    bits.take(8 * bits.choose((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    if kind == _ALPHA:
        bits.take(1)  # premultiplied: decoders undo it
    elif kind == _SPOT:
        bits.take(4 * 16)
    elif kind == _FILTER_ARRAY:
        bits.choose((1, 0), (0, 2), (3, 4), (19, 8))
    return kind


def _colours(bits: _Bits) -> tuple[bool, tuple[int, int] | None]:
    """Whether there is no colour, and CICP."""
    if bits.take(1):
        return False, (1, 13)
    profile, space = bits.take(1), bits.choose(*_ENUM)
    grey = space == _GREY
    if profile or space not in (0, _GREY):
        return grey, None
    white = bits.choose(*_ENUM)
    if white == _CUSTOM:
        _coordinates(bits)
    primaries = 1 if grey else bits.choose(*_ENUM)
    if not grey and primaries == _CUSTOM:
        for _ in range(3):
            _coordinates(bits)
    gamma = bits.take(1)
    transfer = bits.take(24) if gamma else bits.choose(*_ENUM)
    bits.choose(*_ENUM)  # the intent of rendering
    number = _PRIMARIES.get((white, primaries))
    return grey, (number, transfer) if number and not gamma and transfer in _TRANSFERS else None


def _coordinates(bits: _Bits) -> None:
    for _ in range(2):
        bits.choose((0, 19), (524288, 19), (1048576, 20), (2097152, 21))
