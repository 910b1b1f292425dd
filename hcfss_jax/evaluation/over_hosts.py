"""An evaluation that all hosts make together, each picture counted once.

A host measures what it is handed on its own devices, by programs in which nothing is sent between them; what was found
is gathered once, at the end. So hosts may be handed unlike numbers of batches, of unlike sizes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from hcfss_jax.errors import HostsDisagree, InvalidInput
from hcfss_jax.evaluation.batches import Batch, checked
from hcfss_jax.evaluation.evaluator import Evaluator
from hcfss_jax.evaluation.figures import Evaluation, of_rows, rows_of
from hcfss_jax.runtime.agreement import together
from hcfss_jax.runtime.hosts import named


def evaluate(
    model: Any,
    variables: Any,
    batches: Iterable[Batch],
    mesh: Mesh | None = None,
    alike: bool = False,
) -> Evaluation:
    """Measure all pictures of all hosts, which call it together; each of them gets all figures.

    Args:
      model: a `CompressionModel`. Pictures fill their arrays, but for less than `multiple` pixels, where it is not
        `paddable`.
      variables: of the model, such as `{"params": params}`; also ones that lie over the devices of all hosts.
      batches: of this host, from a list, a loader of grain, `tfds.as_numpy(...)`. Each is filled up to the largest of
        its height and width so far, and to a multiple of the devices; a program is compiled for each size of arrays.
      mesh: whose devices compute, each host on its own of them; None for all.
      alike: whether all hosts are handed the same batches, of which each then measures its share. Otherwise each is
        handed pictures of its own.

    Returns the pictures in the order in which they came, host by host; with `alike` as in `batches`. Raises
    InvalidInput for batches that the model does not take and where there is no picture, HostsDisagree where hosts that
    should have pictures of their own have the same, or the other way round, and where another host stopped.
    """
    evaluator = Evaluator(model, variables, mesh)
    with together() as talk:
        walk = _Walk(model, alike)
        found = [row for each in evaluator.over(walk.taken(batches)) for row in rows_of(each)]
        talk.own = {"seen": walk.seen, "digest": walk.digest, "places": walk.places, "rows": found}
    _check_dealt(talk.of_all, alike)
    rows = [row for told in talk.of_all for row in told["rows"]]
    if not rows:
        raise InvalidInput("there is no picture in these batches: was an iterator used up before?")
    if alike:
        places = [place for told in talk.of_all for place in told["places"]]
        rows = [rows[number] for number in np.argsort(places)]
    return of_rows(rows)


class _Walk:
    """What this host is handed, and takes of it.

    digest: of all that it was handed. seen: how many pictures that were. places: of those taken, among these.
    """

    def __init__(self, model: Any, alike: bool):
        self._model, self._alike = model, alike
        self._hash = hashlib.blake2b(digest_size=8)
        self.seen = 0
        self.places: list[int] = []

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def taken(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Each batch, or this host's share of it; none that is empty."""
        hosts = jax.process_count() if self._alike else 1
        for number, batch in enumerate(batches):
            arrays = checked(self._model, batch)
            count = len(arrays["rgb"])
            if jax.process_count() > 1:
                for name in sorted(arrays):
                    self._hash.update(arrays[name].tobytes())
            # Another host begins in each batch, so that batches of one picture are dealt out, too.
            mine = np.arange((jax.process_index() - number) % hosts, count, hosts)
            self.places += (self.seen + mine).tolist()
            self.seen += count
            if len(mine):
                share = {name: part[mine] for name, part in arrays.items()} if hosts > 1 else arrays
                room = max(count, batch.get("room", 0))
                yield {**share, "room": -(-room // hosts)}


def _check_dealt(told: Sequence[Mapping[str, Any]], alike: bool) -> None:
    """Raises HostsDisagree where all hosts had the same pictures and should not have, or the other way round."""
    handed = [host for host, of_host in enumerate(told) if of_host["seen"]]
    different = {told[host]["digest"] for host in handed}
    if alike and (len(different) > 1 or 0 < len(handed) < len(told)):
        raise HostsDisagree(
            "with alike=True all hosts are handed the same batches, and these were not the same"
        )
    if not alike and len(handed) > 1 and len(different) == 1:
        raise HostsDisagree(
            f"{named(handed)} were handed the same pictures, which would count more than once: deal them out, or say "
            "alike=True"
        )
