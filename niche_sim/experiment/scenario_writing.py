"""Scenarios as text: what is done to a mouse as an entry of a protocol, and an experiment, edited or not, as TOML.

The inverse of reading: what is written here reads back as the same, every number to the last bit. An edited protocol
becomes an arm of its own beside the others (`with_protocol`), and so a scenario as any other. The hash of a run covers
all arms: a run of an edited arm has one hash, whoever added it, while the other arms keep theirs in the scenario
without it. Compare an edited arm with an arm of the scenario as it was.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from niche_sim.engine.errors import InputError, one_line, shortened
from niche_sim.engine.reading import read_text, read_toml
from niche_sim.engine.units import from_model, to_model
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    ResectPrimary,
    Treat,
    check_keys,
    make_protocol,
    one_of,
    read_intervention,
    read_interventions,
)
from niche_sim.experiment.scenario import Arm, Scenario, check_arm_name, check_in_time

FIRST_LINE = "# Written by niche-sim. Every arm stands with all that is done in it.\n\n"
# A difference of two times may be off in its last bits; the number that was meant has fewer digits.
_DIGITS = (17, 15, 14, 12, 10, 8)
_ONE_LIST = 'a list in brackets such as \'[{ do = "resect_primary", at = "14 day" }]\''
_ONE_TABLE = 'one table in braces such as \'{ do = "resect_primary", at = "14 day" }\''


def entry_of(intervention: Intervention) -> dict[str, Any]:
    """An intervention as an entry of a protocol, with units as text; `read_intervention` gives it back exactly.

    Doses at even distances get `every`, `from` and `to`, where `to` is the first dose that is no more given; others get
    `at` with all their times.

    Raises:
        InputError: a number of it has no decimal spelling, such as a fraction of the module `fractions`.
    """
    entry = {"do": intervention.verb, **_WRITERS[intervention.verb](intervention)}
    if read_intervention(entry, intervention.verb) != intervention:
        raise InputError(intervention.verb, f"{intervention!r}", "whole numbers and floating-point numbers")
    return entry


def entry_text(intervention: Intervention) -> str:
    """An intervention as one line of TOML: `{ do = "block", target = "mif", ... }`."""
    parts = [f"{key} = {_inline(value)}" for key, value in entry_of(intervention).items()]
    return f"{{ {', '.join(parts)} }}"


def protocol_text(interventions: Iterable[Intervention]) -> str:
    """A protocol as one line of TOML, a list of entries: what `niche-sim run --protocol` takes."""
    return f"[{', '.join(entry_text(intervention) for intervention in interventions)}]"


def read_protocol(text: str, where: str) -> tuple[Intervention, ...]:
    """The interventions of a list of entries in TOML; what `protocol_text` wrote.

    Raises:
        InputError: it is no such list, or an entry is not as it must be; names `where`.
    """
    return _interventions(_value(text, where, list, _ONE_LIST), where)


def load_protocol(path: Path, where: str) -> tuple[Intervention, ...]:
    """The interventions of a TOML file that says `protocol = [...]`.

    Raises:
        InputError: it cannot be read, or is no such file; names `where` and the file.
    """
    place = f"{where} {path}"
    try:
        text = read_text(path)
    except InputError as error:
        raise InputError(place, error.found, error.allowed) from None
    table = read_toml(text, place)
    check_keys(table, f"{place}:", required=("protocol",))
    if not isinstance(table["protocol"], list):
        raise InputError(f"{place}: protocol", f"{table['protocol']!r} is not a list", "a list in brackets")
    return _interventions(table["protocol"], f"{place}: protocol")


def read_entry(text: str, where: str) -> Intervention:
    """The intervention of one entry in TOML. Raises InputError as `read_protocol`."""
    return read_intervention(_value(text, where, dict, _ONE_TABLE), where)


def with_added(
    experiment: Scenario,
    arm: str,
    interventions: Iterable[Intervention],
    name: str | None = None,
    note: str | None = None,
    *,
    until: float | None = None,
    where: str = "protocol",
) -> Scenario:
    """The same experiment with one more arm, in which these interventions are done besides those of `arm`.

    Args and errors as of `with_protocol`.
    """
    one_of(arm, experiment.arms, "arm")
    both = (*experiment.arms[arm].protocol.interventions, *interventions)
    return with_protocol(experiment, arm, both, name, note, until=until, where=where)


def with_protocol(
    experiment: Scenario,
    arm: str,
    interventions: Iterable[Intervention],
    name: str | None = None,
    note: str | None = None,
    *,
    until: float | None = None,
    where: str = "protocol",
) -> Scenario:
    """The same experiment with one more arm, in which these interventions are done.

    Its text is what `toml_of` writes, so that a run of the new arm can be repeated and resumed as any other.

    Args:
        arm: the arm that was edited.
        name: of the new arm; by default `<arm>_edited`, or `<arm>_edited_2` and so on if there is one.
        note: what it shows; by default of which arm it was made.
        until: h, the end of the run if it is to go on longer than the scenario says; the scenario becomes that long.
        where: option or key by which the interventions came, for messages.

    Raises:
        InputError: there is no such arm, the name is no name or taken, the interventions cannot stand together, or
            something is done only when the run is over.
    """
    one_of(arm, experiment.arms, "arm")
    if name is None:
        name = next(free for free in _names(f"{arm}_edited") if free not in experiment.arms)
    check_arm_name(name, "name")
    if name in experiment.arms:
        raise InputError("name", f"'{name}' is there already", "the name of a new arm")
    if until is not None and until > experiment.duration:
        # To whole steps of the scenario, whatever step the run itself is to take.
        experiment = experiment.with_(duration=math.ceil(until / experiment.step - 1e-9) * experiment.step)
    # As it will be read: times that were given as whole numbers, or as minus nothing, would have another hash.
    protocol = make_protocol((read_intervention(entry_of(one), where) for one in interventions), where)
    for intervention in protocol.interventions:
        check_in_time(intervention, f"{where} ({intervention.verb})", experiment.duration)
    edited = Arm(name, f"As {arm}, edited." if note is None else note, protocol)
    experiment = dataclasses.replace(experiment, arms={**experiment.arms, name: edited})
    return dataclasses.replace(experiment, text=toml_of(experiment))


def toml_of(experiment: Scenario) -> str:
    """The whole scenario.toml of an experiment; read back, it has the same `canonical()`, and so the same hash.

    Targets, thresholds and sources are files of their own. Comments of the file it was read from are not kept.

    Raises:
        InputError: it was made shorter than what is done in its arms, which no file may say.
    """
    for arm in experiment.arms.values():
        for intervention in arm.protocol.interventions:
            check_in_time(intervention, f"arms.{arm.name} ({intervention.verb})", experiment.duration)
    head: dict[str, Any] = {
        "title": experiment.title,
        "question": experiment.question,
        "organ": experiment.organ,
        "schedule": experiment.schedule,
        "section": {name: _length(value) for name, value in experiment.section._asdict().items()},
        "run": {name: time_text(getattr(experiment, name)) for name in ("duration", "step", "record")},
    }
    if experiment.parameters:
        changes = experiment.parameters.items()
        head["parameters"] = {
            name: {"value": change.text, "source": change.source, "where": change.where} for name, change in changes
        }
    return FIRST_LINE + "\n".join([tomli_w.dumps(head), *map(_arm, experiment.arms.values())])


def time_text(hours: float) -> str:
    """A time as text that reads back exactly: in days from one day on where that is short, else in hours."""
    day, hour = from_model(float(hours), "day"), float(hours)
    # 32 h are a day and a third, with all its digits.
    short = (day >= 1.0 or day == 0.0) and len(repr(day)) <= len(repr(hour)) + 1
    return f"{_digits(day)} day" if short and to_model(f"{day!r} day") == hour else f"{_digits(hour)} h"


def _names(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in count(2))


def _interventions(entries: Iterable[object], where: str) -> tuple[Intervention, ...]:
    return tuple(read_interventions(entries, where))


def _value(text: str, where: str, kind: type, form: str) -> Any:
    """The one value of a piece of TOML."""
    opening = "[" if kind is list else "{"
    if not text.lstrip().startswith(opening):
        raise InputError(where, f"'{shortened(one_line(text), 60)}'", f"{form} is needed")
    table = read_toml(f"value = {text.strip()}", where)
    if list(table) != ["value"]:
        raise InputError(where, f"'{list(table)[1]}' after it", f"{form} and nothing else")
    return table["value"]


def _arm(arm: Arm) -> str:
    note = {"note": arm.note} if arm.note else {}
    lines = "".join(f"    {entry_text(intervention)},\n" for intervention in arm.protocol.interventions)
    return f"{tomli_w.dumps({'arms': {arm.name: note}})}protocol = [{chr(10) + lines if lines else ''}]\n"


def _inline(value: Any) -> str:
    """A value on one line; a list of its own accord takes many."""
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def _length(value: float) -> str:
    millimetres = from_model(value, "mm")
    whole = value >= 1000.0 and to_model(f"{millimetres!r} mm") == value
    return f"{_digits(millimetres)} mm" if whole else f"{_digits(value)} um"


def _digits(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _number(value: Any) -> int | float:
    return int(value) if isinstance(value, Integral) else float(value)


def _window(intervention: Block | Boost | Deplete) -> dict[str, str]:
    return {"from": time_text(intervention.start), "to": time_text(intervention.end)}


def _times(times: tuple[float, ...]) -> dict[str, Any]:
    """One time, an even series, or all times."""
    if len(times) == 1:
        return {"at": time_text(times[0])}
    distances = (times[1] - times[0], (times[-1] - times[0]) / (len(times) - 1))
    candidates = (float(f"{distance:.{digits}g}") for digits in _DIGITS for distance in distances)
    even = (c for c in candidates if c > 0.0 and tuple((times[0] + c * np.arange(len(times))).tolist()) == times)
    for every in even:
        end = times[0] + len(times) * every
        if math.ceil((end - times[0]) / every - 1e-9) == len(times):
            return {"every": time_text(every), "from": time_text(times[0]), "to": time_text(end)}
    return {"at": [time_text(time) for time in times]}


def _inject_exosomes(one: InjectExosomes) -> dict[str, Any]:
    amount = f"{_digits(one.vesicles)} vesicle" if one.vesicles is not None else f"{_digits(one.amount_ug or 0.0)} ug"
    return {"source": one.source, "amount": amount, **_times(one.times)}


def _grow_primary(one: GrowPrimary) -> dict[str, Any]:
    capacity = {} if one.capacity is None else {"capacity": _number(one.capacity)}
    growth = {"cells": _number(one.cells), "doubling": time_text(one.doubling), "law": one.law, **capacity}
    return {"line": one.line, **growth, "at": time_text(one.start), "sheds_cells": one.sheds_cells}


def _resect_primary(one: ResectPrimary) -> dict[str, Any]:
    return {"at": time_text(one.at)}


def _inject_tumour_cells(one: InjectTumourCells) -> dict[str, Any]:
    return {"line": one.line, "count": int(one.count), "at": time_text(one.at)}


def _block(one: Block) -> dict[str, Any]:
    return {"target": one.target, "efficacy": _number(one.efficacy), **_window(one)}


def _deplete(one: Deplete) -> dict[str, Any]:
    timing = {"at": time_text(one.start)} if one.start == one.end else _window(one)
    return {"population": one.population, "fraction": _number(one.fraction), **timing}


def _boost(one: Boost) -> dict[str, Any]:
    return {"target": one.target, "factor": _number(one.factor), **_window(one)}


def _treat(one: Treat) -> dict[str, Any]:
    return {"drug": one.drug, "dose": _number(one.dose), **_times(one.times)}


_WRITERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "inject_exosomes": _inject_exosomes,
    "grow_primary": _grow_primary,
    "resect_primary": _resect_primary,
    "inject_tumour_cells": _inject_tumour_cells,
    "block": _block,
    "deplete": _deplete,
    "boost": _boost,
    "treat": _treat,
}
