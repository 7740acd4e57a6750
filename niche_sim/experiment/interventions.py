"""What is done to a mouse and when, in one arm: injections, a growing primary, resection, blockade, depletion, boosts, drugs.

All numbers are in model units: h, cell, vesicle, ug; fractions are 0 to 1; drugs in usual doses. Time 0 is the start of the run. An
intervention checks itself when it is made and raises `InputError`; nothing here simulates. The fields of the interventions are
also the keys of an entry of a protocol in TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from niche_sim.engine.errors import InputError, shown
from niche_sim.engine.schema import Flag, Table, Tagged, Told, key, names, number, quantity, table
from niche_sim.engine.units import show, to_model
from niche_sim.experiment.spelling import (
    LONGEST_TIME,
    SERIES,
    Time,
    Times,
    check_window,
    digits,
    read_time,
    time_text,
)
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

# Larger numbers are slips of a unit, and overflow somewhere. A mouse weighs 25 g: its liver has 1e8 cells, its blood some
# 1e11 vesicles; a tumour of 1e12 cells weighs a kilogram. No mammalian cell divides within 1 h.
MOST_CELLS = 1e12
_MOST_INJECTED = 1e10  # cells, as many as the whole mouse has
_MOST_TRACED = 1e6  # times the dose
_MOST_VESICLES, _MOST_UG = 1e14, 1e5
_MOST_USUAL = 1e3  # usual doses of a drug
_SHORTEST_DOUBLING = 1.0  # h
# A larger factor is a slip, such as per cent for times.
_MOST_BOOST = 100.0

EXAMPLE = '{ do = "resect_primary", at = "14 day" }'

Share = Annotated[float, number(0.0, 1.0, as_given=True)]
_AMOUNTS = {
    "amount_ug": quantity("ug", 0.0, _MOST_UG, write=lambda value: f"{digits(value)} ug"),
    "vesicles": quantity("vesicle", 0.0, _MOST_VESICLES, write=lambda value: f"{digits(value)} vesicle"),
}


class Mark(NamedTuple):
    """A moment worth marking on a time axis."""

    time: float  # h
    kind: str  # the verb, or "block_end", "deplete_end", "boost_end"
    label: str
    event: str = ""  # identity of what is marked; the start and the end of one window share it


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


_TEXT = {"type": "string"}


class _Series(Table):
    """What is given once or repeatedly: `times` stands as `at`, or as `every`, `from` and `to`."""

    either = (("at",), SERIES)
    hidden = ("times",)
    spelled = {  # noqa: RUF012
        "at": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        **dict.fromkeys(SERIES, _TEXT),
    }

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        if entry and not {"at", *SERIES} & set(entry):
            raise InputError("", "no time is given", "'at', or 'every', 'from' and 'to', is needed")
        return super().keys(entry)

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: Told) -> dict[str, Any]:
        timing = ("at", *SERIES)
        others = {name: value for name, value in entry.items() if name not in timing}
        return {**others, "times": {name: entry[name] for name in timing if name in entry}}


class _Window(Table):
    """What lasts from `start` to `end`, which stand as `from` and `to`."""

    start: float
    end: float

    def __post_init__(self) -> None:
        check_window(self.start, self.end)

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)


@table
class InjectExosomes(_Series):
    """Exosomes of one source into the blood, the same amount each time: `amount_ug` of protein or `vesicles`."""

    source: Annotated[str, names(EXOSOME_SOURCES)]
    times: Times
    amount_ug: Annotated[float | None, key("amount"), _AMOUNTS["amount_ug"]] = None
    vesicles: Annotated[float | None, key("amount"), _AMOUNTS["vesicles"]] = None
    verb: Annotated[Literal["inject_exosomes"], key("do")] = "inject_exosomes"
    others = ("source", "amount")
    spelled = {**_Series.spelled, "amount": {"type": "string", "examples": ["5 ug", "1e10 vesicle"]}}  # noqa: RUF012

    def __post_init__(self) -> None:
        if (self.amount_ug is None) == (self.vesicles is None):
            found = f"{self.amount_ug} ug and {self.vesicles} vesicles"
            raise InputError(".amount", found, "one of them is needed")

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: Told) -> dict[str, Any]:
        found = super().values(entry, told)
        name, amount = _amount(found.pop("amount"))
        return {**found, name: amount}

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


@table
class GrowPrimary(Table):
    """A primary tumour of `cells` at `start` h, in an organ that is not simulated, that sheds exosomes into blood.

    Its number of cells doubles every `doubling` h (exponential), or does so at first and then slows on its way to
    `capacity` (gompertz): N(t) = capacity * (cells / capacity) ** exp(-a * (t - start)), where
    a = ln 2 / (doubling * ln(capacity / cells)). With `sheds_cells` it sheds tumour cells, too.
    """

    line: Annotated[str, names(tuple(EXOSOMES_OF_LINE))]
    cells: Annotated[float, number(0.0, MOST_CELLS, above=True, as_given=True)]
    doubling: Annotated[float, quantity("h", _SHORTEST_DOUBLING, LONGEST_TIME, write=time_text)]
    law: Annotated[str, names(GROWTH_LAWS)] = "exponential"
    capacity: Annotated[float | None, number(0.0, MOST_CELLS, as_given=True)] = None
    start: Annotated[Time, key("at")] = 0.0
    sheds_cells: Flag = False
    verb: Annotated[Literal["grow_primary"], key("do")] = "grow_primary"

    def __post_init__(self) -> None:
        if self.law != "gompertz":
            if self.capacity is not None:
                raise InputError(".capacity", shown(self.capacity), "allowed with law 'gompertz' only")
        elif self.capacity is None:
            raise InputError(".capacity", "missing", "a number of cells is needed by law 'gompertz'")
        elif self.capacity <= self.cells:
            raise InputError(".capacity", f"{self.capacity:g}", f"more than the first {self.cells:g} cells")

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.start,)

    @property
    def event(self) -> str:
        """Identity of this primary, the same in every arm that has it."""
        return f"grow_primary:{self.line}:{float(self.start)!r}"

    def marks(self) -> list[Mark]:
        return [Mark(self.start, self.verb, f"{self.line} primary, {self.cells:g} cells", self.event)]


@table
class ResectPrimary(Table):
    """The primary tumour is taken out `at` h; what it shed before stays."""

    at: Time
    verb: Annotated[Literal["resect_primary"], key("do")] = "resect_primary"

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.at,)

    @property
    def event(self) -> str:
        return f"resect_primary:{float(self.at)!r}"

    def marks(self) -> list[Mark]:
        return [Mark(self.at, self.verb, "primary resected", self.event)]


@table
class InjectTumourCells(Table):
    """`count` tumour cells of one line into the blood upstream of the organ `at` h; the section gets its share.

    With `oversample` it gets so many times its share as tracers, whose clones live as if alone and change nothing: colonies at
    a line's real efficiency are counted, each as one over `oversample`. With `show_colonies` a tracer clone that reaches the
    size of a colony becomes a real one.
    """

    line: Annotated[str, names(tuple(TUMOUR_LINES))]
    count: Annotated[int, number(0.0, _MOST_INJECTED, whole=True)]
    at: Time
    oversample: Annotated[float | None, number(1.0, _MOST_TRACED, as_given=True)] = None
    show_colonies: Flag = False
    verb: Annotated[Literal["inject_tumour_cells"], key("do")] = "inject_tumour_cells"

    @property
    def starts(self) -> tuple[float, ...]:
        return (self.at,)

    @property
    def event(self) -> str:
        """Identity of this injection, the same in every arm that has it, whatever the count."""
        return f"inject_tumour_cells:{self.line}:{float(self.at)!r}"

    def __post_init__(self) -> None:
        if self.show_colonies and self.oversample is None:
            raise InputError(".show_colonies", "without oversample", "allowed of tracers only, such as oversample = 500")

    def marks(self) -> list[Mark]:
        traced = "" if self.oversample is None else f", {self.oversample:g} tracers for each"
        traced += ", colonies shown" * self.show_colonies
        return [Mark(self.at, self.verb, f"{self.count:g} {self.line} cells{traced}", self.event)]


@table
class Block(_Window):
    """A target works at 1 - efficacy from `start` (included) to `end` h (excluded)."""

    target: Annotated[str, names(BLOCK_TARGETS)]
    efficacy: Share
    start: Annotated[Time, key("from")]
    end: Annotated[Time, key("to")]
    verb: Annotated[Literal["block"], key("do")] = "block"

    @property
    def event(self) -> str:
        return f"block:{self.target}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.target} blocked, {100 * self.efficacy:g} %", self.event)
        return [begin, Mark(self.end, "block_end", f"{self.target} free again", self.event)]


@table
class Deplete(_Window):
    """A fraction of a population is taken away: once if `end` equals `start`, else throughout `start` to `end` h.

    `population` may be a kind of bone-marrow-derived cells, a key of `vocabulary.BMDC_KINDS`.
    """

    population: Annotated[str, names(tuple(DEPLETABLE))]
    fraction: Share
    start: Annotated[Time, key("from")]
    end: Annotated[Time, key("to")]
    verb: Annotated[Literal["deplete"], key("do")] = "deplete"
    either = (("at",), ("from", "to"))
    others = ("population", "fraction")
    spelled = {"at": {"type": "string"}}  # noqa: RUF012

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise InputError(".to", show(self.end, "day"), f"not before from, {show(self.start, 'day')}")

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: Told) -> dict[str, Any]:
        found = dict(entry)
        if "at" in found:
            read_time(found["at"], ".at", told)
            found["from"] = found["to"] = found.pop("at")
        else:
            check_window(read_time(found["from"], ".from", told), read_time(found["to"], ".to", told))
        return found

    @property
    def event(self) -> str:
        return f"deplete:{self.population}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.population} depleted, {100 * self.fraction:g} %", self.event)
        if self.end == self.start:
            return [begin]
        return [begin, Mark(self.end, "deplete_end", f"{self.population} return", self.event)]


@table
class Boost(_Window):
    """A cytokine or the entry of a cell type is `factor` times what it would be from `start` (included) to `end` h."""

    target: Annotated[str, names(tuple(BOOSTS))]
    factor: Annotated[float, number(1.0, _MOST_BOOST, as_given=True)]
    start: Annotated[Time, key("from")]
    end: Annotated[Time, key("to")]
    verb: Annotated[Literal["boost"], key("do")] = "boost"

    @property
    def event(self) -> str:
        """Identity of this boost, the same in every arm that has it, whatever the factor."""
        return f"boost:{self.target}:{float(self.start)!r}:{float(self.end)!r}"

    def marks(self) -> list[Mark]:
        begin = Mark(self.start, self.verb, f"{self.target} boosted, {self.factor:g}-fold", self.event)
        return [begin, Mark(self.end, "boost_end", f"{self.target} normal again", self.event)]


@table
class Treat(_Series):
    """A drug into the body at each of `times` h, the same `dose` each time, relative to a usual dose; it wears off."""

    drug: Annotated[str, names(tuple(DRUGS))]
    dose: Annotated[float, number(0.0, _MOST_USUAL, above=True, as_given=True)]
    times: Times
    verb: Annotated[Literal["treat"], key("do")] = "treat"
    others = ("drug", "dose")

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


def _amount(text: object) -> tuple[str, object]:
    """The field that an amount of exosomes is of, and the amount."""
    for name, unit in (("amount_ug", "ug"), ("vesicles", "vesicle")):
        try:
            to_model(text if isinstance(text, str) else "", unit)
        except InputError:
            continue
        try:
            _AMOUNTS[name].read(text, {})
        except InputError as error:
            raise InputError(".amount", error.found, error.allowed) from None
        return name, text
    raise InputError(".amount", shown(text), "an amount such as '5 ug' or '1e10 vesicle'")


Intervention = InjectExosomes | GrowPrimary | ResectPrimary | InjectTumourCells | Block | Deplete | Boost | Treat
VERBS: tuple[str, ...] = tuple(kind.verb for kind in Intervention.__args__)
Entry = Annotated[Intervention, Tagged(f"a table such as {EXAMPLE}")]  # of a protocol in a file
