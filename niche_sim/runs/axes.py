"""What is varied: a number of the register or of the scenario, over values or a range, and what a point of it is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.engine.units import from_model, to_model
from niche_sim.experiment.setup import SCENARIO_LENGTHS, SCENARIO_TIMES, SCHEDULE
from niche_sim.model.parameters import rows, value_of
from niche_sim.model.schedule import SCHEDULES

Float = NDArray[np.float64]

REGISTER = ("register", "register log")
SCALES = ("linear", "log")
CELLS = "count"  # a key of interventions that takes whole numbers only
WORDS = None  # in place of a unit: what is varied is no number


@dataclass(frozen=True)
class Axis:
    """One varied thing: either `choices`, or a range from `low` to `high`.

    name: the column of it. unit: of its numbers, or None for words. choices: as they were given, `numbers` the same in
    `unit`. key: what is replaced: a name of `overrides`, or with `arm` a key of intervention number `entry` of that arm.
    """

    name: str
    key: str
    unit: str | None
    choices: tuple[Any, ...] = ()
    numbers: tuple[float, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    arm: str | None = None
    entry: int = -1

    def levels(self, share: Float) -> Float:
        """Where in the range a share from 0 to 1 lies, float64[n], in `unit`; of choices the number of the choice."""
        if self.choices:
            return np.minimum(np.floor(share * len(self.choices)), len(self.choices) - 1.0)
        if self.log:
            inside = np.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            inside = self.low + share * (self.high - self.low)
        if self.key == CELLS:
            inside = np.round(inside)
        return np.clip(inside, self.low, self.high)  # the ends themselves, and not beyond them by rounding

    def value(self, level: float) -> Any:
        """A level as a reader sees it: a number in `unit`, or a word."""
        if not self.choices:
            return float(level)
        return self.choices[int(level)] if self.unit is WORDS else self.numbers[int(level)]

    def shown(self, value: Any) -> str:
        """A value with its unit, for a reader."""
        return f"{value}" if self.unit is WORDS else f"{value:.4g} {self.unit}".strip()

    def setting(self, level: float) -> Any:
        """A level as it is put into a scenario: a choice as it was given, or a number with its unit."""
        if self.choices:
            return self.choices[int(level)]
        if self.arm is not None and self.unit == "":
            return float(level)  # plain numbers of a protocol are no text
        return f"{float(level)!r} {self.unit}".strip()


def parameter_axis(name: str, given: object, where: str) -> Axis:
    """An axis of `[vary]`. name: a number of the register, or one of section.*, run.* or "schedule".

    given: {"values": [...]}, {"low": ..., "high": ..., "scale": "log"}, "register" or "register log".

    Raises:
        InputError: that is unknown, of a wrong dimension or outside what is possible; names the place.
    """
    if name == SCHEDULE:
        return _choices(name, given, where, WORDS, lambda value, place: one_of(value, SCHEDULES, place))
    for names, unit in ((SCENARIO_LENGTHS, "um"), (SCENARIO_TIMES, "h")):
        if name in names:

            def measured(value: Any, place: str, unit: str = unit) -> float:
                found = to_model(value, unit, place)
                if found <= 0.0:
                    raise InputError(place, f"{value} is not positive", f"more than 0 {unit}")
                return found

            return read_axis(name, name, given, where, unit, measured)
    if name.startswith(("section.", "run.")):
        others = ", ".join((*SCENARIO_LENGTHS, *SCENARIO_TIMES, SCHEDULE))
        raise InputError(where, "unknown number of the scenario", f"one of {others}")
    if name not in rows():
        value_of(name, "0", where)  # refused with the near names
    row = rows()[name]
    if isinstance(given, str):
        log = one_of(given, REGISTER, where) == REGISTER[1]
        if log and row.low <= 0.0:
            raise InputError(where, f"'{given}' from {row.low:g}", "'register', or a low above 0")
        if not row.low < row.high:
            raise InputError(where, f"{name} has no range in the register", "values, or low and high")
        return Axis(name, name, row.unit, low=row.low, high=row.high, log=log)
    return read_axis(
        name, name, given, where, row.unit, lambda value, place: from_model(value_of(name, value, place), row.unit)
    )


def read_axis(
    name: str, key: str, given: object, where: str, unit: str | None, read: Callable[[Any, str], Any]
) -> Axis:
    """An axis of choices or a range; `read(value, where)` gives a value as a number in `unit`, or refuses it."""
    if isinstance(given, Mapping) and "values" not in given and unit is not WORDS:
        check_keys(given, where, required=("low", "high"), optional=("scale",))
        low, high = (float(read(given[end], f"{where}.{end}")) for end in ("low", "high"))
        if not low < high:
            raise InputError(f"{where}.high", f"{given['high']}", f"more than low, {given['low']}")
        log = one_of(given.get("scale", "linear"), SCALES, f"{where}.scale") == "log"
        if log and low <= 0.0:
            raise InputError(f"{where}.low", f"{given['low']}", "more than 0 on a log scale")
        return Axis(name, key, unit, low=low, high=high, log=log)
    return _choices(key, given, where, unit, read, name)


def _choices(
    key: str, given: object, where: str, unit: str | None, read: Callable[[Any, str], Any], name: str = ""
) -> Axis:
    forms = "{ values = [...] }" if unit is WORDS else "{ values = [...] } or { low = ..., high = ... }"
    if not isinstance(given, Mapping):
        if unit is not WORDS and name and name in rows():
            forms = f"{forms}, or 'register'"
        raise InputError(where, f"{given!r}", f"{forms} is needed")
    check_keys(given, where, required=("values",))
    values = given["values"]
    if not isinstance(values, list | tuple) or not values:
        raise InputError(f"{where}.values", f"{values!r}", "a list in brackets, not empty")
    found = [read(value, f"{where}.values[{number}]") for number, value in enumerate(values)]
    numbers = () if unit is WORDS else tuple(float(value) for value in found)
    return Axis(name or key, key, unit, choices=tuple(values), numbers=numbers)
