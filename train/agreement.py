"""Whether the hosts of a run are about to do the same: found out before they compile, and said by name on each of them.

Hosts that differ would train on, each by its own fields or on a part of the photos, and end with weights that nobody
asked for. They speak to each other through the service by which they found each other, not through the devices.
"""

import contextlib
import hashlib
import json
import platform
import secrets
import time
from pathlib import Path

import jax
from ml_collections import ConfigDict

from hcfss_jax.errors import HostsDisagree
from hcfss_jax.runtime.agreement import topic
from hcfss_jax.runtime.hosts import WAIT, answers, named
from hcfss_jax.runtime.places import in_bucket, path_of
from hcfss_jax.runtime.whole_file import write_whole
from train.provenance import package_versions
from train.sources import Source
from train.workdir import flat_fields

_SEEN_WITHIN = 30.0  # seconds in which a file system may take to show a new file elsewhere

OF_A_HOST = frozenset(
    {"data.path", "data.workers", "data.threads", "data.cache_gib", "data.prefetch", "eval_sets"}
)
"""Fields in which hosts may differ: where their copy of the data lies, and how it is read."""

_WEIGHTS = ("init_from", "distil.teacher")  # fields that may name a file
_ROOT = Path(__file__).parents[1]
_CODE = ("hcfss_jax", "train", "configs")
_TOKEN = ".seen-by-every-host"


def facts_of(config: ConfigDict, source: Source, images: int) -> dict[str, str]:
    """What the hosts of a run have to agree on, in words. images: how many there are."""
    fields = flat_fields(config.to_dict())
    facts = {f"config.{name}": repr(value) for name, value in fields.items()}
    for name in OF_A_HOST:
        facts.pop(f"config.{name}", None)
    for name in _WEIGHTS:
        path = path_of(fields[name]) if in_bucket(fields[name]) else Path(fields[name])
        if path.is_file():
            facts[f"the weights of config.{name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts["the images"] = f"{images:,}, with names and sizes of digest {source.digest}"
    facts["the code"] = _digest_of_code()
    facts |= {f"the version of {name}": str(told) for name, told in package_versions().items()}
    facts["the version of Python"] = platform.python_version()
    return facts


def check_shared(workdir: Path, wait: float = WAIT, seen_within: float = _SEEN_WITHIN) -> None:
    """Raises HostsDisagree where not every host sees what the first one writes into `workdir`.

    Such a run would train until its first checkpoint, and wait there for ever.
    """
    if jax.process_count() == 1:
        return
    file, told, seen = workdir / _TOKEN, topic("token"), topic("seen")
    token, problem = secrets.token_hex(8), ""
    if jax.process_index() == 0:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            write_whole(file, token.encode())
        except OSError as error:
            problem = f"the first host cannot write into {workdir}: {error.strerror or error}"
    token, problem = json.loads(answers(told, json.dumps([token, problem]), wait)[0])
    if problem:
        raise HostsDisagree(problem)
    sees = _reads(file, token, seen_within)
    of_each = answers(seen, str(int(sees)), wait)
    if jax.process_index() == 0:
        file.unlink(missing_ok=True)
    if blind := [host for host, answer in enumerate(of_each) if answer == "0"]:
        raise HostsDisagree(
            f"{named(blind)} does not see what the first host writes into {workdir}: give all hosts a --workdir on "
            "storage that they share"
        )


def _reads(file: Path, token: str, within: float) -> bool:
    until = time.monotonic() + within
    while True:
        with contextlib.suppress(OSError):
            if file.read_bytes() == token.encode():
                return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)


def _digest_of_code() -> str:
    """Of the sources that a step is made of, as they lie there."""
    digest = hashlib.sha256()
    for path in sorted(path for room in _CODE for path in (_ROOT / room).rglob("*.py")):
        digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
