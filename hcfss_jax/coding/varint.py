"""Fields of a file: numbers of 7 bits a byte, and a reader that never runs past the end."""

from hcfss_jax.errors import CorruptSection, TruncatedFile

LONGEST_VARINT = 5
"""Bytes of the largest number that a file may hold, below 2**35."""


def varint(number: int) -> bytes:
    """An integer in [0, 2**35) as LEB128: 7 bits a byte, the lowest first; a top bit says more."""
    if not 0 <= number < 1 << 7 * LONGEST_VARINT:
        raise ValueError(f"{number} does not fit in a varint of {LONGEST_VARINT} bytes")
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


class ByteReader:
    """Takes fields off the front of `data`. Raises TruncatedFile where they are not there."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes; `what` names them for the error."""
        left = len(self.data) - self.position
        if size > left:
            raise TruncatedFile(
                f"the file ends in its {what}: byte {self.position} should be followed by "
                f"{size} bytes, and {left} are left; fetch it again"
            )
        self.position += size
        return self.data[self.position - size : self.position]

    def byte(self, what: str) -> int:
        """The next byte."""
        return self.take(1, what)[0]

    def varint(self, what: str) -> int:
        """The next number. Raises CorruptSection for one that `varint` would not write."""
        number = 0
        for i in range(LONGEST_VARINT):
            byte = self.byte(what)
            number |= (byte & 127) << 7 * i
            if byte < 128:
                if i and not byte:
                    break
                return number
        raise CorruptSection(f"the {what} is not a number: byte {self.position - 1} is damaged")
