"""The directory of a run: whose run it is, and where what came from."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from hcfss_jax.runtime.whole_file import write_whole
from train.errors import WrongCheckpoint
from train.packing import Packing
from train.student import of_adapter

Identity = dict[str, Any]


def identity(name: str, model: Any, packing: Packing) -> Identity:
    """What makes a checkpoint this model's: name, configuration and parameters, as in JSON.

    With the shapes of those that the model has in training alone, where there are any, so that a package can be made
    without what they were for.
    """
    values = {"name": name, "config": dataclasses.asdict(model.config), "packing": packing.digest}
    if beside := {name: shape for name, shape in packing.items() if of_adapter(name)}:
        values["adapters"] = beside
    return json.loads(json.dumps(values))


def check_workdir(workdir: Path, model_identity: Identity) -> None:
    """Raise WrongCheckpoint where the directory is another model's run."""
    if not (workdir / "config.json").exists():
        return
    before = read_workdir(workdir)["model"]
    if before != model_identity:
        raise WrongCheckpoint(
            f"{workdir} holds a run of {before['name']} with "
            f"{_difference(before, model_identity)}: "
            "choose another --workdir, or delete this one to start over"
        )


def claim_workdir(
    workdir: Path, config: ConfigDict, model_identity: Identity, command: str
) -> None:
    """Write config.json, which `read_workdir` reads."""
    record = {"model": model_identity, "command": command, "config": config.to_dict()}
    write_whole(workdir / "config.json", (json.dumps(record, indent=1) + "\n").encode())


def read_workdir(workdir: Path) -> dict[str, Any]:
    """config.json of a run: model, command and config. Raises WrongCheckpoint without one."""
    try:
        return json.loads((workdir / "config.json").read_text())
    except FileNotFoundError as error:
        raise WrongCheckpoint(f"{workdir} is not the directory of a run: no config.json") from error


def changes(workdir: Path, config: ConfigDict) -> list[str]:
    """What `config` says otherwise than the last start in this directory, as `config.field=now (was before)`."""
    if not (workdir / "config.json").exists():
        return []
    before = flat_fields(read_workdir(workdir)["config"])
    now = flat_fields(json.loads(json.dumps(config.to_dict())))
    return [
        f"config.{name}={now.get(name)!r} (was {before.get(name)!r})"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def flat_fields(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Those of a config by their full names, as `data.path`."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        inner = (
            flat_fields(value, f"{prefix}{name}.")
            if isinstance(value, dict)
            else {prefix + name: value}
        )
        flat |= inner
    return flat


def _difference(before: Identity, now: Identity) -> str:
    """The model's fields that differ, as `field=before (now value)`."""
    old, new = before["config"], now["config"]
    fields = [
        f"{name}={old.get(name)!r} (now {new.get(name)!r})"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if before["name"] != now["name"]:
        fields.append(f"another name (now {now['name']})")
    return ", ".join(fields) or "parameters of other names, shapes or sharding"
