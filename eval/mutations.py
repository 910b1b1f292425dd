"""Files that no encoder wrote: good `.hcf` files, damaged by chance or forged by someone who knows the format.

Damage leaves the file's checksum as it falls; a forger makes it right again. Forgeries are written with `coding.pack`
and whatever fields `coding.Header` has, so they follow the format where it grows. Only the checksum at the end of a
file and version and flags at its start are known here by their places.

Every mutation takes a generator of chance and several good files, and gives the bytes of a bad one.
"""

import copy
import dataclasses
import functools
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hcfss_jax import coding
from hcfss_jax.coding.varint import varint

Mutation = Callable[[np.random.Generator, Sequence[bytes]], bytes]

_CHECKSUM_BYTES = 4
_VERSION_AT, _FLAGS_AT = len(coding.MAGIC), len(coding.MAGIC) + 1
_INFLATED_BOMB = 1 << 26  # bytes, far more than a colour profile, metadata or a PNG's text may take


def flip_bits(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """One to eight bits."""
    return _with_flipped_bits(rng, _one(rng, files))


def overwrite(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """A run of bytes by others."""
    data = _one(rng, files)
    start, end = _run_of(rng, data)
    return data[:start] + rng.bytes(end - start) + data[end:]


def leave_out(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """A run of bytes within."""
    data = _one(rng, files)
    start, end = _run_of(rng, data)
    return data[:start] + data[end:]


def cut(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """The end is missing."""
    data = _one(rng, files)
    return data[: rng.integers(len(data))]


def splice(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """The start of one file and the end of another."""
    first, second = _one(rng, files), _one(rng, files)
    return first[: rng.integers(len(first))] + second[rng.integers(len(second)) :]


def lengthen(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """More bytes than the file has: noise, zeros, or a second file."""
    size = int(rng.integers(1, 100))
    return _one(rng, files) + _one(rng, (rng.bytes(size), bytes(size), _one(rng, files)))


DAMAGE: dict[str, Mutation] = {
    "bits flipped": flip_bits,
    "bytes overwritten": overwrite,
    "bytes left out": leave_out,
    "end cut off": cut,
    "two files spliced": splice,
    "bytes appended": lengthen,
}
"""By what has happened to the file; its checksum tells."""


def forge_field(rng: np.random.Generator, files: Sequence[bytes], field: str) -> bytes:
    """Another value of a field of the header: one nearby, one of another file, or one that no header may have."""
    data = _one(rng, files)
    header, stream, sections = coding.unpack(data)
    value = getattr(header, field)
    others = [getattr(coding.unpack(other)[0], field) for other in files] + _others(rng, value)
    for i in rng.permutation(len(others)):
        forged = copy.copy(header)
        object.__setattr__(forged, field, others[i])  # not `replace`, which refuses what is invalid
        try:
            written = coding.pack(forged, stream, sections)
        except (ValueError, TypeError, OverflowError, struct.error):
            continue  # no file can say this
        if written != data:
            return written
    return data


def forge_byte(rng: np.random.Generator, files: Sequence[bytes], at: int | None = None) -> bytes:
    """Any other byte at a place, or at any place before the checksum."""
    data = bytearray(_one(rng, files)[:-_CHECKSUM_BYTES])
    data[rng.integers(len(data)) if at is None else at] = rng.integers(256)
    return _signed(bytes(data))


def forge_length(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Another length of the stream or of a section, whose bytes stay."""
    data = _one(rng, files)
    _, stream, sections = coding.unpack(data)
    payload = _one(rng, (stream, *sections.values()))
    before, _, after = data[:-_CHECKSUM_BYTES].rpartition(varint(len(payload)) + payload)
    lengths = [n for n in _others(rng, len(payload)) if 0 <= n < 1 << 35]
    return _signed(before + varint(_one(rng, lengths)) + payload + after)


def forge_stream(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Other symbols than those written: of another file, damaged, cut or continued."""
    header, stream, sections = coding.unpack(_one(rng, files))
    other = coding.unpack(_one(rng, files))[1]
    flipped = _with_flipped_bits(rng, stream) if stream else b"\x01"
    shorter = stream[: rng.integers(len(stream) + 1)]
    longer = stream + rng.bytes(int(rng.integers(1, 9)))
    return coding.pack(header, _one(rng, (other, flipped, shorter, longer)), sections)


def forge_sections(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Sections dropped, exchanged, of another file, of unknown types, twice, or in another order."""
    header, stream, sections = coding.unpack(_one(rng, _with_sections(files)))
    kinds, payloads = list(sections), list(sections.values())
    unruly = [(_Unruly(kind), payload) for kind, payload in sections.items()]
    choices: list[Mapping[int, bytes]] = [
        {kind: sections[kind] for kind in kinds if rng.random() < 0.5},
        {kind: payloads[i] for kind, i in zip(kinds, rng.permutation(len(kinds)), strict=True)},
        coding.unpack(_one(rng, files))[2],
        sections | {int(rng.integers(256)): rng.bytes(9)},
        dict(unruly),
        dict(unruly + [(_Unruly(kind), payload) for kind, payload in sections.items()]),
    ]
    return coding.pack(header, stream, _one(rng, choices))


def forge_section(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Bits of one section's payload, or its end."""
    header, stream, sections = coding.unpack(_one(rng, _with_sections(files)))
    kind = _one(rng, list(sections))
    payload = sections[kind]
    damaged = _one(rng, (_with_flipped_bits(rng, payload), payload[: rng.integers(len(payload))]))
    return coding.pack(header, stream, sections | {kind: damaged})


def forge_alpha(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """Chunks of the alpha plane's PNG damaged, dropped or doubled, each with a checksum that fits."""
    header, stream, sections = _with_alpha(rng, files)
    chunks = list(_chunks(sections[coding.Extra.ALPHA]))
    i = int(rng.integers(len(chunks)))
    kind, data = chunks[i]
    altered = (kind, _with_flipped_bits(rng, data) if data else rng.bytes(4))
    chunks[i : i + 1] = _one(rng, ([altered], [altered], [], [chunks[i]] * 2))
    return coding.pack(header, stream, sections | {coding.Extra.ALPHA: _png(chunks)})


def forge_bomb(rng: np.random.Generator, files: Sequence[bytes]) -> bytes:
    """What would take much memory: a huge profile, huge metadata, a text or size within a PNG, sections without end."""
    header, stream, sections = _with_alpha(rng, files)
    (kind, size), *chunks = _chunks(sections[coding.Extra.ALPHA])
    huge = struct.pack(">II", 1 << 15, 1 << 15) + size[8:]
    text = (b"zTXt", b"bomb\0\0" + _bomb())
    choices: list[dict[int, bytes]] = [
        {coding.Extra.ICC: _bomb()},
        {coding.Extra.EXIF: _bomb()},
        {coding.Extra.XMP: _bomb()},
        {coding.Extra.ALPHA: _png([(kind, size), text, *chunks])},
        {coding.Extra.ALPHA: _png([(kind, size), *chunks[:-1], text, chunks[-1]])},
        {coding.Extra.ALPHA: _png([(kind, huge), *chunks])},
        {_Unruly(200): b"" for _ in range(1000)},
    ]
    return coding.pack(header, stream, sections | _one(rng, choices))


FORGERIES: dict[str, Mutation] = {
    f"header: {field.name}": functools.partial(forge_field, field=field.name)
    for field in dataclasses.fields(coding.Header)
} | {
    "format version": functools.partial(forge_byte, at=_VERSION_AT),
    "flags": functools.partial(forge_byte, at=_FLAGS_AT),
    "any byte": forge_byte,
    "a length": forge_length,
    "stream": forge_stream,
    "sections": forge_sections,
    "bits of a section": forge_section,
    "chunks of alpha": forge_alpha,
    "bombs": forge_bomb,
}
"""By what was forged; the file's checksum is right."""


class _Unruly(int):
    """A section's type that no dict recognises and `sorted` turns round: so `pack` writes it twice, and anywhere."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __lt__ = int.__gt__


def _others(rng: np.random.Generator, value: Any) -> list[Any]:
    """Values of the same type, some of them absurd."""
    match value:
        case int():
            near = [value + step for step in (-64, -16, -1, 1, 16, 64)]
            far = [300, 1 << 20, 1 << 24, (1 << 24) + 1, (1 << 32) - 1, (1 << 35) - 1]
            return [*near, 0, 2 * value, int(rng.integers(value + 1)), *far]
        case float():
            steps = (-64, -8, -1, 1, 8, 64)
            return [*(value + step / coding.QUALITY_STEPS for step in steps), 0.0, 0.5, 1023.0]
        case str():
            return ["", value[:-1], value.upper(), value + "\x7f", "../" + value, 65 * "x"]
        case bytes():
            flipped = _with_flipped_bits(rng, value) if value else b"\0"
            return [flipped, bytes(len(value)), value[:-1], value + b"\0"]
    return []


def _one(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _run_of(rng: np.random.Generator, data: bytes) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, start + int(rng.integers(1, 20))


def _with_flipped_bits(rng: np.random.Generator, data: bytes) -> bytes:
    flipped = bytearray(data)
    for position in rng.integers(8 * len(data), size=rng.integers(1, 9)):
        flipped[position // 8] ^= 1 << position % 8
    return bytes(flipped)


def _signed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def _with_sections(files: Sequence[bytes]) -> list[bytes]:
    return [data for data in files if coding.unpack(data)[2]]


def _with_alpha(rng: np.random.Generator, files: Sequence[bytes]) -> Any:
    """The contents of a file with an alpha plane, as `coding.unpack` gives them."""
    contents = [coding.unpack(data) for data in files]
    return _one(rng, [each for each in contents if coding.Extra.ALPHA in each[2]])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk, behind the signature of eight bytes."""
    at = 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + size]
        at += 12 + size


def _png(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        png += struct.pack(">I", len(data)) + kind + data
        png += struct.pack(">I", zlib.crc32(kind + data))
    return png


@functools.cache
def _bomb() -> bytes:
    return zlib.compress(bytes(_INFLATED_BOMB), 9)
