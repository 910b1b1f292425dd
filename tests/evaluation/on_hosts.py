"""`evaluate` on one of several hosts: python -m tests.evaluation.on_hosts OUT, with the flags of `train.main`."""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hcfss_jax.errors import HcfError
from hcfss_jax.evaluation import evaluate
from hcfss_jax.evaluation.evaluator import make_step
from hcfss_jax.evaluation.figures import rows_of
from hcfss_jax.runtime.hosts import join
from tests.evaluation.quick_model import batches, model, pictures, variables
from train.collectives import collectives

HOW = ("own", "alike", "twice", "unlike", "wrong")
"""Pictures of its own, of which the last host has two; all hosts are handed all; they are, and do not say so; they say
that they are, and are not; the last host's have a level that the model has not."""


def main() -> None:
    """Writes OUT/HOST.json: for each of HOW what is found, or what is wrong with it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--coordinator")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--process_id", type=int)
    args = parser.parse_args()
    join(args.coordinator, args.processes, args.process_id)
    told = {how: figures(how) for how in HOW} | {"programs": programs(), "sent": sent()}
    (args.out / f"{jax.process_index()}.json").write_text(json.dumps(told))


def figures(how: str) -> list | str:
    """A row for each picture."""
    mesh = Mesh(np.array(jax.devices()).reshape(2, -1), ("data", "fsdp"))
    mine = pictures()
    if how in ("own", "unlike", "wrong"):
        mine = mine[:-2] if jax.process_index() == 0 else mine[-2:]
    alike = how in ("alike", "unlike")
    handed = batches(mine)
    if how == "wrong" and jax.process_index():
        handed[-1]["level"] += 9
    laid = dealt_out(variables(), mesh)
    try:
        return rows_of(evaluate(model(), laid, iter(handed), mesh, alike))
    except HcfError as error:
        return str(error)


def step() -> jax.stages.Wrapped:
    """That of this host."""
    return make_step(model(), Mesh(np.array(jax.local_devices()), "batch"))


def programs() -> int:
    """How many were compiled for one evaluation after the other."""
    return step()._cache_size()


def sent() -> dict:
    """What one of them sends between devices."""
    batch = {**batches(pictures(), at_a_time=4)[0], "grey": np.zeros(4, bool)}
    text = step().lower(variables(), batch).compile().as_text()
    assert "num_partitions=4" in text
    return collectives(text)


def dealt_out(tree: Any, mesh: Mesh) -> Any:
    """Over the devices of all hosts, as parameters in training are: a part of each array on each host."""

    def place(array: jax.Array) -> jax.Array:
        axis = "data" if array.ndim and len(array) % 2 == 0 else None
        sharding = NamedSharding(mesh, PartitionSpec(axis))
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return jax.tree.map(place, tree)


if __name__ == "__main__":
    main()
