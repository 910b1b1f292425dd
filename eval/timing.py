"""Time what JAX computes, without the time it takes to compile it."""

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import jax

_ATTEMPTS = 4
_compilations = 0

Result = TypeVar("Result")


def timed(action: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds and result of the first run of `action` during which JAX compiled nothing.

    A function is compiled once for each shape, and which shapes a picture needs (of its latents, of
    the stream's parts) is known only when it has been coded. What compiles each time is timed with it.
    """
    _listen()
    for _ in range(_ATTEMPTS):
        before = _compilations
        start = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - start
        if _compilations == before:
            break
    return seconds, result


@functools.cache
def _listen() -> None:
    """Once: JAX offers no way to take a listener off again."""
    jax.monitoring.register_event_duration_secs_listener(_count)


def _count(event: str, duration_secs: float, **_details: Any) -> None:
    global _compilations
    _compilations += event.startswith("/jax/core/compile/")
