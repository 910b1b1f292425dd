"""Whether this process was forked from one that had a codec.

JAX computes in threads, which a fork leaves behind: whatever a child then asks of JAX waits for ever. Better to say so.
"""

import os

from hcfss_jax.errors import ForkedProcess

_codec_made = False
_forked = False


def note_codec() -> None:
    """A codec is made, and with it JAX's threads: processes forked from now on are told of it."""
    global _codec_made
    _codec_made = True


def check_not_forked() -> None:
    """Raises ForkedProcess where JAX would never answer."""
    if _forked:
        raise ForkedProcess(
            f"process {os.getpid()} was forked from one that had a codec, and JAX does not survive that: start "
            'workers by multiprocessing.get_context("spawn"), and load the codec in each'
        )


def _in_child() -> None:
    global _forked
    _forked = _forked or _codec_made


if hasattr(os, "register_at_fork"):  # Windows never forks
    os.register_at_fork(after_in_child=_in_child)
