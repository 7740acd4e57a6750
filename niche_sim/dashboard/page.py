"""The page that a visitor sees: the viewer, what can be changed beside it, charts and comparison below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import solara
import solara.lab

from niche_sim.dashboard import charts
from niche_sim.dashboard.charts import Band, Curve
from niche_sim.dashboard.compare_panel import CohortPanel, ComparePanel, Differences
from niche_sim.dashboard.elements import Block, Foldout, Look, Press, Tick, Words
from niche_sim.dashboard.experiment_panel import ExperimentPanel
from niche_sim.dashboard.lesson_panel import LessonPanel, split_link
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.numbers import Numbers
from niche_sim.dashboard.schedule_editor import ScheduleEditor
from niche_sim.dashboard.session import FIELDS, Session, View
from niche_sim.dashboard.study import Report
from niche_sim.dashboard.takeaway import TakeAway
from niche_sim.dashboard.viewer import Viewer
from niche_sim.errors import InputError
from niche_sim.readouts import READOUTS

CSS = Path(__file__).parent / "front" / "page.css"


@solara.component
def Layout(children: list[Any]) -> None:
    """The bare page in place of Solara's own bars."""
    Block(children, style="ns-page")


@solara.component
def Page() -> None:
    """One visitor's page, with a session of its own."""
    lesson, query = split_link(solara.use_router().search or "")
    asked, refused = solara.use_memo(lambda: _asked(query), [query])
    canvas = solara.use_ref(None)
    session, view = _use_session(asked, refused, canvas)
    _as_the_system(event_dark=_set_dark)
    dark = bool(solara.lab.use_dark_effective())
    readouts, set_readouts = solara.use_state(charts.DEFAULT)
    report, set_report = solara.use_state(None)
    solara.use_effect(lambda: set_report(None), [view.setup, view.rival])

    Look()
    solara.Style(CSS)
    solara.Title("niche_sim")
    _Head(view)
    if view.error:
        with Block(style="ns-said-wrong", attributes={"role": "alert"}):
            Words(view.error)
            Press("Close", lambda: session.say(""))
    if view.notice:
        with Block(style="ns-said-new", attributes={"role": "status"}):
            Words(view.notice)
    with Block(style="ns-main", tag="main", attributes={"id": "main"}):
        with Block(style="ns-side"):
            with Block(style="ns-card"):
                _Stage(session, canvas, dark)
            with Block(style="ns-card", tag="section", attributes={"aria-label": "Charts"}):
                _Charts(view, readouts, set_readouts, report, dark)
            if view.rival is not None:
                with Block(style="ns-card", tag="section", attributes={"aria-label": "Comparison"}):
                    Words("Comparison", tag="h2")
                    Differences(view, readouts)
                    CohortPanel(view, readouts, report, set_report)
        with (
            Block(style="ns-side ns-controls"),
            Block(style="ns-card", tag="section", attributes={"aria-label": "Controls", "id": "controls"}),
        ):
            _Controls(view, session, lesson)
    with Block(style="ns-foot", tag="footer"):
        Words("For research and teaching, not for predictions about a patient. What is assumed is marked so.")


@solara.component_vue("front/system.vue", vuetify=False)
def _as_the_system(event_dark: Callable[[bool], None]) -> None: ...


def _set_dark(dark: bool) -> None:
    solara.lab.theme.dark = dark


def _asked(query: str) -> tuple[Setup, str]:
    """The experiment of the link, or the default one and why the link's cannot be opened."""
    try:
        setup = Setup.from_query(query)
        setup.model()
        return setup, ""
    except InputError as error:
        return Setup(), f"This link cannot be opened: {error}. The default experiment is shown."


def _use_session(asked: Setup, refused: str, canvas: Any) -> tuple[Session, View]:
    """The session of this page, and what it shows; `canvas` refers to the widget that draws its pictures."""
    view, set_view = solara.use_state(View(asked, error=refused))

    def make() -> Session:
        def frame(header: dict[str, Any], buffers: list[bytes]) -> None:
            if canvas.current is not None:
                canvas.current.show(header, buffers)

        def static(section: dict[str, Any]) -> None:
            if canvas.current is not None:
                canvas.current.static = section

        def card(told: dict[str, Any]) -> None:
            if canvas.current is not None:
                canvas.current.show_card(told)

        return Session(asked, error=refused, on_view=set_view, on_static=static, on_frame=frame, on_card=card)

    session = solara.use_memo(make, [asked])

    def run() -> Callable[[], None]:
        session.start()
        return session.close

    solara.use_effect(run, [session])
    return session, view


@solara.component
def _Stage(session: Session, canvas: Any, dark: bool) -> None:
    """The widget that draws, attached to the session."""
    element = Viewer.element(dark=dark, shown_fields=list(FIELDS))

    def attach() -> Callable[[], None]:
        canvas.current = solara.get_widget(element)

        def leave() -> None:
            canvas.current = None

        return leave

    solara.use_effect(attach, [])
    solara.use_effect(lambda: canvas.current.attend(session), [session])


@solara.component
def _Head(view: View) -> None:
    with Block(style="ns-head", tag="header"):
        Words("niche_sim", tag="h1")
        Words(view.setup.experiment().title)
        Block(["Change the experiment"], style="ns-to-controls", tag="a", attributes={"href": "#controls"})
        dark = bool(solara.lab.use_dark_effective())

        Press(
            "Light" if dark else "Dark", lambda: _set_dark(not dark), name="Light colours" if dark else "Dark colours"
        )


@solara.component
def _Controls(view: View, session: Session, lesson: str | None) -> None:
    setup = view.setup
    experiment = setup.experiment()
    Words("Experiment", tag="h2")
    ExperimentPanel(setup, session.load, session.say)
    waiting = len(view.pending) if view.pending is not None else 0
    if view.pending is not None:
        with Block(style="ns-row", attributes={"role": "status"}):
            Words("Changed numbers take effect when the run starts again.", style="ns-help")
            Press("Reset with these numbers", session.reset, look="main")
    LessonPanel(view, session.load, session.compare, lesson)
    with Foldout("What is done to the mouse", level=2):
        ScheduleEditor(experiment, experiment.arms[setup.arm_name()].protocol.interventions, view.time, session.edit)
    with Foldout("Numbers of the model", badge=f"{waiting} waiting" if waiting else "", level=2):
        Numbers(experiment, view.numbers, session.numbers)
    with Foldout("Compare", level=2):
        ComparePanel(view, session.compare)
    with Foldout("Take it with you", level=2):
        TakeAway(view, session)


@solara.component
def _Charts(
    view: View,
    readouts: tuple[str, ...],
    set_readouts: Callable[[tuple[str, ...]], None],
    report: Report | None,
    dark: bool,
) -> None:
    Words("Readouts over days", tag="h2")
    if not view.table:
        return
    curves = [Curve(view.names[0], view.table)]
    if view.rival is not None and view.rival_table is not None:
        curves.append(Curve(view.names[1], view.rival_table))
    bands = [] if report is None else _bands(report, readouts)
    experiment = view.setup.experiment()
    marks = experiment.arms[view.setup.arm_name()].protocol.marks()
    option = charts.option_of(
        curves,
        readouts,
        duration=view.duration,
        now=view.time,
        doses=[mark.time for mark in marks if mark.kind in charts.DOSES],
        branched=view.branched,
        bands=bands,
        dark=dark,
    )
    text = charts.summary_of(curves, readouts)
    solara.FigureEcharts(
        option=option,
        attributes={"style": f"height:{charts.height_of(readouts)}px;width:100%", "role": "img", "aria-label": text},
        responsive=True,
    ).key(f"charts-{len(readouts)}")
    with Foldout("Choose readouts", badge=f"{len(readouts)} of {len(READOUTS)}"):
        _Choose(readouts, set_readouts)


@solara.component
def _Choose(readouts: tuple[str, ...], set_readouts: Callable[[tuple[str, ...]], None]) -> None:
    full = len(readouts) >= charts.MOST
    if full:
        Words(f"At most {charts.MOST} at a time: take one away to add another.", style="ns-help")

    def ticked(name: str) -> Callable[[bool], None]:
        def turn(on: bool) -> None:
            kept = [one for one in readouts if one != name]
            set_readouts(tuple([*kept, name] if on else kept))

        return turn

    with Block(style="ns-grid"):
        for row in READOUTS:
            on = row.name in readouts
            Tick(
                charts.title_of(row.name),
                on,
                ticked(row.name),
                disabled=(full and not on) or (on and len(readouts) == 1),
            )


def _bands(report: Report, readouts: tuple[str, ...]) -> list[Band]:
    mice = report.cohort
    if mice is None:
        return []
    days = mice.times() / 24.0
    return [
        Band(f"{name}, {len(mice.lives[arm])} mice", days, {one: mice.band(arm, one) for one in readouts})
        for arm, name in zip(report.arms, report.names, strict=True)
        if mice.lives[arm]
    ]
