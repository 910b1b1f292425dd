"""Every error that the library raises by name, and the warning that it gives.

All errors share one base class, so `except HcfError` catches whatever a file, an image or a model can
get wrong, and nothing else. The message carries the offending value and says what to do.
"""


class HcfError(Exception):
    """The base of every named error of the library."""


class NotAnHcfFile(HcfError):
    """The bytes are no `.hcf` file, or one of a format version that this reader does not know."""


class TruncatedFile(HcfError):
    """The file ends before what its header promises."""


class CorruptSection(HcfError):
    """A checksum, a bound or the symbol stream contradicts what the file says of itself."""


class UnknownModel(HcfError):
    """The file, or the caller, names a model that is not registered or not installed."""


class WrongWeights(HcfError):
    """The weights at hand are not those that the file was written with, or do not fit the model."""


class DecodeMismatch(HcfError):
    """The decoded symbols are not those that the encoder wrote; the picture would be wrong."""


class ImageTooLarge(HcfError):
    """The image exceeds what the format, the model or the caller's limit allows."""


class UnsupportedImage(HcfError):
    """The input is no image, or one of a kind that the codec does not take (floats, say)."""


class InvalidInput(HcfError, ValueError):
    """A model or a layer was handed an array, or has a field, that it cannot compute with."""


class InvalidQuality(HcfError):
    """The quality or rate asked for lies outside what the model offers."""


class NoPlace(HcfError, OSError):
    """A path is of a kind that is not read or written here, or for which something has to be installed."""


class UnreachablePlace(HcfError, OSError):
    """A bucket or a hub does not answer, or not without what has to be installed first."""


class ForkedProcess(HcfError):
    """The process was forked from one that had a codec; JAX's threads are not in it, and work would never end."""


class HostsDisagree(HcfError):
    """The hosts of a run did not find each other, are not about to do the same, or one of them does not answer."""


class HostAway(HostsDisagree):
    """Another host of the run does not answer, or was not found: it may be back when this is tried again."""


class Incomplete(UserWarning):
    """The file is cut, and the picture is what is there of it, as was asked for."""


class LeftOut(UserWarning):
    """Something that the image carried is not in the file, or not in what the file was decoded to.

    `warnings.simplefilter("error", LeftOut)` forbids that.
    """


def first_line(error: BaseException) -> str:
    """What an exception says, for a message of one line: the first that is not empty, or its type's name."""
    lines = filter(None, map(str.strip, str(error).splitlines()))
    return next(lines, type(error).__name__)


def first_line_with_type(error: BaseException) -> str:
    """The same after the type's name, where who reads it may know the one and not the other."""
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line}"
