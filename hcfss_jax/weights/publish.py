"""What a repository on a hub holds of weights: their package, a card, and a config by the hub's conventions."""

import json
import os

from hcfss_jax import __version__
from hcfss_jax.weights.hub import PACKAGE_FILE, SCHEME, Address, upload
from hcfss_jax.weights.package import WeightPackage, find_package, load_package

_HEAD = """---
library_name: hcfss_jax
tags:
- image-compression
- jax
- flax
---

"""


def push(
    package: str | os.PathLike[str], address: str, card: str | None = None, private: bool = False
) -> str:
    """Put a package on the hub, as `load(address)` finds it; the repository is made where there is none.

    Returns its URL. package: a file, or a name that comes with the library. address: see `hub.Address`; of a file of
    another name than `model.safetensors` that file alone is put there. card: Markdown, see `card_of`.

    Raises UnknownModel, WrongWeights, and UnreachablePlace.
    """
    target, path = Address.of(address), find_package(package)
    loaded = load_package(path)
    files = {target.file: path.read_bytes()}
    if target.file == PACKAGE_FILE:
        files["README.md"] = card_of(loaded, target.repo, card).encode()
        files["config.json"] = _config_of(loaded)
    return upload(address, files, f"{loaded.name}, weights {loaded.fingerprint.hex()}", private)


def card_of(package: WeightPackage, repo: str, text: str | None = None) -> str:
    """The card of a repository: the user's text, or the shortest that is true, under the head that the hub reads."""
    if text is None:
        text = (
            f"# {package.name}\n\nWeights of hcfss_jax, fingerprint `{package.fingerprint.hex()}`.\n\n"
            f'    codec = hcfss_jax.load("{SCHEME}{repo}")\n'
            '    data = codec.compress("photo.png", quality=4)\n'
        )
    return text if text.startswith("---\n") else _HEAD + text


def _config_of(package: WeightPackage) -> bytes:
    told = {
        "library_name": "hcfss_jax",
        "hcfss_jax_version": __version__,
        "model_type": package.name,
        "fingerprint": package.fingerprint.hex(),
        "config": package.config,
    }
    return json.dumps(told, indent=1).encode() + b"\n"
