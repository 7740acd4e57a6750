"""The page that a visitor sees: the viewer, what can be changed beside it, charts and comparison below."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import solara
import solara.lab

from niche_sim.dashboard.compare_panel import CohortPanel, ComparePanel, Differences
from niche_sim.dashboard.elements import Block, Foldout, Look, Press, Tick, Words, refused
from niche_sim.dashboard.experiment_panel import ExperimentPanel
from niche_sim.dashboard.lesson_panel import KEY, LessonPanel, split_link
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.parameter_controls import beyond
from niche_sim.dashboard.parameter_panel import Numbers
from niche_sim.dashboard.presence import of_this_page
from niche_sim.dashboard.schedule_editor import ScheduleEditor
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.study import Report
from niche_sim.dashboard.takeaway import TakeAway, link_now
from niche_sim.dashboard.view import View
from niche_sim.dashboard.viewer import Viewer
from niche_sim.engine.errors import InputError
from niche_sim.figures import charts
from niche_sim.figures.charts import Band, Curve
from niche_sim.model.readouts import READOUTS

CSS = Path(__file__).parent / "front" / "page.css"


@solara.component
def Layout(children: list[Any]) -> None:
    """The bare page in place of Solara's own bars."""
    Block(children, style="ns-page")


@solara.component
def Page() -> None:
    """One visitor's page, with a session of its own."""
    # Once a page: its address follows what is done on it from then on.
    search = solara.use_router().search or ""
    first, asked, unusable = solara.use_memo(lambda: _asked(search), [])
    lesson, set_lesson = solara.use_state(first)
    canvas = solara.use_ref(None)
    session, view = _use_session(asked, unusable, canvas)
    _as_the_system(event_dark=_set_dark)
    dark = bool(solara.lab.use_dark_effective())
    readouts, set_readouts = solara.use_state(charts.DEFAULT)
    report, set_report = solara.use_state(None)
    solara.use_effect(lambda: set_report(None), [view.setup, view.rival])

    untouched = bool(unusable) and view.setup == asked and view.aim == 0.0 and view.rival is None
    _address(text=None if untouched else address_of(view, lesson))
    _gone(lost=view.setup.given is not None)
    Look()
    solara.Style(CSS)
    solara.Title("niche_sim")
    _Head(view)
    with Block(style="ns-messages"):  # a place of its own, so that what comes and goes in it moves nothing else
        for wrong, close in ((view.error, lambda: session.say("")), (refused.value, lambda: refused.set(""))):
            if wrong:
                with Block(style="ns-said-wrong", attributes={"role": "alert"}):
                    Words(wrong)
                    Press("Close", close)
        if view.notice:
            with Block(style="ns-said-new", attributes={"role": "status"}):
                Words(view.notice)
    with Block(style="ns-main", tag="main", attributes={"id": "main"}):
        named = {"aria-label": "Controls", "id": "controls"}
        with Block(style="ns-side ns-controls"), Block(style="ns-card", tag="section", attributes=named):
            _Controls(view, session, set_readouts, first, set_lesson)
        with Block(style="ns-side ns-run"):
            with Block(style="ns-card", attributes={"id": "run"}):
                _Stage(session, canvas, dark)
            with Block(style="ns-card", tag="section", attributes={"aria-label": "Charts"}):
                _Charts(view, readouts, set_readouts, report, dark)
            if view.rival is not None:
                with Block(style="ns-card", tag="section", attributes={"aria-label": "Comparison"}):
                    Words("Comparison", tag="h2")
                    Differences(view, readouts)
                    CohortPanel(view, readouts, report, set_report, session.presence)
    with Block(style="ns-foot", tag="footer"):
        Words("For research and teaching, not for predictions about a patient. What is assumed is marked so.")


@solara.component_vue("front/system.vue", vuetify=False)
def _as_the_system(event_dark: Callable[[bool], None]) -> None: ...


def _set_dark(dark: bool) -> None:
    solara.lab.theme.dark = dark


@solara.component_vue("front/gone.vue", vuetify=False)
def _gone(lost: bool) -> None: ...


@solara.component_vue("front/address.vue", vuetify=False)
def _address(text: str | None) -> None: ...


def address_of(view: View, lesson: str | None) -> str:
    """What is to stand after the question mark of the page's address: the link to what it shows, and the lesson.

    An experiment that no link can hold leaves the address without one.
    """
    link, _ = link_now(replace(view, time=view.aim))
    return "&".join(part for part in (link, "" if lesson is None else urlencode({KEY: lesson})) if part)


def _asked(search: str) -> tuple[str | None, Setup, str]:
    """Lesson and experiment of the link; or the default experiment and why the link's cannot be opened."""
    lesson, query = split_link(search)
    try:
        return lesson, Setup.from_query(query), ""
    except InputError as error:
        return lesson, Setup(), f"This link cannot be opened: {error}. The default experiment is shown."


def _use_session(asked: Setup, unusable: str, canvas: Any) -> tuple[Session, View]:
    """The session of this page, and what it shows; `canvas` refers to the widget that draws its pictures."""
    start = View(
        asked.alone(), error=unusable, aim=24.0 * (asked.day or 0.0), rival=asked.rival(), branched=asked.parts()
    )
    view, set_view = solara.use_state(start)

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

        return Session(
            asked, error=unusable, on_view=set_view, on_static=static, on_frame=frame, on_card=card, presence=of_this_page()
        )

    session = solara.use_memo(make, [asked])

    def run() -> Callable[[], None]:
        session.start()
        return session.close

    solara.use_effect(run, [session])
    return session, view


@solara.component
def _Stage(session: Session, canvas: Any, dark: bool) -> None:
    """The widget that draws, attached to the session."""
    element = Viewer.element(dark=dark)

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
def _Controls(
    view: View,
    session: Session,
    set_readouts: Callable[[tuple[str, ...]], None],
    lesson: str | None,
    set_lesson: Callable[[str | None], None],
) -> None:
    setup = view.setup
    experiment = setup.experiment()
    Words("Experiment", tag="h2")
    ExperimentPanel(setup, session.load, session.say)
    waiting = len(view.pending) if view.pending is not None else 0
    with Block(style="ns-row", attributes={"role": "status"}):
        if view.pending is not None:
            Words("Changed numbers take effect when the run starts again.", style="ns-help")
            Press("Reset with these numbers", session.reset, look="main")
    outside = solara.use_memo(lambda: beyond(setup.base(), view.numbers), [setup.scenario, setup.given, view.numbers])
    for sentence in outside:
        Words(sentence, style="ns-help")
    LessonPanel(view, session, set_readouts, lesson, set_lesson)
    now = math.ceil(view.time / 24.0 * 100.0 - 1e-9) / 100.0 * 24.0  # as a day that can be read
    with Foldout("What is done to the mouse", level=2).key("schedule"):
        ScheduleEditor(experiment, setup.interventions(), now, session.edit)
    with Foldout("Numbers of the model", badge=f"{waiting} waiting" if waiting else "", level=2).key("numbers"):
        Numbers(setup.base(), view.numbers, session.numbers)
    with Foldout("Compare", level=2).key("compare"):
        ComparePanel(view, session.compare)
    with Foldout("Take it with you", level=2).key("takeaway"):
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
