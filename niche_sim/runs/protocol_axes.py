"""What an experimenter does, varied: a window, an efficacy, a dose or a name in one intervention of one arm."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.engine.units import from_model, to_model
from niche_sim.experiment.protocol import Protocol, check_in_time, make_protocol, read_intervention
from niche_sim.experiment.scenario import Scenario
from niche_sim.runs.axes import WORDS, Axis, read_axis

WHICH = "which"  # the key that says which intervention is meant if an arm has several
TIMES = ("from", "to", "at", "every", "doubling")
PLAIN = ("efficacy", "fraction", "factor", "dose", "count", "cells", "capacity")
NAMED_BY = ("target", "source", "population", "drug", "line", "do")  # what tells two interventions of an arm apart


def entries(experiment: Scenario, arm: str) -> list[tuple[Mapping[str, Any], bool]]:
    """Every intervention of an arm as it is written, what it inherits first, and whether it is the arm's own."""
    tables = tomllib.loads(experiment.text)["arms"]
    line = [arm]
    while "like" in tables[line[-1]]:
        line.append(tables[line[-1]]["like"])
    found = []
    for name in reversed(line):
        written = tables[name].get("add", tables[name].get("protocol", []))
        found += [(entry, name == arm) for entry in written]
    return found


def protocol_axes(experiment: Scenario, arm: str, given: object, where: str) -> list[Axis]:
    """The axes of `[vary_protocol.<arm>]`: a table, or a list of tables, of keys of an intervention and what they take.

    The intervention that is meant is the one of the arm that has the key: its own one rather than one it inherits. If
    that leaves several, `which` says what else stands in it, such as { do = "block", target = "mif" }.

    Raises:
        InputError: no or several interventions fit, or a value is not possible.
    """
    tables = given if isinstance(given, list | tuple) else [given]
    axes: list[Axis] = []
    labels: list[str] = []
    for number, table in enumerate(tables):
        place = where if tables is not given else f"{where}[{number}]"
        if not isinstance(table, Mapping):
            raise InputError(place, f"{table!r}", "a table such as { from = { values = ['0 day', '7 day'] } }")
        for key in table:
            if key == WHICH:
                continue
            index, entry = _meant(entries(experiment, arm), key, table.get(WHICH, {}), place, arm)
            axis = _axis(experiment, arm, key, index, entry, table[key], f"{place}.{key}")
            if any((other.entry, other.key) == (index, key) for other in axes):
                raise InputError(f"{place}.{key}", "varied twice", "each key of an intervention once")
            axes.append(axis)
            labels.append(next(str(entry[name]) for name in NAMED_BY if name in entry))
    names = [axis.name for axis in axes]
    return [
        axis if names.count(axis.name) == 1 else dataclasses.replace(axis, name=f"{arm}.{label}.{axis.key}")
        for axis, label in zip(axes, labels, strict=True)
    ]


def varied(experiment: Scenario, arm: str, settings: Iterable[tuple[Axis, Any]], where: str) -> Protocol:
    """The protocol of an arm with some keys set otherwise.

    Raises:
        InputError: what they make together is not possible, such as a window that ends before it begins.
    """
    written = [dict(entry) for entry, _ in entries(experiment, arm)]
    for axis, setting in settings:
        written[axis.entry][axis.key] = setting
    read = [_read(entry, f"{where}.{arm}", experiment) for entry in written]
    return make_protocol(read, f"{where}.{arm}")


def _meant(
    written: list[tuple[Mapping[str, Any], bool]], key: str, which: object, where: str, arm: str
) -> tuple[int, Mapping[str, Any]]:
    if not isinstance(which, Mapping):
        raise InputError(f"{where}.{WHICH}", f"{which!r}", 'a table such as { do = "block", target = "mif" }')
    fitting = [
        (index, entry, own)
        for index, (entry, own) in enumerate(written)
        if all(entry.get(name) == value for name, value in which.items())
    ]
    if not fitting:
        had = "; ".join(_shown(entry) for entry, _ in written)
        raise InputError(f"{where}.{WHICH}", f"no such intervention in arm {arm}", f"one of {had or 'none'}")
    having = [(index, entry, own) for index, entry, own in fitting if key in entry and key != "do"]
    if not having:
        known = dict.fromkeys(name for _, entry, _ in fitting for name in entry if name != "do")
        one_of(key, [*known, WHICH], f"{where}.{key}")
    own = [one for one in having if one[2]]
    chosen = own or having
    if len(chosen) > 1:
        several = "; ".join(_shown(entry) for _, entry, _ in chosen)
        found = f"{len(chosen)} interventions of arm {arm} have it"
        raise InputError(f"{where}.{key}", found, f"`{WHICH}` that names one of {several}")
    return chosen[0][:2]


def _axis(
    experiment: Scenario, arm: str, key: str, index: int, entry: Mapping[str, Any], given: object, where: str
) -> Axis:
    unit = _unit(key, entry)

    def read(value: Any, place: str) -> Any:
        changed = {**entry, key: value}
        if key in ("from", "to") and {"from", "to"} <= set(entry):
            _number(key, value, unit, place)  # with its partner a window is looked at point by point
        else:
            _read(changed, where.removesuffix(f".{key}"), experiment)
        return _number(key, value, unit, place)

    axis = read_axis(f"{arm}.{key}", key, given, where, unit, read)
    return dataclasses.replace(axis, arm=arm, entry=index)


def _unit(key: str, entry: Mapping[str, Any]) -> str | None:
    if key in TIMES:
        return "day"
    if key in PLAIN:
        return ""
    if key == "amount":
        try:
            to_model(entry[key], "ug")
        except InputError:
            return "vesicle"
        return "ug"
    return WORDS


def _number(key: str, value: Any, unit: str | None, where: str) -> Any:
    if unit is WORDS:
        return value
    if unit == "":
        if not isinstance(value, Real) or isinstance(value, bool):
            raise InputError(where, f"{value!r}", f"a number without a unit for {key}")
        return float(value)
    found = from_model(to_model(value, unit, where), unit)
    if found < 0.0:
        raise InputError(where, f"{value}", f"0 {unit} or more")
    return found


def _read(entry: Mapping[str, Any], where: str, experiment: Scenario) -> Any:
    """An intervention, within the scenario's time."""
    read = read_intervention(entry, where)
    check_in_time(read, where, experiment.duration)
    return read


def _shown(entry: Mapping[str, Any]) -> str:
    return " ".join(str(entry[name]) for name in ("do", *NAMED_BY[:-1]) if name in entry)


def check_arms(tables: Mapping[str, Any], arms: Iterable[str], where: str) -> None:
    """Refuse an arm that the sweep does not run. Raises InputError."""
    check_keys(tables, where, required=(), optional=tuple(arms))
