"""One program on many hosts: they find each other, deal out what there is to do, and hear of each other.

They speak through the service by which they found each other, not through the devices. So nothing is compiled for it,
and a host may come long before another.
"""

import glob
import importlib.util
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
from jax._src import (
    distributed,
)  # JAX has no public way to its key-value store, and Orbax takes this one, too

from hcfss_jax.errors import HostAway, HostsDisagree

T = TypeVar("T")

WAIT = 300.0
"""Seconds in which every host has to answer: as long as JAX gives them to find each other."""

# What the launchers that JAX knows say of how many processes there are.
_COUNTS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
_ONE_WAIT = 60.0  # seconds of a single call of the store, where there is no limit


def join(coordinator: str = "", processes: int = 0, process_id: int = -1) -> None:
    """Connect to the other hosts of the run, if there are any; call before JAX is used otherwise.

    coordinator: HOST:PORT of process 0, with the number of processes and this one's own, for hosts that nobody else
    introduces to each other. On TPU VMs and under SLURM or Open MPI leave them out. Raises HostsDisagree for a part of
    them without the rest, and HostAway where the others are not found, or another program has the coordinator's port.
    """
    try:
        if coordinator:
            if not 0 <= process_id < processes:
                raise HostsDisagree(
                    f"--coordinator={coordinator} needs --processes=N and --process_id=0..N-1, "
                    f"not {processes} and {process_id}"
                )
            if process_id == 0:
                _check_port(coordinator)
            jax.distributed.initialize(coordinator, processes, process_id)
        elif processes or process_id >= 0:
            raise HostsDisagree("--processes and --process_id need --coordinator=HOST:PORT")
        elif _launched_with_others(os.environ) or _on_tpu_vm():
            jax.distributed.initialize()
    except jax.errors.JaxRuntimeError as error:
        raise HostAway(f"the hosts of the run did not find each other: {error}") from error
    except (RuntimeError, ValueError) as error:
        raise HostsDisagree(f"the hosts of the run did not find each other: {error}") from error


def _check_port(coordinator: str) -> None:
    """Raise HostAway where another program has the port that this host is to open: JAX may crash there."""
    _, _, port = coordinator.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        return  # JAX says what is wrong with it
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        socket.create_server(("", int(port)), family=family, dualstack_ipv6=both).close()
    except OSError as error:
        raise HostAway(
            f"the hosts of the run did not find each other: port {port}, where they meet, is taken ({error})"
        ) from error


def is_first() -> bool:
    """Whether this is the host that tells and writes; a machine alone is."""
    return jax.process_index() == 0


def share(items: Sequence[T]) -> Sequence[T]:
    """Those of the items that are this host's: every N-th, so that neighbours go to different hosts."""
    return items[jax.process_index() :: jax.process_count()]


def answers(topic: str, own: str, wait: float | None = WAIT) -> list[str]:
    """What each host tells of a topic, by its number. A topic is told of once.

    wait: seconds; None for as long as they live. Raises HostAway for a host that does not answer in time.
    """
    if jax.process_count() == 1:
        return [own]
    tell(topic, own)
    until = None if wait is None else time.monotonic() + wait
    return [_hear(topic, host, wait, until) for host in range(jax.process_count())]


def tell(topic: str, own: str) -> None:
    """Answer, and ask for no answer."""
    if jax.process_count() > 1:
        _store().key_value_set(_key(topic, jax.process_index()), own)


def told(topic: str) -> dict[int, str]:
    """What hosts have told of a topic so far, by their numbers; waits for nobody."""
    if jax.process_count() == 1:
        return {}
    entries = _store().key_value_dir_get(_key(topic, ""))
    return {int(key.rpartition("/")[2]): own for key, own in entries}


def forget(topic: str) -> None:
    """Take back what this host told, so that the store does not grow; every host has to have heard it."""
    if jax.process_count() > 1:
        _store().key_value_delete(_key(topic, jax.process_index()))


def named(numbers: Sequence[int]) -> str:
    """Such as "hosts 0, 2"."""
    return f"host{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _hear(topic: str, host: int, wait: float | None, until: float | None) -> str:
    while True:
        left = _ONE_WAIT if until is None else max(0.001, until - time.monotonic())
        try:
            return _store().blocking_key_value_get(_key(topic, host), max(1, int(1000 * left)))
        except jax.errors.JaxRuntimeError as error:
            if until is None and "DEADLINE_EXCEEDED" in str(error):
                continue
            within = f" within {wait:g} s" if wait is not None else ""
            raise HostAway(
                f"host {host} has not come so far{within}: see what it says, or whether it runs at all"
            ) from error


def _store() -> Any:
    return distributed.global_state.client


def _key(topic: str, host: int | str) -> str:
    return f"hcfss_jax/{topic}/{host}"


def _launched_with_others(environment: Mapping[str, str]) -> bool:
    return any(int(environment.get(name, "1")) > 1 for name in _COUNTS)


def _on_tpu_vm() -> bool:
    """The hosts of a TPU slice learn of each other from its metadata server."""
    chips = glob.glob("/dev/accel*") + glob.glob("/dev/vfio/[0-9]*")
    return bool(chips) and importlib.util.find_spec("libtpu") is not None
