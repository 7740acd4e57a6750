"""What a scenario consists of, as text: arms, the step's processes, stages, readouts, what can be done to the mouse."""

from __future__ import annotations

import inspect
import itertools
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from niche_sim.engine.errors import one_of
from niche_sim.engine.units import show
from niche_sim.experiment import protocol
from niche_sim.experiment.protocol import Mark
from niche_sim.experiment.scenario import Scenario
from niche_sim.model import schedule
from niche_sim.model.catalogue import (
    BLOCKS_BY_GROUP,
    BMDC_KINDS,
    BOOSTS,
    DEPLETABLE,
    DRUGS,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    ORGANS,
    TUMOUR_LINES,
)
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.parameters import Parameters
from niche_sim.model.stages import STAGES, WINDOW, load_thresholds
from niche_sim.runs.expectation.readouts import KNOWN

PARTS = ("arms", "parameters", "rules", "stages", "readouts", "verbs", "blocks", "names")


@dataclass(frozen=True)
class Part:
    """A table: a title, names of columns, rows of as many texts. An empty first text continues the row above."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def describe(scenario: Scenario, part: str | None = None, search: str = "") -> list[Part]:
    """All of a scenario, part by part, in the order in which a newcomer reads; or only what is asked for.

    Parameters
    ----------
    scenario
        What is described.
    part
        One of PARTS; all if None.
    search
        Only rows that hold this text, in any case, or stand in a group of that name; all if "".

    Raises
    ------
    InputError
        If the part is none of PARTS, or the scenario's schedule names an unknown process.
    """
    asked = PARTS if part is None else (one_of(part, PARTS, "--part"),)
    makers: dict[str, Callable[[], Part]] = {
        "arms": lambda: arms(scenario), "parameters": lambda: changes(scenario), "rules": lambda: steps(scenario),
        "stages": lambda: stages(scenario), "readouts": readouts, "verbs": verbs, "blocks": blocks, "names": names,
    }  # fmt: skip
    return [made for name in asked if (made := _found(makers[name](), search.lower())).rows]


def _found(part: Part, text: str) -> Part:
    """The part with those rows only that hold the text or stand in its group; a group's name stands in its first row."""
    rows: list[tuple[str, ...]] = []
    group = shown = ""
    for first, *rest in part.rows:
        group = first or group
        if text in " ".join((group, *rest)).lower():
            rows.append((group if group != shown or first else "", *rest))
            shown = group
    return replace(part, rows=tuple(rows))


def arms(scenario: Scenario) -> Part:
    """Each arm: its note and what is done when."""
    rows = []
    for arm in scenario.arms.values():
        done = [line for line in (arm.note, *occasions(arm.protocol.marks())) if line]
        rows.append((arm.name, "\n".join(done)))
    return Part("Arms", ("arm", "what is done"), tuple(rows))


def occasions(marks: list[Mark]) -> list[str]:
    """Marks as lines, those of one label as one: "day 0 to 20, 11 times: pdac exosomes, 5 ug"."""
    lines = []
    for label in dict.fromkeys(mark.label for mark in marks):
        days = [f"{mark.time / 24:g}" for mark in marks if mark.label == label]
        when = f"day {days[0]}" if len(days) == 1 else f"day {days[0]} to {days[-1]}, {len(days)} times"
        lines.append(f"{when}: {label}")
    return lines


def changes(scenario: Scenario) -> Part:
    """Where the scenario departs from the register."""
    rows = [(name, change.text, f"{change.source}: {change.where}") for name, change in scenario.parameters.items()]
    return Part("Parameters that differ from the register", ("parameter", "value", "source"), tuple(rows))


def steps(scenario: Scenario) -> Part:
    """The processes of a step in order, each with its sentence and its wiring.

    Raises InputError if the scenario's schedule names an unknown process.
    """
    rows = []
    processes = schedule.schedule(scenario.schedule, f"{scenario.path}: schedule")
    for chapter, group in itertools.groupby(processes, lambda process: schedule.CHAPTER_OF[type(process)]):
        for index, process in enumerate(group):
            wiring = f"reads {', '.join(process.reads)}\nwrites {', '.join(process.writes)}"
            period = max(1, round(process.period / scenario.step)) * scenario.step
            seldom = f"every {period:g} h\n" if period > scenario.step else ""
            rows.append((chapter if index == 0 else "", process.name, f"{process.sentence()}\n{seldom}{wiring}"))
    title = f"Every {scenario.step:g} h, in this order"
    return Part(title, ("", "process", "what it does"), tuple(rows))


def stages(scenario: Scenario) -> Part:
    """Each stage with the readout that marks it and, if known, the threshold for which that must stay for a day."""
    thresholds = load_thresholds(scenario.path.parent)
    rows = []
    for stage in STAGES:
        known = stage.name in thresholds
        above = show(thresholds[stage.name], "") + f" {stage.unit}" if known else "unknown"
        rows.append((stage.name, stage.marker, above, stage.meaning))
    title = f"Stages: reached when the marker stays above for {WINDOW:g} h"
    return Part(title, ("stage", "marker", "above", "meaning"), tuple(rows))


def readouts() -> Part:
    """Everything that is measured."""
    rows = [
        (r.name, "" if r.unit == "1" else r.unit, "since start" if r.cumulative else "now", r.meaning) for r in KNOWN.values()
    ]
    return Part("Readouts", ("readout", "unit", "counts", "meaning"), tuple(rows))


def verbs() -> Part:
    """What a protocol can do."""
    rows = [(kind.verb, _sentence(kind)) for kind in typing.get_args(protocol.Intervention)]
    return Part("What can be done", ("verb", "meaning"), tuple(rows))


def blocks() -> Part:
    """Every target of block with the link that it cuts."""
    return Part("What block can cut", ("", "target", "link"), _grouped(BLOCKS_BY_GROUP))


def names() -> Part:
    """The other names that interventions and scenarios take, each with its meaning."""
    classes = {kind.population: _sentence(kind) for kind in POPULATIONS}
    kinds = {name: f"the bmdc of kind {kind}" for name, kind in BMDC_KINDS.items()}
    groups = {
        "deplete": {name: (classes | kinds)[name] for name in DEPLETABLE},
        "boost": BOOSTS,
        "treat": DRUGS,
        "source": {name: _of_register(name) for name in EXOSOME_SOURCES},
        "line": {name: f"{_of_register(name).partition(';')[0]}; {_primary(name)}" for name in TUMOUR_LINES},
        "organ": {name: _of_register(name) for name in ORGANS},
    }
    return Part("Names they take", ("for", "name", "meaning"), _grouped(groups))


def _grouped(groups: Mapping[str, Mapping[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Rows (group, name, meaning), the group in the first of its rows only."""
    return tuple(
        (group if number == 0 else "", name, meaning)
        for group, members in groups.items()
        for number, (name, meaning) in enumerate(members.items())
    )


def _of_register(name: str) -> str:
    """What the register calls a source, a line or an organ."""
    return _sentence(type(getattr(Parameters(), name)))


def _primary(line: str) -> str:
    source = EXOSOMES_OF_LINE.get(line)
    return f"a primary sheds {source} exosomes" if source else "grows no primary"


def _sentence(kind: type) -> str:
    """The first sentence of a class's docstring."""
    first = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
    return first.partition(". ")[0].rstrip(".")
