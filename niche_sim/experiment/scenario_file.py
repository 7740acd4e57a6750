"""What a scenario.toml says, key by key, and the arms with all that they inherit."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import tomli_w

from niche_sim.engine.errors import InputError, one_of, shown, under
from niche_sim.engine.schema import Many, Table, Text, Told, Value, key, names, table, written
from niche_sim.experiment.protocol import (
    Entries,
    Intervention,
    Protocol,
    check_amount,
    check_in_time,
    entry_text,
    make_protocol,
)
from niche_sim.experiment.spelling import AnyTime, Length
from niche_sim.experiment.targets import cited_source
from niche_sim.model.catalogue import ORGANS, SCHEDULE_NAMES

if TYPE_CHECKING:
    from niche_sim.experiment.scenario import Scenario

FIRST_LINE = "# Written by niche-sim. Every arm stands with all that is done in it.\n\n"
MOST_ARMS = 200
_RECORD = 6.0  # h, how often a run is recorded if its scenario does not say it
# Arm names become parts of file names and keys of tables.
_ARM_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")


class Extent(NamedTuple):
    """Size and resolution of the section, um. depth: None is one site."""

    width: float
    height: float
    spacing: float
    depth: float | None = None


@dataclass(frozen=True)
class Arm:
    """One treatment: its name, what it shows, and what is done to the mouse."""

    name: str
    note: str
    protocol: Protocol


@table
class SectionTable(Table):
    """Size and resolution of the section, or of a block if it is deeper than one spacing."""

    width: Length
    height: Length
    spacing: Length
    depth: Length | None = None


@table
class RunTable(Table):
    """How long a run lasts, its step, and how often it is recorded."""

    duration: AnyTime
    step: AnyTime
    record: AnyTime = _RECORD


def _parameter(value: Any, told: Told) -> str:
    """Text, or a plain number, which is one without a unit."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not math.isfinite(value):
        raise InputError("", shown(value), "a finite number")
    text = repr(float(value)) if number else value
    if not isinstance(text, str) or not text.strip():
        raise InputError("", shown(value), "text in quotes, not empty")
    return text


def _assumed_or_cited(value: Any, told: Told) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError("", shown(value), "text in quotes, not empty")
    return value if value == "assumed" or told is None else cited_source(value, told)


@table
class ParameterChange(Table):
    """A number of the register that differs in a scenario, as text with a unit, and where it comes from.

    source: a key of sources.bib, or "assumed". where: the place in the source, or the reason of the assumption.
    """

    text: Annotated[str, key("value"), Value(_parameter, {"type": ["string", "number"]})]
    source: Annotated[str, Value(_assumed_or_cited, {"type": "string"})]
    where: Text


@table
class ArmTable(Table):
    """One treatment: all that is done, or an arm that it is like and what is done besides."""

    protocol: Entries = ()
    like: Text = ""
    add: Entries = ()
    note: Text = ""

    either = (("like", "add"), ("protocol",))

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        if "protocol" in entry and "like" in entry:
            raise InputError(".like", "beside 'protocol'", "either 'protocol', or 'like' and 'add'")
        return (["like", "add"] if "like" in entry or "add" in entry else ["protocol"]), ["note"]


def _schedule(value: Any, told: Told) -> str | tuple[str, ...]:
    if isinstance(value, str):
        try:
            return one_of(value, SCHEDULE_NAMES, "")
        except InputError as error:
            raise InputError("", error.found, f"{error.allowed}, or a list of names of processes") from None
    names = value if isinstance(value, list) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InputError("", shown(value), "'default' or a list of names of processes")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError("", f"'{name}' is there twice", "each process once")
    return tuple(names)


_NAMED_OR_LISTED = {"anyOf": [{"enum": list(SCHEDULE_NAMES)}, {"type": "array", "items": {"type": "string"}}]}


@table
class ScenarioFile(Table):
    """A published or constructed experiment."""

    title: Text
    question: Text
    organ: Annotated[str, names(ORGANS)]
    schedule: Annotated[str | tuple[str, ...], Value(_schedule, _NAMED_OR_LISTED)]
    section: SectionTable
    run: RunTable
    arms: Annotated[
        dict[str, ArmTable], Many("arms", "a table of arms such as [arms.control], at least one arm", 1, MOST_ARMS)
    ]
    parameters: Annotated[dict[str, ParameterChange], Many("parameters", "a table of keys and values")] = field(
        default_factory=dict
    )

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: dict[str, Any]) -> Mapping[str, Any]:
        changes = entry.get("parameters")
        for name, change in changes.items() if isinstance(changes, Mapping) else ():
            if isinstance(change, Mapping) and change and all(isinstance(inner, Mapping) for inner in change.values()):
                quoted = f'"{name}.{next(iter(change))}"'
                allowed = f"the whole name in quotes, {quoted} = {{ value = ... }}"
                raise InputError(f".parameters.{name}", "a table of tables", allowed)
        return entry


def arms_of(tables: Mapping[str, ArmTable], duration: float, where: str) -> dict[str, Arm]:
    """Every arm with all it inherits; the base's interventions come first.

    Raises
    ------
    InputError
        An arm cannot be called so, is like none or itself, or what is done in it cannot stand together.
    """
    for name, entry in tables.items():
        place = under(where, name)
        check_arm_name(name, place)
        if entry.like:
            one_of(entry.like, [other for other in tables if other != name], f"{place}.like")
        own = "add" if entry.like else "protocol"
        for index, intervention in enumerate(getattr(entry, own)):
            check_in_time(intervention, f"{place}.{own}[{index}]", duration)
    whole: dict[str, tuple[Intervention, ...]] = {}
    for name in tables:
        for ancestor in reversed(_ancestry(name, tables, whole, where)):
            entry = tables[ancestor]
            whole[ancestor] = (*whole[entry.like], *entry.add) if entry.like else entry.protocol
            check_amount(whole[ancestor], under(where, ancestor))
    return {
        name: Arm(name, entry.note, make_protocol(whole[name], under(where, name))) for name, entry in tables.items()
    }


def _ancestry(name: str, tables: Mapping[str, ArmTable], known: Collection[str], where: str) -> list[str]:
    """The arm, the arm it is like, and so on, up to one whose interventions are known; none if its own are."""
    line: dict[str, None] = {}
    step = name
    while step and step not in known:
        if step in line:
            found = f"{' -> '.join([*line, step])} goes in a circle"
            raise InputError(f"{under(where, name)}.like", found, "a way to an arm with 'protocol'")
        line[step] = None
        step = tables[step].like
    return list(line)


def check_arm_name(name: str, where: str) -> None:
    """Raises InputError if an arm cannot be called so."""
    if not _ARM_NAME.fullmatch(name):
        raise InputError(where, f"'{name}' as a name", "small letters, digits and _, a letter first, 80 at most")


def toml_of(experiment: Scenario) -> str:
    """The whole scenario.toml of an experiment; read back, it has the same `canonical()`, and so the same hash.

    Targets, thresholds and sources are files of their own. Comments of the file it was read from are not kept.

    Raises
    ------
    InputError
        It was made shorter than what is done in its arms, which no file may say.
    """
    for arm in experiment.arms.values():
        for intervention in arm.protocol.interventions:
            check_in_time(intervention, f"arms.{arm.name} ({intervention.verb})", experiment.duration)
    head = written(
        ScenarioFile,
        ScenarioFile(
            title=experiment.title,
            question=experiment.question,
            organ=experiment.organ,
            schedule=experiment.schedule,
            section=SectionTable(*experiment.section),
            run=RunTable(experiment.duration, experiment.step, experiment.record),
            arms={name: ArmTable() for name in experiment.arms},
            parameters=dict(experiment.parameters),
        ),
    )
    del head["arms"]
    if not head["parameters"]:
        del head["parameters"]
    return FIRST_LINE + "\n".join([tomli_w.dumps(head), *map(_arm, experiment.arms.values())])


def _arm(arm: Arm) -> str:
    note = {"note": arm.note} if arm.note else {}
    lines = "".join(f"    {entry_text(intervention)},\n" for intervention in arm.protocol.interventions)
    return f"{tomli_w.dumps({'arms': {arm.name: note}})}protocol = [{chr(10) + lines if lines else ''}]\n"


def toml_text(content: Mapping[str, Any], first_lines: str = "") -> str:
    """Plain data as the text of a TOML file, below some lines of comment."""
    return first_lines + tomli_w.dumps(content)
