"""The model in the ODD protocol (Grimm et al. 2020) as Markdown, made from the code; the plain sentences stand in its template."""

from __future__ import annotations

import dataclasses
import dis
import errno
import inspect
import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import niche_sim
from niche_sim.description import describe, evidence
from niche_sim.engine import chance, laws
from niche_sim.engine.columns import column
from niche_sim.engine.templates import code, plain, render, table
from niche_sim.engine.units import show
from niche_sim.experiment import scenario
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import GRADES, USES, Target
from niche_sim.model import actions, initial_state, sensing
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import BLOCK_TARGETS, BLOCKS_BY_GROUP
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.parameters import KINDS, Row, rows
from niche_sim.model.process import Process
from niche_sim.model.schedule import (
    ALTERNATIVES,
    CHAPTER_OF,
    CHAPTERS,
    DEFAULT,
    FEEDBACKS,
    PARALLEL,
    SCHEDULES,
    STAGE_3,
)
from niche_sim.model.stages import PERCENTILE, STAGES, WINDOW
from niche_sim.model.state import COMPARTMENTS, FIELDS, ONE_AT_REST
from niche_sim.runs.expectation.readouts import KNOWN

COMMAND = "niche-sim describe --odd -o docs/odd.md"
ELEMENTS = (
    "Purpose and patterns",
    "Entities, state variables and scales",
    "Process overview and scheduling",
    "Design concepts",
    "Initialization",
    "Input data",
    "Submodels",
)
# Geometry, clock, counters, and what interventions set.
NOT_WIRING = ("section", "resting_density", "time", "counters", "events", "blocked")


def document() -> str:
    """The whole document, Markdown. Raises InputError if a scenario of the library is not valid."""
    experiments = [scenario.load(entry.id) for entry in scenario.catalogue()]
    return render(
        "description/templates/odd.md",
        **_purpose(experiments),
        **_entities(experiments),
        **_overview(),
        **_concepts(),
        **_input(experiments),
        **_submodels(),
        sources=_sources(experiments),
        prose=prose,
        names=_names,
        listed=_listed,
        period=_period,
        functions=_functions,
    )


def write(file: Path) -> Path:
    """Write the document, whole or not at all; folders are made. Raises OSError, InputError."""
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    text = document()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        return part.replace(file)
    finally:
        part.unlink(missing_ok=True)


# --- what the template fills in, element by element ------------------------------------------------------------------


def _purpose(experiments: list[Scenario]) -> dict[str, Any]:
    cited = {name: text for name, text in scenario.bibliography()["Grimm2020"].items() if name not in ("title", "note")}
    links = [(f"{number}. {title}", f"{number}-{_anchor(title)}") for number, title in enumerate(ELEMENTS, 1)]
    return {
        "version": niche_sim.__version__,
        "command": COMMAND,
        "grimm": _reference(cited),
        "contents": [*links, ("Sources", "sources")],
        "USES": USES,
        "targets": [
            (code(e.id), *(str(sum(target.use == use for target in e.targets)) for use in USES), e.title)
            for e in experiments
        ],
        "grades": ", ".join(f"{key} ({meaning})" for key, meaning in GRADES.items()),
        "targets_of": [(e, list(map(_target, e.targets))) for e in experiments if e.targets],
    }


def _target(t: Target) -> tuple[str, ...]:
    return (code(t.id), evidence.published(t), t.use, t.grade, f"{t.source}: {t.where}")


def _entities(experiments: list[Scenario]) -> dict[str, Any]:
    return {
        "sizes": [
            (code(e.id), e.organ, f"{e.section.width / 1e3:g} x {e.section.height / 1e3:g} mm", f"{e.section.spacing:g} um",
             f"{e.duration / 24:g} days", f"{e.step:g} h", f"{e.record:g} h")
            for e in experiments
        ],
        "Section": Section,
        "POPULATIONS": POPULATIONS,
        "columns": lambda kind: [
            (code(name), c.dtype.name, _unit(c.unit), _meaning(c)) for name, c in kind.declared().items()
        ],
        "fields": [
            (code(name), _unit(unit), f"{float(name in ONE_AT_REST):g}", meaning)
            for name, (unit, meaning) in FIELDS.items()
        ],
        "COMPARTMENTS": COMPARTMENTS,
        "entries": _entries,
    }  # fmt: skip


def _overview() -> dict[str, Any]:
    listed = []
    for number, kind in enumerate(DEFAULT, 1):
        sentence = kind.sentence() + (" (hypothesis layer)" if kind in STAGE_3 else "")
        listed.append((str(number), CHAPTER_OF[kind], code(kind.__name__), _period(kind), sentence))
    return {
        "overview": listed,
        "STAGE_3": STAGE_3,
        "FEEDBACKS": FEEDBACKS,
        "schedules": [(code(name), _difference(name)) for name in SCHEDULES],
        "wiring": _wiring(),
    }


def _concepts() -> dict[str, Any]:
    return {
        "sensing": sensing,
        "chance": chance,
        "variability": initial_state.between_subject_variability,
        "drawing": [kind for kind in DEFAULT if _draws(kind)],
        "stages": [(code(s.name), code(s.marker), s.unit, s.meaning) for s in STAGES],
        "window": WINDOW,
        "percentile": PERCENTILE,
        "readouts": [
            (code(r.name), _unit(r.unit), "since start" if r.cumulative else "now", r.meaning) for r in KNOWN.values()
        ],
    }


def _input(experiments: list[Scenario]) -> dict[str, Any]:
    readers = {name: [k for k in (*DEFAULT, *ALTERNATIVES) if f"blocked.{name}" in k.reads] for name in BLOCK_TARGETS}
    groups = itertools.accumulate(describe.names().rows, lambda last, row: (row[0] or last[0], *row[1:]))
    return {
        "initial": (initial_state.naive_liver, initial_state.resting_density, initial_state.section_of),
        "densities": [
            (code(row.name), _value(row.value, row.unit), row.note)
            for name, row in rows().items()
            if name.partition(".")[2].startswith("density")
        ],
        "verbs": [(code(verb), meaning, prose(actions.ACTIONS[verb])) for verb, meaning in describe.verbs().rows],
        "blocks": [
            (code(name), link, _names(readers[name]), group)
            for group, links in BLOCKS_BY_GROUP.items()
            for name, link in links.items()
        ],
        "taken": [(group, code(name), meaning) for group, name, meaning in groups],
        "experiments": list(map(_scenario, experiments)),
    }


def _scenario(e: Scenario) -> tuple[Any, ...]:
    schedule = e.schedule if isinstance(e.schedule, str) else ", ".join(e.schedule)
    uses = ", ".join(f"{sum(target.use == use for target in e.targets)} to {use}" for use in USES)
    arms = [(code(arm.name), arm.note, "; ".join(describe.occasions(arm.protocol.marks()))) for arm in e.arms.values()]
    changed = describe.changes(e)
    return e, schedule, uses, arms, changed.columns, [(code(name), value, source) for name, value, source in changed.rows]


def _submodels() -> dict[str, Any]:
    counts = [(kind, str(sum(row.kind == kind for row in rows().values()))) for kind in KINDS]
    groups = [
        (name, list(members))
        for name, members in itertools.groupby(rows().values(), lambda row: row.name.partition(".")[0])
    ]
    return {
        "CHAPTERS": CHAPTERS,
        "PARALLEL": PARALLEL,
        "schedules_with": _names_of_schedules,
        "laws": laws,
        "counts": [*counts, ("all", str(len(rows())))],
        "parameters": [(name, members[0].group, list(map(_parameter, members))) for name, members in groups],
    }


def _parameter(r: Row) -> tuple[str, ...]:
    span = f"{show(r.low, '')} to {show(r.high, '')}"
    return code(r.name), _value(r.value, r.unit), span, r.kind, r.source, r.note


def _sources(experiments: list[Scenario]) -> list[tuple[str, str]]:
    entries = scenario.bibliography()
    for experiment in experiments:
        own = experiment.path.with_name("sources.bib")
        if own.is_file():
            entries = {**scenario.bibliography(own), **entries}
    return [(key, _reference(entries[key])) for key in sorted(entries, key=str.lower)]


# --- parts of them ---------------------------------------------------------------------------------------------------


def _wiring() -> list[tuple[str, str, str]]:
    """Quantity, processes that write it, processes that read it; in the order of first writing."""
    kinds = (*DEFAULT, *ALTERNATIVES)
    writers: dict[str, dict[str, list[str]]] = {}
    readers: dict[str, list[str]] = {}
    for kind in kinds:
        for name in kind.writes:
            quantity, part = _quantity(name)
            if quantity.partition(".")[0] not in NOT_WIRING:
                writers.setdefault(quantity, {}).setdefault(kind.__name__, []).extend([part] if part else [])
        for name in kind.reads:
            readers.setdefault(_quantity(name)[0], []).append(kind.__name__)
    found = []
    for quantity, by in writers.items():
        written = [f"{code(name)} ({', '.join(parts)})" if parts else code(name) for name, parts in by.items()]
        read = [code(name) for name in dict.fromkeys(readers.get(quantity, ()))]
        found.append((code(quantity), ", ".join(written), ", ".join(read)))
    return found


def _quantity(name: str) -> tuple[str, str]:
    """What a declared name counts as in the wiring, and the column: a population whole, a compartment in its parts."""
    whole, _, part = name.partition(".")
    return (name, "") if whole in COMPARTMENTS else (whole, part)


def _difference(name: str) -> str:
    """A schedule against the default."""
    chosen = SCHEDULES[name]
    swapped = {kind: other for kind, other in PARALLEL.items() if other in chosen and kind not in chosen}
    gone = [kind for kind in DEFAULT if kind not in chosen and kind not in swapped]
    texts = [f"{code(other.__name__)} in place of {code(kind.__name__)}" for kind, other in swapped.items()]
    texts += [f"without {_names(gone)}"] if gone else []
    return "; ".join(texts) or "the one above"


def _names_of_schedules(kind: type[Process]) -> str:
    return ", ".join(code(name) for name, kinds in SCHEDULES.items() if kind in kinds) or "a list of your own"


def _period(kind: type[Process]) -> str:
    return f"every {kind.period:g} h" if kind.period else "every step"


def _draws(kind: type[Process]) -> bool:
    """Whether a process asks for random numbers: its step uses `chance`."""
    return any(one.argval == "chance" for one in dis.get_instructions(kind.step))


def _entries(compartment: Any) -> str:
    """The entries of a compartment with what they start at: a table if more is said of them, else a line."""
    said = {entry.name: entry.metadata["meaning"] for entry in dataclasses.fields(compartment) if entry.metadata}
    entries = [(entry.name, str(entry.type), _start(entry)) for entry in dataclasses.fields(compartment)]
    if said:
        rows = [(code(name), kind, start, said.get(name, "")) for name, kind, start in entries]
        return table(rows, "entry", "type", "at the start", "")
    starts = dict.fromkeys(start for _, _, start in entries)
    groups = [f"{start}: " + ", ".join(code(name) for name, _, at in entries if at == start) for start in starts]
    return plain("At the start " + "; ".join(groups) + ".")


def _start(entry: dataclasses.Field[Any]) -> str:
    value = entry.default
    if value is dataclasses.MISSING and entry.default_factory is not dataclasses.MISSING:
        value = entry.default_factory()
        return f"{len(value)} times {value[0]:g}" if isinstance(value, list) and value else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(of: column[Any]) -> str:
    return f"{of.meaning}: {', '.join(of.names)}" if of.names else of.meaning


def _functions(module: Any, without: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Name, arguments and docstring of every public function that a module defines, in its order."""
    found = [
        (name, kind)
        for name, kind in vars(module).items()
        if inspect.isfunction(kind) and kind.__module__ == module.__name__ and not name.startswith("_")
    ]
    return [
        (code(name), ", ".join(arg for arg in inspect.signature(kind).parameters if arg not in without), prose(kind))
        for name, kind in found
    ]


def _unit(unit: str) -> str:
    """A unit as shown: nothing for a plain number."""
    return "" if unit == "1" else unit


def _value(value: float, unit: str) -> str:
    return f"{show(value, '')} {unit}".strip()


def _reference(fields: Mapping[str, str]) -> str:
    """Fields of a BibTeX entry as one line of text."""
    surnames = [name.partition(",")[0] for name in fields.get("author", "").split(" and ") if name]
    others = len(surnames) > 3 or "others" in surnames
    who = ", ".join(name for name in surnames[:3] if name != "others") + (" et al." if others else "")
    year = f" ({fields['year']})" if "year" in fields else ""
    where = fields.get("journal", fields.get("booktitle", fields.get("publisher", "")))
    where += f" {fields['volume']}" if "volume" in fields else ""
    where += f": {fields['pages']}" if "pages" in fields else ""
    doi = f"https://doi.org/{fields['doi']}" if "doi" in fields else ""
    parts = [f"{who or fields.get('key', '')}{year}", fields.get("title", ""), where, doi, fields.get("note", "")]
    text = ". ".join(part.strip().rstrip(".") if part.endswith("et al.") else part for part in parts if part)
    text = re.sub(r"\$\\(\w+)\$", r"\1", text).replace("--", "–").replace("\\", "")
    return text.replace("{", "").replace("}", "")


def prose(thing: Any) -> str:
    """The docstring of a thing as Markdown paragraphs, each on one line; Google-style lists keep their lines."""
    text = inspect.cleandoc(thing.__doc__ or "")
    return "\n\n".join(plain(paragraph) for paragraph in re.split(r"\n\s*\n", text))


def _names(kinds: Iterable[type[Process]]) -> str:
    return ", ".join(code(kind.__name__) for kind in kinds) or "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(code(name) for name in names) or "nothing"


def _anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
