"""The model against the papers: a report of every target of the scenarios, as HTML and as Markdown."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.engine.reading import read_text, read_toml, reading
from niche_sim.engine.templates import render
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import GRADES, ONSET, Target
from niche_sim.figures.labels import arm_words
from niche_sim.inference import verdicts
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.ensemble.claims import Claim
from niche_sim.inference.verdicts import (
    BY_CONSTRUCTION,
    CANNOT_BE_ASKED,
    MET,
    NOT_ASKED,
    NOT_MET,
    UNDECIDED,
    VERDICTS,
    Judged,
    Question,
)
from niche_sim.runs.expectation.readouts import KNOWN
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

    @property
    def ran(self) -> str:
        """How many mice were run, and how many could not be."""
        failed = f"; {self.failed} mice could not be run" if self.failed else ""
        return f"{self.mice} mice an arm{failed}"


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
    sizes: bytes = b""  # PNG: all sizes, the model's against the published
    unaskable: Sequence[Mapping[str, str]] = ()  # findings that no rule can express
    claims: Mapping[tuple[str, str], Claim] = field(default_factory=dict)  # (scenario, target) -> how it fares over an ensemble


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


def published(target: Target, named: Callable[[str], str] = str) -> str:
    """What a target says, in words; `named` says what a readout is called."""
    what = _readout(target.readout, named)
    if target.above is not None:
        what = f"fraction of mice with {what} above {target.above:g}"
    if target.statistic == "k":
        what = f"spread between mice (k of a negative binomial) of {what}"
    when = "" if target.is_onset else f" on day {target.at / 24.0:.4g}"
    if target.window is not None:
        when += f" (mean of {target.window / 24.0:.4g} days)"
    arm = arm_words(target.arm)
    if target.against_readout is not None:
        rival = f"{_readout(target.against_readout, named)} in {arm_words(target.against or target.arm)}"
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
        unit = " h" if target.is_onset else f" {KNOWN[target.readout].unit}" if target.readout in KNOWN else ""
        unit = "" if unit == " 1" else unit
    kind = "" if found.kind == "ratio" else f"{found.kind} "
    sign = "× " if found.kind == "ratio" else ""
    interval = f"{_number(effect.low)} to {_number(effect.high)}"
    return f"{kind}{sign}{_number(effect.estimate)}{unit} ({interval}), n = {effect.n}"


def band_text(target: Target) -> str:
    """The published size: its band, how far it can be relied on, and where it was read."""
    if target.size is not None:
        of_study = f", n = {target.n} a group" if target.n is not None else ""
        return f"× {target.size.low:g} to {target.size.high:g} ({target.size.strength}{of_study})"
    return "–" if target.band is None else "{:.3g} to {:.3g}".format(*target.band)


def reason_of(one: Judged, reasons: Mapping[str, str]) -> str:
    """Why a target is not met, not decided, or so by construction."""
    written = reasons.get(one.target.id, "")
    if one.direction == NOT_MET or one.size == NOT_MET:
        return ". ".join(part for part in (one.why, written or NO_REASON) if part)
    if one.direction == BY_CONSTRUCTION:
        return one.why
    return ". ".join(part for part in (one.why, written) if part) if UNDECIDED in (one.direction, one.size) else ""


def verdict_text(one: Judged, reasons: Mapping[str, str] | None = None) -> str:
    """Both verdicts, and why."""
    why = reason_of(one, reasons or {})
    size = f"; size {one.size}" if one.size != NOT_ASKED and one.target.direction is not None else ""
    return f"{one.direction}{size}{f': {why}' if why else ''}"


def all_judged(studies: Sequence[Study]) -> list[tuple[str, Judged]]:
    """(scenario, target with its verdicts) of all studies."""
    return [(study.experiment.id, one) for study in studies for one in study.judged]


def status_rows(report: Report) -> list[list[str]]:
    """A row a scenario: its name, targets to fit and to validate, independent comparisons by verdict, headline."""
    rows = []
    for study in report.studies:
        uses = [one.target.use for one in study.judged]
        asked = verdicts.questions((study.experiment.id, one) for one in study.judged)
        top = study.headline
        headline = f"{top.target.id}: {top.direction}" if top else "no targets"
        counted = [f"{sum(one.direction == verdict for one in asked)}" for verdict in VERDICTS]
        sizes = f"{sum(one.size == MET for one in asked)} of {sum(one.size != NOT_ASKED for one in asked)}"
        rows.append([study.experiment.id, f"{uses.count('fit')}", f"{uses.count('validate')}", *counted, sizes, headline])
    return rows


STATUS = ("scenario", "fit", "validate", *VERDICTS, "sizes met", "headline")
COLUMNS = ("target", "published", "size", "known from", "the model gives", "rules between", "verdict")


def differing(report: Report) -> list[tuple[str, str, str, str]]:
    """Targets whose verdict is another in the other study: scenario, target, here, there."""
    found = []
    for scenario, one in all_judged(report.studies):
        there = report.other.get((scenario, one.target.id))
        if there is not None and there != one.direction:
            found.append((scenario, one.target.id, one.direction, there))
    return found


def summary(report: Report) -> str:
    """The headline: independent comparisons that nothing was fitted to, their directions and their sizes."""
    judged = all_judged(report.studies)
    asked = verdicts.questions(judged)
    if not judged:
        return "No targets."
    sized = [one for one in asked if one.size != NOT_ASKED]
    directions, sizes = _counted([one.direction for one in asked]), _counted([one.size for one in sized])
    valid = [one for _, one in judged if one.target.use == "validate"]
    built = sum(one.direction == BY_CONSTRUCTION for one in valid)
    short = sum(not one.counts and one.direction != BY_CONSTRUCTION for one in valid)
    left = f"Left out: {built} targets that are so by construction, {short} that are the effect of one rule"
    fitted = [one.direction for _, one in judged if one.target.use == "fit"]
    return (
        f"{len(asked)} independent comparison{'' if len(asked) == 1 else 's'} that nothing was fitted to: direction {directions}. "
        f"Of {len(sized)} with a size: {sizes}. {left}. {len(fitted)} targets were fitted to: {_counted(fitted)}."
    )


def story(report: Report) -> list[tuple[str, list[str]]]:
    """What the model shows, what it does not, how large against published: headings with a line a comparison."""
    asked = verdicts.questions(all_judged(report.studies))
    met = {
        MET: "Direction and size as published",
        NOT_MET: "Direction as published, size not",
        UNDECIDED: "Direction as published, size undecided with these mice",
        NOT_ASKED: "Direction as published, no size known",
    }
    groups = [(heading, [one for one in asked if one.direction == MET and one.size == size]) for size, heading in met.items()]
    groups.append(("Direction not as published", [one for one in asked if one.direction == NOT_MET]))
    groups.append(("Direction undecided with these mice", [one for one in asked if one.direction == UNDECIDED]))
    return [(heading, [_line(one) for one in group]) for heading, group in groups]


def claim_text(claim: Claim) -> str:
    """How a claim fares over an ensemble, in words."""
    if math.isnan(claim.share):
        return claim.verdict
    on = f"; hangs on {', '.join(claim.hangs_on)}" if claim.hangs_on else ""
    return f"{claim.verdict}: in {100 * claim.share:.0f} % ({100 * claim.low:.0f} to {100 * claim.high:.0f}){on}"


def over_members(report: Report) -> list[str]:
    """The headline over an ensemble: a comparison is robust, contingent or refuted as the target that decides it is."""
    if not report.claims:
        return []
    from niche_sim.inference.ensemble import claims

    named = {id(one.target): scenario for scenario, one in all_judged(report.studies)}
    asked = verdicts.questions(all_judged(report.studies))
    told = [report.claims.get((named[id(one.deciding.target)], one.deciding.target.id)) for one in asked]
    found = [claims.NOT_TOLD if claim is None else claim.verdict for claim in told]
    members = max(len(claim.effects) for claim in report.claims.values())
    counted = f"Of {len(asked)} independent comparisons, in {members} plausible parameter sets, two mice an arm of each"
    return [f"{counted}: {claims.headline(found)}.", *claims.RULES]


def _line(one: Question) -> str:
    """A comparison in a line: what was published, what the model gives, and the band of its size."""
    first = one.deciding
    more = f" ({len(one.judged)} targets)" if len(one.judged) > 1 else ""
    band = f"; published {band_text(first.target)}" if first.target.band is not None else ""
    return f"{published(first.target)}{more}. Model: {given(first.comparison, first.target)}{band}."


def _counted(found: Sequence[str]) -> str:
    return ", ".join(f"{found.count(verdict)} {verdict}" for verdict in VERDICTS)


def _target_rows(study: Study, report: Report) -> list[list[str]]:
    rows = []
    for one in study.judged:
        t = one.target
        source = f"{study.sources.get(t.source, t.source)}; {t.where}; class {t.grade} ({GRADES[t.grade]}); to {t.use}"
        size = band_text(t) if t.size is None else f"{band_text(t)}; {t.size.source}: {t.size.where}"
        path = "–" if one.path is None else f"{one.path}"
        cells = [t.id, published(t), size, source, given(one.comparison, t), path, verdict_text(one, study.reasons)]
        if report.claims:
            claim = report.claims.get((study.experiment.id, t.id))
            cells.append("–" if claim is None else claim_text(claim))
        if report.label:
            cells.append(report.other.get((study.experiment.id, t.id), "–"))
        rows.append(cells)
    return rows


def _readout(name: str, named: Callable[[str], str]) -> str:
    return f"onset of {name.removeprefix(ONSET)}" if name.startswith(ONSET) else named(name)


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1e5 else f"{value:.2e}"


# --- as pages ---------------------------------------------------------------------------------------------------------


def markdown(report: Report) -> str:
    """The report as Markdown; figures are read from `figures/<scenario>.png` beside it."""
    return render("description/templates/report.md", **_shown(report))


def page(report: Report) -> str:
    """The report as one HTML file that needs nothing else."""
    return render(
        "description/templates/report.html",
        **_shown(report),
        around_verdict=_around_verdict,
        base64=lambda raw: base64.b64encode(raw).decode(),
    )


def _shown(report: Report) -> dict[str, Any]:
    """What both templates fill in."""
    return {
        "report": report,
        "summary": summary(report),
        "story": story(report),
        "unaskable": report.unaskable,
        "STATUS": STATUS,
        "status": status_rows(report),
        "differing": differing(report),
        "columns": [*COLUMNS, *(["members"] if report.claims else []), *([report.label] if report.label else [])],
        "over": over_members(report),
        "studies": [(study, _target_rows(study, report)) for study in report.studies],
        "rules": [(listed, list(items)) for listed, items in groupby(verdicts.RULES, lambda item: item.startswith("- "))],
    }


def _around_verdict(text: str) -> tuple[str, str, str]:
    """What stands before a verdict, the verdict at the beginning or the end of a text, and what stands after it."""
    for verdict in (NOT_MET, MET, UNDECIDED, BY_CONSTRUCTION):
        if text == verdict or text.startswith((f"{verdict}: ", f"{verdict}; ")):
            return "", verdict, text.removeprefix(verdict)
        if text.endswith(f": {verdict}"):
            return text.removesuffix(verdict), verdict, ""
    return text, "", ""


# --- files -----------------------------------------------------------------------------------------------------------


def write(report: Report, folder: Path) -> list[Path]:
    """Write report.html, report.md, figures/ and verdicts.parquet; returns their paths. Raises OSError."""
    from niche_sim.runs.cohort import write_table

    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = [(study.experiment.id, study.figure) for study in report.studies]
    pictures += [("sizes", report.sizes), *((extra.name, extra.figure) for extra in report.extras)]
    written += [_put(figures / f"{name}.png", figure) for name, figure in pictures if figure]
    written.append(_put(folder / "report.md", markdown(report).encode()))
    written.append(_put(folder / "report.html", page(report).encode()))
    written.append(write_table(verdict_rows(report), folder / "verdicts.parquet"))
    return written


def verdict_rows(report: Report) -> list[dict[str, Any]]:
    """Rows of verdicts.parquet: every target, then what cannot be asked."""
    rows = []
    for study in report.studies:
        for row in verdicts.verdict_table(study.experiment.id, study.judged):
            claim = report.claims.get((study.experiment.id, row["target"]))
            over = (None,) * 5 if claim is None else (*claim[:4], ", ".join(claim.hangs_on))
            shares = dict(zip(("share_met", "share_low", "share_high", "verdict", "hangs_on"), over, strict=True))
            rows.append({**row, **shares, "reason": study.reasons.get(row["target"])})
    blank = dict.fromkeys(rows[0]) if rows else {}
    for one in report.unaskable if rows else ():
        asked = {"scenario": "", "target": one["id"], "comparison": one["id"], "use": "validate", "by_construction": False}
        told = {"direction": CANNOT_BE_ASKED, "size": NOT_ASKED, **{key: one[key] for key in ("source", "where", "why")}}
        rows.append({**blank, **asked, **told, "counts": False, "headline": False})
    return rows


def verdicts_of(folder: Path) -> dict[tuple[str, str], str]:
    """(scenario, target) -> verdict, from the verdicts.parquet of another study. Raises InputError."""
    from niche_sim.runs.cohort import read_table

    file = folder / "verdicts.parquet"
    with reading(file, "verdicts that `niche-sim evidence` wrote"):
        rows = read_table(file)
        return {(row["scenario"], row["target"]): one_of(row["direction"], verdicts.DIRECTIONS, f"{file}") for row in rows}


def _put(file: Path, content: bytes) -> Path:
    with whole(file) as part:
        part.write_bytes(content)
    return file
