"""The stops of a slider over a number's range: round values, evenly or logarithmically spaced, and those it must hit."""

from __future__ import annotations

import math
from collections.abc import Iterable

# A range that spans this factor or more is walked in equal ratios.
LOGARITHMIC_FROM = 20.0

_STOPS = 50  # about as many as a hand can tell apart on a slider of 300 pixels
_ROUND_STEPS = (1.0, 2.0, 5.0, 10.0)
# Twenty round numbers a decade in nearly equal ratios (Renard's series R20, rounded).
_ROUND_RATIOS = (1, 1.1, 1.25, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.3, 7, 8, 9)
_WHOLE = ("cell", "vesicle")  # what is counted one by one


def is_logarithmic(low: float, high: float) -> bool:
    """Whether a range is walked in equal ratios."""
    return low > 0.0 and high / low >= LOGARITHMIC_FROM


def stops(low: float, high: float, unit: str, through: Iterable[float] = ()) -> tuple[float, ...]:
    """Rising values from `low` to `high`, both included, in `unit`; those of `through` within the range are among them.

    Cells and vesicles are counted, so their stops are whole numbers.
    """
    inner = _ratios(low, high) if is_logarithmic(low, high) else _steps(low, high)
    if unit in _WHOLE:
        inner = [float(round(value)) for value in inner]
    exact = {low, high, *(value for value in through if low <= value <= high)}
    # A round value beside one that must be hit would be a stop that hardly moves.
    apart = 0.25 * (high - low) / _STOPS if not is_logarithmic(low, high) else 0.0
    kept = {v for v in inner if low < v < high and all(abs(v - e) > max(apart, 1e-9 * abs(e)) for e in exact)}
    return tuple(sorted(exact | kept))


def nearest(value: float, places: tuple[float, ...]) -> int:
    """The index of the stop nearest to `value`, by ratio where the stops are logarithmic."""
    if is_logarithmic(places[0], places[-1]):
        log = math.log(max(value, places[0]))
        return min(range(len(places)), key=lambda index: abs(math.log(places[index]) - log))
    return min(range(len(places)), key=lambda index: abs(places[index] - value))


def _steps(low: float, high: float) -> list[float]:
    rough = (high - low) / _STOPS
    power = math.floor(math.log10(rough))
    mantissa = next(step for step in _ROUND_STEPS if step >= rough / 10.0**power - 1e-9)
    # Multiples are divided by a power of ten where that is whole, which keeps them the floats that their text reads as.
    first, last = math.ceil(low / (mantissa * 10.0**power)), math.floor(high / (mantissa * 10.0**power))
    return [float(f"{round(mantissa * number)}e{power}") for number in range(first, last + 1)]


def _ratios(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    return [float(f"{ratio}e{decade}") for decade in decades for ratio in _ROUND_RATIOS]
