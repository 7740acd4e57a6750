"""Readouts over days as one figure of stacked charts: the run, what it is compared with, a cohort behind, doses marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.model.stages import STAGES
from niche_sim.runs.expectation.readouts import KNOWN

Table = Mapping[str, NDArray[np.float64]]

DEFAULT = tuple(stage.marker for stage in STAGES)
DOSES = ("inject_exosomes", "inject_tumour_cells", "treat", "resect_primary", "grow_primary")  # marked
UNITS = {"1": "", "relative": "× naive", "floor": "", "cell": "", "vesicle": "", "colony": ""}  # in a title
MOST = 8  # charts at a time
HEIGHT, GAP, TOP, BOTTOM = 92, 46, 52, 40  # px: a chart, between two, above the first, below the last
MOST_AREAS = 120  # of a band
MOST_POINTS = 800  # of a curve; more than a screen shows
# Okabe and Ito's blue and vermillion; lighter on dark, with the same order of brightness.
COLOURS = {False: ("#0072B2", "#D55E00"), True: ("#56B4E9", "#E69F00")}
INK = {False: ("#1a1a1a", "#5a5a5a", "#e3e3e3"), True: ("#f0f0f0", "#b5b5b5", "#3a3a3a")}
DASHES = ("solid", "dashed")  # so that the curves are told apart without colour


@dataclass(frozen=True)
class Curve:
    """A run to draw: its name and its readouts over time."""

    name: str
    table: Table


@dataclass(frozen=True)
class Band:
    """A cohort behind a run's curve. days: float64[rows]; limits: readout -> low, middle, high, float64[rows] each."""

    name: str
    days: NDArray[np.float64]
    limits: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]


def height_of(readouts: Sequence[str]) -> int:
    """Height of the figure, px."""
    return TOP + BOTTOM + len(readouts) * HEIGHT + (len(readouts) - 1) * GAP


def title_of(readout: str) -> str:
    """A readout as the title of its chart: what it is, and its unit."""
    row = KNOWN[readout]
    unit = UNITS.get(row.unit, row.unit).replace("^2", "²").replace("um", "µm")
    return f"{row.meaning[0].upper()}{row.meaning[1:]}{f', {unit}' if unit else ''}"


def option_of(
    curves: Sequence[Curve],
    readouts: Sequence[str],
    *,
    duration: float,
    now: float,
    doses: Sequence[float] = (),
    branched: float | None = None,
    bands: Sequence[Band] = (),
    dark: bool = False,
) -> dict[str, Any]:
    """The figure for ECharts. duration and now: h; doses: h, of what is to
    be marked; branched: h."""
    text, faint, line = INK[dark]
    colours = COLOURS[dark]
    option: dict[str, Any] = {
        "animation": False,
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": "inherit", "color": text},
        "legend": {"top": 0, "left": 8, "textStyle": {"color": text}, "itemWidth": 28, "data": _legend(curves, bands)},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "axisPointer": {"type": "line", "lineStyle": {"color": faint}},
            "backgroundColor": "#222" if dark else "#fff",
            "textStyle": {"color": text, "fontSize": 12},
        },
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "title": [],
        "grid": [],
        "xAxis": [],
        "yAxis": [],
        "series": [],
    }
    for number, readout in enumerate(readouts):
        top = TOP + number * (HEIGHT + GAP)
        last = number == len(readouts) - 1
        option["title"].append(
            {"text": title_of(readout), "left": 8, "top": top - 22, "textStyle": {"fontSize": 12, "color": text}}
        )
        option["grid"].append({"left": 64, "right": 20, "top": top, "height": HEIGHT})
        option["xAxis"].append({
            "type": "value", "gridIndex": number, "min": 0, "max": duration / 24.0,
            "name": "Time (days)" if last else "", "nameLocation": "middle", "nameGap": 24,
            "nameTextStyle": {"color": text}, "axisLabel": {"show": last, "color": faint},
            "axisLine": {"lineStyle": {"color": faint}}, "splitLine": {"show": False},
            "axisPointer": {"label": {"show": last}}, **_weeks(duration),
        })  # fmt: skip
        option["yAxis"].append({
            "type": "value", "gridIndex": number, "splitNumber": 3, "axisLabel": {"color": faint},
            "splitLine": {"lineStyle": {"color": line}},
        })  # fmt: skip
        axes = {"xAxisIndex": number, "yAxisIndex": number, "type": "line", "showSymbol": False}
        for place, band in enumerate(bands):
            option["series"] += _band(band, readout, colours[place % len(colours)], axes)
        for place, curve in enumerate(curves):
            colour = colours[place % len(colours)]
            style = {"color": colour, "width": 2, "type": DASHES[place % len(DASHES)]}
            series = {**axes, "name": curve.name, "data": _points(curve.table, readout), "lineStyle": style}
            series["itemStyle"] = {"color": colour}
            if place == 0:
                series["markLine"] = _lines(now, doses, branched, faint, text)
            option["series"].append(series)
    return option


def summary_of(curves: Sequence[Curve], readouts: Sequence[str]) -> str:
    """The figure in a sentence a curve, for whoever cannot see it."""
    parts = []
    for curve in curves:
        days = curve.table["time_h"][-1] / 24.0
        values = "; ".join(f"{title_of(name)}: {curve.table[name][-1]:.4g}" for name in readouts)
        parts.append(f"{curve.name}, day {days:g}: {values}.")
    return " ".join(parts)


def _weeks(duration: float) -> dict[str, float]:
    """Ticks a week apart, if there are several weeks."""
    return {"interval": 7.0} if duration >= 3.0 * 7.0 * 24.0 else {}


def _legend(curves: Sequence[Curve], bands: Sequence[Band]) -> list[str]:
    return [*(curve.name for curve in curves), *(band.name for band in bands)]


def _points(table: Table, readout: str) -> list[list[float]]:
    days, values = table["time_h"] / 24.0, table[readout]
    thin = max(1, -(-len(days) // MOST_POINTS))
    kept = np.unique(np.append(np.arange(0, len(days), thin), len(days) - 1)) if len(days) else np.zeros(0, int)
    return np.column_stack([days[kept], values[kept]]).tolist()


def _band(band: Band, readout: str, colour: str, axes: dict[str, Any]) -> list[dict[str, Any]]:
    """The range of a cohort as areas from row to row, its middle as a thin line.

    Areas, since ECharts stacks series of two axes of numbers along the wrong one.
    """
    low, middle, high = band.limits[readout]
    days = band.days
    rows = np.unique(np.linspace(0, len(days) - 1, min(len(days), MOST_AREAS + 1)).round().astype(int))
    parts = [
        [
            {"xAxis": float(days[i]), "yAxis": float(low[i] + low[j]) / 2.0},
            {"xAxis": float(days[j]), "yAxis": float(high[i] + high[j]) / 2.0},
        ]
        for i, j in pairwise(rows)
    ]
    areas = {"silent": True, "animation": False, "itemStyle": {"color": colour, "opacity": 0.2}, "data": parts}
    line = {"lineStyle": {"color": colour, "width": 1, "type": "dotted"}, "itemStyle": {"color": colour}}
    data = np.column_stack([days, middle]).tolist()
    return [{**axes, "name": band.name, "data": data, **line, "markArea": areas}]


def _lines(now: float, doses: Sequence[float], branched: float | None, faint: str, text: str) -> dict[str, Any]:
    """Vertical lines: doses faint, the branch dashed, now strong."""
    wanted = [(at, faint, 0.7, "dotted") for at in doses]
    if branched is not None:
        wanted.append((branched, text, 1.0, "dashed"))
    wanted.append((now, text, 1.2, "solid"))
    lines = [
        {"xAxis": at / 24.0, "lineStyle": {"color": colour, "width": width, "type": kind}, "label": {"show": False}}
        for at, colour, width, kind in wanted
    ]
    return {"symbol": "none", "silent": True, "animation": False, "data": lines}
