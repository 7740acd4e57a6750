"""The model in the ODD protocol (Grimm et al. 2020) as Markdown, made from the code; only the plain sentences stand here."""

from __future__ import annotations

import dataclasses
import dis
import errno
import inspect
import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import niche_sim
from niche_sim.description import describe, evidence
from niche_sim.engine import chance, laws
from niche_sim.engine.columns import column
from niche_sim.engine.units import show
from niche_sim.experiment import scenario
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import GRADES, USES
from niche_sim.model import actions, initial_state, sensing
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import BLOCKS_BY_GROUP
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.parameters import KINDS, rows
from niche_sim.model.process import Process
from niche_sim.model.readouts import READOUTS
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
PURPOSE = """
The model follows how the exosomes of a tumour make a distant organ receptive before any tumour cell gets there (a
pre-metastatic niche), and what becomes of the tumour cells that then arrive. It is made to ask, in virtual mice, which step
of that to block and when; to see what a mechanism explains by leaving it out; and for teaching. It is not for
predictions about a patient.
"""
PATTERNS = """
The patterns by which the model is judged are published effects, written down as targets before a scenario is first run.
A target says which way a readout differs between two arms, or its value. *fit*: numbers of the model may have been set
with it. *validate*: they may not, and a target that is not met stays. `niche-sim evidence` runs and judges them all.
"""
SCALES = """
Space is one thin slab of tissue in the plane, on square sites without flux at the edges; cells have continuous
positions in it, and the organ outside is known by its volume only. The rest of the mouse is a handful of well-mixed
compartments. Lengths are in um, times in h, concentrations in nM; numbers of cells come from densities per volume.
Everything is per time and per length, so that neither step nor site is a number of the biology.
"""
SCHEDULING = """
In a step first the interventions act that fall into it, then every process of the schedule in the order below, then the
clock moves on, stages are looked at, and at every `record` and at the end all readouts are kept. A process computes all
of its cells or sites together from the state as the process before it left it. One with a period acts once in that time
(rounded to whole steps), for the whole of it. Rates become probabilities and levels by their exact solution over the
time of the process. No process waits for a stage, and none has a clock of its own but its period.
"""
CONCEPTS = {
    "Basic principles": """
A serial chain with feedback, as the published blocks suggest it: exosomes are taken up by recipient cells of the organ that
their integrins choose; recipient cells answer to the cargo; stroma is activated and lays matrix; cells of the bone marrow are
called and held; tumour cells are held, reactivated and sheltered there, and surveyed by immune cells. Where a single block
has been seen to stop what follows, inputs multiply. Cells act by constant hazards and saturating responses. Other
wirings are schedules of their own, so that they can be compared.
""",
    "Emergence": """
Onset and order of the stages, loads and their spread between cells, where the niche lies, how many cells are dormant,
leave dormancy and grow to colonies, and every difference between arms come out of the cells' rules. Imposed are the
wiring itself, all rates, the growth curve of a primary, and the density and zonation of resident cells in a naive organ.
""",
    "Adaptation": """
Cells change what they do with what they sense: recipient cells answer and are educated, stellate cells and fibroblasts
activate, bone-marrow-derived cells stay, NK cells rest, T cells exhaust, tumour cells leave dormancy, change between epithelial and
mesenchymal and become resistant. These are fixed responses; no cell weighs alternatives.
""",
    "Objectives": "None: no cell has a measure of success.",
    "Learning": """
None in the sense of a changed rule. What lasts is state: educated recipient cells, educated bone marrow, effector T cells,
cross-linked collagen.
""",
    "Prediction": "None: cells respond to what is there now.",
    "Sensing": """
A cell senses without error the fields at its site, cells within a reach, and the levels in blood. An intervention that
blocks a link lowers what is sensed or sent for as long as it lasts. The experimenter's sample of blood has an error.
Senses that several processes share:
""",
    "Interaction": """
Mostly by what cells leave: signals that spread, matrix that stays, levels in blood. Directly: patrolling cells meet
tumour cells at the rate of moving things in the plane, recipient cells compete for vesicles along the flow of blood, and
tumour cells crowd each other, since a daughter needs room. There are no forces between cells. The table in section 3
shows who writes what others read.
""",
    "Stochasticity": """
Events of single cells (capture, meeting, arrest, exit from dormancy, division, death), walks, entries from blood and founders'
places are drawn, and so is the error of a blood sample; levels and fields are not. Draws stand for causes that are not
modelled. Virtual mice differ in some rates, too.
""",
    "Collectives": """
A clone is all living cells that descend from one arrived cell; from `tumour.colony_cells` cells on it counts as a
colony. Whether it grows along vessels is drawn once, for its founder, and inherited; its size enters one rule, that a
clone wider than the slab grows out of it, too. All else is what its cells make of it. A parcel of exosomes is
bookkeeping: its vesicles act singly.
""",
    "Observation": """
The readouts below over time; every cell and field in weekly snapshots; arrivals, losses, colonies and onsets as events.
Arms are compared between mice of the same seed, so that they differ by the treatment alone. A stage is read out and
never set:
""",
}
INITIALIZATION = """
A run starts at time 0 with a naive organ; tumour cells, exosomes, bone-marrow-derived cells and recruited epithelium are not there
until something brings them. What is drawn at the start depends on the seed alone, so that all arms of one seed start as
the same mouse. Levels and fields start as section 2 says.
"""
INPUT = """
The model takes no time series from outside. What comes from outside is what an experimenter does: the protocol of the
arm that is run, written in the scenario. Times, doses and efficacies stand there, and so do the few numbers in which an
experiment departs from the register.
"""
REGISTER = """
Every number of the biology, in the unit of its paper, with the range for sensitivity analyses. Kinds: *measured* (read
in the source), *derived* (arithmetic from such), *fitted* (to a target), *recalled* (from the source, not opened
again), *assumed* (no source), *setting* (bookkeeping, no biology).
"""
# Geometry, clock, counters, and what interventions set.
NOT_WIRING = ("section", "resting_density", "time", "counters", "events", "blocked")
Rows = Sequence[Sequence[str]]


def document() -> str:
    """The whole document, Markdown. Raises InputError if a scenario of the library is not valid."""
    experiments = [scenario.load(entry.id) for entry in scenario.catalogue()]
    chapters: tuple[Callable[[list[Scenario]], Iterable[str]], ...] = (
        _purpose, _entities, _overview, _concepts, _initialization, _input, _submodels,
    )  # fmt: skip
    parts = [*_head()]
    for number, (title, chapter) in enumerate(zip(ELEMENTS, chapters, strict=True), 1):
        parts += [f"## {number}. {title}", *chapter(experiments)]
    parts += ["## Sources", *_sources(experiments)]
    return "\n\n".join(part for part in parts if part) + "\n"


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


# --- the seven elements ----------------------------------------------------------------------------------------------


def _head() -> Iterable[str]:
    cited = {name: text for name, text in scenario.bibliography()["Grimm2020"].items() if name not in ("title", "note")}
    yield "# niche_sim in the ODD protocol"
    yield plain(f"""
This describes version {niche_sim.__version__} by the ODD protocol for agent-based models ({_reference(cited)}).
It is made from the code (its schedule, docstrings, tables and scenarios) by `{COMMAND}`: change those, not this file.""")
    links = [(f"{number}. {title}", f"{number}-{_anchor(title)}") for number, title in enumerate(ELEMENTS, 1)]
    yield "\n".join(f"- [{title}](#{anchor})" for title, anchor in [*links, ("Sources", "sources")])


def _purpose(experiments: list[Scenario]) -> Iterable[str]:
    yield from ("### Purpose", plain(PURPOSE), "### Patterns", plain(PATTERNS))
    counts = [
        (code(e.id), *(str(sum(target.use == use for target in e.targets)) for use in USES), e.title)
        for e in experiments
    ]
    yield table(("scenario", *USES, "title"), counts)
    yield plain("Class: " + ", ".join(f"{key} ({meaning})" for key, meaning in GRADES.items()) + ".")
    for experiment in experiments:
        if experiment.targets:
            yield f"#### Targets of {experiment.id}"
            found = [
                (code(t.id), evidence.published(t), t.use, t.grade, f"{t.source}: {t.where}")
                for t in experiment.targets
            ]
            yield table(("target", "published", "use", "class", "source"), found)


def _entities(experiments: list[Scenario]) -> Iterable[str]:
    yield from ("### Scales", plain(SCALES))
    sizes = [
        (code(e.id), e.organ, f"{e.section.width / 1e3:g} x {e.section.height / 1e3:g} mm", f"{e.section.spacing:g} um",
         f"{e.duration / 24:g} days", f"{e.step:g} h", f"{e.record:g} h")
        for e in experiments
    ]  # fmt: skip
    yield table(("scenario", "organ", "section", "site", "duration", "step", "record"), sizes)
    yield from ("### Section", prose(Section))
    yield "### Agents"
    yield plain(
        "Every cell also has its place `y`, `x` (um), a unique id, and the birth key that its draws are made from."
    )
    for kind in POPULATIONS:
        yield from (f"#### {kind.__name__}: {code(kind.population)}", prose(kind))
        yield table(
            ("column", "type", "unit", "meaning"),
            [(code(name), c.dtype.name, _unit(c.unit), _meaning(c)) for name, c in kind.columns().items()],
        )
    yield "### Fields"
    yield table(
        ("field", "unit", "in a naive organ", "meaning"),
        [
            (code(name), _unit(unit), f"{float(name in ONE_AT_REST):g}", meaning)
            for name, (unit, meaning) in FIELDS.items()
        ],
    )  # fmt: skip
    yield "### Compartments"
    for name, compartment in COMPARTMENTS.items():
        yield from (f"#### {compartment.__name__}: {code(name)}", prose(compartment), _entries(compartment))


def _overview(experiments: list[Scenario]) -> Iterable[str]:
    yield plain(SCHEDULING)
    listed = []
    for number, kind in enumerate(DEFAULT, 1):
        sentence = kind.sentence() + (" (hypothesis layer)" if kind in STAGE_3 else "")
        listed.append((str(number), CHAPTER_OF[kind], code(kind.__name__), _period(kind), sentence))
    yield table(("", "chapter", "process", "acts", "what it does"), listed)
    yield "### Schedules"
    yield plain(
        f"The hypothesis layer is {_names(STAGE_3)}: a current proposal that has not been measured, left out by "
        f"`no_stage3`. Feedbacks are {_names(FEEDBACKS)}. `--without PROCESS` leaves out any other."
    )
    yield table(("schedule", "against the default"), [(code(name), _difference(name)) for name in SCHEDULES])
    yield "### Who writes what others read"
    yield plain(
        "From what each process declares to read and to write, which tests watch. In brackets: the columns that are "
        "written, if not whole rows. Blocks stand in section 6."
    )
    yield table(("quantity", "written by", "read by"), _wiring())


def _concepts(experiments: list[Scenario]) -> Iterable[str]:
    tables: dict[str, Callable[[], Iterable[str]]] = {
        "Sensing": _senses, "Stochasticity": _stochasticity, "Observation": _observation,
    }  # fmt: skip
    for name, text in CONCEPTS.items():
        yield from (f"### {name}", plain(text))
        if name in tables:
            yield from tables[name]()


def _initialization(experiments: list[Scenario]) -> Iterable[str]:
    yield plain(INITIALIZATION)
    for function in (initial_state.naive_liver, initial_state.resting_density, initial_state.section_of):
        yield f"`{function.__name__}`: {prose(function)}"
    found = [
        (code(row.name), _value(row.value, row.unit), row.note)
        for name, row in rows().items()
        if name.partition(".")[2].startswith("density")
    ]
    yield table(("density", "value", "note"), found)


def _input(experiments: list[Scenario]) -> Iterable[str]:
    yield plain(INPUT)
    yield "### What an experimenter can do"
    acts = {verb: prose(act) for verb, act in actions.ACTIONS.items()}
    yield table(
        ("verb", "meaning", "what it does to the state"),
        [(code(verb), meaning, acts[verb]) for verb, meaning in describe.verbs().rows],
    )
    yield "### What `block` can cut"
    readers = {name: [k for k in (*DEFAULT, *ALTERNATIVES) if f"blocked.{name}" in k.reads] for name in _targets()}
    found = [
        (code(name), link, _names(readers[name]), group)
        for group, links in BLOCKS_BY_GROUP.items()
        for name, link in links.items()
    ]
    yield table(("target", "link", "acts in", "group"), found)
    yield "### Names that interventions and scenarios take"
    groups = itertools.accumulate(describe.names().rows, lambda last, row: (row[0] or last[0], *row[1:]))
    yield table(("for", "name", "meaning"), [(group, code(name), meaning) for group, name, meaning in groups])
    yield "### Scenarios"
    for experiment in experiments:
        yield f"#### {experiment.id}"
        yield plain(f"{experiment.title}. *{experiment.question}*")
        chosen = experiment.schedule
        yield plain(
            f"Organ: {experiment.organ}. Schedule: {chosen if isinstance(chosen, str) else ', '.join(chosen)}. "
            + "Targets: " + ", ".join(f"{sum(t.use == use for t in experiment.targets)} to {use}" for use in USES) + "."
        )  # fmt: skip
        yield table(
            ("arm", "note", "what is done"),
            [
                (code(arm.name), arm.note, "; ".join(describe.occasions(arm.protocol.marks())))
                for arm in experiment.arms.values()
            ],
        )
        changed = describe.changes(experiment)
        if changed.rows:
            yield plain("Numbers that differ from the register:")
            yield table(changed.columns, [(code(name), value, source) for name, value, source in changed.rows])


def _submodels(experiments: list[Scenario]) -> Iterable[str]:
    for chapter, kinds in CHAPTERS.items():
        yield f"### {chapter.capitalize()}"
        for kind in kinds:
            yield from _process(kind)
    yield "### In place of others"
    for kind, other in PARALLEL.items():
        yield from _process(other, f"In place of {code(kind.__name__)} in {_names_of_schedules(other)}.")
    yield "### Formulas"
    yield plain("Names such as `hill` in the rules above are these.")
    yield table(("formula", "of", "meaning"), _functions(laws))
    yield "### Parameters"
    yield plain(REGISTER)
    counts = [(kind, str(sum(row.kind == kind for row in rows().values()))) for kind in KINDS]
    yield table(("kind", "numbers"), [*counts, ("all", str(len(rows())))])
    for group_name, members in itertools.groupby(rows().values(), lambda row: row.name.partition(".")[0]):
        found = list(members)
        yield from (f"#### {group_name}", plain(found[0].group))
        yield table(
            ("parameter", "value", "range", "kind", "source", "note"),
            [
                (code(r.name), _value(r.value, r.unit), f"{show(r.low, '')} to {show(r.high, '')}", r.kind, r.source, r.note)
                for r in found
            ],
        )  # fmt: skip


def _sources(experiments: list[Scenario]) -> Iterable[str]:
    yield plain(
        "*Confirmed*: seen in the paper's abstract or a reference list. *Recalled*: from memory, to be checked."
    )
    entries = scenario.bibliography()
    for experiment in experiments:
        own = experiment.path.with_name("sources.bib")
        if own.is_file():
            entries = {**scenario.bibliography(own), **entries}
    yield "\n".join(f"- {code(key)}: {_reference(entries[key])}" for key in sorted(entries, key=str.lower))


# --- parts of them ---------------------------------------------------------------------------------------------------


def _process(kind: type[Process], more: str = "") -> Iterable[str]:
    marked = " (hypothesis layer)" if kind in STAGE_3 else ""
    yield f"#### {kind.__name__}{marked}"
    yield prose(kind)
    facts = [f"Acts: {_period(kind)}.", f"Reads: {_listed(kind.reads)}.", f"Writes: {_listed(kind.writes)}.", more]
    yield "\n".join(f"- {fact}" for fact in facts if fact)


def _observation() -> Iterable[str]:
    found = [(code(s.name), code(s.marker), s.unit, s.meaning) for s in STAGES]
    yield table(("stage", "marker", "unit", "meaning"), found)
    yield plain(
        f"A stage's onset is the first {WINDOW:g} h in which its marker stays above the {PERCENTILE:g}th percentile of "
        "untreated mice of that scenario (`thresholds.toml`)."
    )
    counts = [(code(r.name), _unit(r.unit), "since start" if r.cumulative else "now", r.meaning) for r in READOUTS]
    yield table(("readout", "unit", "counts", "meaning"), counts)


def _stochasticity() -> Iterable[str]:
    yield prose(chance)
    yield f"`{initial_state.between_subject_variability.__name__}`: {prose(initial_state.between_subject_variability)}"
    yield plain(f"Processes that draw: {_names([kind for kind in DEFAULT if _draws(kind)])}.")


def _senses() -> Iterable[str]:
    yield table(("sense", "of", "meaning"), _functions(sensing, without=("state", "p")))


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
        return table(
            ("entry", "type", "at the start", ""),
            [(code(name), kind, start, said.get(name, "")) for name, kind, start in entries],
        )
    starts = dict.fromkeys(start for _, _, start in entries)
    groups = [f"{start}: " + ", ".join(code(name) for name, _, at in entries if at == start) for start in starts]
    return plain("At the start " + "; ".join(groups) + ".")


def _start(entry: dataclasses.Field[Any]) -> str:
    value = entry.default
    if value is dataclasses.MISSING and entry.default_factory is not dataclasses.MISSING:
        value = entry.default_factory()
        return f"{len(value)} times {value[0]:g}" if isinstance(value, list) and value else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(of: column) -> str:
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


def _targets() -> list[str]:
    return [name for links in BLOCKS_BY_GROUP.values() for name in links]


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


# --- Markdown --------------------------------------------------------------------------------------------------------


def code(name: str) -> str:
    """A name as code."""
    return f"`{name}`"


def prose(thing: Any) -> str:
    """The docstring of a thing as Markdown paragraphs, each on one line; Google-style lists keep their lines."""
    text = inspect.cleandoc(thing.__doc__ or "")
    return "\n\n".join(plain(paragraph) for paragraph in re.split(r"\n\s*\n", text))


def plain(text: str) -> str:
    """One paragraph on one line, with nothing in it that Markdown would take for a list, a tag or a heading."""
    line = " ".join(text.split())
    line = re.sub(r"<(?=[A-Za-z/!])", r"\\<", line)
    return re.sub(r"^([-+#>]|\*(?= )|\d+(?=[.)] ))", r"\\\1", line)


def table(columns: Sequence[str], found: Rows) -> str:
    """A table; nothing if it has no rows. Line breaks become spaces."""

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    if not found:
        return ""
    return "\n".join([row(columns), "|" + "---|" * len(columns), *(row(cells) for cells in found)])


def _names(kinds: Iterable[type[Process]]) -> str:
    return ", ".join(code(kind.__name__) for kind in kinds) or "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(code(name) for name in names) or "nothing"


def _anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
