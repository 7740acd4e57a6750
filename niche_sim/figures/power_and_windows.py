"""Figures of power and of windows: how many mice, and when an intervention still acts. They only draw what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from niche_sim.experiment.protocol import GrowPrimary, InjectTumourCells
from niche_sim.figures.appearance import BLACK, BLUE, GREY, ORANGE, PALE, PURPLE, VERMILLION
from niche_sim.figures.arms import UNITS
from niche_sim.figures.labels import arm_words
from niche_sim.figures.pages import Page
from niche_sim.figures.style import DAY, label, png, style, styled
from niche_sim.inference.power import TEST_NAMES, Curve, Groups, Needed, mice_of
from niche_sim.inference.windows import Onset, Point, Windows, starts_of, when
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.record import whole

DPI = 200
BAND = 0.18  # opacity of an interval
POWER_HEIGHT = 76.0  # mm
PANEL, PITCH = 34.0, 47.0  # mm: height of a panel of windows, and from one to the next
TAGS = 8.0  # mm above the first of them


def save(figure: Figure, file: Path, dpi: int = DPI) -> Path:
    """Write a figure as PNG, the same figure as the same bytes; returns its path. Raises OSError."""
    with style(), whole(file) as part:
        part.write_bytes(png(figure, dpi))
    return file


def plain_axes(ax: Axes) -> None:
    """Without the lines above and to the right."""
    ax.spines[["top", "right"]].set_visible(False)


def unit_of(readout: str) -> str:
    """Of a readout, as an axis shows it."""
    unit = KNOWN[readout].unit if readout in KNOWN else "h"
    return UNITS.get(unit, unit)


# --- power -----------------------------------------------------------------------------------------------------------


@styled
def power_figure(made: Groups, curve: Curve, needed: Needed, wanted: float) -> Figure:
    """Left: a dot a virtual mouse and the means. Right: power with its interval, and the mice that the wanted power needs."""
    limit = "" if made.above is None else f" above {made.above:g} {unit_of(made.readout)}"
    effect = "effect as simulated" if made.effect is None else f"assumed effect ×{made.effect:g}"
    arms = f"{arm_words(made.arm)} against {arm_words(made.against)}"
    page = Page(POWER_HEIGHT, f"{made.readout}{limit}, day {made.at / DAY:.4g} · {arms} · {effect}")
    page.letter(3, 11, "a", "Virtual mice, and their mean (bar)")
    page.letter(70, 11, "b", f"{TEST_NAMES[made.test]}: power, and its 95 % interval (band)")
    _virtual_mice(page.axes(15, 16, 46, POWER_HEIGHT - 28), made)
    _power(page.axes(82, 16, 94, POWER_HEIGHT - 28), curve, needed, wanted)
    return page.figure


def _virtual_mice(ax: Axes, made: Groups) -> None:
    groups = [(made.against, made.reference, BLACK)]
    if made.arm != made.against:
        groups.append((made.arm, made.treated, BLUE))
    for number, (_, values, colour) in enumerate(groups):
        spread = (np.arange(len(values)) * 0.618) % 1.0 - 0.5  # evenly, so that equal values do not hide each other
        ax.plot(number + 0.5 * spread, values, "o", color=colour, markersize=2.8, alpha=0.6, markeredgewidth=0, clip_on=False)
        ax.plot([number - 0.36, number + 0.36], [values.mean()] * 2, color=colour, linewidth=1.6)
    if made.above is not None:
        ax.axhline(made.above, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    ax.set_xticks(range(len(groups)), [arm_words(name) for name, _, _ in groups])
    ax.set_xlim(-0.6, len(groups) - 0.4)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.tick_params(axis="x", length=0)
    unit = unit_of(made.readout)
    label(ax.yaxis, made.readout if unit == made.readout else f"{made.readout} ({unit})")
    plain_axes(ax)


def _power(ax: Axes, curve: Curve, needed: Needed, wanted: float) -> None:
    ax.fill_between(curve.n, curve.low, curve.high, color=BLUE, alpha=BAND, linewidth=0)
    ax.plot(curve.n, curve.power, color=BLUE, linewidth=1.4)
    ax.axhline(wanted, color=PALE, linewidth=0.7, zorder=0)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([3, 5, 10, 20, 50, 100, 200]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlim=(curve.n[0], curve.n[-1]), ylim=(0, 1.02), xlabel="Real mice a group", ylabel="Power")
    plain_axes(ax)
    said = f"{100 * wanted:.3g} % power: {mice_of(needed.n)} mice a group\n({mice_of(needed.low)} to {mice_of(needed.high)})"
    if math.isfinite(needed.n):
        ax.plot([needed.n] * 2, [0, wanted], color=VERMILLION, linewidth=1.0)
        ax.plot(needed.n, wanted, "o", color=VERMILLION, markersize=4, clip_on=False, zorder=5)
    # Where the band leaves room: above a curve that rises late, else below it.
    late = curve.power[int(np.searchsorted(curve.n, 25))] < wanted
    left, top, side, edge = (0.03, 0.97, "left", "top") if late else (0.98, 0.06, "right", "bottom")
    ax.text(left, top, said, transform=ax.transAxes, ha=side, va=edge, color=VERMILLION)


# --- windows ---------------------------------------------------------------------------------------------------------


@styled
def windows_figure(
    made: Windows,
    found: Sequence[tuple[str, Sequence[Point]]],
    onsets: Sequence[Onset],
    members: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
) -> Figure:
    """A panel a readout (name, effects): the effect against the day of the start, onsets and challenge marked.

    members: readout -> of each start the 5th, 50th and 95th percentile of the effect over plausible parameter sets.
    """
    page = Page(16.0 + TAGS + PITCH * len(found), _headline(made))
    mice = max((point.comparison.effect.n for _, points in found for point in points), default=0)
    over = "; purple: 90 % of the plausible parameter sets" if members else ""
    text = f"Paired effect with its 95 % interval, {mice} mice{over}; grey: no effect (0.8 to 1.25 times)."
    page.text(3, 9, text, color=GREY)
    for number, (readout, points) in enumerate(found):
        top = 16.0 + TAGS + PITCH * number
        page.letter(3, top - 3.0 - (TAGS if number == 0 else 0.0), chr(97 + number), f"{readout}, {when(points)}")
        ax = page.axes(20, top, 152, PANEL)
        _effects(ax, points)
        if members and readout in members:
            ends = ax.get_ylim()
            least = 0.1 * ends[0] if ax.get_yscale() == "log" else -np.inf  # what has no lower end is drawn to the edge
            low, middle, high = np.maximum(np.array(members[readout]).T, least)
            ax.fill_between([point.day for point in points], low, high, color=PURPLE, alpha=0.25, linewidth=0)
            ax.plot([point.day for point in points], middle, color=PURPLE, linewidth=1.0, linestyle="--")
            lowest, highest = float(np.nanmin(low)), float(np.nanmax(high))
            ax.set_ylim(min(ends[0], lowest - 0.1 * abs(lowest)), max(ends[1], highest + 0.1 * abs(highest)))
        _marks(ax, made, onsets, named=number == 0)
        if number == len(found) - 1:
            ax.set_xlabel("Day on which the intervention starts")
    return page.figure


def _headline(made: Windows) -> str:
    fixed = "same end" if made.fixed == "end" else "same length"
    return f"{made.plan.experiment.id} · {arm_words(made.arm)} against {arm_words(made.plan.reference)}, {fixed}"


def _effects(ax: Axes, points: Sequence[Point]) -> None:
    told = [point for point in points if not math.isnan(point.comparison.effect.estimate)]
    kinds = {point.comparison.kind for point in told}
    ratio = kinds <= {"ratio"} and all(point.comparison.effect.estimate > 0 for point in told)
    days = [point.day for point in told]
    effects = [point.comparison.effect for point in told]
    middle = np.array([effect.estimate for effect in effects])
    low, high = (np.array([getattr(effect, end) for effect in effects]) for end in ("low", "high"))
    if ratio and len(middle):  # an interval without a lower end is drawn to the edge
        low = np.maximum(low, 1e-3 * middle)
        high = np.minimum(high, 1e3 * middle)
    none = 1.0 if ratio or kinds == {"ratio"} else 0.0
    if none == 1.0:
        ax.axhspan(0.8, 1.25, color=PALE, alpha=0.35, linewidth=0)
    ax.axhline(none, color=GREY, linewidth=0.7)
    ax.plot(days, middle, color=BLUE, linewidth=1.2)
    ax.errorbar(
        days, middle, yerr=[middle - low, high - middle], fmt="o", color=BLUE, markersize=3.6, elinewidth=1.0, capsize=2
    )
    if ratio:
        ax.set_yscale("log")
        ends = (min(0.75, *(0.85 * low)), max(1.35, *(1.15 * high))) if len(low) else (0.5, 2.0)
        ax.set_ylim(max(ends[0], 0.3 * min([*middle, 1.0])), min(ends[1], 3.0 * max([*middle, 1.0])))
        _log_ticks(ax)
    kind = "ratio to reference" if none == 1.0 else "difference from reference"
    ax.set_ylabel(f"Effect ({kind})" if told else "No effect to tell")
    span = (max(days) - min(days)) or 1.0 if days else 1.0
    if days:
        ax.set_xlim(min(days) - 0.03 * span, max(days) + 0.03 * span)
    ax.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 7, 10]))
    plain_axes(ax)


def _log_ticks(ax: Axes) -> None:
    """Few ticks with plain numbers, however small the range."""
    low, high = ax.get_ylim()
    wide = high / low > 100.0
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    if high / low < 4.0:
        ax.yaxis.set_major_locator(FixedLocator([x for x in (0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0) if low <= x <= high]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_minor_locator(NullLocator())


def _marks(ax: Axes, made: Windows, onsets: Sequence[Onset], named: bool) -> None:
    """Onsets in the reference arm, the scenario's own start, and when tumour cells come; their names above, in two rows."""
    first, last = ax.get_xlim()
    marks = [(onset.median, onset.stage, ORANGE) for onset in onsets if first <= onset.median <= last]
    for onset in onsets:
        if first <= onset.median <= last and onset.high > onset.low:
            ax.axvspan(max(onset.low, first), min(onset.high, last), color=ORANGE, alpha=0.15, linewidth=0)
    experiment = made.plan.experiment
    for one in experiment.arms[made.plan.reference].protocol.interventions:
        if isinstance(one, InjectTumourCells):
            marks.append((one.at / DAY, "tumour cells injected", BLACK))
        elif isinstance(one, GrowPrimary):
            marks.append((one.start / DAY, "primary implanted", BLACK))
    marks.append((starts_of(made.moved) / DAY, "as in the scenario", VERMILLION))
    marks = [mark for mark in sorted(marks) if first <= mark[0] <= last]
    ends = [-math.inf, -math.inf]  # of the texts in each row, in data units
    for day, name, colour in marks:
        ax.axvline(day, color=colour, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
        if not named:
            continue
        half = 0.5 * 0.0115 * (last - first) * len(name)  # a letter takes about 1.15 % of the panel's width
        row = 0 if day - half > ends[0] else 1
        middle = min(max(day, first + half, ends[row] + half), last - half)
        ends[row] = middle + half
        height = 1.04 + 0.11 * row
        ax.text(
            middle, height, name, color=colour if colour != ORANGE else "#8A5F00", ha="center", va="bottom",
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip
