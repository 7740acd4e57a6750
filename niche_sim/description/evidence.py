"""The model against the papers: a report of every target of the scenarios, as HTML and as Markdown."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.engine.reading import read_text, read_toml, reading
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import GRADES, ONSET, Target
from niche_sim.figures.labels import arm_words
from niche_sim.inference import verdicts
from niche_sim.inference.verdicts import MET, NOT_MET, UNDECIDED, VERDICTS, Comparison, Judged
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.record import whole

NO_REASON = "no reason written yet"
Verdicts = Mapping[tuple[str, str], str]  # (scenario, target) -> verdict of another study


@dataclass(frozen=True)
class Study:
    """One scenario in the report. sources: key -> citation. figure: bytes of a PNG file, or none."""

    experiment: Scenario
    judged: Sequence[Judged]
    reasons: Mapping[str, str]
    sources: Mapping[str, str]
    mice: int
    failed: int = 0
    figure: bytes = b""

    @property
    def headline(self) -> Judged | None:
        """The target marked so, or else the first."""
        return next((one for one in self.judged if one.target.headline), self.judged[0] if self.judged else None)


@dataclass(frozen=True)
class Extra:
    """A study beside the scenarios: a title, paragraphs, a table, a figure (bytes of a PNG file) and what it is called."""

    name: str
    title: str
    text: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    figure: bytes = b""


@dataclass(frozen=True)
class Report:
    """What is shown. other: verdicts of another study to set beside, and how it is called."""

    studies: Sequence[Study]
    schedule: str = "default"
    other: Verdicts = field(default_factory=dict)
    label: str = ""
    extras: Sequence[Extra] = ()


def load_reasons(experiment: Scenario) -> dict[str, str]:
    """Target id -> why it is not met, of the `reasons.toml` beside a scenario; empty without one.

    Raises InputError for a broken file, an unknown target or an empty reason.
    """
    path = experiment.path.with_name("reasons.toml")
    if not path.is_file():
        return {}
    table = read_toml(read_text(path), f"{path}")
    check_keys(table, f"{path}:", required=(), optional=[target.id for target in experiment.targets])
    reasons = {}
    for name, entry in table.items():
        where = f"{path}: {name}"
        if not isinstance(entry, Mapping):
            raise InputError(where, f"{entry!r} is not a table", f'[{name}] with reason = "..."')
        check_keys(entry, where, required=("reason",))
        if not isinstance(entry["reason"], str) or not entry["reason"].strip():
            raise InputError(f"{where}.reason", f"{entry['reason']!r}", "text in quotes, not empty")
        reasons[name] = " ".join(entry["reason"].split())
    return reasons


# --- in words --------------------------------------------------------------------------------------------------------


def published(target: Target) -> str:
    """What a target says, in words."""
    what = _readout(target.readout)
    if target.above is not None:
        what = f"fraction of mice with {what} above {target.above:g}"
    when = "" if target.is_onset else f" on day {target.at / 24.0:.4g}"
    if target.window is not None:
        when += f" (mean of {target.window / 24.0:.4g} days)"
    arm = arm_words(target.arm)
    if target.against_readout is not None:
        rival = f"{_readout(target.against_readout)} in {arm_words(target.against or target.arm)}"
    else:
        rival = arm_words(target.against) if target.against else ""
    if target.expect is not None:
        if target.is_onset and target.above is None:
            return f"{what} in {arm} {'before' if target.expect == 'less' else 'after'} {rival}"
        word = {"less": "less than", "more": "more than", "same": "the same as"}[target.expect]
        return f"{what}{when}: {arm} {word} {rival}"
    low, high = target.tolerance
    ratio = f", as a ratio to {rival}" if rival else ""
    return f"{what}{when} in {arm}{ratio}: {target.value:.3g} ({low:.3g} to {high:.3g})"


def given(found: Comparison, target: Target) -> str:
    """What the model gives: effect, interval, mice, p."""
    effect = found.effect
    if math.isnan(effect.estimate):
        return "–"
    unit = ""
    if found.kind in ("mean", "difference", "median"):
        unit = " h" if target.is_onset else f" {BY_NAME[target.readout].unit}" if target.readout in BY_NAME else ""
        unit = "" if unit == " 1" else unit
    kind = "" if found.kind == "ratio" else f"{found.kind} "
    sign = "× " if found.kind == "ratio" else ""
    interval = f"{_number(effect.low)} to {_number(effect.high)}"
    text = f"{kind}{sign}{_number(effect.estimate)}{unit} ({interval}), n = {effect.n}"
    return text if math.isnan(found.p) else f"{text}, p {p_text(found.p)}"


def p_text(p: float) -> str:
    """A p-value, to two digits."""
    return "–" if math.isnan(p) else "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


def reason_of(one: Judged, reasons: Mapping[str, str]) -> str:
    """Why a target is not met or not decided."""
    written = reasons.get(one.target.id, "")
    if one.verdict == NOT_MET:
        return ". ".join(part for part in (one.why, written or NO_REASON) if part)
    return ". ".join(part for part in (one.why, written) if part) if one.verdict == UNDECIDED else ""


def status_rows(report: Report) -> list[list[str]]:
    """A row a scenario: its name, targets to fit and to validate, verdicts, headline."""
    rows = []
    for study in report.studies:
        uses = [one.target.use for one in study.judged]
        found = verdicts.counts(study.judged)
        top = study.headline
        headline = f"{top.target.id}: {top.verdict}" if top else "no targets"
        rows.append(
            [study.experiment.id, f"{uses.count('fit')}", f"{uses.count('validate')}"]
            + [f"{found[verdict]}" for verdict in VERDICTS]
            + [headline]
        )
    return rows


STATUS = ("scenario", "fit", "validate", *VERDICTS, "headline")
COLUMNS = ("target", "published", "known from", "the model gives", "verdict")


def differing(report: Report) -> list[tuple[str, str, str, str]]:
    """Targets whose verdict is another in the other study: scenario, target, here, there."""
    found = []
    for study in report.studies:
        for one in study.judged:
            there = report.other.get((study.experiment.id, one.target.id))
            if there is not None and there != one.verdict:
                found.append((study.experiment.id, one.target.id, one.verdict, there))
    return found


def summary(report: Report) -> str:
    """All verdicts in a sentence."""
    judged = [one for study in report.studies for one in study.judged]
    parts = []
    for use, words in (("validate", "not fitted to"), ("fit", "fitted to")):
        of_use = [one for one in judged if one.target.use == use]
        if of_use:
            found = verdicts.counts(of_use)
            told = ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS)
            parts.append(f"{len(of_use)} target{'' if len(of_use) == 1 else 's'} {words}: {told}")
    return "; ".join(parts) + "." if parts else "No targets."


def _target_rows(study: Study, report: Report) -> Iterable[tuple[Judged, list[str]]]:
    for one in study.judged:
        t = one.target
        source = f"{study.sources.get(t.source, t.source)}; {t.where}; class {t.grade} ({GRADES[t.grade]}); to {t.use}"
        verdict = one.verdict
        why = reason_of(one, study.reasons)
        cells = [t.id, published(t), source, given(one.comparison, t), f"{verdict}: {why}" if why else verdict]
        if report.label:
            cells.append(report.other.get((study.experiment.id, t.id), "–"))
        yield one, cells


def _mice(study: Study) -> str:
    failed = f"; {study.failed} mice could not be run" if study.failed else ""
    return f"{study.mice} mice an arm{failed}"


def _columns(report: Report) -> list[str]:
    return [*COLUMNS, report.label] if report.label else list(COLUMNS)


def _readout(name: str) -> str:
    return f"onset of {name.removeprefix(ONSET)}" if name.startswith(ONSET) else name


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1e5 else f"{value:.2e}"


# --- Markdown --------------------------------------------------------------------------------------------------------


def markdown(report: Report) -> str:
    """The report as Markdown; figures are read from `figures/<scenario>.png` beside it."""
    lines = ["# The model against the papers", "", summary(report), "", f"Schedule: {report.schedule}.", ""]
    lines += _md_table(STATUS, status_rows(report))
    if report.label:
        rows = [list(row) for row in differing(report)]
        lines += ["", f"## Otherwise in: {report.label}", ""]
        here = ("scenario", "target", "here", report.label)
        lines += _md_table(here, rows) if rows else ["No verdict differs."]
    for extra in report.extras:
        lines += ["", f"## {extra.title}"]
        for paragraph in extra.text:
            lines += ["", paragraph]
        if extra.figure:
            lines += ["", f"![{extra.title}](figures/{extra.name}.png)"]
        if extra.rows:
            lines += ["", *_md_table(extra.columns, extra.rows)]
    for study in report.studies:
        experiment = study.experiment
        lines += ["", f"## {experiment.title}", "", f"`{experiment.id}`, {_mice(study)}. {experiment.question}"]
        if study.figure:
            lines += ["", f"![Arms of {experiment.id} side by side](figures/{experiment.id}.png)"]
        if study.judged:
            lines += ["", *_md_table(_columns(report), [cells for _, cells in _target_rows(study, report)])]
    lines += ["", "## How it is judged"]
    listed = False
    for item in verdicts.RULES:
        lines += [item] if listed and item.startswith("- ") else ["", item]
        listed = item.startswith("- ")
    return "\n".join(lines) + "\n"


def _md_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(columns), "|" + " --- |" * len(columns), *(line(row) for row in rows)]


# --- HTML ------------------------------------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --back: #fff; --line: #d0d7de; --soft: #59636e; --head: #f6f8fa;
  --met: #00694d; --not: #a03c00; --open: #59636e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --line: #3d444d; --soft: #9198a1;
  --head: #161b22; --met: #3fc59b; --not: #ff9d6b; --open: #9198a1; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--back); }
h1, h2 { line-height: 1.25; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
a { color: inherit; } .soft { color: var(--soft); } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; }
th, td { border: 1px solid var(--line); padding: .35rem .5rem; text-align: left; vertical-align: top; }
th { background: var(--head); } td.number { text-align: right; } td { min-width: 3rem; } td.long { min-width: 12rem; }
td:first-child { overflow-wrap: anywhere; min-width: 9rem; }
.met { color: var(--met); font-weight: 600; } .not-met { color: var(--not); font-weight: 600; }
.undecided { color: var(--open); font-weight: 600; }
img { max-width: 100%; height: auto; background: #fff; } figure { margin: 1rem 0; }
summary { cursor: pointer; }
"""


def page(report: Report) -> str:
    """The report as one HTML file that needs nothing else."""
    parts = ["<h1>The model against the papers</h1>", f"<p>{html.escape(summary(report))}</p>"]
    parts.append(f'<p class="soft">Schedule: {html.escape(report.schedule)}.</p>')
    rows = []
    for cells in status_rows(report):
        name, *numbers, headline = cells
        linked = f'<td><a href="#{html.escape(name)}">{html.escape(name)}</a></td>'
        counted = "".join(f'<td class="number">{number}</td>' for number in numbers)
        rows.append(f"<tr>{linked}{counted}<td>{_coloured(headline)}</td></tr>")
    parts.append(_html_table(STATUS, rows))
    if report.label:
        parts.append(f"<h2>Otherwise in: {html.escape(report.label)}</h2>")
        others = [f"<tr>{''.join(f'<td>{_coloured(cell)}</td>' for cell in row)}</tr>" for row in differing(report)]
        here = ("scenario", "target", "here", report.label)
        parts.append(_html_table(here, others) if others else "<p>No verdict differs.</p>")
    for extra in report.extras:
        parts += _extra(extra)
    for study in report.studies:
        parts += _section(study, report)
    parts += ['<h2 id="rules">How it is judged</h2>', _html_rules()]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = "<title>The model against the papers</title>"
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}{title}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'


def _section(study: Study, report: Report) -> list[str]:
    experiment = study.experiment
    name = html.escape(experiment.id)
    parts = [f'<h2 id="{name}">{html.escape(experiment.title)}</h2>']
    parts.append(f'<p>{html.escape(experiment.question)} <span class="soft">{name}, {_mice(study)}.</span></p>')
    rows = []
    for _, cells in _target_rows(study, report):
        first = [f'<td class="long">{html.escape(cell)}</td>' for cell in cells[:4]]
        last = [f'<td class="long">{_coloured(cell)}</td>' for cell in cells[4:]]
        filled = first + last
        rows.append(f"<tr>{''.join(filled)}</tr>")
    parts.append(_html_table(_columns(report), rows) if rows else "<p>No targets.</p>")
    if study.figure:
        data = base64.b64encode(study.figure).decode()
        image = f'<img alt="Arms of {name} side by side" src="data:image/png;base64,{data}">'
        parts.append(f"<details><summary>Arms side by side</summary><figure>{image}</figure></details>")
    return parts


def _extra(extra: Extra) -> list[str]:
    parts = [f'<h2 id="{html.escape(extra.name)}">{html.escape(extra.title)}</h2>']
    parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in extra.text]
    if extra.figure:
        data = base64.b64encode(extra.figure).decode()
        parts.append(f'<figure><img alt="{html.escape(extra.title)}" src="data:image/png;base64,{data}"></figure>')
    if extra.rows:
        rows = [f"<tr>{''.join(f'<td>{_coloured(cell)}</td>' for cell in row)}</tr>" for row in extra.rows]
        parts.append(_html_table(extra.columns, rows))
    return parts


def _html_table(columns: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _coloured(text: str) -> str:
    """Text with the verdict at its beginning or end in its colour; the word itself says it, too."""
    for verdict in (NOT_MET, MET, UNDECIDED):
        mark = f'<span class="{verdict.replace(" ", "-")}">{verdict}</span>'
        if text == verdict or text.startswith(f"{verdict}: "):
            return mark + html.escape(text.removeprefix(verdict))
        if text.endswith(f": {verdict}"):
            return html.escape(text.removesuffix(verdict)) + mark
    return html.escape(text)


def _html_rules() -> str:
    parts, inside = [], False
    for item in verdicts.RULES:
        listed = item.startswith("- ")
        if listed != inside:
            parts.append("<ul>" if listed else "</ul>")
            inside = listed
        parts.append(f"<li>{_emphasised(item[2:])}</li>" if listed else f"<p>{_emphasised(item)}</p>")
    return "".join([*parts, "</ul>" if inside else ""])


def _emphasised(text: str) -> str:
    pieces: list[Any] = html.escape(text).split("*")
    return "".join(f"<em>{piece}</em>" if number % 2 else piece for number, piece in enumerate(pieces))


# --- files -----------------------------------------------------------------------------------------------------------


def write(report: Report, folder: Path) -> list[Path]:
    """Write report.html, report.md, figures/ and verdicts.parquet; returns their paths. Raises OSError."""
    from niche_sim.runs.cohort import write_table

    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = [(study.experiment.id, study.figure) for study in report.studies]
    pictures += [(extra.name, extra.figure) for extra in report.extras]
    written += [_put(figures / f"{name}.png", figure) for name, figure in pictures if figure]
    written.append(_put(folder / "report.md", markdown(report).encode()))
    written.append(_put(folder / "report.html", page(report).encode()))
    rows = []
    for study in report.studies:
        for row in verdicts.verdict_table(study.experiment.id, study.judged):
            rows.append({**row, "reason": study.reasons.get(row["target"])})
    written.append(write_table(rows, folder / "verdicts.parquet"))
    return written


def verdicts_of(folder: Path) -> dict[tuple[str, str], str]:
    """(scenario, target) -> verdict, from the verdicts.parquet of another study. Raises InputError."""
    from niche_sim.runs.cohort import read_table

    file = folder / "verdicts.parquet"
    with reading(file, "verdicts that `niche-sim evidence` wrote"):
        return {(row["scenario"], row["target"]): one_of(row["verdict"], VERDICTS, f"{file}") for row in read_table(file)}


def _put(file: Path, content: bytes) -> Path:
    with whole(file) as part:
        part.write_bytes(content)
    return file
