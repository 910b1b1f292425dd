"""How the hosts of a run find each other, as far as one host can tell."""

import pytest

from hcfss_jax.errors import HostsDisagree
from hcfss_jax.runtime.hosts import join


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("localhost:1", 0, -1), "needs --processes=N and --process_id=0..N-1"),
        (("localhost:1", 2, 2), "not 2 and 2"),
        (("", 2, 0), "need --coordinator=HOST:PORT"),
    ],
)
def test_half_an_address_is_named(arguments: tuple, says: str) -> None:
    with pytest.raises(HostsDisagree, match=says):
        join(*arguments)


def test_a_lone_machine_stays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("there is nobody to join")

    monkeypatch.setattr("jax.distributed.initialize", refuse)
    monkeypatch.setattr("hcfss_jax.runtime.hosts._on_tpu_vm", lambda: False)
    monkeypatch.setenv("SLURM_NTASKS", "1")
    join()


def test_under_slurm_the_tasks_join(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = []
    monkeypatch.setattr("jax.distributed.initialize", lambda: joined.append(True))
    monkeypatch.setenv("SLURM_NTASKS", "4")
    join()
    assert joined == [True]
