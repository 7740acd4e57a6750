"""The figure of a run over time: what was done, which stages were reached, the marker of each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from niche_sim.figures.appearance import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
)
from niche_sim.figures.labels import plain_words
from niche_sim.figures.pages import Page, day_number, headline
from niche_sim.figures.style import DAY, style
from niche_sim.model.stages import MM2, STAGES, WINDOW, Stage
from niche_sim.runs.record import Record

STAGE_COLOURS = (VERMILLION, GREEN, BLUE, PURPLE, BLACK, ORANGE, SKY)
_WINDOW_ENDS = {"block": "block_end", "deplete": "deplete_end", "boost": "boost_end"}
_ENDS = {**_WINDOW_ENDS, "grow_primary": "resect_primary"}
SYMBOLS = {"inject_exosomes": "v", "inject_tumour_cells": "D", "deplete": "x", "resect_primary": "X", "treat": "P"}


def timeline_figure(record: Record) -> Figure:
    """What was done, which stages were reached, and the marker of each stage per mm2 with its threshold and onset."""
    with style():
        end = float(record.table["time_h"][-1])
        lanes = lanes_of(record.provenance["marks"], end)
        top = 12.0
        done = sum(lane.height for lane in lanes)
        stages_top = top + done + 9 if lanes else top
        rows_top = stages_top + 4 * len(STAGES) + 8
        days = f"{day_number(end)} day{'' if day_number(end) == '1' else 's'}"
        page = Page(rows_top + 25 * len(STAGES) + 8, *headline(record.provenance, days))
        left, width = 60.0, 102.0
        span = max(end, 1.0) / DAY
        axes = []
        if lanes:
            axes.append(page.axes(left, top, width, done))
            _draw_protocol(axes[-1], lanes)
        axes.append(page.axes(left, stages_top, width, 4 * len(STAGES)))
        _draw_stages(axes[-1], record)
        for number, stage in enumerate(STAGES):
            axes.append(page.axes(left, rows_top + 25 * number, width, 21))
            _draw_marker(axes[-1], record, stage, number)
            text = textwrap.fill(stage.meaning[0].upper() + stage.meaning[1:], 25)
            y = rows_top + 25 * number
            page.figure.text(*page.at(3, y), stage.name.capitalize(), va="top", weight="bold", size=8)
            page.figure.text(*page.at(3, y + 4.5), text, va="top", color=GREY, linespacing=1.25)
        for ax in axes:
            ax.set_xlim(-0.008 * span, 1.008 * span)
            ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 7, 10]))
            for when in {when for lane in lanes if lane.turning_point for when in lane.times}:
                ax.axvline(when, color=PALE, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
            if ax is not axes[-1]:
                ax.tick_params(labelbottom=False)
        axes[-1].set_xlabel("Time (days)")
    return page.figure


@dataclass(frozen=True)
class _Lane:
    """One line of the strip that shows what was done: moments, or spans from times to ends, in days."""

    kind: str
    label: str
    times: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def height(self) -> float:
        """mm on paper."""
        return 4.0 + 3.0 * self.label.count("\n")

    @property
    def turning_point(self) -> bool:
        """Whether its moments are worth a line through all rows."""
        return self.kind in ("inject_tumour_cells", "resect_primary")


def lanes_of(marks: Sequence[Sequence[Any]], end: float) -> list[_Lane]:
    """Marks (time in h, kind, label, event; in order of time) as lanes, one a target; none for what begins after `end` (h).

    A block, a depletion, a boost and a primary last until the mark that ends them; all but a depletion without one to the
    end.
    """
    begun: list[list[Any]] = []  # start, stop or None, kind, label, event
    for time, kind, label, *rest in marks:
        event = rest[0] if rest else ""  # runs of older versions have none
        for entry in reversed(begun):
            if entry[0] < time and entry[1] is None and _ENDS.get(entry[2]) == kind and _ends(kind, label, event, entry):
                entry[1] = time
                break
        if kind not in _WINDOW_ENDS.values():
            begun.append([time, None, kind, label, event])
    lanes: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    for start, stop, kind, label, _ in begun:
        if start > end:
            continue
        if stop is None:
            stop = end if kind in ("block", "boost", "grow_primary") else start
        target, _, amount = label.rpartition(", ") if ", " in label else (label, "", "")
        if kind == "inject_tumour_cells":
            amount, _, target = label.partition(" ")
        lanes.setdefault((kind, target), []).append((start / DAY, min(stop, end) / DAY, amount))
    return [_lane(kind, target, parts) for (kind, target), parts in lanes.items()]


def _ends(kind: str, ending: str, event: str, begun: list[Any]) -> bool:
    """Whether a mark ends what has begun: the same event, or without one the same target, the first word of a label."""
    if kind == "resect_primary":  # there is only one primary to resect
        return True
    return bool(event == begun[4] if event else ending.split(" ")[0] == begun[3].split(" ")[0])


def _lane(kind: str, target: str, parts: list[tuple[float, float, str]]) -> _Lane:
    amounts = list(dict.fromkeys(plain_words(amount) for _, _, amount in parts if amount))
    amount = " and ".join(amounts) if len(amounts) < 3 else f"{len(amounts)} amounts"
    label = ", ".join(text for text in (plain_words(target), amount) if text)
    if kind == "inject_tumour_cells" and len(amounts) == 1:
        label = f"{amount} {plain_words(target)}"
    if kind in ("inject_exosomes", "treat") and len(parts) > 1:
        label += f", {len(parts)} doses"
    label = label[0].upper() + label[1:]
    times, ends, _ = zip(*parts, strict=True)
    return _Lane(kind, textwrap.fill(label, 42), times, ends)


def _draw_protocol(ax: Axes, lanes: Sequence[_Lane]) -> None:
    middles = np.cumsum([lane.height for lane in lanes]) - [lane.height / 2.0 for lane in lanes]
    for lane, middle in zip(lanes, middles, strict=True):
        for start, stop in zip(lane.times, lane.ends, strict=True):
            if stop > start:
                look: dict[str, Any] = {"facecolor": "#9A9A9A", "edgecolor": GREY, "linewidth": 0.4}
                ax.add_patch(Rectangle((start, middle - 1.0), stop - start, 2.0, **look))
        moments = [start for start, stop in zip(lane.times, lane.ends, strict=True) if stop <= start]
        crowded = len(moments) > 60  # more than there is room for side by side
        ax.scatter(
            moments, np.full(len(moments), middle), s=13, marker="|" if crowded else SYMBOLS.get(lane.kind, "|"),
            color=BLACK, linewidths=0.25 if crowded else 0.6, clip_on=False, zorder=3,
        )  # fmt: skip
    ax.set(ylim=(sum(lane.height for lane in lanes), 0.0), yticks=middles)
    ax.set_yticklabels([lane.label for lane in lanes], linespacing=1.1)
    ax.tick_params(axis="y", length=0)
    ax.set_title("What was done", loc="left", pad=3, weight="bold")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _draw_stages(ax: Axes, record: Record) -> None:
    """A lane a stage that lights up at its onset: in full colour while the marker is above its threshold, else pale."""
    times = record.table["time_h"] / DAY
    for number, stage in enumerate(STAGES):
        onset = record.onsets.get(stage.name)
        if onset is None:
            why = _not_reached(record, stage) or "no threshold, so no onset"
            ax.text(0.0, number + 0.5, why, va="center", color=GREY, style="italic")
            continue
        colour = STAGE_COLOURS[number % len(STAGE_COLOURS)]
        start, stop = onset / DAY, times[-1]
        ax.add_patch(Rectangle((start, number + 0.2), stop - start, 0.6, facecolor=colour, alpha=0.25, linewidth=0))
        later = times > start
        above = _marker(record, stage)[later] > record.provenance["thresholds"].get(stage.name, np.inf)
        days, lit = np.append(start, times[later]), np.append(True, above)  # above at its onset by definition
        ax.fill_between(days, number + 0.2, number + 0.8, where=lit, color=colour, linewidth=0)
        ax.plot([start, start], [number + 0.05, number + 0.95], color=colour, linewidth=1.2)
    ax.set(ylim=(len(STAGES), 0.0), yticks=np.arange(len(STAGES)) + 0.5)
    ax.set_yticklabels([stage.name.capitalize() for stage in STAGES])
    ax.tick_params(axis="y", length=0)
    ax.set_title("Stages reached", loc="left", pad=3, weight="bold")
    if any(onset is not None for onset in record.onsets.values()):
        ax.set_title("pale: later, while the marker is below its threshold", loc="right", pad=3, color=GREY, size=7)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _draw_marker(ax: Axes, record: Record, stage: Stage, number: int) -> None:
    colour = STAGE_COLOURS[number % len(STAGE_COLOURS)]
    times, values = record.table["time_h"] / DAY, _marker(record, stage)
    threshold = record.provenance["thresholds"].get(stage.name)
    # Nearly a quarter of the row stays free above the curve for the label of the onset.
    least = 1.0 / (record.provenance["anatomy"]["width_um"] * record.provenance["anatomy"]["height_um"] / MM2)
    highest = 1.32 * max(float(values.max()), 1.15 * (threshold or 0.0), least)
    ax.plot(times, values, color=colour, linewidth=1.3, solid_joinstyle="round", zorder=3)
    ax.fill_between(times, values, color=colour, alpha=0.15, linewidth=0, zorder=2)
    ax.set(ylim=(-0.03 * highest, highest))
    ax.set_ylabel(stage.unit.replace("^2", "²"))
    ax.yaxis.set_label_coords(-0.105, 0.5)
    ax.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if threshold is not None:
        ax.axhline(threshold, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)
        low = threshold < 0.3 * highest  # where the label would reach below the row
        ax.annotate(
            f"threshold\n{threshold:.4g}", (1.0, threshold), (3, -1 if low else 0), color=GREY, linespacing=1.1,
            xycoords=("axes fraction", "data"), textcoords="offset points", va="bottom" if low else "center",
            annotation_clip=False,
        )  # fmt: skip
    onset = record.onsets.get(stage.name)
    if onset is None:
        if why := _not_reached(record, stage):
            ax.text(0.012, 0.97, why, transform=ax.transAxes, va="top", color=GREY, style="italic")
        return
    day = onset / DAY
    ax.axvline(day, color=colour, linewidth=1.1, zorder=4)
    ax.annotate(
        f"day {day_number(onset)}", (day, 0.98), (3, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
        va="top", weight="bold",
    )  # fmt: skip


def _not_reached(record: Record, stage: Stage) -> str:
    """Why a stage without an onset has none; "" if it has no threshold."""
    threshold = record.provenance["thresholds"].get(stage.name)
    if threshold is None:
        return ""
    return f"above for less than {WINDOW:g} h" if (_marker(record, stage) > threshold).any() else "not reached"


def _marker(record: Record, stage: Stage) -> NDArray[np.float64]:
    """The marker of a stage as it is compared, numbers per mm2 of section: a value a row of the table."""
    anatomy = record.provenance["anatomy"]
    values: NDArray[np.float64] = record.table[stage.marker]
    return values * MM2 / (anatomy["width_um"] * anatomy["height_um"]) if stage.per_area else values
