"""One run on many hosts: the same command on each, which find each other here."""

import glob
import importlib.util
import os
from collections.abc import Mapping

import jax

from train.errors import BadConfig

# What the launchers that JAX knows say of how many processes there are.
_COUNTS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")


def join(coordinator: str = "", processes: int = 0, process_id: int = -1) -> None:
    """Connect to the other hosts of the run, if there are any; call before JAX is used otherwise.

    coordinator: HOST:PORT of process 0, with the number of processes and this one's own, for hosts that nobody else
    introduces to each other. On TPU VMs and under SLURM or Open MPI leave them out. Raises BadConfig for a part of
    them without the rest, and for a coordinator that cannot be reached.
    """
    try:
        if coordinator:
            if not 0 <= process_id < processes:
                raise BadConfig(
                    f"--coordinator={coordinator} needs --processes=N and --process_id=0..N-1, "
                    f"not {processes} and {process_id}"
                )
            jax.distributed.initialize(coordinator, processes, process_id)
        elif processes or process_id >= 0:
            raise BadConfig("--processes and --process_id need --coordinator=HOST:PORT")
        elif _launched_with_others(os.environ) or _on_tpu_vm():
            jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
        raise BadConfig(f"the hosts of the run did not find each other: {error}") from error


def _launched_with_others(environment: Mapping[str, str]) -> bool:
    return any(int(environment.get(name, "1")) > 1 for name in _COUNTS)


def _on_tpu_vm() -> bool:
    """The hosts of a TPU slice learn of each other from its metadata server."""
    chips = glob.glob("/dev/accel*") + glob.glob("/dev/vfio/[0-9]*")
    return bool(chips) and importlib.util.find_spec("libtpu") is not None
