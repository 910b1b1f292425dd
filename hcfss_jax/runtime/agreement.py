"""What each host does by itself between two points at which all of them hear of each other.

Where one of them stops, the others stop with its reason, and do not wait for it for ever.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hcfss_jax.errors import HostsDisagree
from hcfss_jax.runtime.hosts import WAIT, answers, forget, named, tell

_rounds = itertools.count()  # every host counts alike
_told: list[str] = []  # the topics that are still in the store


class Talk:
    """own: what this host has to tell, of what JSON holds. of_all: what each has told, by its number, afterwards."""

    own: Any = None
    of_all: Sequence[Any] = ()


def topic(name: str) -> str:
    """A topic of which nothing was told yet. All hosts ask for the same ones in the same order."""
    return f"{name} {next(_rounds)}"


@contextlib.contextmanager
def together(wait: float | None = None) -> Iterator[Talk]:
    """Around what each host does by itself; behind it all of them know what each has told.

    wait: seconds; None for as long as the others live. Raises HostsDisagree where another host stopped, with its
    reason, and HostAway for one that does not answer in time.
    """
    talk, this = Talk(), topic("round")
    try:
        yield talk
    except Exception as error:
        tell(this, json.dumps({"stopped": str(error) or type(error).__name__}))
        raise
    heard = [json.loads(answer) for answer in answers(this, json.dumps({"own": talk.own}), wait)]
    for host, answer in enumerate(heard):
        if "stopped" in answer:
            raise HostsDisagree(f"host {host} stopped, and with it the run: {answer['stopped']}")
    talk.of_all = [answer["own"] for answer in heard]
    while _told:  # whoever tells of this round has heard all of those before
        forget(_told.pop())
    _told.append(this)


@contextlib.contextmanager
def agreement(wait: float | None = WAIT) -> Iterator[dict[str, str]]:
    """`together`, for what has to be the same on all hosts: what is left in the dictionary.

    Raises HostsDisagree also for what is not, with its name and the hosts.
    """
    facts: dict[str, str] = {}
    with together(wait) as talk:
        talk.own = facts
        yield facts
    if lines := differences(talk.of_all):
        raise HostsDisagree(
            "the hosts of the run are not about to do the same:\n  " + "\n  ".join(lines)
        )


def differences(told: Sequence[Mapping[str, str]]) -> list[str]:
    """A line for each fact in which hosts differ. told: by host."""
    lines = []
    for name in sorted(set().union(*told)):
        hosts_of: dict[str, list[int]] = {}
        for host, facts in enumerate(told):
            hosts_of.setdefault(facts.get(name, "none"), []).append(host)
        if len(hosts_of) > 1:
            each = (f"{value} on {named(hosts)}" for value, hosts in hosts_of.items())
            lines.append(f"{name}: {'; '.join(each)}")
    return lines
