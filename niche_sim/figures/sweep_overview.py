"""The overview of a sweep: readouts at the end against what was varied, or as maps over a grid of two."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from niche_sim.experiment.targets import ONSET
from niche_sim.figures.appearance import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from niche_sim.figures.labels import arm_words
from niche_sim.figures.style import MM, WIDTH, label, png, style, styled
from niche_sim.model.stages import STAGES
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.record import whole
from niche_sim.runs.sweeps import Axis, Swept

Float = NDArray[np.float64]

MOST_READOUTS, MOST_AXES, MOST_ARMS = 5, 5, 4  # that fit a page; of more, the first, or those that matter most
MANY_LEVELS = 12  # of an axis; of more, means are taken over at most as many parts of the points
PART = 8  # points in such a part, at least, so that a line is steadier than the dots
FLOWING = 3  # panels beside each other where rows and columns mean nothing
TALL, ROW = 30.0, 43.0  # mm, of a panel, and from one to the next
LETTER = 1.2  # mm, of the label of an axis
WIDE = 20.0  # highest over lowest of values that are drawn on a log scale
COLOURS = (BLACK, BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)  # of arms, in their order
MAP = LinearSegmentedColormap.from_list("map", ["#F7F9FB", "#B9CFE0", "#5B8DB5", "#1F4E79", "#0B2239"])
UNITS = {"cell": "cells", "colony": "colonies", "vesicle": "vesicles", "1": "share (0 to 1)", "floor": "× naive organ"}


def overview_png(found: Swept, dpi: int = 200) -> bytes:
    """The figure as the bytes of a PNG file; the same sweep gives the same bytes."""
    with style():
        return png(overview_figure(found), dpi)


def save_overview(found: Swept, file: Path) -> Path:
    """Write the figure; returns its path. Raises OSError."""
    with whole(file) as part:
        part.write_bytes(overview_png(found))
    return file


@styled
def overview_figure(found: Swept) -> Figure:
    """Maps for a grid of two axes, else a row a readout and a column an axis; without axes a column of arms."""
    plan = found.plan
    readouts = _shown_readouts(found)
    if plan.design == "grid" and len(plan.axes) == 2 and min(len(axis.choices) for axis in plan.axes) > 1:
        arms = [arm for arm in plan.arms if all(axis.arm in (None, arm) for axis in plan.axes)]
        if arms:
            return _maps(found, readouts, arms[:MOST_ARMS])
    return _scatter(found, readouts)


def _shown_readouts(found: Swept) -> list[str]:
    """Those that were asked for, or else the markers of the stages."""
    asked = found.plan.readouts if "readouts" in found.plan.content else tuple(stage.marker for stage in STAGES)
    told = [name for name in dict.fromkeys(asked) if any(_told(found, name, arm) for arm in found.plan.arms)]
    return (told or list(asked))[:MOST_READOUTS]


def _told(found: Swept, readout: str, arm: str) -> bool:
    return bool(np.isfinite(found.values(readout, arm)).any())


def _scatter(found: Swept, readouts: list[str]) -> Figure:
    """A row a readout and a column an axis; with one axis, or none, the readouts flow over the page."""
    plan = found.plan
    axes = _shown_axes(found, readouts)
    across = len(axes) if len(axes) > 1 else min(FLOWING, len(readouts))
    rows = len(readouts) if len(axes) > 1 else math.ceil(len(readouts) / across)
    sheet = _Sheet(found, 18.0 + ROW * rows, across, bool(plan.axes), len(axes))
    for number, readout in enumerate(readouts):
        values = {arm: found.values(readout, arm) for arm in plan.arms}
        for x, axis in enumerate(axes or [None]):
            row, column = (number, x) if len(axes) > 1 else divmod(number, across)
            ax = sheet.axes(row, column)
            if axis is None:
                _arms(ax, values)
            else:
                _against(ax, found, axis, values, sheet.width + sheet.gap)
            _limits(ax, values)
            ax.spines[["top", "right"]].set_visible(False)
            if len(axes) > 1 and x:
                ax.set_yticklabels([])
            else:
                label(ax.yaxis, _label(readout), size=6.5)
    return sheet.figure


class _Sheet:
    """A page of axes in equal columns, in mm from its top left corner."""

    def __init__(self, found: Swept, height: float, across: int, against: bool, shown: int) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH * MM, height * MM))
        self.gap = 6.0 if shown > 1 else 17.0  # with room for labels where each has its own
        self.width = (WIDTH - 24.0 - self.gap * (across - 1)) / across
        self._heading(found, against, shown)

    def axes(self, row: int, column: int) -> Axes:
        left, bottom = 20.0 + column * (self.width + self.gap), self.height - 16.0 - ROW * row - TALL
        return self.figure.add_axes((left / WIDTH, bottom / self.height, self.width / WIDTH, TALL / self.height))

    def _heading(self, found: Swept, against: bool, shown: int) -> None:
        plan = found.plan
        _title(self.figure, found, self.height)
        note = "Dot: mean over seeds of a point; line: mean along the axis." if against else "Dot: a run; bar: mean."
        if against and any(axis.arm is not None for axis in plan.axes) and len(plan.arms) > 1:
            note += " Dashed: an arm that the axis does not touch."
        if shown < len(plan.axes):
            note += f" {shown} of {len(plan.axes)} varied are shown, those that change most."
        self.figure.text(3 / WIDTH, 1 - 8 / self.height, note, va="center", color=GREY, size=6.5)
        if against:
            lines = [Line2D([], [], color=_colour(plan.arms, arm), label=arm_words(arm)) for arm in plan.arms]
            where = ((WIDTH - 3) / WIDTH, 1 - 1.5 / self.height)
            self.figure.legend(handles=lines, loc="upper right", bbox_to_anchor=where, ncol=4, frameon=False)


def _shown_axes(found: Swept, readouts: list[str]) -> list[Axis]:
    """At most MOST_AXES: those along which a shown readout changes most, by rank, in the order of the plan."""
    plan = found.plan
    if len(plan.axes) <= MOST_AXES:
        return list(plan.axes)
    strength = np.zeros(len(plan.axes))
    for arm in plan.arms:
        for readout in readouts:
            means = _mean(found.values(readout, arm))
            for n in range(len(plan.axes)):
                strength[n] = max(strength[n], abs(_rank_correlation(plan.levels[:, n], means)))
    kept = sorted(np.argsort(-strength, kind="stable")[:MOST_AXES])
    return [plan.axes[n] for n in kept]


def _against(ax: Axes, found: Swept, axis: Axis, values: dict[str, Float], room: float) -> None:
    """Dots: the mean over seeds at a point. Line: the mean over points along the axis. room: mm for the label."""
    plan = found.plan
    number = plan.axes.index(axis)
    places = plan.levels[:, number] if axis.unit is None else plan.numbers[:, number]
    for arm, table in values.items():
        colour = _colour(plan.arms, arm)
        first = np.unique(plan.stands_for(arm))
        x, y = places[first], _mean(table[first])
        told = np.isfinite(y)
        if axis.arm not in (None, arm):
            if told.any():
                ax.axhline(y[told].mean(), color=colour, linewidth=1.0, linestyle=(0, (4, 2)))
            continue
        size = 2.6 if told.sum() < 100 else 1.6
        ax.plot(x[told], y[told], "o", color=colour, markersize=size, markeredgewidth=0, alpha=0.5, clip_on=False)
        ax.plot(*_means_along(x[told], y[told]), color=colour, linewidth=1.2)
    ax.set_xlabel(_with_unit(axis, room), size=6.5)
    low, high = float(places.min()), float(places.max())
    if axis.unit is None:
        ax.set_xticks(range(len(axis.choices)), _ticks(axis), size=6)
        ax.set_xlim(-0.4, len(axis.choices) - 0.6)
    elif axis.log or (axis.choices and low > 0 and high > WIDE * low):
        ax.set_xscale("log")
        ax.set_xlim(low / (high / low) ** 0.04, high * (high / low) ** 0.04)
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=8))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        beside = 0.04 * (high - low) or 0.5
        ax.set_xlim(low - beside, high + beside)
        ax.xaxis.set_major_locator(MaxNLocator(4))


def _means_along(x: Float, y: Float) -> tuple[Float, Float]:
    """Mean of y at each x; with more than MANY_LEVELS of these, over equal parts of PART points or more."""
    levels = np.unique(x)
    if len(levels) <= MANY_LEVELS:
        return levels, np.array([y[x == level].mean() for level in levels])
    parts = np.array_split(np.argsort(x, kind="stable"), min(MANY_LEVELS, max(1, len(x) // PART)))
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def _arms(ax: Axes, values: dict[str, Float]) -> None:
    """Dots: a run each. Bar: their mean."""
    for number, (arm, table) in enumerate(values.items()):
        y = table.ravel()[np.isfinite(table.ravel())]
        colour = _colour(tuple(values), arm)
        spread = (np.arange(len(y)) * 0.618) % 1.0 - 0.5  # evenly, so that dots of equal values do not hide each other
        ax.plot(number + 0.5 * spread, y, "o", color=colour, markersize=2.4, markeredgewidth=0, alpha=0.55)
        if len(y):
            ax.plot([number - 0.35, number + 0.35], [y.mean()] * 2, color=colour, linewidth=1.6)
    ax.set_xticks(range(len(values)), [arm_words(arm) for arm in values], size=6.5)
    ax.set_xlim(-0.6, len(values) - 0.4)


def _maps(found: Swept, readouts: list[str], arms: list[str]) -> Figure:
    """A row a readout and a column an arm, one scale of colours a row; of one arm the readouts flow over the page."""
    plan = found.plan
    down, across = plan.axes
    columns = len(arms) if len(arms) > 1 else min(FLOWING, len(readouts))
    rows = len(readouts) if len(arms) > 1 else math.ceil(len(readouts) / columns)
    wide = 24.0 if len(arms) == 1 else 6.0  # from one map to the next
    size = min(36.0, (WIDTH - 18.0) / columns - wide)
    pitch = size + 17.0
    height = 12.0 + pitch * rows
    figure = Figure(figsize=(WIDTH * MM, height * MM))
    _title(figure, found, height)
    figure.text(3 / WIDTH, 1 - 8 / height, "Mean over seeds at the end.", va="center", color=GREY, size=6.5)
    for number, readout in enumerate(readouts):
        tables = [_mean(found.values(readout, arm)).reshape(len(down.choices), len(across.choices)) for arm in arms]
        told = np.concatenate([table[np.isfinite(table)] for table in tables])
        low, high = (float(told.min()), float(told.max())) if len(told) else (0.0, 1.0)
        for x, (arm, table) in enumerate(zip(arms, tables, strict=True)):
            row, column = (number, x) if len(arms) > 1 else divmod(number, columns)
            left, top = 16.0 + column * (size + wide), 16.0 + row * pitch
            ax = figure.add_axes((left / WIDTH, 1 - (top + size) / height, size / WIDTH, size / height))
            image = ax.imshow(
                table, MAP, vmin=low, vmax=high if high > low else low + 1.0, origin="lower", aspect="auto"
            )
            first = x == 0
            ax.set_xticks(range(len(across.choices)), _ticks(across), size=6)
            ax.set_yticks(range(len(down.choices)), _ticks(down) if first else [], size=6)
            ax.tick_params(length=0)
            ax.set_xlabel(_with_unit(across, size + wide), size=6.5)
            ax.set_ylabel(_with_unit(down, size) if first else "", size=6.5)
            ax.set_title(arm_words(arm), size=7, pad=3)
            if x == len(arms) - 1:
                place = ((left + size + 1.5) / WIDTH, 1 - (top + size) / height, 2.0 / WIDTH, size / height)
                bar = figure.colorbar(image, cax=figure.add_axes(place))
                bar.ax.tick_params(labelsize=6)
                bar.ax.yaxis.set_major_locator(MaxNLocator(4))
                bar.set_label(_label(readout).replace("\n", " "), size=6.5)
    return figure


def _ticks(axis: Axis) -> list[str]:
    values = [axis.value(level) for level in range(len(axis.choices))]
    return [_number(value) if isinstance(value, float) else str(value).replace("_", " ") for value in values]


def _number(value: float) -> str:
    """Three digits; all of a large one, as 1000 is read sooner than 1e+03."""
    return f"{value:.3g}" if abs(value) < 1000.0 else f"{value:g}"


def _with_unit(axis: Axis, room: float) -> str:
    """Name and unit of an axis, on two lines if one would be longer than the room (mm) and meet its neighbour."""
    whole = f"{axis.name} ({axis.unit})" if axis.unit else axis.name
    return whole if len(whole) * LETTER <= room else whole.replace(" (", "\n(", 1)


def _title(figure: Figure, found: Swept, height: float) -> None:
    plan, count = found.plan, found.count
    missing = f", {count.failed} failed" if count.failed else ""
    missing += f", {count.missing} not run" if count.missing else ""
    title = f"{plan.experiment.id} · {plan.points} points, {len(plan.seeds)} seeds, {count.done} runs{missing}"
    figure.text(3 / WIDTH, 1 - 4 / height, title, va="center", weight="bold", size=min(8.5, 8.5 * 85 / len(title)))


def _limits(ax: Axes, values: dict[str, Float]) -> None:
    """The same for all columns of a row."""
    told = np.concatenate([_mean(table)[np.isfinite(_mean(table))] for table in values.values()])
    low, high = (float(told.min()), float(told.max())) if len(told) else (0.0, 1.0)
    low = min(low, 0.0) if low < 0.35 * high else low  # from 0, unless that would press all together
    room = 0.06 * (high - low) or 0.5
    ax.set_ylim(low - room if low else -room, high + room)
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _label(readout: str) -> str:
    if readout.startswith(ONSET):
        return f"{readout.replace('_', ' ')}\n(h)"
    unit = KNOWN[readout].unit
    return f"{readout.replace('_', ' ')}\n({UNITS.get(unit, unit)})"


def _mean(table: Float) -> Float:
    """Mean over seeds, float64[points], of what is told; nan where nothing is."""
    told = np.isfinite(table)
    number = told.sum(axis=1)
    total = np.where(told, table, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), math.nan)


def _rank_correlation(x: Float, y: Float) -> float:
    from scipy.stats import spearmanr

    told = np.isfinite(x) & np.isfinite(y)
    if told.sum() < 3 or len(np.unique(x[told])) < 2 or len(np.unique(y[told])) < 2:
        return 0.0
    return float(spearmanr(x[told], y[told]).statistic)


def _colour(arms: tuple[str, ...], arm: str) -> str:
    return COLOURS[arms.index(arm) % len(COLOURS)]
