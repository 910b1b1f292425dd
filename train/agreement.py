"""Whether the hosts of a run are about to do the same: found out before they compile, and said by name on each of them.

Hosts that differ would train on, each by its own fields or on a part of the photos, and end with weights that nobody
asked for. They speak to each other through the service by which they found each other, not through the devices.
"""

import contextlib
import hashlib
import itertools
import json
import platform
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jax._src import (
    distributed,
)  # JAX has no public way to its key-value store, and Orbax takes this one, too
from ml_collections import ConfigDict

from hcfss_jax.runtime.places import path_of
from hcfss_jax.runtime.whole_file import write_whole
from train.errors import HostsDisagree
from train.provenance import package_versions
from train.sources import Source
from train.workdir import flat_fields

WAIT = 300.0
"""Seconds in which every host has to answer: as long as JAX gives them to find each other."""

_SEEN_WITHIN = 30.0  # seconds in which a file system may take to show a new file elsewhere

OF_A_HOST = frozenset(
    {"data.path", "data.workers", "data.threads", "data.cache_gib", "data.prefetch"}
)
"""Fields in which hosts may differ: where their copy of the data lies, and how it is read."""

_WEIGHTS = ("init_from", "distil.teacher")  # fields that may name a file
_ROOT = Path(__file__).parents[1]
_CODE = ("hcfss_jax", "train", "configs")
_TOKEN = ".seen-by-every-host"
_rounds = itertools.count()  # every host counts alike


@contextlib.contextmanager
def agreement(wait: float = WAIT) -> Iterator[dict[str, str]]:
    """Around what each host prepares by itself. What it leaves in the dictionary has to be the same on all of them.

    Raises HostsDisagree for what is not, for a host that does not answer, and where another stopped: with its reason.
    """
    facts: dict[str, str] = {}
    topic = f"facts {next(_rounds)}"
    try:
        yield facts
    except Exception as error:
        _tell(topic, json.dumps(str(error)))
        raise
    told = [json.loads(answer) for answer in _answers(topic, json.dumps(facts), wait)]
    for host, answer in enumerate(told):
        if isinstance(answer, str):
            raise HostsDisagree(f"host {host} stopped, and with it the run: {answer}")
    if lines := differences(told):
        raise HostsDisagree(
            "the hosts of the run are not about to do the same:\n  " + "\n  ".join(lines)
        )


def facts_of(config: ConfigDict, source: Source, images: int) -> dict[str, str]:
    """What the hosts of a run have to agree on, in words. images: how many there are."""
    fields = flat_fields(config.to_dict())
    facts = {f"config.{name}": repr(value) for name, value in fields.items()}
    for name in OF_A_HOST:
        facts.pop(f"config.{name}", None)
    for name in _WEIGHTS:
        if (path := path_of(fields[name])).is_file():
            facts[f"the weights of config.{name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts["the images"] = f"{images:,}, with names and sizes of digest {source.digest}"
    facts["the code"] = _digest_of_code()
    facts |= {f"the version of {name}": str(told) for name, told in package_versions().items()}
    facts["the version of Python"] = platform.python_version()
    return facts


def differences(told: Sequence[Mapping[str, str]]) -> list[str]:
    """A line for each fact in which hosts differ. told: by host."""
    lines = []
    for name in sorted(set().union(*told)):
        hosts_of: dict[str, list[int]] = {}
        for host, facts in enumerate(told):
            hosts_of.setdefault(facts.get(name, "none"), []).append(host)
        if len(hosts_of) > 1:
            each = (f"{value} on {_hosts(hosts)}" for value, hosts in hosts_of.items())
            lines.append(f"{name}: {'; '.join(each)}")
    return lines


def check_shared(workdir: Path, wait: float = WAIT, seen_within: float = _SEEN_WITHIN) -> None:
    """Raises HostsDisagree where not every host sees what the first one writes into `workdir`.

    Such a run would train until its first checkpoint, and wait there for ever.
    """
    if jax.process_count() == 1:
        return
    file, number = workdir / _TOKEN, next(_rounds)
    token, problem = secrets.token_hex(8), ""
    if jax.process_index() == 0:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            write_whole(file, token.encode())
        except OSError as error:
            problem = f"the first host cannot write into {workdir}: {error.strerror or error}"
    token, problem = json.loads(_answers(f"token {number}", json.dumps([token, problem]), wait)[0])
    if problem:
        raise HostsDisagree(problem)
    sees = _reads(file, token, seen_within)
    answers = _answers(f"seen {number}", str(int(sees)), wait)
    if jax.process_index() == 0:
        file.unlink(missing_ok=True)
    if blind := [host for host, answer in enumerate(answers) if answer == "0"]:
        raise HostsDisagree(
            f"{_hosts(blind)} does not see what the first host writes into {workdir}: give all hosts a --workdir on "
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


def _answers(topic: str, own: str, wait: float) -> list[str]:
    """What each host tells of a topic, by its number. Raises HostsDisagree for one that does not in time."""
    if jax.process_count() == 1:
        return [own]
    _tell(topic, own)
    until, answers = time.monotonic() + wait, []
    for host in range(jax.process_count()):
        left = max(1, int(1000 * (until - time.monotonic())))
        try:
            answers.append(_store().blocking_key_value_get(_key(topic, host), left))
        except jax.errors.JaxRuntimeError as error:
            raise HostsDisagree(
                f"host {host} has not come so far within {wait:g} s: see what it says, or whether it runs at all"
            ) from error
    return answers


def _tell(topic: str, own: str) -> None:
    if jax.process_count() > 1:
        _store().key_value_set(_key(topic, jax.process_index()), own)


def _store() -> Any:
    return distributed.global_state.client


def _key(topic: str, host: int) -> str:
    return f"hcfss_jax/{topic}/{host}"


def _hosts(numbers: Sequence[int]) -> str:
    return f"host{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _digest_of_code() -> str:
    """Of the sources that a step is made of, as they lie there."""
    digest = hashlib.sha256()
    for path in sorted(path for room in _CODE for path in (_ROOT / room).rglob("*.py")):
        digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
