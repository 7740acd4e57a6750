"""Arms side by side: which one to run beside, what differs now, and what a cohort of mice says to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import solara

from niche_sim.dashboard import limits
from niche_sim.dashboard.elements import Block, Choice, Press, Slider, Words
from niche_sim.dashboard.findings import at, number
from niche_sim.dashboard.presence import Presence
from niche_sim.dashboard.study import Report, Study, plan_of
from niche_sim.dashboard.view import View
from niche_sim.engine.errors import InputError
from niche_sim.figures.charts import title_of
from niche_sim.figures.labels import arm_title, day_words
from niche_sim.inference.verdicts import Row, in_words

NOBODY = "(nothing)"
BEFORE = "(before the change)"
LEVEL = "95 %"


@solara.component
def ComparePanel(view: View, compare: Callable[[str | None], None]) -> None:
    """Choose what the run is compared with."""
    setup, arm = view.setup, view.setup.arm_name()
    options = {NOBODY: "nothing"}
    if view.branched is not None:
        options[BEFORE] = "the run before the change"
    options |= {name: arm_title(name) for name in setup.experiment().arms if name != arm}
    chosen = NOBODY if view.rival is None else BEFORE if view.branched is not None else view.rival.arm_name()

    def choose(value: str) -> None:
        if value != BEFORE:
            compare(None if value == NOBODY else value)

    chooser = Choice(
        "Compare with", options, chosen, choose, help="The same mouse, with the same chance events, under another arm."
    )
    chooser.key(",".join(options))  # a list cannot take a value in the moment in which it gets its option
    if view.behind > 0.0:
        Words(f"The other run is being computed: {view.behind / 24.0:.1f} days to go.", style="ns-help")


@solara.component
def Differences(view: View, readouts: Sequence[str]) -> None:
    """The two runs at the hour that is shown, readout by readout."""
    if view.rival is None or view.rival_table is None:
        return
    if view.behind > 0.0:
        Words("The other run is being computed up to this day.", style="ns-help")
        return
    rows = []
    for name in readouts:
        ours, theirs = at(view.table, name, view.time), at(view.rival_table, name, view.time)
        ratio = "–" if theirs == 0.0 else number(ours / theirs)
        sign = "+" if ours > theirs else "−" if ours < theirs else ""
        rows.append((title_of(name), number(ours), number(theirs), sign + number(abs(ours - theirs)), ratio))
    heads = ("Readout", *view.names, "Difference", "Ratio")
    Words(f"This mouse, {day_words(view.time)}, the same chance events in both runs.", style="ns-help")
    Table(heads, rows)


@solara.component
def CohortPanel(
    view: View,
    readouts: Sequence[str],
    report: Report | None,
    on_report: Callable[[Report | None], None],
    presence: Presence | None = None,
) -> None:
    """Run many mice of both arms in the background, and show the paired effect with its interval."""
    mice, set_mice = solara.use_state(8)
    error, set_error = solara.use_state("")
    study = solara.use_ref(None)
    solara.use_effect(lambda: lambda: study.current and study.current.cancel(), [])
    if view.rival is None:
        Words("Choose first what to compare with.", style="ns-help")
        return
    rival = view.rival
    busy = report is not None and report.state in ("waiting", "running")

    def start() -> None:
        try:
            made = Study(plan_of(view.setup, rival, mice), view.names, on_report, presence)
            made.start()
        except InputError as problem:
            set_error(str(problem))
            return
        set_error("")
        study.current = made

    with Block(style="ns-row"):
        Slider("Mice per arm", 2, limits.MICE, mice, 1, lambda value: set_mice(int(value)), str(mice), disabled=busy)
        if busy:
            Press("Cancel the cohort", lambda: study.current.cancel())
        else:
            Press("Run the cohort", start, look="main")
    if error:
        Words(error, style="ns-error", attributes={"role": "alert"})
    if report is not None:
        Progress(report)
        if report.state == "done":
            _Effects(report, readouts)


@solara.component
def Progress(report: Report) -> None:
    """How far the mice of a study are."""
    sentences = {
        "waiting": "Waiting for the cohort of another visitor.",
        "running": f"{report.done} of {report.total} mice{_left(report.seconds_left)}",
        "done": f"{report.mice} mice per arm, same seeds in both.",
        "cancelled": "Cancelled. The mice that were finished are kept for the next time.",
        "failed": report.why,
    }
    Words(
        sentences[report.state],
        style="ns-error" if report.state == "failed" else "ns-help",
        attributes={"role": "status"},
    )
    if report.state == "running":
        solara.v.Html(
            tag="progress",
            attributes={"value": report.share, "max": 1, "aria-label": "Mice done"},
            class_="ns-progress",
        )


@solara.component
def _Effects(report: Report, readouts: Sequence[str]) -> None:
    rows = []
    assert report.cohort is not None  # a study that is done has one
    for row in report.rows:
        if row.readout in readouts and row.at >= report.cohort.ends:
            rows.append((title_of(row.readout), _effect(row), in_words(row.comparison)))
    heads = ("Readout at the end", f"{report.names[0]} against {report.names[1]}", "Direction")
    Table(heads, rows)
    Words(f"Paired by seed; in brackets the {LEVEL} interval.", style="ns-help")


@solara.component
def Table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table; the first column names the row."""
    named = {"tabindex": "0", "role": "region", "aria-label": heads[0]}  # so that the keyboard can scroll it
    with Block(style="ns-scroll", attributes=named), Block(style="ns-table", tag="table"):
        with Block(style="", tag="thead"), Block(style="", tag="tr"):
            for head in heads:
                Words(head, tag="th", attributes={"scope": "col"})
        with Block(style="", tag="tbody"):
            for first, *rest in rows:
                with Block(style="", tag="tr"):
                    Words(first, tag="th", attributes={"scope": "row"})
                    for cell in rest:
                        Words(cell, tag="td")


def _effect(row: Row) -> str:
    found = row.comparison
    if found.note:
        return found.note
    effect = found.effect
    sign = "×" if found.kind == "ratio" else ""
    return f"{sign}{number(effect.estimate)} ({number(effect.low)} to {number(effect.high)})"


def _left(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return f", about {seconds:.0f} s left" if seconds < 90 else f", about {seconds / 60:.0f} min left"
