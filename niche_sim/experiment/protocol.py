"""What is done to a mouse and when, in one arm: injections, a growing primary, resection, blockade, depletion, boosts, drugs.

All numbers are in model units: h, cell, vesicle, ug; fractions are 0 to 1; drugs in usual doses. Time 0 is the start of the run. An
intervention checks itself when it is made and raises `InputError`; nothing here simulates.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import show, to_model
from niche_sim.model.catalogue import (
    BLOCK_TARGETS,
    BOOSTS,
    DEPLETABLE,
    DRUGS,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    TUMOUR_LINES,
)

GROWTH_LAWS = ("exponential", "gompertz")

# A schedule of more doses than hours in a year is a slip of the unit.
_MOST_DOSES = 8760

# What is done in all arms of a scenario together; the longest of the library has some 200 doses.
MOST_DONE, MOST_DOSES = 1000, 20_000

# Larger numbers are slips of a unit, and overflow somewhere. A mouse weighs 25 g: its liver has 1e8 cells, its blood some
# 1e11 vesicles; a tumour of 1e12 cells weighs a kilogram. It lives for three years, and no mammalian cell divides within 1 h.
LONGEST_TIME = 1e6  # h
MOST_CELLS = 1e12
_MOST_INJECTED = 1e10  # cells, as many as the whole mouse has
_MOST_VESICLES, _MOST_UG = 1e14, 1e5
_MOST_USUAL = 1e3  # usual doses of a drug
_SHORTEST_DOUBLING = 1.0  # h

# Characters of a list of allowed names in a message.
_LONGEST_LIST = 140

# A larger factor is a slip, such as per cent for times.
_MOST_BOOST = 100.0


class Mark(NamedTuple):
    """A moment worth marking on a time axis."""

    time: float  # h
    kind: str  # the verb, or "block_end", "deplete_end", "boost_end"
    label: str
    event: str = ""  # identity of what is marked; the start and the end of one window share it


class _Refused(InputError):
    """A value that an intervention or a protocol refuses; whoever read it from a file knows the place better."""


@dataclass(frozen=True)
class Dose:
    """One injection of exosomes: in ug of protein or in vesicles, whichever was given; the other is None."""

    at: float
    source: str
    amount_ug: float | None
    vesicles: float | None

    @property
    def event(self) -> str:
        """Identity of this injection, the same in every arm that has it, whatever the amount."""
        return f"inject_exosomes:{self.source}:{float(self.at)!r}"


@dataclass(frozen=True)
class InjectExosomes:
    """Exosomes of one source into the blood, the same amount each time: `amount_ug` of protein or `vesicles`."""

    verb: ClassVar[str] = "inject_exosomes"
    source: str
    times: tuple[float, ...]
    amount_ug: float | None = None
    vesicles: float | None = None

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "source", self.source, EXOSOME_SOURCES)
        if (self.amount_ug is None) == (self.vesicles is None):
            found = f"{self.amount_ug} ug and {self.vesicles} vesicles"
            raise _Refused("inject_exosomes.amount", found, "one of them is needed")
        if self.vesicles is None:
            _check_number(self, "amount", self.amount_ug, most=_MOST_UG, unit="ug")
        else:
            _check_number(self, "amount", self.vesicles, most=_MOST_VESICLES, unit="vesicles")
        _check_times(self)

    @property
    def starts(self) -> tuple[float, ...]:
        """The times, h, at which something is done."""
        return self.times

    @property
    def event(self) -> str:
        """Identity of the whole series; each dose has its own."""
        return f"inject_exosomes:{self.source}:{','.join(repr(float(time)) for time in self.times)}"

    @property
    def doses(self) -> tuple[Dose, ...]:
        """The single injections in order."""
        return tuple(Dose(time, self.source, self.amount_ug, self.vesicles) for time in self.times)

    @property
    def events(self) -> tuple[str, ...]:
        """The identity of each single injection."""
        return tuple(dose.event for dose in self.doses)

    def marks(self) -> list[Mark]:
        amount = f"{self.vesicles:g} vesicles" if self.amount_ug is None else show(self.amount_ug, "ug")
        return [Mark(dose.at, self.verb, f"{self.source} exosomes, {amount}", dose.event) for dose in self.doses]


@dataclass(frozen=True)
class GrowPrimary:
    """A primary tumour of `cells` at `start` h, in an organ that is not simulated, that sheds exosomes into blood.

    Its number of cells doubles every `doubling` h (exponential), or does so at first and then slows on its way to
    `capacity` (gompertz): N(t) = capacity * (cells / capacity) ** exp(-a * (t - start)), where
    a = ln 2 / (doubling * ln(capacity / cells)). With `sheds_cells` it sheds tumour cells, too.
    """

    verb: ClassVar[str] = "grow_primary"
    line: str
    cells: float
    doubling: float
    law: str = "exponential"
    capacity: float | None = None
    start: float = 0.0
    sheds_cells: bool = False

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "line", self.line, EXOSOMES_OF_LINE)
        _check_number(self, "cells", self.cells, most=MOST_CELLS, above=True)
        _check_number(self, "doubling", self.doubling, least=_SHORTEST_DOUBLING, most=LONGEST_TIME, unit="h")
        _check_name(self, "law", self.law, GROWTH_LAWS)
        if self.law == "gompertz":
            if self.capacity is None:
                raise _Refused("grow_primary.capacity", "missing", "a number of cells is needed by law 'gompertz'")
            _check_number(self, "capacity", self.capacity, most=MOST_CELLS)
            if self.capacity <= self.cells:
                more = f"more than the first {self.cells:g} cells"
                raise _Refused("grow_primary.capacity", f"{self.capacity:g}", more)
        elif self.capacity is not None:
            raise _Refused("grow_primary.capacity", f"{_shown(self.capacity)}", "allowed with law 'gompertz' only")
        _check_number(self, "at", self.start)
        if not isinstance(self.sheds_cells, bool):
            raise _Refused("grow_primary.sheds_cells", f"{_shown(self.sheds_cells)}", "true or false")

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)

    @property
    def event(self) -> str:
        """Identity of this primary, the same in every arm that has it."""
        return f"grow_primary:{self.line}:{float(self.start)!r}"

    def marks(self) -> list[Mark]:
        return [Mark(self.start, self.verb, f"{self.line} primary, {self.cells:g} cells", self.event)]


@dataclass(frozen=True)
class ResectPrimary:
    """The primary tumour is taken out `at` h; what it shed before stays."""

    verb: ClassVar[str] = "resect_primary"
    at: float

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_number(self, "at", self.at)

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.at,)

    @property
    def event(self) -> str:
        return f"resect_primary:{float(self.at)!r}"

    def marks(self) -> list[Mark]:
        return [Mark(self.at, self.verb, "primary resected", self.event)]


@dataclass(frozen=True)
class InjectTumourCells:
    """`count` tumour cells of one line into the blood upstream of the organ `at` h; the section gets its share."""

    verb: ClassVar[str] = "inject_tumour_cells"
    line: str
    count: int
    at: float

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "line", self.line, TUMOUR_LINES)
        _check_number(self, "count", self.count, most=_MOST_INJECTED)
        if self.count != int(self.count):
            raise _Refused("inject_tumour_cells.count", f"{self.count!r}", "a whole number of cells")
        _check_number(self, "at", self.at)

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.at,)

    @property
    def event(self) -> str:
        """Identity of this injection, the same in every arm that has it, whatever the count."""
        return f"inject_tumour_cells:{self.line}:{float(self.at)!r}"

    def marks(self) -> list[Mark]:
        return [Mark(self.at, self.verb, f"{self.count:g} {self.line} cells", self.event)]


@dataclass(frozen=True)
class Block:
    """A target works at 1 - efficacy from `start` (included) to `end` h (excluded)."""

    verb: ClassVar[str] = "block"
    target: str
    efficacy: float
    start: float
    end: float

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "target", self.target, BLOCK_TARGETS)
        _check_number(self, "efficacy", self.efficacy, most=1.0)
        _check_span(self, self.start, self.end)

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)

    @property
    def event(self) -> str:
        return f"block:{self.target}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.target} blocked, {100 * self.efficacy:g} %", self.event)
        return [begin, Mark(self.end, "block_end", f"{self.target} free again", self.event)]


@dataclass(frozen=True)
class Deplete:
    """A fraction of a population is taken away: once if `end` equals `start`, else throughout `start` to `end` h.

    `population` may be a kind of bone-marrow-derived cells, a key of `vocabulary.BMDC_KINDS`.
    """

    verb: ClassVar[str] = "deplete"
    population: str
    fraction: float
    start: float
    end: float

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "population", self.population, DEPLETABLE)
        _check_number(self, "fraction", self.fraction, most=1.0)
        _check_number(self, "from", self.start)
        _check_number(self, "to", self.end)
        if self.start > self.end:
            raise _Refused("deplete.to", f"{show(self.end, 'day')}", f"not before from, {show(self.start, 'day')}")

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)

    @property
    def event(self) -> str:
        return f"deplete:{self.population}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.population} depleted, {100 * self.fraction:g} %", self.event)
        if self.end == self.start:
            return [begin]
        return [begin, Mark(self.end, "deplete_end", f"{self.population} return", self.event)]


@dataclass(frozen=True)
class Boost:
    """A cytokine or the entry of a cell type is `factor` times what it would be from `start` (included) to `end` h."""

    verb: ClassVar[str] = "boost"
    target: str
    factor: float
    start: float
    end: float

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "target", self.target, BOOSTS)
        _check_number(self, "factor", self.factor, least=1.0, most=_MOST_BOOST)
        _check_span(self, self.start, self.end)

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)

    @property
    def event(self) -> str:
        """Identity of this boost, the same in every arm that has it, whatever the factor."""
        return f"boost:{self.target}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.target} boosted, {self.factor:g}-fold", self.event)
        return [begin, Mark(self.end, "boost_end", f"{self.target} normal again", self.event)]


@dataclass(frozen=True)
class Treat:
    """A drug into the body at each of `times` h, the same `dose` each time, relative to a usual dose; it wears off."""

    verb: ClassVar[str] = "treat"
    drug: str
    dose: float
    times: tuple[float, ...]

    def __post_init__(self) -> None:
        _make_plain(self)
        _check_name(self, "drug", self.drug, DRUGS)
        _check_number(self, "dose", self.dose, most=_MOST_USUAL, above=True)
        _check_times(self)

    @property
    def starts(self) -> tuple[float, ...]:
        return self.times

    @property
    def event(self) -> str:
        """Identity of the whole series, whatever the dose; each dose has its own."""
        return f"treat:{self.drug}:{','.join(repr(float(time)) for time in self.times)}"

    @property
    def events(self) -> tuple[str, ...]:
        """The identity of each single dose, the same in every arm that has it, whatever the amount."""
        return tuple(f"treat:{self.drug}:{float(time)!r}" for time in self.times)

    def marks(self) -> list[Mark]:
        amount = "usual dose" if self.dose == 1.0 else f"{self.dose:g} times the usual dose"
        pairs = zip(self.times, self.events, strict=True)
        return [Mark(time, self.verb, f"{self.drug}, {amount}", event) for time, event in pairs]


Intervention = InjectExosomes | GrowPrimary | ResectPrimary | InjectTumourCells | Block | Deplete | Boost | Treat


@dataclass(frozen=True)
class Protocol:
    """All interventions of one arm, in the order given. Raises InputError if two of them are the same event, if there
    is more than one primary or resection, or a resection without a primary growing before it."""

    interventions: tuple[Intervention, ...] = ()

    def __post_init__(self) -> None:
        given_ones: Any = self.interventions  # any series of them, or one by itself
        made = (given_ones,) if isinstance(given_ones, Intervention) else tuple(given_ones)
        object.__setattr__(self, "interventions", made)
        seen: set[str] = set()
        for intervention in self.interventions:
            for event in _events(intervention):
                if event in seen:
                    raise _Refused("protocol", f"{event} is there twice", "each event once, as one amount")
                seen.add(event)
        if len(self.primaries) > 1:
            raise _Refused("protocol", f"{len(self.primaries)} primaries", "one grow_primary at most")
        if len(self.resections) > 1:
            raise _Refused("protocol", f"{len(self.resections)} resections", "one resect_primary at most")
        for resection in self.resections:
            if not self.primaries or self.primaries[0].start >= resection.at:
                found = f"resect_primary at {show(resection.at, 'day')} finds no primary"
                raise _Refused("protocol", found, "a grow_primary that starts before is needed")

    @property
    def doses(self) -> tuple[Dose, ...]:
        """Every single injection of exosomes, in order of time."""
        doses = [d for i in self.interventions if isinstance(i, InjectExosomes) for d in i.doses]
        return tuple(sorted(doses, key=lambda dose: (dose.at, dose.source)))

    @property
    def tumour_challenges(self) -> tuple[InjectTumourCells, ...]:
        """Every injection of tumour cells, in order of time."""
        challenges = [i for i in self.interventions if isinstance(i, InjectTumourCells)]
        return tuple(sorted(challenges, key=lambda challenge: (challenge.at, challenge.line)))

    @property
    def primaries(self) -> tuple[GrowPrimary, ...]:
        """The growing primary, if there is one."""
        return tuple(i for i in self.interventions if isinstance(i, GrowPrimary))

    @property
    def resections(self) -> tuple[ResectPrimary, ...]:
        """The resection, if there is one."""
        return tuple(i for i in self.interventions if isinstance(i, ResectPrimary))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every blockade, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Block))

    @property
    def depletions(self) -> tuple[Deplete, ...]:
        """Every depletion, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Deplete))

    @property
    def boosts(self) -> tuple[Boost, ...]:
        """Every boost, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Boost))

    @property
    def treatments(self) -> tuple[Treat, ...]:
        """Every series of doses of a drug, in the order given."""
        return tuple(i for i in self.interventions if isinstance(i, Treat))

    def marks(self) -> list[Mark]:
        """What to mark on a time axis, (time in h, kind, label, event), in order of time."""
        return sorted(mark for intervention in self.interventions for mark in intervention.marks())


def _events(intervention: Intervention) -> tuple[str, ...]:
    """The identities of all that an intervention does: one, or one a dose."""
    return intervention.events if isinstance(intervention, InjectExosomes | Treat) else (intervention.event,)


def make_protocol(interventions: Iterable[Intervention], where: str) -> Protocol:
    """A protocol of what was read at `where` ("file: key path"), which the message of an InputError then names."""
    try:
        return Protocol(tuple(interventions))
    except _Refused as error:
        raise InputError(where, error.found, error.allowed) from None


def check_amount(interventions: int, doses: int, where: str) -> None:
    """Raises InputError if there are too many interventions, or doses in all."""
    for number, most, what in ((interventions, MOST_DONE, "interventions"), (doses, MOST_DOSES, "doses in all")):
        if number > most:
            raise InputError(where, f"more than {most:,} {what}", f"at most {most:,}")


def read_interventions(entries: Iterable[object], where: str) -> Iterator[Intervention]:
    """A list of entries of a protocol, one after the other.

    Raises:
        InputError: as `read_intervention` for any of them, or there are too many.
    """
    doses = 0
    for number, entry in enumerate(entries):
        one = read_intervention(entry, f"{where}[{number}]")
        doses += len(one.starts)
        check_amount(number + 1, doses, where)
        yield one


def read_intervention(entry: object, where: str) -> Intervention:
    """One entry of a protocol as written in TOML, with units as text.

    Args:
        entry: a table such as {"do": "block", "target": "mif", "efficacy": 0.95, "from": "0 day", "to": "21 day"}.
        where: "file: key path" of the entry, for the message.

    Raises:
        InputError: an unknown verb, key or name, a missing key, a wrong type or dimension, a value out of range.
    """
    if not isinstance(entry, Mapping):
        example = '{ do = "resect_primary", at = "14 day" }'
        raise InputError(where, f"{_shown(entry)} is not a table", f"a table such as {example}")
    if "do" not in entry:
        raise InputError(under(where, "do"), "missing", f"needed is one of {', '.join(VERBS)}")
    verb = one_of(entry["do"], VERBS, under(where, "do"))
    try:
        return VERBS[verb](entry, where)
    except _Refused as error:
        raise InputError(under(where, error.where.rpartition(".")[2]), error.found, error.allowed) from None


def _read_inject_exosomes(entry: Mapping[str, Any], where: str) -> InjectExosomes:
    times = _times(entry, where, required=("do", "source", "amount"))
    amount_ug, vesicles = _amount(entry["amount"], under(where, "amount"))
    return InjectExosomes(entry["source"], times, amount_ug, vesicles)


def _read_grow_primary(entry: Mapping[str, Any], where: str) -> GrowPrimary:
    optional = ("law", "capacity", "at", "sheds_cells")
    check_keys(entry, where, required=("do", "line", "cells", "doubling"), optional=optional)
    return GrowPrimary(
        line=entry["line"],
        cells=entry["cells"],
        doubling=_time(entry, "doubling", where),
        law=entry.get("law", "exponential"),
        capacity=entry.get("capacity"),
        start=_time(entry, "at", where) if "at" in entry else 0.0,
        sheds_cells=entry.get("sheds_cells", False),
    )


def _read_resect_primary(entry: Mapping[str, Any], where: str) -> ResectPrimary:
    check_keys(entry, where, required=("do", "at"))
    return ResectPrimary(_time(entry, "at", where))


def _read_inject_tumour_cells(entry: Mapping[str, Any], where: str) -> InjectTumourCells:
    check_keys(entry, where, required=("do", "line", "count", "at"))
    count = entry["count"]
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    return InjectTumourCells(entry["line"], count, _time(entry, "at", where))


def _read_block(entry: Mapping[str, Any], where: str) -> Block:
    check_keys(entry, where, required=("do", "target", "efficacy", "from", "to"))
    return Block(entry["target"], entry["efficacy"], _time(entry, "from", where), _time(entry, "to", where))


def _read_deplete(entry: Mapping[str, Any], where: str) -> Deplete:
    timing = ("at",) if "at" in entry else ("from", "to")
    check_keys(entry, where, required=("do", "population", "fraction", *timing))
    if "at" in entry:
        start = end = _time(entry, "at", where)
    else:
        start, end = _time(entry, "from", where), _time(entry, "to", where)
        _check_window(start, end, where)
    return Deplete(entry["population"], entry["fraction"], start, end)


def _read_boost(entry: Mapping[str, Any], where: str) -> Boost:
    check_keys(entry, where, required=("do", "target", "factor", "from", "to"))
    return Boost(entry["target"], entry["factor"], _time(entry, "from", where), _time(entry, "to", where))


def _read_treat(entry: Mapping[str, Any], where: str) -> Treat:
    times = _times(entry, where, required=("do", "drug", "dose"))
    return Treat(entry["drug"], entry["dose"], times)


VERBS: dict[str, Callable[[Mapping[str, Any], str], Intervention]] = {
    "inject_exosomes": _read_inject_exosomes,
    "grow_primary": _read_grow_primary,
    "resect_primary": _read_resect_primary,
    "inject_tumour_cells": _read_inject_tumour_cells,
    "block": _read_block,
    "deplete": _read_deplete,
    "boost": _read_boost,
    "treat": _read_treat,
}


def _time(entry: Mapping[str, Any], key: str, where: str) -> float:
    time = to_model(entry[key], like="h", where=under(where, key))
    if time < 0.0:
        raise InputError(under(where, key), _shown(entry[key]), "a time from 0 on is needed")
    if time > LONGEST_TIME:
        raise InputError(under(where, key), _shown(entry[key]), f"a time up to {LONGEST_TIME:g} h")
    return time


def _times(entry: Mapping[str, Any], where: str, required: tuple[str, ...]) -> tuple[float, ...]:
    """The times of a series, from 'at', one time or a list of them, or from 'every', 'from' and 'to'.

    `required` are the other keys of the entry.
    """
    if not {"at", "every", "from", "to"} & set(entry):
        raise InputError(where, "no time is given", "'at', or 'every', 'from' and 'to', is needed")
    timing = ("at",) if "at" in entry else ("every", "from", "to")
    check_keys(entry, where, required=(*required, *timing))
    if "at" not in entry:
        return _schedule(entry, where)
    return _dates(entry["at"], under(where, "at")) if isinstance(entry["at"], list) else (_time(entry, "at", where),)


def _dates(texts: list[Any], where: str) -> tuple[float, ...]:
    """Doses at times that are no regular series."""
    if len(texts) > _MOST_DOSES:
        raise InputError(where, f"{len(texts):,} doses", f"at most {_MOST_DOSES:,}")
    times = tuple(to_model(text, like="h", where=f"{where}[{number}]") for number, text in enumerate(texts))
    if not times or times[0] < 0.0 or any(later <= sooner for sooner, later in pairwise(times)):
        raise InputError(where, _shown(texts), "one or more rising times from 0 on are needed")
    return times


def _schedule(entry: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """Doses at from, from + every, ... before to: from counts, to does not."""
    every, start, end = (_time(entry, key, where) for key in ("every", "from", "to"))
    if every <= 0:
        raise InputError(under(where, "every"), f"{_shown(entry['every'])}", "a time above 0 is needed")
    _check_window(start, end, where)
    # A last dose that falls on `to` but for rounding is none.
    ratio = (end - start) / every - 1e-9
    if ratio > _MOST_DOSES:
        raise InputError(under(where, "every"), f"{ratio:,.0f} doses", f"at most {_MOST_DOSES:,}")
    number = math.ceil(ratio)
    return tuple((start + every * np.arange(number)).tolist())


def _check_window(start: float, end: float, where: str) -> None:
    if start >= end:
        raise InputError(under(where, "to"), f"{show(end, 'day')}", f"later than from, {show(start, 'day')}")


def _amount(text: object, where: str) -> tuple[float | None, float | None]:
    """(ug, None) or (None, vesicles)."""
    if isinstance(text, str):
        for like in ("ug", "vesicle"):
            try:
                value = to_model(text, like=like, where=where)
            except InputError:
                continue
            return (value, None) if like == "ug" else (None, value)
    raise InputError(where, f"{_shown(text)}", "an amount such as '5 ug' or '1e10 vesicle'")


def _make_plain(intervention: Intervention) -> None:
    """Numbers and names of NumPy as Python's, so that it is the same intervention with the same hash."""
    for name, value in vars(intervention).items():
        if isinstance(value, np.generic):
            object.__setattr__(intervention, name, value.item())


def _check_name(intervention: Intervention, key: str, value: object, allowed: Iterable[str]) -> None:
    try:
        one_of(value, allowed, f"{intervention.verb}.{key}")
    except InputError as error:
        raise _Refused(error.where, error.found, error.allowed) from None


def _check_number(
    intervention: Intervention,
    key: str,
    value: object,
    least: float = 0.0,
    most: float = LONGEST_TIME,
    above: bool = False,
    unit: str = "",
) -> None:
    """A finite number from `least` (above: more than that) to `most`; by default a time, h."""
    lowest = f"above {least:g} and up to" if above else f"from {least:g} to"
    allowed = f"a number {lowest} {most:g} {unit}".strip()
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and least <= number <= most and (number > least or not above)):
        raise _Refused(f"{intervention.verb}.{key}", f"{_shown(value)}", allowed)


def _check_span(intervention: Block | Boost, start: float, end: float) -> None:
    """A window from `start` to a later `end`, h."""
    _check_number(intervention, "from", start)
    _check_number(intervention, "to", end)
    if start >= end:
        raise _Refused(f"{intervention.verb}.to", f"{show(end, 'day')}", f"later than from, {show(start, 'day')}")


def _check_times(intervention: InjectExosomes | Treat) -> None:
    """One or more rising times, h; any series of them is kept as a tuple."""
    times = tuple(given.entries(intervention.times, f"{intervention.verb}.times", "times"))
    object.__setattr__(intervention, "times", times)
    for time in times:
        _check_number(intervention, "at" if len(times) == 1 else "from", time)
    if not times or any(later <= sooner for sooner, later in pairwise(times)):
        raise _Refused(f"{intervention.verb}.times", f"{_shown(times)}", "one or more rising times are needed")


def one_of(value: object, allowed: Iterable[str], where: str) -> str:
    """`value`, if it is one of the allowed names.

    Raises:
        InputError: it is not; the message lists the near and the allowed names.
    """
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    raise InputError(where, f"{_shown(value)}", f"{_near(value, names)}{_listed(names)}")


def check_keys(table: Mapping[str, Any], where: str, required: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Refuse a table with an unknown or a missing key.

    Raises:
        InputError: names the key, the near and the allowed ones.
    """
    required = list(required)
    known = required + list(optional)
    for key in table:
        if key not in known:
            raise InputError(under(where, key), "unknown key", f"{_near(key, known)}{_listed(known)}")
    for key in required:
        if key not in table:
            raise InputError(under(where, key), "missing", f"needed are {', '.join(required)}")


def under(where: str, key: str) -> str:
    """The place of a key below `where`: "file: a" and "b" make "file: a.b"; a file ends in a colon."""
    return f"{where} {key}" if where.endswith(":") else f"{where}.{key}"


def _near(value: object, names: list[str]) -> str:
    near = difflib.get_close_matches(value, names, n=2, cutoff=0.6) if isinstance(value, str) else []
    return f"did you mean {' or '.join(near)}? " if near else ""


def _listed(names: list[str]) -> str:
    """The names that are allowed: all of them, or as many as fit into a message."""
    text = f"allowed are {', '.join(names)}"
    if len(text) <= _LONGEST_LIST:
        return text
    text = text[:_LONGEST_LIST].rpartition(",")[0]
    return f"{text} and {len(names) - text.count(',') - 1} more"


def _shown(value: object) -> str:
    """The value as text for a message, not longer than a line bears."""
    text = f"'{value}'" if isinstance(value, str) else f"{value!r}"
    return text if len(text) <= 60 else f"{text[:57]}..."
