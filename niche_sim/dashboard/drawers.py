"""The rail of drawers, what lies in each, and the start that invites."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import solara
import solara.lab

from niche_sim.dashboard import findings
from niche_sim.dashboard.compare_panel import CohortPanel, ComparePanel, Differences
from niche_sim.dashboard.elements import Block, Press, Words
from niche_sim.dashboard.experiment_panel import ExperimentPanel, catalogue
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.parameter_panel import Numbers
from niche_sim.dashboard.schedule_editor import ScheduleEditor
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.study import Report
from niche_sim.dashboard.view import View
from niche_sim.experiment.protocol import Block as Blockade
from niche_sim.figures.labels import arm_title

EXPERIMENT, PAPERS, TREATMENT, PARAMETERS = "Experiment", "Papers", "Treatment", "Parameters"
COMPARE, CHARTS, LESSONS, EXPORT = "Compare", "Charts", "Lessons", "Export"
DRAWERS = {
    EXPERIMENT: "Experiment",
    PAPERS: "Repeat a paper",
    TREATMENT: "Treatment schedule",
    PARAMETERS: "Parameters",
    COMPARE: "Comparison",
    CHARTS: "Readouts over days",
    LESSONS: "Lessons",
    EXPORT: "Export and share",
}
WATCHED = 6.0  # h a frame, of the run that the start plays


def set_dark(dark: bool) -> None:
    """Light or dark, of this visitor's page."""
    solara.lab.theme.dark = dark


@solara.component
def Rail(view: View, open: str, set_open: Callable[[str], None]) -> None:
    """One button a drawer; it opens its own and closes the others."""
    waiting = view.pending is not None
    with Block(style="ns-rail", tag="nav", attributes={"aria-label": "Drawers"}):
        Words("niche_sim", tag="h1")
        for name in DRAWERS:

            def turn(name: str = name) -> None:
                set_open("" if open == name else name)

            badge = "waiting" if name == PARAMETERS and waiting else ""
            Press(name, turn, look="rail", expanded=open == name, controls="drawer", badge=badge)
        dark = bool(solara.lab.use_dark_effective())
        Press(
            "Light" if dark else "Dark",
            lambda: set_dark(not dark),
            name="Light colours" if dark else "Dark colours",
            look="rail",
        )


@solara.component
def Drawer(
    name: str, open: str, set_open: Callable[[str], None], inside: Callable[[], object], stays: bool = False
) -> None:
    """What lies behind one button of the rail. It is made when it is opened; `stays`: kept, out of sight, when closed."""
    seen = open == name
    if not seen and not stays:
        return
    title = DRAWERS[name]
    style = f"ns-drawer ns-drawer-{name.lower()}{'' if seen else ' ns-away'}"
    with Block(style=style, tag="section", attributes={"aria-label": title}):
        with Block(style="ns-drawer-head"):
            Words(title, tag="h2")
            Press("Close", lambda: set_open(""), name=f"Close {title}", look="quiet")
        inside()


@solara.component
def Experiment(view: View, session: Session) -> None:
    """Scenario, arm and mouse, and what was published of it."""
    setup = view.setup
    ExperimentPanel(setup, session.load, session.say)
    found = findings.of_arm(setup.experiment(), setup.arm_name())
    if found:
        Words("Published, and what the model shows", tag="h3")
        with Block(style="ns-found", tag="ul"):
            for target in found:
                with Block(style="", tag="li"):
                    Words(findings.published(target))
                    Words(findings.shown(view, target), style="ns-help")
    Words(
        "For research and teaching, not for predictions about a patient. What is assumed is marked so.", style="ns-help"
    )


@solara.component
def Papers(session: Session) -> None:
    """The papers that can be repeated, each with its main finding; one click begins it."""
    for entry in catalogue():
        finding = findings.headline(entry.id)
        if finding:
            with Block(style="ns-paper"):
                Press(entry.title, lambda id=entry.id: session.load(Setup(scenario=id)), look="quiet")  # type: ignore[misc]
                Words(finding, style="ns-help")


@solara.component
def Treatment(view: View, session: Session) -> None:
    """The steps that were blocked in the paper, one click each, and the schedule to be changed."""
    setup = view.setup
    blocked = {
        name: arm
        for name, arm in setup.experiment().arms.items()
        if name != setup.arm_name() and any(isinstance(one, Blockade) for one in arm.protocol.interventions)
    }
    if blocked:
        Words("Block a step, as it was published", tag="h3")
        for name, arm in blocked.items():
            Press(arm_title(name), lambda name=name: session.compare(name), hint=arm.note)  # type: ignore[misc]
        Words("The same mouse runs beside it, with that step blocked.", style="ns-help")
        Words("The schedule of this mouse", tag="h3")
    now = math.ceil(view.time / 24.0 * 100.0 - 1e-9) / 100.0 * 24.0  # as a day that can be read
    ScheduleEditor(setup.experiment(), setup.interventions(), now, session.edit)


@solara.component
def Parameters(view: View, session: Session) -> None:
    """Every number, and those that wait for the next start."""
    if view.pending is not None:
        with Block(style="ns-row", attributes={"role": "status"}):
            Words("Changed numbers take effect when the run starts again.", style="ns-help")
            Press("Reset with these numbers", session.reset, look="main")
    Numbers(view.setup.base(), view.numbers, session.numbers)


@solara.component
def Compare(
    view: View,
    session: Session,
    readouts: Sequence[str],
    report: Report | None,
    set_report: Callable[[Report | None], None],
) -> None:
    """What runs beside it, what differs now, and what a cohort says."""
    ComparePanel(view, session.compare)
    if view.rival is not None:
        Differences(view, readouts)
        CohortPanel(view, readouts, report, set_report, session.presence)


@solara.component
def Welcome(session: Session, set_open: Callable[[str], None]) -> None:
    """Three first acts, over the picture of a mouse that has not been played yet."""

    def watch() -> None:
        session.speed(WATCHED)
        session.play()

    with Block(style="ns-welcome", tag="section", attributes={"aria-label": "First steps"}):
        Words("A liver before metastasis", tag="h2")
        Words(
            "You see a section of a mouse's liver on day 0: lobules, vessels and the cells in them. Exosomes of a pancreatic "
            "tumour will educate it until tumour cells can settle."
        )
        with Block(style="ns-row"):
            Press("Watch the niche form", watch, look="main")
            Press("Block a step", lambda: set_open(TREATMENT))
            Press("Repeat a paper", lambda: set_open(PAPERS))
