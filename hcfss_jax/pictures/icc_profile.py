"""ICC profiles: what the head of one says, and how one is made of primaries and a transfer function.

Made by ICC.1:2022 (version 4.4): a matrix and one curve, adapted to the white D50 of profiles by Bradford's method.
"""

import dataclasses
import struct
from collections.abc import Sequence

import numpy as np

_HEADER_BYTES = 128
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue, as PNG orders them."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """A transfer function, from coded value in [0, 1] to light in [0, 1].

    parameters: g alone, for v**g; or g, a, b, c, d, for (a v + b)**g from d on and c v below. samples: light at equal
    steps of the coded value instead.
    """

    parameters: Sequence[float] = ()
    samples: np.ndarray | None = None

    def packed(self) -> bytes:
        """As the element of a profile."""
        if self.samples is not None:
            table = np.round(65535 * np.clip(self.samples, 0, 1)).astype(">u2").tobytes()
            return b"curv" + bytes(4) + struct.pack(">I", len(table) // 2) + table
        kind = {1: 0, 5: 3}[len(self.parameters)]
        numbers = b"".join(map(_fixed, self.parameters))
        return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + numbers


def colour_space(icc: bytes) -> str | None:
    """What the numbers that a profile describes are: "RGB", "GRAY", "CMYK", "Lab"; None for what is no profile."""
    if len(icc) <= _HEADER_BYTES or icc[36:40] != b"acsp":
        return None
    return icc[16:20].decode("latin-1").strip()


def cicp_of(icc: bytes) -> tuple[int, int] | None:
    """Primaries and transfer function by their numbers in H.273, where a profile names them."""
    count = int.from_bytes(icc[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    for at in range(_HEADER_BYTES + 4, min(_HEADER_BYTES + 4 + 12 * count, len(icc)), 12):
        if icc[at : at + 4] == b"cicp":
            start = int.from_bytes(icc[at + 4 : at + 8], "big")
            element = icc[start : start + 12]
            return (element[8], element[9]) if len(element) == 12 else None
    return None


def make_profile(
    name: str,
    curve: Curve,
    chromaticities: Chromaticities | None,
    cicp: tuple[int, int] | None = None,
) -> bytes:
    """The profile of RGB, or of grey where there are no chromaticities.

    name: what programs show. cicp: as `cicp_of` finds it. Raises ValueError for primaries that span no colours.
    """
    elements = {b"desc": _text(name), b"cprt": _text("CC0")}
    elements[b"wtpt"] = _xyz(_D50)
    if chromaticities is None:
        elements[b"kTRC"] = curve.packed()
    else:
        adaptation, columns = _colorants(chromaticities)
        elements[b"chad"] = b"sf32" + bytes(4) + b"".join(map(_fixed, adaptation.ravel()))
        for channel, column in zip("rgb", columns.T, strict=True):
            elements[f"{channel}XYZ".encode()] = _xyz(column)
            elements[f"{channel}TRC".encode()] = curve.packed()
    if cicp:
        elements[b"cicp"] = b"cicp" + bytes(4) + bytes([*cicp, 0, 1])
    return _assembled(b"GRAY" if chromaticities is None else b"RGB ", elements)


def _colorants(chromaticities: Chromaticities) -> tuple[np.ndarray, np.ndarray]:
    """The matrix that adapts the white to D50, and the adapted XYZ of red, green and blue as columns."""
    xy = np.array(chromaticities, float).reshape(4, 2)
    if xy[:, 1].min() <= 0:
        raise ValueError(f"chromaticities {chromaticities} are of no light")
    white, *primaries = np.column_stack([xy[:, 0], xy[:, 1], 1 - xy.sum(1)]) / xy[:, 1:]
    matrix = np.array(primaries).T
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError(f"chromaticities {chromaticities} span no colours")
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    if not (np.isfinite(scale).all() and scale.min() > 0):
        raise ValueError(f"chromaticities {chromaticities} have no white")
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD
    columns = adaptation @ (matrix * np.linalg.solve(matrix, white))
    if max(np.abs(adaptation).max(), np.abs(columns).max()) >= 1 << 15:
        raise ValueError(f"chromaticities {chromaticities} are too extreme for a profile")
    return adaptation, columns


def _assembled(space: bytes, elements: dict[bytes, bytes]) -> bytes:
    """Header, table and elements, those that are equal once."""
    places: dict[bytes, int] = {}
    body, table = b"", b""
    start = _HEADER_BYTES + 4 + 12 * len(elements)
    for tag, element in elements.items():
        if element not in places:
            places[element] = start + len(body)
            body += element + bytes(-len(element) % 4)
        table += tag + struct.pack(">II", places[element], len(element))
    head = struct.pack(
        ">I4xI4s4s4s6H4s28xI2I",  # size, version, class, spaces, date, signature; intent, first of the white
        start + len(body), 0x04400000, b"mntr", space, b"XYZ ", 2000, 1, 1, 0, 0, 0, b"acsp",
        *struct.unpack(">3I", b"".join(map(_fixed, _D50))),
    )  # fmt: skip
    return head.ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(elements)) + table + body


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _text(text: str) -> bytes:
    """English, as a profile holds it."""
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _fixed(value: float) -> bytes:
    """A number in units of 2**-16."""
    return struct.pack(">i", round(float(value) * 65536))
