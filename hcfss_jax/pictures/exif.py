"""EXIF, a TIFF structure of tags, as bytes: what is taken out of it, what is put in."""

import re
import struct

from PIL import ExifTags, Image

ORIENTATION = ExifTags.Base.Orientation
RESOLUTION = ExifTags.Base.XResolution, ExifTags.Base.YResolution
RESOLUTION_UNIT = ExifTags.Base.ResolutionUnit  # 2: inches
DIRECTORIES = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo

# Width and height in pixels, of the picture and of the file's.
_SIZES = (
    *(ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight),
    *(ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength),
)
_NUMBERS = {(3, 1): "H", (4, 1): "I"}  # one of 16 bits, one of 32
_THUMBNAIL = ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount
# Tags of a TIFF that say how its pixels lie in the file, or hold XMP, IPTC or a profile; first and last of each run.
_RUNS = (
    *((254, 259), (262, 262), (263, 266), (273, 274), (277, 281), (284, 284), (288, 293)),
    *((301, 301), (317, 317), (320, 325), (330, 330), (332, 347), (512, 532), (700, 700)),
    *((33723, 33723), (34377, 34377), (34675, 34675)),
)
_OF_THE_FILE = frozenset(tag for first, last in _RUNS for tag in range(first, last + 1))


def upright(exif: bytes) -> bytes | None:
    """Without orientation and thumbnail, which are wrong once a picture is turned; all else stays where it is.

    Of a picture that lay on its side, the resolutions across and down change places.

    None where nothing is left. Raises KeyError or struct.error for what is no TIFF structure.
    """
    exif = re.sub(rb"\A(?:Exif\0\0)+", b"", exif)
    if not exif:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]]
    (start,) = struct.unpack_from(order + "I", exif, 4)
    entries, end = _entries(exif, start, order)
    kept = [entry for tag, entry in entries if tag != ORIENTATION]
    if any(_turns_sideways(entry, order) for tag, entry in entries if tag == ORIENTATION):
        kept = [_across_for_down(entry, order) for entry in kept]
        kept.sort(key=lambda entry: struct.unpack_from(order + "H", entry))
    following = exif[end : end + 4].ljust(4, b"\0")
    exif = _without_thumbnail(exif, struct.unpack(order + "I", following)[0], order)
    if not kept:
        return None
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(4)
    return exif[:start] + directory.ljust(end + 4 - start, b"\0") + exif[end + 4 :]


def _turns_sideways(entry: bytes, order: str) -> bool:
    """Whether an entry of orientation says that rows are columns."""
    return struct.unpack_from(order + "H", entry, 8)[0] in (5, 6, 7, 8)


def _across_for_down(entry: bytes, order: str) -> bytes:
    """An entry with the resolution of the other direction, where it has one."""
    (tag,) = struct.unpack_from(order + "H", entry)
    if tag in RESOLUTION:
        tag = RESOLUTION[tag == RESOLUTION[0]]
    return struct.pack(order + "H", tag) + entry[2:]


def of_size(exif: bytes, width: int, height: int) -> bytes:
    """Where the size in pixels is told, this one; all else stays as it is, byte for byte.

    Raises KeyError or struct.error for what is no TIFF structure.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]]
    (start,) = struct.unpack_from(order + "I", exif, 4)
    pointers = dict(_entries(exif, start, order)[0])
    places = [start]
    if ExifTags.IFD.Exif in pointers:
        places += struct.unpack_from(order + "I", pointers[ExifTags.IFD.Exif], 8)
    told = bytearray(exif)
    for place in places:
        for i, (tag, entry) in enumerate(_entries(exif, place, order)[0]):
            of_numbers = _NUMBERS.get(struct.unpack_from(order + "HI", entry, 2))
            if tag in _SIZES and of_numbers:
                number = (width, height)[_SIZES.index(tag) % 2]
                struct.pack_into(order + of_numbers, told, place + 2 + 12 * i + 8, number)
    return bytes(told)


def without_layout(told: Image.Exif) -> Image.Exif:
    """What EXIF says of the picture, without what it says of the bytes of a TIFF, of which another has its own."""
    kept = Image.Exif()
    for tag, value in told.items():
        if tag not in _OF_THE_FILE:
            kept[tag] = value
    for tag in DIRECTORIES:
        if tag in kept:
            directory = dict(told.get_ifd(tag))
            directory.pop(ExifTags.IFD.Interop, None)  # a place in the file
            kept[tag] = directory
    return kept


def with_density(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """EXIF that says the density, for formats that have no other place for it. Raises where it cannot be read."""
    told = Image.Exif()
    if exif:
        told.load(exif)
        if all(tag in told for tag in RESOLUTION):
            return exif
    told[RESOLUTION[0]], told[RESOLUTION[1]] = dpi
    told[RESOLUTION_UNIT] = 2
    return told.tobytes()


def _entries(exif: bytes, start: int, order: str) -> tuple[list[tuple[int, bytes]], int]:
    """Tags and entries of a directory, and where it ends."""
    (count,) = struct.unpack_from(order + "H", exif, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    tags = [struct.unpack_from(order + "H10x", exif, place)[0] for place in places]
    return [(tag, exif[at : at + 12]) for tag, at in zip(tags, places, strict=True)], places.stop


def _without_thumbnail(exif: bytes, start: int, order: str) -> bytes:
    """Zeros in its place, or nothing where it lies at the end. start: of the directory that names it."""
    if not 0 < start < len(exif):
        return exif
    entries = dict(_entries(exif, start, order)[0])
    try:
        place, size = (struct.unpack(order + "8xI", entries[tag])[0] for tag in _THUMBNAIL)
    except KeyError:
        return exif
    if exif[place : place + 2] != b"\xff\xd8":
        return exif
    end = min(place + size, len(exif))
    return exif[:place] + (bytes(end - place) + exif[end:] if exif[end:].strip(b"\0") else b"")
