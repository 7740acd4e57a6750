"""Scenarios: experiments as folders of data, read and checked as a whole before anything runs.

A scenario is `<id>/scenario.toml` with, if there is something published to compare with, `targets.toml` beside it. The
library of scenarios lies inside the installed package or, in a checkout, beside it. Every number leaves here in model
units (um, h, ...). Whatever is wrong raises `InputError` that names file, key, what was found and what is allowed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from niche_sim.engine.errors import InputError, near, one_of, under
from niche_sim.engine.reading import read_bib
from niche_sim.engine.reading import read_text as read_text
from niche_sim.engine.reading import read_toml as read_toml
from niche_sim.engine.schema import read, written
from niche_sim.engine.units import show
from niche_sim.experiment.protocol import MOST_CELLS, Intervention, Protocol
from niche_sim.experiment.scenario_file import Arm, Extent, ParameterChange, ScenarioFile, arms_of
from niche_sim.experiment.spelling import LONGEST_TIME, check_doses
from niche_sim.experiment.targets import Target, Unaskable, UnaskableFile, read_targets

LONGEST_NAME = 120  # bytes, so that the name of a folder made of it and of an arm stays below 255

_NOT_OF_AN_ID = re.compile(r"\W+")
# Wide enough for whatever a section and its clock may be; beyond, numbers only overflow.
_LENGTHS, _TIMES = (1e-2, 1e6), (1e-9, LONGEST_TIME)  # um, h


class Entry(NamedTuple):
    """One line of the catalogue."""

    id: str
    title: str
    organ: str
    arms: tuple[str, ...]


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
        section: tuple[float, float, float] | tuple[float, float, float, float | None] | None = None,
        schedule: str | tuple[str, ...] | None = None,
    ) -> Scenario:
        """The same experiment, shorter or longer, coarser or finer, on another section (width, height, spacing, depth in um).

        schedule: the name of one, or names of processes in order; checked by who owns them.

        Raises:
            InputError: the new numbers do not fit each other.
        """
        return dataclasses.replace(
            self,
            duration=self.duration if duration is None else duration,
            step=self.step if step is None else step,
            record=self.record if record is None else record,
            section=self.section if section is None else _extent(*section),
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
            "section": {name: length for name, length in self.section._asdict().items() if length is not None},
            "run": {"duration": self.duration, "step": self.step, "record": self.record},
            "parameters": {name: change.text for name, change in self.parameters.items()},
            "arms": {name: [_plain(i) for i in arm.protocol.interventions] for name, arm in self.arms.items()},
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
    targets = read_targets(path.with_name("targets.toml"), experiment.arms, experiment.duration, cited, readouts)
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
    found: ScenarioFile = read(ScenarioFile, read_toml(text, str(path)), file, cited=cited)
    section, run = found.section, found.run
    extent = _extent(section.width, section.height, section.spacing, section.depth)
    try:
        _check_sizes(extent, run.duration, run.step, run.record)
    except InputError as error:
        raise InputError(f"{file} {error.where}", error.found, error.allowed) from None
    arms = arms_of(found.arms, run.duration, f"{file} arms")
    _check_arms(arms, run.duration, f"{file} arms")
    return Scenario(
        id=scenario_id,
        path=path,
        title=found.title,
        question=found.question,
        organ=found.organ,
        schedule=found.schedule,
        section=extent,
        duration=run.duration,
        step=run.step,
        record=run.record,
        parameters=found.parameters,
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
        raise InputError(
            "scenario", f"'{named[:40]}...': {error.strerror}", "an id, or the path of a TOML file"
        ) from None
    if path.suffix == ".toml" or "/" in named or "\\" in named:
        raise InputError(named, "not found", "a TOML file, the folder of a scenario.toml, or an id is needed")
    hint = f"did you mean {' or '.join(near(named, known, cutoff=0.0))}? `niche-sim scenarios` lists all"
    raise InputError("scenario", f"'{named}'", f"{hint}; the path of a TOML file is allowed, too")


def cannot_be_asked() -> list[dict[str, str]]:
    """The findings of `scenarios/cannot_be_asked.toml`: published, and beyond what any rule can express. Raises InputError."""
    path = library() / "cannot_be_asked.toml"
    data = read_toml(read_text(path), str(path))
    found: UnaskableFile = read(UnaskableFile, data, f"{path}:", cited=sources())
    return [written(Unaskable, one) for one in found.finding]


def _sources_for(path: Path) -> set[str]:
    """Keys a scenario may cite: the library's, and those of a `sources.bib` of its own."""
    own = path.with_name("sources.bib")
    return set(sources()) | (set(sources(own)) if own.is_file() else set())


def _check_arms(arms: Mapping[str, Arm], duration: float, where: str) -> None:
    """Refuse more than can be done, and a primary that grows beyond any mouse."""
    check_doses(sum(len(one.starts) for arm in arms.values() for one in arm.protocol.interventions), where)
    for arm in arms.values():
        for primary in arm.protocol.primaries:
            end = min([duration, *(resection.at for resection in arm.protocol.resections)])
            doublings = (end - primary.start) / primary.doubling
            if primary.capacity is None and math.log2(primary.cells) + doublings > math.log2(MOST_CELLS):
                grown = (
                    f"{primary.cells:g} cells that double every {show(primary.doubling, 'h')} until {show(end, 'day')}"
                )
                allowed = f"at most {MOST_CELLS:g} cells: a longer doubling, a shorter run, or law = 'gompertz'"
                raise InputError(f"{under(where, arm.name)} (grow_primary)", grown, allowed)


def check_file_name(name: str, where: str) -> None:
    """Raises InputError if a name that becomes part of the path of a file or folder could lead elsewhere, or is too long."""
    bad = [letter for letter in name if letter in ("/", os.sep) or not letter.isprintable()]
    if bad or not name.strip(" .") or name.startswith(".") or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        allowed = f"no / in it, no dot at the start, up to {LONGEST_NAME} bytes"
        raise InputError(where, f"{name[:60]!r} as a name of files", allowed)


def _plain(intervention: Intervention) -> dict[str, Any]:
    """The fields of an intervention, whole numbers as floats, so that 1000000 and 1e6 are one spelling."""
    fields = dataclasses.asdict(intervention)
    del fields["verb"]
    numbers = {name: float(v) for name, v in fields.items() if isinstance(v, int) and not isinstance(v, bool)}
    return {"do": intervention.verb, **fields, **numbers}


def _extent(width: float, height: float, spacing: float, depth: float | None = None) -> Extent:
    """The extent in one spelling: one spacing is the depth of a section."""
    return Extent(width, height, spacing, None if depth == spacing else depth)


def _check_sizes(section: Extent, duration: float, step: float, record: float) -> None:
    for name, length in zip(Extent._fields, section, strict=True):
        if length is not None:
            _check_above_zero(length, "um", f"section.{name}", *_LENGTHS)
    _check_multiple(section.width, section.spacing, "um", "section.width", "spacing", least=2)
    _check_multiple(section.height, section.spacing, "um", "section.height", "spacing", least=2)
    if section.depth is not None:
        _check_multiple(section.depth, section.spacing, "um", "section.depth", "spacing")
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
