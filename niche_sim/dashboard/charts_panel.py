"""Readouts over days, of the run and of what it is compared with."""

from __future__ import annotations

from collections.abc import Callable

import solara

from niche_sim.dashboard.elements import Block, Foldout, Tick, Words
from niche_sim.dashboard.study import Report
from niche_sim.dashboard.view import View
from niche_sim.figures import charts
from niche_sim.figures.charts import Band, Curve
from niche_sim.model.readouts import READOUTS


@solara.component
def Charts(
    view: View,
    readouts: tuple[str, ...],
    set_readouts: Callable[[tuple[str, ...]], None],
    report: Report | None,
    dark: bool,
) -> None:
    """The readouts of the runs over days, and the choice of them."""
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
