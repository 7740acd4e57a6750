"""Figures of sensitivity and of calibration: what a result hangs on, and what the targets hold. They only draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from niche_sim.figures.appearance import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION
from niche_sim.figures.pages import Page
from niche_sim.figures.power_and_windows import plain_axes, unit_of
from niche_sim.figures.style import styled
from niche_sim.inference.calibration import Marginal, Posterior, correlations
from niche_sim.inference.fitting import Checked
from niche_sim.inference.sensitivity import Sensitivity

MOST_BARS = 12  # numbers in a panel, and curves of convergence
MOST_CURVES = 5
ROW = 4.4  # mm, of a number
CURVES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
MARKS = "osD^v"


@styled
def sensitivity_figure(found: Sequence[Sensitivity], heading: str) -> Figure:
    """A row an output: its numbers by rank with intervals, and how the first of them settled with more samples."""
    rows = [min(MOST_BARS, len(one.indices)) * ROW for one in found]
    gap = 22.0
    page = Page(16.0 + sum(rows) + gap * len(found), heading)
    morris = found[0].method == "morris"
    said = (
        "Mark: μ*, the mean size of the change along a number's range; line: its 95 % interval; ring: σ. Right: marks as at left."
        if morris
        else "Bar: S1, the share of variance of a number by itself; mark: ST, with interactions; lines: 95 % intervals."
    )
    page.text(3, 9, said, color=GREY)
    top = 20.0
    for number, (one, height) in enumerate(zip(found, rows, strict=True)):
        unit = f" ({unit_of(one.output)})" if morris and unit_of(one.output) not in ("", one.output) else ""
        chance = "" if math.isnan(one.chance) else f"; chance of {one.mice} mice: {100 * one.chance:.0f} % of variance"
        page.letter(3, top - 4, chr(97 + number), f"{one.output}{unit}{chance}")
        if one.constant:
            page.text(50, top + 4, "the same at every point", color=GREY)
            top += height + gap
            continue
        _ranked(page.axes(52, top, 56, height), one, morris)
        _convergence(page.axes(124, top, 52, max(height, 14.0)), one, morris)
        top += height + gap
    return page.figure


def _ranked(ax: Axes, found: Sensitivity, morris: bool) -> None:
    shown = found.ranked[:MOST_BARS]
    for place, index in enumerate(shown):
        if morris:
            ax.plot(
                index.second,
                place,
                "o",
                markerfacecolor="none",
                markeredgecolor=GREY,
                markersize=3.6,
                markeredgewidth=0.8,
            )
        else:
            ax.barh(place, max(index.second, 0.0), height=0.6, color=SKY, linewidth=0)
            ends = [index.second - index.second_reach, index.second + index.second_reach]
            ax.plot(ends, [place + 0.2] * 2, color=BLUE, linewidth=0.7)
        ends = [max(index.main - index.main_reach, 0.0), index.main + index.main_reach]
        colour, mark = (CURVES[place], MARKS[place]) if place < MOST_CURVES else (BLACK, "o")
        ax.plot(ends, [place] * 2, color=colour, linewidth=1.0)
        ax.plot(index.main, place, mark, color=colour, markersize=3.2, clip_on=False)
    if not morris and not math.isnan(found.chance):
        ax.axvspan(0.0, found.chance, color=PALE, alpha=0.35, linewidth=0, zorder=0)
    ax.set_yticks(range(len(shown)), [index.name for index in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(left=0.0 if morris else min(0.0, *(index.second - index.second_reach for index in shown)))
    ax.tick_params(axis="y", length=0, pad=4)  # clear of marks at 0
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlabel("μ* and σ" if morris else "Share of the output's variance")
    plain_axes(ax)


def _convergence(ax: Axes, found: Sensitivity, morris: bool) -> None:
    """The main indices of the first few numbers with more and more samples, in the colours and marks of the ranking."""
    order = [one.name for one in found.ranked[:MOST_CURVES]]
    samples = [stage.samples for stage in found.stages]
    for name, colour, mark in zip(order, CURVES, MARKS, strict=False):
        values = [next(index.main for index in stage.indices if index.name == name) for stage in found.stages]
        ax.plot(samples, values, color=colour, marker=mark, markersize=2.8, linewidth=1.0, label=name, clip_on=False)
    ax.set_ylim(bottom=0.0)
    ax.set_xlim(0.8 * samples[0], 1.04 * samples[-1])
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlabel("Trajectories" if morris else "Samples")
    ax.set_ylabel("μ*" if morris else "ST")
    plain_axes(ax)


# --- calibration -----------------------------------------------------------------------------------------------------

BINS = 16
MOST_NUMBERS = 6  # in a corner


@styled
def posterior_figure(found: Posterior, marginals: Sequence[Marginal], heading: str) -> Figure:
    """A corner: each number by itself on the diagonal, against its prior; each two of them below it."""
    shown = sorted(range(len(marginals)), key=lambda n: marginals[n].width)[:MOST_NUMBERS]
    shown.sort()
    size, gap, left, top = 148.0 / len(shown), 4.0, 24.0, 22.0
    page = Page(top + 148.0 + 14.0, heading)
    page.text(
        3,
        9,
        "Diagonal: posterior (bars), prior (line), median and 90 % interval. Below: particles, dot area by weight.",
        color=GREY,
    )
    ties = correlations(found)
    for row, n in enumerate(shown):
        for column, m in enumerate(shown[: row + 1]):
            ax = page.axes(left + column * size, top + row * size, size - gap, size - gap)
            if n == m:
                _marginal(ax, found, marginals[n], n)
            else:
                _pair(ax, found, m, n, float(ties[n, m]))
            _ends(ax, found, m, "x", row == len(shown) - 1)
            _ends(ax, found, n, "y", column == 0 and row > 0)
    return page.figure


def _marginal(ax: Axes, found: Posterior, marginal: Marginal, n: int) -> None:
    heights, edges = np.histogram(found.shares[:, n], BINS, (0.0, 1.0), weights=found.weights)
    known = marginal.word != "not identified"
    ax.bar(edges[:-1], heights * BINS, 1.0 / BINS, align="edge", color=BLUE if known else PALE, alpha=0.6, linewidth=0)
    ax.axhline(1.0, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)))
    low, middle, high = (
        float(np.interp(value, *_scale(found, n))) for value in (marginal.low, marginal.median, marginal.high)
    )
    height = 1.08 * max(1.0, float(heights.max()) * BINS)
    ax.plot([low, high], [height] * 2, color=BLACK, linewidth=1.0, clip_on=False)
    ax.plot(middle, height, "o", color=BLACK, markersize=2.6, clip_on=False)
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, height * 1.05))
    ax.set_title("\n".join([*marginal.name.split("."), marginal.word]), size=5.8, pad=2.0)
    ax.set_yticks([])
    plain_axes(ax)
    ax.spines["left"].set_visible(False)


def _pair(ax: Axes, found: Posterior, m: int, n: int, tie: float) -> None:
    area = 6.0 * found.weights / found.weights.mean()
    ax.scatter(found.shares[:, m], found.shares[:, n], s=np.minimum(area, 40.0), color=BLUE, alpha=0.45, linewidths=0)
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    ax.text(0.97, 0.97, f"{tie:+.2f}", transform=ax.transAxes, ha="right", va="top", size=6, color=BLACK)


def _ends(ax: Axes, found: Posterior, n: int, side: str, named: bool) -> None:
    """Ticks at the ends and the middle of a number's range, in its unit where they are named."""
    axis, places = found.axes[n], (0.0, 0.5, 1.0)
    unit = f" ({axis.unit})" if axis.unit else ""
    shown = [f"{value:.4g}" if abs(value) >= 100.0 else f"{value:.2g}" for value in axis.levels(np.array(places))]
    texts = shown if named else [""] * 3
    if side == "x":
        ax.set_xticks(places, texts, size=5.5)
        for label, edge in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
            label.set(ha=edge)  # within its panel, so that neighbours do not meet
        ax.set_xlabel(f"{axis.name.split('.')[-1]}{unit}" if named else "", size=6)
    elif named or ax.get_yticks().size:
        ax.set_yticks(places, texts, size=5.5)
        ax.set_ylabel(f"{axis.name.split('.')[-1]}{unit}" if named else "", size=6)


def _scale(found: Posterior, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Values over the range of a number, rising, and their shares of it."""
    shares = np.linspace(0.0, 1.0, 201)
    return found.axes[n].levels(shares), shares


@styled
def check_figure(checked: Sequence[Checked], heading: str) -> Figure:
    """A panel a fit target: what new mice of the posterior give, and what was published."""
    columns, height, pitch = 3, 14.0, 32.0
    lines = math.ceil(len(checked) / columns)
    page = Page(18.0 + pitch * lines, heading)
    page.text(
        3,
        9,
        "Dot and line: median and 90 % interval over the posterior, in new mice; grey: what was published.",
        color=GREY,
    )
    for number, one in enumerate(checked):
        left, top = 8.0 + (number % columns) * 58.0, 20.0 + (number // columns) * pitch
        name = one.target.id if len(one.target.id) <= 34 else f"{one.target.id[:33]}…"
        page.letter(left - 4, top - 3.5, chr(97 + number), name)
        _target(page.axes(left, top, 50.0, height), one)
    return page.figure


def _target(ax: Axes, one: Checked) -> None:
    low, high = one.target.tolerance
    if one.target.value is not None:
        ax.axvspan(low, high, color=PALE, alpha=0.5, linewidth=0)
        ax.axvline(one.target.value, color=GREY, linewidth=0.8)
    else:
        none = 0.5 if one.target.is_onset else 1.0
        ax.axvline(none, color=GREY, linewidth=0.8)
        wanted = one.target.expect
        right = wanted == "more" or (wanted == "less" and one.target.is_onset)
        ends = (0.8, 1.25) if wanted == "same" else (none, none + 1e9) if right else (none - 1e9, none)
        ax.axvspan(*ends, color=PALE, alpha=0.5, linewidth=0)
    if one.n:
        ax.plot([one.low, one.high], [0.0, 0.0], color=BLUE, linewidth=1.4)
        ax.plot(one.median, 0.0, "o", color=BLUE, markersize=4)
    told = [x for x in (one.low, one.high, one.target.value, low, high) if x is not None and not math.isnan(x)]
    told += [] if one.target.value is not None else [0.5 if one.target.is_onset else 1.0]
    reach = max(max(told) - min(told), 1e-9)
    ax.set(xlim=(min(told) - 0.12 * reach, max(told) + 0.12 * reach), ylim=(-1.0, 1.0))
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    alone = one.target.against is None and one.target.against_readout is None
    unit = unit_of(one.target.readout) if alone and one.target.above is None else ""
    kind = "fraction of mice before" if one.target.is_onset else "ratio" if not alone else unit or "share of mice"
    ax.set_xlabel(f"{one.target.readout}, {kind}" if alone else f"{one.target.readout}: {kind}", size=6)
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
