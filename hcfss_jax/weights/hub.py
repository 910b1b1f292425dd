"""Weight packages on the Hugging Face Hub: `hf://OWNER/NAME`, of a revision `hf://OWNER/NAME@REVISION`.

The package is `model.safetensors` there; others beside it are `hf://OWNER/NAME/FILE.safetensors`. Needs the extra
`hub`; what was fetched is kept in Hugging Face's own cache, and found there without a network. HF_ENDPOINT names
another hub, HF_TOKEN who asks.
"""

import contextlib
import importlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hcfss_jax.errors import UnknownModel, UnreachablePlace, first_line

SCHEME = "hf://"
PACKAGE_FILE = "model.safetensors"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([^\s/]+))?(?:/([\w./-]+\.safetensors))?/?")


class Address(NamedTuple):
    """repo: OWNER/NAME. revision: a branch, tag or commit; None for the newest. file: within it."""

    repo: str
    revision: str | None = None
    file: str = PACKAGE_FILE

    @classmethod
    def of(cls, text: str) -> "Address":
        """Raises UnknownModel for what is none."""
        found = _ADDRESS.fullmatch(text)
        if not found:
            raise UnknownModel(
                f"{text!r} is no address of weights: hf://OWNER/NAME, hf://OWNER/NAME@REVISION, or with "
                "/FILE.safetensors after it"
            )
        return cls(found[1], found[2], found[3] or PACKAGE_FILE)


def is_on_hub(name: object) -> bool:
    """Whether a name of weights is an address there."""
    return isinstance(name, str) and name.startswith(SCHEME)


def fetched(address: str) -> Path:
    """Where the package lies on this disk, after it was fetched or found in the cache.

    Raises UnknownModel where there is none, UnreachablePlace without the extra or without an answer.
    """
    repo, revision, file = Address.of(address)
    hub = _client()
    with _explained(hub, address):
        path = hub.hf_hub_download(repo, file, revision=revision, **_asking())
    return Path(path)


def upload(address: str, files: Mapping[str, bytes], message: str, private: bool = False) -> str:
    """Put files into a repository, all in one commit; it is made where there is none. Returns its URL.

    Raises UnknownModel for an address that is none, UnreachablePlace where that does not work.
    """
    repo, revision, _ = Address.of(address)
    hub = _client()
    with _explained(hub, address):
        api = hub.HfApi(**_asking())
        url = api.create_repo(repo, private=private, exist_ok=True)
        added = [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=data)
            for name, data in files.items()
        ]
        api.create_commit(repo, added, commit_message=message, revision=revision)
    return str(url)


def _client() -> Any:
    try:
        hub = importlib.import_module("huggingface_hub")
        # Each of its tries to reach the hub is a warning; what comes of them is told in one line.
        importlib.import_module("huggingface_hub.utils.logging").set_verbosity_error()
        return hub
    except ImportError as error:
        raise UnreachablePlace(
            f"{SCHEME} takes Hugging Face's client: pip install 'hcfss-jax[hub]' ({error})"
        ) from error


def _asking() -> dict[str, Any]:
    """Read at each call, where the client reads it once."""
    return {"endpoint": os.environ.get("HF_ENDPOINT") or None, "library_name": "hcfss_jax"}


@contextlib.contextmanager
def _explained(hub: Any, address: str) -> Iterator[None]:
    """What the client raises, in a line that says what to do."""
    told = importlib.import_module(f"{hub.__name__}.errors")
    try:
        yield
    except told.LocalEntryNotFoundError as error:
        raise UnreachablePlace(
            f"{address} is not in the cache, and the hub does not answer: connect, or give a file"
        ) from error
    except told.GatedRepoError as error:
        raise UnreachablePlace(
            f"{address} asks for a licence to be accepted, on its page, and for HF_TOKEN"
        ) from error
    except told.RepositoryNotFoundError as error:
        raise UnknownModel(
            f"{address}: there is no such repository, or it is private and HF_TOKEN is not set to who may see it"
        ) from error
    except (told.EntryNotFoundError, told.RevisionNotFoundError) as error:
        raise UnknownModel(f"{address}: {first_line(error)}") from error
    except told.HFValidationError as error:
        raise UnknownModel(f"{address} is no address: {first_line(error)}") from error
    except (told.HfHubHTTPError.__mro__[1], OSError) as error:  # of its HTTP library, whichever
        raise UnreachablePlace(f"{address}: {first_line(error)}") from error
