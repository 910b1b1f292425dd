"""`.hcf` files in Pillow: importing this module is all it takes.

    import hcfss_jax.pillow

    image = Image.open("photo.hcf")
    image.save("again.hcf", quality=5)

`Image.open` reads size, mode, colour profile and metadata; weights and JAX are loaded with the pixels. The errors of
damaged pixels are those of `hcfss_jax.errors`; of a file that is cut, `ImageFile.LOAD_TRUNCATED_IMAGES` shows what is
there. `save` takes, besides the image, `quality` or one of `target_bpp`, `target_size`, `target_psnr`, `target_ms_ssim`
and `target_ssimulacra2`, `strip`, `roi`, `given` and `exact`, with a quality `effort` and `tune`, `max_error` (see
`Codec`), or `lossless` for a `max_error` of 0, and `weights` (as `use` does; else those that come with the library).
What the image has in its `info` is kept; `exif`, `xmp`, `dpi` and `icc_profile`, given to `save` as for other formats,
take its place.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from hcfss_jax import coding
from hcfss_jax.codec import carried
from hcfss_jax.errors import HcfError, WrongWeights

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec

LARGEST_BY_DEFAULT = 2 * 89_478_485  # pixels, where Pillow itself refuses

_TOLD = ("exif", "xmp", "dpi", "icc_profile")  # options of `save` in Pillow's own formats

_TARGETS = ("target_bpp", "target_size", "target_psnr", "target_ms_ssim", "target_ssimulacra2")

_used: dict[bytes, Codec] = {}  # by fingerprint


def use(weights: str | os.PathLike[str] | Codec) -> Codec:
    """Weights for the files that are opened from now on, beside those that come with the library.

    weights: a name or a path, as `hcfss_jax.load` takes it and read once, or a codec. Raises what `load` raises.
    """
    if isinstance(weights, os.PathLike):
        weights = Path(weights)
    codec = _load(weights) if isinstance(weights, str | Path) else weights
    return _used.setdefault(codec.fingerprint, codec)


class HcfImageFile(ImageFile.ImageFile):
    """A picture whose pixels are decoded when they are first asked for.

    `load` raises what `Codec.decompress` does; WrongWeights also where the file was written with a model that is
    neither shipped nor in use.
    """

    format = "HCF"
    format_description = "HCFSSNet, a learned codec"

    _data: bytes | None = None  # the file, until it is decoded

    def _open(self) -> None:
        assert self.fp is not None
        data = self.fp.read()
        try:
            header, sections = coding.peek(data)
            profile = carried.profile_of(sections)
            metadata = carried.metadata_of(sections)
            depth = carried.depth_of(sections)
        except HcfError as error:
            raise SyntaxError(str(error)) from error  # so a plugin declines; Pillow asks the next
        self._data, self._header = data, header
        self._size = header.width, header.height
        colour = "L" if header.colour == "grey" else "RGB"
        self._mode = colour + "A" * (coding.Extra.ALPHA in sections)
        if depth > 8 and self._mode == "L":
            self._mode = "I;16"
        if profile:
            self.info["icc_profile"] = profile
        self.info |= metadata.info()

    def verify(self) -> None:
        """Raise TruncatedFile or CorruptSection unless the file is whole; no weights are needed."""
        if self._data is not None:
            coding.unpack(self._data)
        super().verify()

    def load(self) -> Image.core.PixelAccess | None:
        """Decode the pixels, the first time."""
        if self._data is not None:
            # Image.open has held the size against Pillow's limit, which is the caller's to move.
            limit = max(self.width * self.height, LARGEST_BY_DEFAULT)
            codec, cut = _codec_of(self._header), ImageFile.LOAD_TRUNCATED_IMAGES
            self.im = codec.decompress(self._data, max_pixels=limit, partial=cut).im
            self._data = None
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return Image.Image.load(self)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    from hcfss_jax.weights import DEFAULT_WEIGHTS

    options = image.encoderinfo
    codec = use(options.get("weights", DEFAULT_WEIGHTS))
    known = ("quality", "strip", "roi", "given", "exact", "step_checks")
    chosen = {name: options[name] for name in known if name in options}
    more = {name: options[name] for name in ("effort", "tune", "max_error") if name in options}
    if options.get("lossless"):  # as of Pillow's WebP
        if more.get("max_error"):
            raise ValueError("lossless and max_error contradict each other: give one of them")
        more["max_error"] = 0
    targets = {name: options[name] for name in _TARGETS if name in options}
    if len(targets) + ("quality" in options) > 1:
        several = ["quality"] * ("quality" in options) + [*targets]
        raise ValueError(f"{' and '.join(several)} contradict each other: give one of them")
    if targets and more:
        raise ValueError(
            f"{' and '.join(more)} and {' and '.join(targets)} contradict each other: give one of them"
        )
    if targets:
        asked = {name.removeprefix("target_"): number for name, number in targets.items()}
        file.write(codec.target(_with(image, options), **asked, **chosen)[0])
    else:
        file.write(codec.compress(_with(image, options), **chosen, **more))


def _with(image: Image.Image, options: dict[str, Any]) -> Image.Image:
    """The image with what `save` was told of it in place of what it says itself."""
    told: dict[Any, Any] = {name: options[name] for name in _TOLD if name in options}
    if not told:
        return image
    if isinstance(told.get("exif"), Image.Exif):
        told["exif"] = told["exif"].tobytes()
    image = image.copy()  # which forgets what it had read of its EXIF
    image.info |= told
    return image


def _codec_of(header: coding.Header) -> Codec:
    """The codec that wrote a file. Only shipped weights go by the name in it: a file must not point at others."""
    from hcfss_jax.weights import absence, shipped_with

    if header.fingerprint not in _used and (name := shipped_with(header.model, header.fingerprint)):
        use(name)
    if header.fingerprint not in _used:
        raise WrongWeights(
            f"the file was written with weights {header.fingerprint.hex()} of {header.model!r}, "
            f"{absence(header.model, header.fingerprint)}: name them to hcfss_jax.pillow.use first"
        )
    return _used[header.fingerprint]


@functools.cache
def _load(name_or_path: str | Path) -> Codec:
    from hcfss_jax.codec import load

    return load(name_or_path)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(coding.MAGIC)


Image.register_open(HcfImageFile.format, HcfImageFile, _accept)
Image.register_save(HcfImageFile.format, _save)
Image.register_extension(HcfImageFile.format, ".hcf")
Image.register_mime(HcfImageFile.format, "image/x-hcf")  # ours: no registry knows it
