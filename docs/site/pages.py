"""Pages of the site that are made from the code at each build, so that they cannot be old."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from typer.main import get_command

import niche_sim
from niche_sim.cli import app
from niche_sim.description import describe
from niche_sim.engine.units import show
from niche_sim.experiment.scenario import bibliography, catalogue, load
from niche_sim.model.parameters import KINDS, rows

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

TOP = Path(__file__).parents[2]
CSS = Path(__file__).with_name("site.css")
KINDS_EXPLAINED = {
    "measured": "read in the named source",
    "derived": "arithmetic from measured ones",
    "fitted": "chosen so that a target is met that is marked as one to fit",
    "recalled": "from the named source, which was not opened again",
    "assumed": "without a source; the note says why this value",
    "setting": "bookkeeping without biology",
}
# Modules that a user may build on, in the order in which one meets them.
MODULES: Mapping[str, str] = {
    "niche_sim": "The names that most need: `import niche_sim`.",
    "niche_sim.experiment.simulation": "One mouse.",
    "niche_sim.mesa_model.model": "One mouse, as a Mesa model.",
    "niche_sim.runs.record": "What a run left.",
    "niche_sim.experiment.scenario": "Experiments, read and checked.",
    "niche_sim.experiment.protocol": "What is done to a mouse, and when.",
    "niche_sim.experiment.interventions": "The interventions, one by one.",
    "niche_sim.experiment.editing": "Experiments with an arm of their own.",
    "niche_sim.model.parameters": "The register of numbers.",
    "niche_sim.model.readouts": "What is measured.",
    "niche_sim.model.stages": "Stages and their onsets.",
    "niche_sim.model.cells": "Cells as Mesa agents.",
    "niche_sim.model.process": "What a rule is.",
    "niche_sim.model.state": "What a rule reads and writes.",
    "niche_sim.engine.laws": "Formulas that rules share.",
    "niche_sim.engine.chance": "Random numbers, one stream for each rule and cell.",
    "niche_sim.engine.kernels.neighbourhood": "How far a cell reaches.",
    "niche_sim.model.schedule": "The rules in their order.",
    "niche_sim.runs.identity": "What a run is called.",
    "niche_sim.runs.plan": "Which runs are wanted.",
    "niche_sim.runs.cohort": "Many mice.",
    "niche_sim.inference.effects": "Effects over pairs of mice, with intervals.",
    "niche_sim.inference.comparisons": "Arms compared on common random numbers.",
    "niche_sim.inference.verdicts": "What effects decide.",
    "niche_sim.inference.ensemble": "Plausible parameter sets.",
    "niche_sim.inference.ensemble.claims": "What they say to a claim.",
    "niche_sim.runs.sweeps": "Many points of many numbers.",
    "niche_sim.runs.farm": "Runs that are not there yet, wherever there is room.",
    "niche_sim.runs.executors": "Where runs are computed.",
    "niche_sim.runs.store": "Where runs are kept.",
    "niche_sim.inference.windows": "When an intervention has to start.",
    "niche_sim.inference.power": "How many mice a group needs.",
    "niche_sim.inference.sensitivity": "Which numbers matter.",
    "niche_sim.inference.fitting": "A scenario's targets as something to fit to.",
    "niche_sim.inference.calibration": "Numbers fitted to targets.",
    "niche_sim.runs.checkpoints": "A run on any of its hours, and branches.",
    "niche_sim.exports.cell_report": "The story of one cell.",
    "niche_sim.exports.archives": "A run as one file.",
    "niche_sim.figures.single_run": "Figures of a run.",
    "niche_sim.figures.ensemble": "Figures of ensembles.",
    "niche_sim.figures.timeline": "The figure of a run over time.",
    "niche_sim.figures.arms": "Figures of arms side by side.",
    "niche_sim.figures.sweep_overview": "Figures of sweeps.",
    "niche_sim.figures.power_and_windows": "Figures of power and windows.",
    "niche_sim.figures.sensitivity_and_fit": "Figures of sensitivity and calibration.",
    "niche_sim.figures.film_drawing": "Films of a run.",
    "niche_sim.engine.errors": "The error of bad input.",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to those in docs/: the hook of MkDocs."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    files.append(File.generated(config, CSS.name, abs_src_path=str(CSS)))
    return files


def text(value: str) -> str:
    """A text as one cell of a table or one line: names in backticks are code, nothing else is markup."""
    parts = re.split(r"(`[^`|]+`)", " ".join(value.split()))
    return "".join(
        part if code else re.sub(r"([\\`*_|<\[])", r"\\\1", part) for code, part in zip(cycle((False, True)), parts)
    )


def table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *lines)) + "\n"


# ---- the command line


def cli() -> str:
    """Every command with its arguments and options, from the application itself."""
    group = get_command(app)
    parts = [
        "# Commands\n",
        text(group.help or "") + "\n",
        "Names in capitals stand for what you write. An error is one line that says what was found and what is allowed; "
        "the exit code is then 2 for bad input, 1 for any other failure, 130 after Ctrl-C.\n",
        table(("option", "meaning"), options(group)),
    ]
    for name, command in commands().items():
        parts += [f"## niche-sim {name}\n", text(command.help or "") + "\n", f"```text\n{usage(name, command)}\n```\n"]
        parts.append(table(("argument or option", "meaning"), options(command)))
    return "\n".join(parts)


def commands() -> dict[str, click.Command]:
    """The commands of `niche-sim` by their names."""
    group: Any = get_command(app)
    return dict(group.commands)


def usage(name: str, command: click.Command) -> str:
    """How the command is called."""
    with click.Context(command, info_name=f"niche-sim {name}") as context:
        return " ".join(["niche-sim", name, *command.collect_usage_pieces(context)])


def options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Each argument and option, as written, with its help."""
    for parameter in command.params:
        shown: Any = parameter
        if isinstance(shown, click.Argument) or parameter.param_type_name == "argument":
            written = shown.metavar or shown.name.upper()
        else:
            value = "" if shown.is_flag else f" {shown.metavar or ''}"
            written = ", ".join(shown.opts) + value.rstrip()
        default = shown.default
        said = "" if default in (None, False, True, "") or callable(default) else f" Default: {default}."
        yield f"`{written}`".replace("|", "\\|"), text(shown.help or "") + ("" if "Default:" in (shown.help or "") else text(said))


# ---- scenarios, interventions, readouts, numbers


def scenarios() -> str:
    """Every experiment of the library: its question, arms, and how many targets judge it."""
    papers = bibliography()
    parts = [
        "# Scenarios\n",
        "Each is a folder of `scenarios/`; its `NOTE.md`, where there is one, says what of it was read, what is recalled "
        "and what is assumed. `niche-sim run ID --arm ARM` runs one mouse of an arm.\n",
    ]
    for entry in catalogue():
        one = load(entry.id)
        uses = [target.use for target in one.targets]
        named = dict.fromkeys(target.source for target in one.targets)
        cited = "; ".join(text(f"{papers[key].get('title', key)} ({papers[key].get('year', '')})") for key in named)
        judged = (
            f"Targets: {uses.count('validate')} to validate, {uses.count('fit')} to fit. {cited}"
            if uses
            else "No targets."
        )
        parts += [f"## {one.id}\n", f"*{text(one.title)}.* {text(one.question)} Default arm: `{one.default_arm}`.\n"]
        parts.append(table(("arm", "what is done"), ((f"`{arm.name}`", text(arm.note)) for arm in one.arms.values())))
        parts.append(re.sub(r"[{}]", "", judged) + "\n")
    return "\n".join(parts)


def part(one: describe.Part) -> str:
    """A table of `niche-sim describe`; names are code, and a group's name stands in each of its rows."""
    lines, group = [], ""
    grouped = any(not row[0] for row in one.rows)
    for row in one.rows:
        group = row[0] or group
        first = text(group) if grouped else f"`{row[0]}`"
        rest = [f"`{row[1]}`", *map(text, row[2:])] if grouped else [text(cell) for cell in row[1:]]
        lines.append((first, *rest))
    return table([name or "group" for name in one.columns], lines)


def interventions() -> str:
    """What an experimenter can do to a mouse, from the vocabulary."""
    parts = [
        "# What can be done to a mouse\n",
        "An entry of a protocol names a verb (`do`) and what it acts on. How it is written: "
        "[Write a scenario](../howto/scenario.md).\n",
        "## Verbs\n", part(describe.verbs()), "## What can be blocked\n", part(describe.blocks()),
        "## Names that the other verbs take\n", part(describe.names()),
    ]  # fmt: skip
    return "\n".join(parts)


def measured() -> str:
    """Readouts and stages."""
    default = load("liver_education_costasilva2015")
    parts = [
        "# What is measured\n",
        "## Readouts\n",
        "*Now* is the value at that moment; *since start* only grows.\n",
        part(describe.readouts()),
        "## Stages\n",
        f"Thresholds are those of `{default.id}`; how they are found: "
        "[Thresholds and onsets](../concepts.md#thresholds-and-onsets). `onset_` and the name of a stage is a readout of "
        "targets, in hours.\n",
        part(describe.stages(default)),
    ]
    return "\n".join(parts)


def parameters() -> str:
    """The register, a table a group."""
    found = rows()
    number = {kind: sum(row.kind == kind for row in found.values()) for kind in KINDS}
    parts = [
        "# Numbers\n",
        f"All {len(found)} numbers of the biology, each with its range, kind, and source or note. Change one by "
        "`niche-sim run --set NAME=VALUE` ([how](../howto/numbers.md)); sources are listed in [the ODD](../odd.md#sources).\n",
        table(("kind", "numbers", "means"), ((k, str(number[k]), KINDS_EXPLAINED[k]) for k in KINDS)),
    ]
    for group, members in groupby(found.values(), key=lambda row: row.name.partition(".")[0]):
        listed = list(members)
        parts += [f"## {group}\n", text(listed[0].group) + "\n"]
        lines = (
            (f"`{row.name}`", text(f"{show(row.value, '')} {row.unit}"), f"{show(row.low, '')} to {show(row.high, '')}",
             row.kind, text("; ".join(filter(None, (row.source, row.note)))))
            for row in listed
        )  # fmt: skip
        parts.append(table(("number", "value", "range", "kind", "source, note"), lines))
    return "\n".join(parts)


# ---- Python


def python() -> str:
    """The public modules, for mkdocstrings."""
    parts = [
        "# Python\n",
        "Lengths are µm, times h, concentrations nM, unless a name or a sentence says otherwise; arrays of the section are "
        "`[y, x]`. Bad input raises `niche_sim.InputError`.\n",
        f"## niche_sim\n\n{MODULES['niche_sim']}\n",
        table(("name", "from", "what it is"), map(public, niche_sim.__all__[1:])),
    ]
    for module, sentence in list(MODULES.items())[1:]:
        parts.append(f"## {module}\n\n{sentence}\n\n::: {module}\n")
    return "\n".join(parts)


def public(name: str) -> tuple[str, str, str]:
    """A public name of the package, where it lives, its sentence."""
    thing = getattr(niche_sim, name)
    sentence = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return f"`niche_sim.{name}`", f"`{thing.__module__}.{thing.__name__}`", text(sentence)


# ---- notebooks

# Which figure of a notebook, counted from 0, says most of what it finds, and what is seen on it.
PICTURES = {
    "01_first_run": (0, "Doses, stages reached, and the marker of each stage over 42 days"),
    "02_staged_sequence": (2, "Onsets of the six stages in six mice, one line a mouse"),
    "03_cut_one_link": (0, "What is left of seven readouts along the chain under six blocks"),
    "04_organotropism": (2, "TGF-β in liver and lung: unmatched exosomes, matched ones, and these with the integrin blocked"),
    "05_therapy_windows": (0, "Effect of a block of MIF against the day on which it starts, with the onsets of the stages"),
    "06_sweep_and_sensitivity": (1, "Morris screening of five numbers for three readouts"),
    "07_your_own_rule": (0, "Stages and markers of a mouse with the added rule"),
    "08_reproduce_a_paper": (0, "Collagen, held bone-marrow-derived cells and dividing tumour cells in three arms"),
    "09_how_sure_is_it": (0, "What plausible parameter sets give against what is measured, and the numbers that this narrowed"),
}


def notebooks() -> str:
    """The notebooks: each one's question, how it goes on, and its parts."""
    parts = [
        "# Notebooks\n",
        "Each asks a question and answers it in a few minutes, with fewer than 60 lines of code. They are for reading with a guess "
        "written down first, alone or in class. In the folder of the repository:\n",
        "```sh\npip install '.[notebooks]'\njupyter lab notebooks/01_first_run.ipynb\n```\n",
    ]
    for file in sorted((TOP / "notebooks" / "text").glob("*.py")):
        cells = [_prose(cell) for cell in file.read_text(encoding="utf-8").split("\n# %%") if cell.startswith(" [markdown]")]
        title, _, rest = cells[0].partition("\n")
        headings = [line.removeprefix("## ") for cell in cells for line in cell.splitlines() if line.startswith("## ")]
        picture = f"![{PICTURES[file.stem][1]}](images/notebook_{file.stem}.png)"
        below = f"`notebooks/{file.stem}.ipynb`: {' · '.join(headings)}"
        parts.append(f"## {title.removeprefix('# ')}\n\n{rest.strip()}\n\n{picture}\n\n{below}\n")
    return "\n".join(parts)


def _prose(cell: str) -> str:
    """The text of a cell of jupytext's percent format."""
    lines = [line.removeprefix("#").removeprefix(" ") for line in cell.splitlines()[1:] if line.startswith("#")]
    return "\n".join(lines).strip()


def _file(name: str) -> Callable[[], str]:
    return lambda: (TOP / name).read_text(encoding="utf-8")


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/cli.md": cli,
    "reference/scenarios.md": scenarios,
    "reference/interventions.md": interventions,
    "reference/measured.md": measured,
    "reference/parameters.md": parameters,
    "reference/python.md": python,
    "notebooks.md": notebooks,
    "contributing.md": _file("CONTRIBUTING.md"),
    "changelog.md": _file("CHANGELOG.md"),
}
