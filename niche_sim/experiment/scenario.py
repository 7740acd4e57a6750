"""Scenarios: experiments as folders of data, read and checked as a whole before anything runs.

A scenario is `<id>/scenario.toml` with, if there is something published to compare with, `targets.toml` beside it. The
library of scenarios lies inside the installed package or, in a checkout, beside it. Every number leaves here in model
units (um, h, ...). Whatever is wrong raises `InputError` that names file, key, what was found and what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from niche_sim.engine.errors import InputError
from niche_sim.engine.reading import read_bib
from niche_sim.engine.reading import read_text as read_text
from niche_sim.engine.reading import read_toml as read_toml
from niche_sim.engine.units import show, to_model
from niche_sim.experiment.protocol import (
    LONGEST_TIME,
    MOST_CELLS,
    Intervention,
    Protocol,
    check_amount,
    check_keys,
    make_protocol,
    one_of,
    read_interventions,
    under,
)
from niche_sim.model.catalogue import ORGANS
from niche_sim.model.schedule import SCHEDULES
from niche_sim.model.stages import STAGES

DEFAULT_RECORD = "6 h"
EXPECTATIONS = ("less", "more", "same")
USES = ("fit", "validate")
# What is known of a published effect: its size, roughly its size, only its direction.
GRADES = {"Q": "size known", "S": "size known roughly", "D": "direction known"}
ONSET = "onset_"  # onset_<stage> is a readout of targets besides those of readouts.py: h, never counts as infinite

LONGEST_NAME = 120  # bytes, so that the name of a folder made of it and of an arm stays below 255

# Arm names become parts of file names and keys of tables.
_ARM_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_NOT_OF_AN_ID = re.compile(r"\W+")
# Wide enough for whatever a section and its clock may be; beyond, numbers only overflow.
_LENGTHS, _TIMES = (1e-2, 1e6), (1e-9, LONGEST_TIME)  # um, h
MOST_ARMS = 200


class Extent(NamedTuple):
    """Size and resolution of the section, um."""

    width: float
    height: float
    spacing: float


class ParameterChange(NamedTuple):
    """A number of the register that differs in a scenario, as text with a unit, and where it comes from."""

    text: str
    source: str  # a key of sources.bib, or "assumed"
    where: str  # place in the source, or the reason of the assumption


class Entry(NamedTuple):
    """One line of the catalogue."""

    id: str
    title: str
    organ: str
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """One treatment: its name, what it shows, and what is done to the mouse."""

    name: str
    note: str
    protocol: Protocol


@dataclass(frozen=True)
class Target:
    """Something published that the model is compared with.

    Either a direction (`expect` is "less", "more" or "same", of `readout` in `arm` against that of `against`), or a
    `value`: of the readout itself, or of its ratio to that of `against` if that is given. A value comes with `spread`,
    plus or minus in its own units, or with `within`, a factor (3: from a third to three times).

    grade: "Q", "S" or "D", a key of GRADES. at: h. window: h before `at` over which the readout is averaged; None takes
    it at `at`. above: the fraction of mice whose readout lies above it is compared instead. against_readout: another
    readout to compare with, of `against` or else of the same arm. headline: the one of a scenario that a summary shows.
    Of onset_<stage> (h, of a run until `at`) less means before. use: "fit" or "validate".
    """

    id: str
    readout: str
    arm: str
    against: str | None
    at: float
    expect: str | None
    value: float | None
    spread: float | None
    within: float | None
    use: str
    source: str
    where: str
    grade: str
    against_readout: str | None = None
    above: float | None = None
    window: float | None = None
    headline: bool = False

    @property
    def is_onset(self) -> bool:
        """Whether the readout is the onset of a stage."""
        return self.readout.startswith(ONSET)

    @property
    def tolerance(self) -> tuple[float, float]:
        """Lowest and highest value that meets the target; nan without a value."""
        if self.value is None:
            return math.nan, math.nan
        if self.spread is not None:
            return self.value - self.spread, self.value + self.spread
        ends = (self.value / (self.within or 1.0), self.value * (self.within or 1.0))
        return min(ends), max(ends)


@dataclass(frozen=True)
class Scenario:
    """One published or constructed experiment, checked and in model units.

    schedule: the name of one, such as "default", or names of processes in order. duration, step, record: h. parameters:
    what differs from the register. text: the file as it was read. on_disk: whether it was read from `path`, so that
    thresholds may stand beside it. The names of processes and parameters are checked by who owns them.
    Raises InputError if duration, step and record, or the sides and spacing of the section, do not fit each other.
    """

    id: str
    path: Path
    title: str
    question: str
    organ: str
    schedule: str | tuple[str, ...]
    section: Extent
    duration: float
    step: float
    record: float
    parameters: Mapping[str, ParameterChange]
    arms: Mapping[str, Arm]
    targets: tuple[Target, ...]
    text: str
    on_disk: bool = True

    def __post_init__(self) -> None:
        check_file_name(self.id, "scenario id")
        _check_sizes(self.section, self.duration, self.step, self.record)
        _check_arms(self.arms, self.duration, "arms")

    @property
    def default_arm(self) -> str:
        """The arm that runs if none is named: "educated", or else the first."""
        return "educated" if "educated" in self.arms else next(iter(self.arms))

    def arm(self, name: str, where: str = "arm") -> Arm:
        """The arm of that name.

        Raises:
            InputError: there is none; `where` is the option or key that asked for it.
        """
        return self.arms[one_of(name, self.arms, where)]

    def with_(
        self,
        *,
        duration: float | None = None,
        step: float | None = None,
        record: float | None = None,
        section: tuple[float, float, float] | None = None,
        schedule: str | tuple[str, ...] | None = None,
    ) -> Scenario:
        """The same experiment, shorter or longer, coarser or finer, on another section (width, height, spacing in um).

        schedule: the name of one, or names of processes in order; checked by who owns them.

        Raises:
            InputError: the new numbers do not fit each other.
        """
        return dataclasses.replace(
            self,
            duration=self.duration if duration is None else duration,
            step=self.step if step is None else step,
            record=self.record if record is None else record,
            section=self.section if section is None else Extent(*section),
            schedule=self.schedule if schedule is None else schedule,
        )

    def only(self, arm: str, protocol: Protocol | None = None) -> Scenario:
        """The same experiment with one arm alone and nothing to compare with; with another protocol if one is given.

        Raises:
            InputError: there is no such arm.
        """
        kept = self.arm(arm)
        kept = kept if protocol is None else dataclasses.replace(kept, protocol=protocol)
        return dataclasses.replace(self, arms={arm: kept}, targets=())

    def canonical(self) -> str:
        """What decides what is simulated, as JSON in one spelling: without comments, notes, sources and targets."""
        content = {
            "organ": self.organ,
            "schedule": self.schedule,
            "section": self.section._asdict(),
            "run": {"duration": self.duration, "step": self.step, "record": self.record},
            "parameters": {name: change.text for name, change in self.parameters.items()},
            "arms": {
                name: [{"do": i.verb, **_floats(dataclasses.asdict(i))} for i in arm.protocol.interventions]
                for name, arm in self.arms.items()
            },
        }
        return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @property
    def sha256(self) -> str:
        """Hash of the canonical content, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def library() -> Path:
    """The folder of the scenarios that come with the package: inside it when installed, beside it in a checkout.

    Raises:
        InputError: there is none.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "scenarios", package.parent / "scenarios"):
        if (folder / "sources.bib").is_file():
            return folder
    raise InputError("scenarios", f"none in {package} or beside it", "an installation or checkout with its scenarios")


def catalogue() -> list[Entry]:
    """The scenarios that come with the package, in order of their ids.

    Raises:
        InputError: one of them is not valid.
    """
    scenarios = [load(name) for name in ids()]
    return [Entry(s.id, s.title, s.organ, tuple(s.arms)) for s in scenarios]


def load(scenario: str | Path, readouts: Collection[str] | None = None) -> Scenario:
    """Read and check a scenario and its targets.

    Args:
        scenario: an id of the catalogue, or a path to a TOML file or to the folder of a scenario.toml. Only a file called
            scenario.toml has the targets of the targets.toml beside it, and the id of its folder; another has its own name.
        readouts: names a target may use; None leaves them unchecked.

    Raises:
        InputError: nothing there, or something in scenario.toml, targets.toml or sources.bib is not as it must be.
    """
    path = _find(scenario)
    text, cited = read_text(path), _sources_for(path)
    whole = path.resolve()
    own_folder = path.name == "scenario.toml"
    experiment = _read(text, path, whole.parent.name if own_folder else whole.stem, cited)
    if not own_folder:  # targets.toml beside it may be those of another
        return experiment
    targets = _targets(path.with_name("targets.toml"), experiment.arms, experiment.duration, cited, readouts)
    return dataclasses.replace(experiment, targets=targets)


def parse(text: str, name: str, scenario_id: str | None = None, *, check_sources: bool = True) -> Scenario:
    """Read and check a scenario that came as text, such as an uploaded file, as `load` does one on the disk.

    Nothing stands beside it: it has no targets and no thresholds of stages, and cites sources of the library only.

    Args:
        name: of the file; messages and `path` show it, and nothing is looked up there.
        scenario_id: its id; by default made of the name, or of its folder if it is called scenario.toml.
        check_sources: False takes citations as they are, in what was checked before and kept with a run.

    Raises:
        InputError: something in it is not as it must be.
    """
    path = Path(name)
    stem = path.parent.name if path.name == "scenario.toml" and path.parent.name else path.stem
    own_id = _NOT_OF_AN_ID.sub("_", stem).strip("_") or "scenario" if scenario_id is None else scenario_id
    experiment = _read(text, path, own_id, set(sources()) if check_sources else None)
    return dataclasses.replace(experiment, on_disk=False)


def ids() -> list[str]:
    """The ids of the scenarios that come with the package, in order."""
    return sorted(file.parent.name for file in library().glob("*/scenario.toml"))


def _read(text: str, path: Path, scenario_id: str, cited: Collection[str] | None) -> Scenario:
    """The scenario of a text, without targets. cited: the sources it may name; None takes any."""
    file = f"{path}:"
    data = read_toml(text, str(path))
    required = ("title", "question", "organ", "schedule", "section", "run", "arms")
    check_keys(data, file, required=required, optional=("parameters",))
    section, run = _table(data, "section", file), _table(data, "run", file)
    check_keys(section, f"{file} section", required=Extent._fields)
    check_keys(run, f"{file} run", required=("duration", "step"), optional=("record",))
    times = {"record": DEFAULT_RECORD, **run}
    hours = {name: to_model(text, "h", f"{file} run.{name}") for name, text in times.items()}
    extent = Extent(*(to_model(section[name], "um", f"{file} section.{name}") for name in Extent._fields))
    try:
        _check_sizes(extent, **hours)
    except InputError as error:
        raise InputError(f"{file} {error.where}", error.found, error.allowed) from None
    parameters = _parameters(data.get("parameters", {}), f"{file} parameters", cited)
    arms = _arms(_table(data, "arms", file), f"{file} arms", hours["duration"])
    _check_arms(arms, hours["duration"], f"{file} arms")
    return Scenario(
        id=scenario_id,
        path=path,
        title=_text(data, "title", file),
        question=_text(data, "question", file),
        organ=one_of(data["organ"], ORGANS, f"{file} organ"),
        schedule=_schedule(data["schedule"], f"{file} schedule"),
        section=extent,
        duration=hours["duration"],
        step=hours["step"],
        record=hours["record"],
        parameters=parameters,
        arms=arms,
        targets=(),
        text=text,
    )


def sources(path: Path | None = None) -> dict[str, str]:
    """Key -> "Author Year, Journal" of every entry of a BibTeX file; see `bibliography`."""
    return {key: _citation(fields, key) for key, fields in bibliography(path).items()}


def bibliography(path: Path | None = None) -> dict[str, dict[str, str]]:
    """Key -> fields of every entry of a BibTeX file, as they stand; without a path, of the library's `sources.bib`.

    Raises InputError as `read_bib`.
    """
    path = library() / "sources.bib" if path is None else path
    return read_bib(path)


def _citation(fields: dict[str, str], key: str) -> str:
    author = fields.get("author", "").partition(" and ")[0].partition(",")[0] or fields.get("key", key)
    name = f"{author} {fields.get('year', '')}".strip()
    return ", ".join(part for part in (name, fields.get("journal", fields.get("booktitle", ""))) if part)


def _find(scenario: str | Path) -> Path:
    """The scenario.toml that is meant; an id goes before a folder of the same name."""
    known = ids()
    if isinstance(scenario, str) and scenario in known:
        return library() / scenario / "scenario.toml"
    path, named = Path(scenario), str(scenario)
    try:
        if path.is_dir():
            path = path / "scenario.toml"
        if path.is_file():
            return path
    except OSError as error:  # such as a name that is too long
        raise InputError("scenario", f"'{named[:40]}...': {error.strerror}", "an id, or the path of a TOML file") from None
    if path.suffix == ".toml" or "/" in named or "\\" in named:
        raise InputError(named, "not found", "a TOML file, the folder of a scenario.toml, or an id is needed")
    near = difflib.get_close_matches(named, known, n=3, cutoff=0.0)
    hint = f"did you mean {', '.join(near[:-1])} or {near[-1]}? `niche-sim scenarios` lists all"
    raise InputError("scenario", f"'{named}'", f"{hint}; the path of a TOML file is allowed, too")


def _sources_for(path: Path) -> set[str]:
    """Keys a scenario may cite: the library's, and those of a `sources.bib` of its own."""
    own = path.with_name("sources.bib")
    return set(sources()) | (set(sources(own)) if own.is_file() else set())


def _table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    return _as_table(data[key], under(where, key))


def _as_table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(where, f"{value!r} is not a table", "a table of keys and values")
    return value


def _as_list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(where, f"{value!r} is not a list", "a list in brackets")
    return value


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data[key]
    if not isinstance(value, str) or not value.strip():
        raise InputError(under(where, key), f"{value!r}", "text in quotes, not empty")
    return value


def _schedule(value: object, where: str) -> str | tuple[str, ...]:
    if isinstance(value, str):
        try:
            return one_of(value, SCHEDULES, where)
        except InputError as error:
            raise InputError(where, error.found, f"{error.allowed}, or a list of names of processes") from None
    names = value if isinstance(value, list) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(where, f"{value!r}", "'default' or a list of names of processes")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(where, f"'{name}' is there twice", "each process once")
        seen.add(name)
    return tuple(names)


def _parameters(value: object, where: str, cited: Collection[str] | None) -> dict[str, ParameterChange]:
    changes = {}
    for name, entry in _as_table(value, where).items():
        place = under(where, name)
        entry = _as_table(entry, place)
        if "value" not in entry and entry and all(isinstance(inner, Mapping) for inner in entry.values()):
            quoted = f'"{name}.{next(iter(entry))}"'
            raise InputError(place, "a table of tables", f"the whole name in quotes, {quoted} = {{ value = ... }}")
        check_keys(entry, place, required=("value", "source", "where"))
        source = _text(entry, "source", place)
        if source != "assumed" and cited is not None:
            _check_cited(source, cited, place)
        plain = _number(entry, "value", place, -math.inf) if isinstance(entry["value"], (int, float)) else None
        text = _text(entry, "value", place) if plain is None else repr(plain)
        changes[name] = ParameterChange(text, source, _text(entry, "where", place))
    return changes


def _check_cited(source: object, cited: Collection[str], where: str) -> str:
    try:
        return one_of(source, sorted(cited), f"{where}.source")
    except InputError as error:
        hint = error.allowed.partition("allowed are")[0]
        raise InputError(error.where, error.found, f"{hint}a key of sources.bib is needed") from None


def _arms(tables: Mapping[str, Any], where: str, duration: float) -> dict[str, Arm]:
    """Every arm with all it inherits; the base's interventions come first."""
    if not tables:
        raise InputError(where, "no arm", "at least one arm")
    if len(tables) > MOST_ARMS:
        raise InputError(where, f"{len(tables):,} arms", f"at most {MOST_ARMS}")
    notes, bases, own, doses = {}, {}, {}, 0
    for name in tables:
        place = under(where, name)
        check_arm_name(name, place)
        table = _as_table(tables[name], place)
        if "protocol" in table and "like" in table:
            raise InputError(f"{place}.like", "beside 'protocol'", "either 'protocol', or 'like' and 'add'")
        inherits = "like" in table or "add" in table
        check_keys(table, place, required=("like", "add") if inherits else ("protocol",), optional=("note",))
        notes[name] = _text(table, "note", place) if "note" in table else ""
        if inherits:
            bases[name] = one_of(table["like"], tables, f"{place}.like")
        own[name] = _interventions(table, "add" if inherits else "protocol", place, duration)
        doses += _doses(own[name])
        check_amount(0, doses, where)
    whole: dict[str, list[Intervention]] = {}
    for name in tables:
        for ancestor in reversed(_ancestry(name, bases, whole, where)):
            whole[ancestor] = [*whole.get(bases.get(ancestor, ""), ()), *own[ancestor]]
            check_amount(len(whole[ancestor]), _doses(whole[ancestor]), under(where, ancestor))
    return {name: Arm(name, notes[name], make_protocol(whole[name], under(where, name))) for name in tables}


def _doses(interventions: Iterable[Intervention]) -> int:
    return sum(len(one.starts) for one in interventions)


def _check_arms(arms: Mapping[str, Arm], duration: float, where: str) -> None:
    """Refuse more than can be done, and a primary that grows beyond any mouse."""
    check_amount(0, sum(_doses(arm.protocol.interventions) for arm in arms.values()), where)
    for arm in arms.values():
        for primary in arm.protocol.primaries:
            end = min([duration, *(resection.at for resection in arm.protocol.resections)])
            doublings = (end - primary.start) / primary.doubling
            if primary.capacity is None and math.log2(primary.cells) + doublings > math.log2(MOST_CELLS):
                grown = f"{primary.cells:g} cells that double every {show(primary.doubling, 'h')} until {show(end, 'day')}"
                allowed = f"at most {MOST_CELLS:g} cells: a longer doubling, a shorter run, or law = 'gompertz'"
                raise InputError(f"{under(where, arm.name)} (grow_primary)", grown, allowed)


def _ancestry(name: str, bases: Mapping[str, str], known: Collection[str], where: str) -> list[str]:
    """The arm, the arm it is like, and so on, up to one whose interventions are known; none if its own are."""
    line: dict[str, None] = {}
    step: str | None = name
    while step is not None and step not in known:
        if step in line:
            found = f"{' -> '.join([*line, step])} goes in a circle"
            raise InputError(f"{under(where, name)}.like", found, "a way to an arm with 'protocol'")
        line[step] = None
        step = bases.get(step)
    return list(line)


def _interventions(table: Mapping[str, Any], key: str, where: str, duration: float) -> list[Intervention]:
    place = under(where, key)
    interventions = list(read_interventions(_as_list(table[key], place), place))
    for index, intervention in enumerate(interventions):
        check_in_time(intervention, f"{place}[{index}]", duration)
    return interventions


def check_file_name(name: str, where: str) -> None:
    """Raises InputError if a name that becomes part of the path of a file or folder could lead elsewhere, or is too long."""
    bad = [letter for letter in name if letter in ("/", os.sep) or not letter.isprintable()]
    if bad or not name.strip(" .") or name.startswith(".") or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        allowed = f"no / in it, no dot at the start, up to {LONGEST_NAME} bytes"
        raise InputError(where, f"{name[:60]!r} as a name of files", allowed)


def check_arm_name(name: str, where: str) -> None:
    """Raises InputError if an arm cannot be called so."""
    if not _ARM_NAME.fullmatch(name):
        raise InputError(where, f"'{name}' as a name", "small letters, digits and _, a letter first, 80 at most")


def check_in_time(intervention: Intervention, where: str, duration: float) -> None:
    """Raises InputError if something of it is done only when the run, of `duration` h, is over."""
    if (last := max(intervention.starts)) >= duration:
        allowed = f"before the run ends, {show(duration, 'day')}"
        raise InputError(where, f"something at {show(last, 'day')}", allowed)


def _targets(
    path: Path, arms: Mapping[str, Arm], duration: float, cited: Collection[str], readouts: Collection[str] | None
) -> tuple[Target, ...]:
    if not path.is_file():
        return ()
    file = f"{path}:"
    data = read_toml(read_text(path), str(path))
    check_keys(data, file, required=("target",))
    targets: list[Target] = []
    for index, entry in enumerate(_as_list(data["target"], f"{file} target")):
        place = f"{file} target[{index}]"
        target = _target(_as_table(entry, place), place, arms, duration, cited, readouts)
        if any(target.id == other.id for other in targets):
            raise InputError(f"{place}.id", f"'{target.id}' is there twice", "each id once")
        if target.headline and any(other.headline for other in targets):
            raise InputError(f"{place}.headline", "true of a second target", "one target a scenario")
        targets.append(target)
    return tuple(targets)


def _target(
    entry: Mapping[str, Any],
    where: str,
    arms: Mapping[str, Arm],
    duration: float,
    cited: Collection[str],
    readouts: Collection[str] | None,
) -> Target:
    onset = str(entry.get("readout", "")).startswith(ONSET)
    common = ("id", "class", "readout", "arm", *(() if onset else ("at",)), "use", "source", "where")
    more = ("at", "against", "against_readout", "above", "whole_window", "headline")
    if "value" in entry:
        check_keys(entry, where, required=(*common, "value"), optional=(*more, "spread", "within"))
        if ("spread" in entry) == ("within" in entry):
            found = "'spread' and 'within'" if "spread" in entry else "no 'spread' or 'within'"
            raise InputError(where, found, "one of them")
    elif "against_readout" in entry:
        check_keys(entry, where, required=(*common, "expect"), optional=more)
    else:
        check_keys(entry, where, required=(*common, "against", "expect"), optional=more)
    arm = one_of(entry["arm"], arms, f"{where}.arm")
    against = one_of(entry["against"], arms, f"{where}.against") if "against" in entry else None
    if against == arm:
        raise InputError(f"{where}.against", f"'{against}', the arm itself", "another arm")
    at = to_model(entry["at"], "h", f"{where}.at") if "at" in entry else duration
    if not 0.0 <= at <= duration:
        raise InputError(f"{where}.at", f"{show(at, 'day')}", f"within the run, 0 to {show(duration, 'day')}")
    target = Target(
        id=_text(entry, "id", where),
        readout=_readout(entry, "readout", where, readouts),
        arm=arm,
        against=against,
        at=at,
        expect=one_of(entry["expect"], EXPECTATIONS, f"{where}.expect") if "expect" in entry else None,
        value=_number(entry, "value", where, -math.inf),
        spread=_number(entry, "spread", where, 0.0),
        within=_number(entry, "within", where, 1.0),
        use=one_of(entry["use"], USES, f"{where}.use"),
        source=_check_cited(entry["source"], cited, where),
        where=_text(entry, "where", where),
        grade=one_of(entry["class"], GRADES, f"{where}.class"),
        against_readout=_readout(entry, "against_readout", where, readouts) if "against_readout" in entry else None,
        above=_number(entry, "above", where, -math.inf),
        window=_window(entry, where, at),
        headline=_flag(entry, "headline", where),
    )
    _check_comparison(target, where)
    return target


def _readout(entry: Mapping[str, Any], key: str, where: str, readouts: Collection[str] | None) -> str:
    name = _text(entry, key, where)
    onsets = [f"{ONSET}{stage.name}" for stage in STAGES]
    if name.startswith(ONSET):
        return one_of(name, onsets, f"{where}.{key}")
    return name if readouts is None else one_of(name, [*sorted(readouts), *onsets], f"{where}.{key}")


def _window(entry: Mapping[str, Any], where: str, at: float) -> float | None:
    if "whole_window" not in entry:
        return None
    window = to_model(entry["whole_window"], "h", f"{where}.whole_window")
    if not 0.0 < window <= at:
        raise InputError(f"{where}.whole_window", show(window, "day"), f"above 0, and up to 'at', {show(at, 'day')}")
    return window


def _check_comparison(target: Target, where: str) -> None:
    """Refuse what cannot be compared."""
    if target.against_readout is not None:
        if target.against is None and target.against_readout == target.readout:
            found = f"'{target.against_readout}', the readout itself"
            raise InputError(f"{where}.against_readout", found, "another readout, or another arm in 'against'")
        if target.against_readout.startswith(ONSET) != target.is_onset:
            found = f"'{target.against_readout}' against '{target.readout}'"
            raise InputError(f"{where}.against_readout", found, f"two readouts, or two {ONSET}<stage>")
        if target.above is not None:
            raise InputError(f"{where}.above", "beside 'against_readout'", "one of them")
    if target.is_onset and target.window is not None:
        raise InputError(f"{where}.whole_window", "of an onset", "none: an onset is one time")
    if target.is_onset and target.above is None:
        if target.expect == "same":
            raise InputError(f"{where}.expect", "'same' of an onset", "less (before) or more (after)")
        if target.value is not None and (target.against or target.against_readout):
            found = "an onset with 'value' and another to compare with"
            raise InputError(where, found, "a value in h alone, or 'expect', less (before) or more (after)")
    if target.value is not None and target.above is not None and target.against is None and not 0 <= target.value <= 1:
        raise InputError(f"{where}.value", f"{target.value:g}", "with 'above' a fraction of mice, 0 to 1")
    if target.value == 0.0 and target.within is not None:
        raise InputError(f"{where}.within", "of the value 0", "'spread' with that value")


def _flag(entry: Mapping[str, Any], key: str, where: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{where}.{key}", f"{value!r}", "true or false")
    return value


def _number(entry: Mapping[str, Any], key: str, where: str, least: float) -> float | None:
    """A finite number above `least`; None if the key is not there."""
    if key not in entry:
        return None
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= least:
        above = f" above {least:g}" if math.isfinite(least) else ""
        raise InputError(f"{where}.{key}", f"{value!r}", f"a finite number{above}")
    return float(value)


def _floats(fields: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers as floats, so that 1000000 and 1e6 are one spelling."""
    return {key: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for key, v in fields.items()}


def _check_sizes(section: Extent, duration: float, step: float, record: float) -> None:
    for name, length in zip(Extent._fields, section, strict=True):
        _check_above_zero(length, "um", f"section.{name}", *_LENGTHS)
    _check_multiple(section.width, section.spacing, "um", "section.width", "spacing", least=2)
    _check_multiple(section.height, section.spacing, "um", "section.height", "spacing", least=2)
    for name, time in (("duration", duration), ("step", step), ("record", record)):
        _check_above_zero(time, "h", f"run.{name}", *_TIMES)
    _check_multiple(duration, step, "h", "run.duration", "step")
    _check_multiple(record, step, "h", "run.record", "step")


def _check_above_zero(value: float, unit: str, where: str, least: float, most: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(where, f"{value:g} {unit}", f"more than 0 {unit}")
    if not least <= value <= most:
        raise InputError(where, f"{value:g} {unit}", f"from {least:g} to {most:g} {unit}")


def _check_multiple(value: float, part: float, unit: str, where: str, name: str, least: int = 1) -> None:
    times = round(value / part)
    # Text with units is converted exactly; what is left is the rounding of one division.
    if times < least or not math.isclose(times * part, value, rel_tol=1e-9):
        raise InputError(where, f"{value:g} {unit}", f"a multiple ({least} or more) of the {name}, {part:g} {unit}")
