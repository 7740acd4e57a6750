"""The page that a visitor sees: the tissue and its time line, and a rail of drawers that open over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import solara
import solara.lab

from niche_sim.dashboard import findings
from niche_sim.dashboard.charts_panel import Charts
from niche_sim.dashboard.drawers import (
    CHARTS,
    COMPARE,
    EXPERIMENT,
    EXPORT,
    LESSONS,
    PAPERS,
    PARAMETERS,
    TREATMENT,
    Compare,
    Drawer,
    Experiment,
    Papers,
    Parameters,
    Rail,
    Treatment,
    Welcome,
    set_dark,
)
from niche_sim.dashboard.elements import Block, Look, Press, Words, refused
from niche_sim.dashboard.lesson_panel import KEY, LessonPanel, split_link
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.parameter_controls import beyond
from niche_sim.dashboard.presence import of_this_page
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.takeaway import TakeAway, link_now
from niche_sim.dashboard.view import View
from niche_sim.dashboard.viewer import Viewer
from niche_sim.engine.errors import InputError
from niche_sim.figures import charts

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
    _as_the_system(event_dark=set_dark)
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
    drawer, set_drawer = solara.use_state("" if lesson is None else LESSONS)
    with Block(style=f"ns-whole{' ns-teaching' if drawer == LESSONS else ''}"):
        Rail(view, drawer, set_drawer)
        with Block(style="ns-drawers", attributes={"id": "drawer"}):
            Drawer(EXPERIMENT, drawer, set_drawer, lambda: Experiment(view, session))
            Drawer(PAPERS, drawer, set_drawer, lambda: Papers(session))
            Drawer(TREATMENT, drawer, set_drawer, lambda: Treatment(view, session))
            Drawer(PARAMETERS, drawer, set_drawer, lambda: Parameters(view, session))
            Drawer(
                COMPARE, drawer, set_drawer, lambda: Compare(view, session, readouts, report, set_report), stays=True
            )
            Drawer(CHARTS, drawer, set_drawer, lambda: Charts(view, readouts, set_readouts, report, dark))
            Drawer(
                LESSONS, drawer, set_drawer, lambda: LessonPanel(view, session, set_readouts, first, set_lesson), stays=True
            )
            Drawer(EXPORT, drawer, set_drawer, lambda: TakeAway(view, session), stays=True)
        _Head(view)
        with Block(style="ns-run", tag="main", attributes={"id": "run"}):
            _Stage(session, canvas, dark)
            _Messages(view, session)
            if not search and view.frontier == 0.0 and not drawer and view.setup == asked:
                Welcome(session, set_drawer)


@solara.component
def _Messages(view: View, session: Session) -> None:
    """What went wrong or is new, over the picture, so that it moves nothing."""
    setup = view.setup
    outside = solara.use_memo(lambda: beyond(setup.base(), view.numbers), [setup.scenario, setup.given, view.numbers])
    read, set_read = solara.use_state(cast(tuple[str, ...], ()))
    with Block(style="ns-messages"):
        for wrong, close in ((view.error, lambda: session.say("")), (refused.value, lambda: refused.set(""))):
            if wrong:
                with Block(style="ns-said-wrong", attributes={"role": "alert"}):
                    Words(wrong)
                    Press("Close", close)
        told = [*([view.notice] if view.notice else []), *outside]
        for sentence in told:
            if sentence not in read:
                with Block(style="ns-said-new", attributes={"role": "status"}):
                    Words(sentence)
                    Press("Understood", partial(set_read, (*read, sentence)), look="quiet")


@solara.component_vue("front/system.vue", vuetify=False)
def _as_the_system(event_dark: Callable[[bool], None]) -> None: ...


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
    """What is shown, and what was published of it."""
    experiment, arm = view.setup.experiment(), view.setup.arm_name()
    found = findings.of_arm(experiment, arm)
    said = f"Published: {findings.published(found[0])}. {findings.shown(view, found[0])}" if found else ""
    with Block(style="ns-head", tag="header"):
        Words(f"{view.setup.title()}, mouse {view.setup.seed}", style="ns-head-run")
        Words(experiment.title, style="ns-head-title", attributes={"title": experiment.title})
        Words(said, style="ns-head-found", attributes={"title": said})
