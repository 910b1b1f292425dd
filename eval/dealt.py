"""A sweep over many hosts: each measures its share of the pictures, and the first one hears of all."""

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from eval.machine import machine
from eval.measure import Point
from eval.sweep import Pictures, Setting, Sweep
from hcfss_jax.runtime.agreement import together
from hcfss_jax.runtime.hosts import is_first


def dealt(pictures: Pictures, measure: Callable[[Pictures], Sweep]) -> Sweep:
    """What all hosts measure together, in the order of the pictures; the same on any number of hosts.

    measure: the sweep over some of them. Raises HostsDisagree where another host stopped.
    """
    with together() as talk:
        done = measure(pictures.of_this_host())
        talk.own = dataclasses.asdict(done)
        if is_first() and jax.process_count() > 1:
            print("this host's share is done: waiting for the others", file=sys.stderr)
    return _merged(list(pictures.files), talk.of_all)


def facts_of(
    settings: Sequence[Setting], pictures: Pictures, options: Mapping[str, Any]
) -> dict[str, str]:
    """What hosts have to agree on before they measure, in words. options: of the program."""
    facts = {f"--{name}": str(value) for name, value in options.items()}
    facts["the weights and qualities"] = ", ".join(
        f"{codec.fingerprint.hex()} {quality:g}" for codec, quality in settings
    )
    files = [(name, file.stat().st_size) for name, file in pictures.files.items()]
    digest = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    facts["the pictures"] = f"{len(files):,}, with names and sizes of digest {digest}"
    used = machine()
    for name, version in (used["packages"] | used["libraries"]).items():
        facts[f"the version of {name}"] = version
    return facts


def _merged(names: Sequence[str], told: Sequence[Mapping[str, Any]]) -> Sweep:
    """One sweep of those of all hosts. told: the fields of each."""
    place = {name: number for number, name in enumerate(names)}
    points = [Point(**point) for each in told for point in each["points"]]

    def of_all(field: str) -> dict[str, str]:
        entries = [entry for each in told for entry in each[field].items()]
        return dict(sorted(entries, key=lambda entry: place.get(entry[0], len(place))))

    return Sweep(
        points=sorted(points, key=lambda point: place[point.image]),
        pictures=of_all("pictures"),
        skipped=of_all("skipped"),
        notes=of_all("notes"),
        interrupted=any(each["interrupted"] for each in told),
        how=told[0]["how"],
    )
