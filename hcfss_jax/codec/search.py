"""Where a function that rises with the quality crosses a value: found in few tries, as each is a file."""

import math
from collections.abc import Callable

_POINTS = 3  # that a guess goes by: on one side of a curve two would come near in many steps
_FREE = 4  # tries before the rest has to halve with each


def last_within(value: Callable[[int], float], target: float, last: int, slope: float) -> int:
    """The last of the numbers 0 to `last` whose value is at most `target`; -1 where 0 is above.

    value: nearly rises. It is asked for the number that is given back and for the next, and, where it is smooth, for
    one to four others: each guess lies where the parabola through the three nearest points crosses the target. Where it
    is rough, halving takes over. slope: about how much it rises from one number to the next, for the first guess.
    """
    known: dict[int, float] = {}
    low, high, guess = -1, last + 1, last // 2
    while high - low > 1:
        number = min(max(guess, low + 1), high - 1)
        known[number] = value(number)
        if known[number] <= target:
            low = number
        else:
            high = number
        guess = _crossing(known, target, slope)
        if high - low > (last + 2) / 2 ** (len(known) - _FREE):
            guess = (low + high) // 2
    return low


def _crossing(known: dict[int, float], target: float, slope: float) -> int:
    """The number before it, by Lagrange's polynomial of the number over the value."""
    by_value = {found: number for number, found in known.items()}
    values = sorted(by_value, key=lambda found: abs(found - target))[:_POINTS]
    if len(values) == 1:
        crossing = by_value[values[0]] + (target - values[0]) / slope
    else:
        crossing = sum(
            by_value[one]
            * math.prod((target - other) / (one - other) for other in values if other != one)
            for one in values
        )
    return math.floor(min(max(crossing, -1e6), 1e6))
