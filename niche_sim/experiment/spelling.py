"""Times, lengths and series of doses as they stand in a file, read and written; every number comes back to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, cast

import numpy as np

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, below, shown
from niche_sim.engine.schema import Told, Value, quantity
from niche_sim.engine.units import from_model, show, to_model

# Larger numbers are slips of a unit, and overflow somewhere: a mouse lives for three years.
LONGEST_TIME = 1e6  # h
MOST_DOSES = 20_000  # in all arms of a scenario together; the longest of the library has some 200
# A schedule of more doses than hours in a year is a slip of the unit.
_MOST_DOSES = 8760
# A difference of two times may be off in its last bits; the number that was meant has fewer digits.
_DIGITS = (17, 15, 14, 12, 10, 8)

SERIES = ("every", "from", "to")


def digits(value: float) -> str:
    """A number with all its digits, whole ones without a point."""
    return repr(float(value)).removesuffix(".0")


def time_text(hours: float) -> str:
    """A time as text that reads back exactly: in days from one day on where that is short, else in hours."""
    day, hour = from_model(float(hours), "day"), float(hours)
    # 32 h are a day and a third, with all its digits.
    short = (day >= 1.0 or day == 0.0) and len(repr(day)) <= len(repr(hour)) + 1
    return f"{digits(day)} day" if short and to_model(f"{day!r} day") == hour else f"{digits(hour)} h"


def length_text(value: float) -> str:
    """A length as text that reads back exactly: in mm from one on where that is exact, else in um."""
    millimetres = from_model(value, "mm")
    whole = value >= 1000.0 and to_model(f"{millimetres!r} mm") == value
    return f"{digits(millimetres)} mm" if whole else f"{digits(value)} um"


_TIME = quantity("h", 0.0, LONGEST_TIME, write=time_text)
_DISTANCE = quantity("h", 0.0, LONGEST_TIME, above=True, write=time_text)

Time = Annotated[float, _TIME]  # from the start of the run, h
AnyTime = Annotated[float, quantity("h", write=time_text)]
Length = Annotated[float, quantity("um", write=length_text)]


def read_time(text: Any, where: str, told: Told) -> float:
    """A time of a file. Raises InputError that names `where`."""
    return _part(text, _TIME, where, told)


def _part(value: Any, kind: Value, where: str, told: Told) -> float:
    try:
        return cast(float, kind.read(value, told))
    except InputError as error:
        raise InputError(below(where, error.where), error.found, error.allowed) from None


def check_window(start: float, end: float, where: str = ".to") -> None:
    """Raises InputError if a window ends before it begins, or at once."""
    if start >= end:
        raise InputError(where, show(end, "day"), f"later than from, {show(start, 'day')}")


def check_doses(doses: int, where: str) -> None:
    """Raises InputError if there are too many doses in all."""
    if doses > MOST_DOSES:
        raise InputError(where, f"more than {MOST_DOSES:,} doses in all", f"at most {MOST_DOSES:,}")


def _read_times(value: Any, told: Told) -> tuple[float, ...]:
    """The times of doses, h: any series of them, or the keys of an entry that say when."""
    if told is not None and isinstance(value, Mapping):
        times = _schedule(value, told) if "at" not in value else _dates(value["at"], told)
        told["doses"] = told.get("doses", 0) + len(times)
        check_doses(told["doses"], "")
        return times
    times = tuple(given.entries(value, "", "times"))
    for time in times:
        _part(time, _TIME, "", None)
    if not times or any(later <= sooner for sooner, later in pairwise(times)):
        raise InputError("", shown(times), "one or more rising times are needed")
    return times


def _dates(texts: Any, told: Told) -> tuple[float, ...]:
    """One dose, or doses at times that are no regular series."""
    if not isinstance(texts, list):
        return (_part(texts, _TIME, ".at", told),)
    if len(texts) > _MOST_DOSES:
        raise InputError(".at", f"{len(texts):,} doses", f"at most {_MOST_DOSES:,}")
    times = tuple(to_model(text, "h", f".at[{number}]") for number, text in enumerate(texts))
    rising = all(sooner < later for sooner, later in pairwise(times))
    if not times or times[0] < 0.0 or times[-1] > LONGEST_TIME or not rising:
        raise InputError(".at", shown(texts), "one or more rising times from 0 on are needed")
    return times


def _schedule(entry: Mapping[str, Any], told: Told) -> tuple[float, ...]:
    """Doses at from, from + every, ... before to: from counts, to does not."""
    every = _part(entry["every"], _DISTANCE, ".every", told)
    start, end = (_part(entry[key], _TIME, f".{key}", told) for key in ("from", "to"))
    check_window(start, end)
    # A last dose that falls on `to` but for rounding is none.
    ratio = (end - start) / every - 1e-9
    if ratio > _MOST_DOSES:
        raise InputError(".every", f"{ratio:,.0f} doses", f"at most {_MOST_DOSES:,}")
    return tuple((start + every * np.arange(math.ceil(ratio))).tolist())


def _times_written(times: tuple[float, ...]) -> dict[str, Any]:
    """One time, an even series, or all times, under the keys of an entry.

    Doses at even distances get `every`, `from` and `to`, where `to` is the first dose that is no more given.
    """
    if len(times) == 1:
        return {"at": time_text(times[0])}
    distances = (times[1] - times[0], (times[-1] - times[0]) / (len(times) - 1))
    candidates = (float(f"{distance:.{digit}g}") for digit in _DIGITS for distance in distances)
    even = (c for c in candidates if c > 0.0 and tuple((times[0] + c * np.arange(len(times))).tolist()) == times)
    for every in even:
        end = times[0] + len(times) * every
        if math.ceil((end - times[0]) / every - 1e-9) == len(times):
            return {"every": time_text(every), "from": time_text(times[0]), "to": time_text(end)}
    return {"at": [time_text(time) for time in times]}


Times = Annotated[tuple[float, ...], Value(_read_times, {}, _times_written)]  # of doses, rising, h
