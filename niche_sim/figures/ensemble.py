"""Figures of an ensemble: what was measured and what its members give, which numbers that narrowed, and a claim over members."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from niche_sim.figures.appearance import BLUE, GREY, PALE, VERMILLION
from niche_sim.figures.pages import Page
from niche_sim.figures.power_and_windows import plain_axes
from niche_sim.figures.power_and_windows import save as save_figure
from niche_sim.figures.style import styled
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.ensemble import Ensemble, space
from niche_sim.inference.ensemble.claims import Claim

ROW, TOP, CLAIMS_TOP = 4.6, 24.0, 16.0  # mm
MOST = 20  # numbers shown
LIMITS = (1e-3, 1e3)  # of what is drawn of a band


def save(found: Ensemble, file: Path) -> Path:
    """Draw an ensemble into a PNG file."""
    return save_figure(ensemble_figure(found), file)


@styled
def ensemble_figure(found: Ensemble) -> Figure:
    """a: each band, what all sets of the first wave give and what the members give, over the measured value. b: the numbers that
    were narrowed most, as shares of their ranges."""
    left = space.narrowed(found.members).head(MOST)
    height = ROW * max(len(found.targets), len(left))
    page = Page(TOP + height + 13.0, f"{len(found.members)} plausible parameter sets of {found.about['sets']} that were run")
    page.letter(3, 11, "a", "What was fitted to")
    _bands(page.axes(38, TOP, 56, ROW * len(found.targets)), found)
    page.letter(101, 11, "b", "The numbers that this narrowed most")
    _numbers(page.axes(142, TOP, 34, ROW * len(left)), found, list(left.index))
    return page.figure


def _bands(ax: Axes, found: Ensemble) -> None:
    for place, (_, row) in enumerate(found.targets.iterrows()):
        ax.barh(place, (row["high"] - row["low"]) / row["value"], left=row["low"] / row["value"], height=0.7, color=PALE)
        for shift, kind, colour, width in ((-0.14, "prior", VERMILLION, 0.9), (0.14, "member", BLUE, 1.6)):
            low, middle, high = (np.clip(row[f"{kind}_{end}"] / row["value"], *LIMITS) for end in ("low", "median", "high"))
            ax.plot([low, high], [place + shift] * 2, color=colour, linewidth=width)
            ax.plot(middle, place + shift, "o" if kind == "member" else "s", color=colour, markersize=2.8)
    ax.axvline(1.0, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xscale="log", xlim=LIMITS, ylim=(len(found.targets) - 0.4, -0.6), xlabel="Times the measured value")
    ax.set_yticks(range(len(found.targets)), [str(name).replace("_", " ") for name in found.targets.index])
    ax.xaxis.set_major_locator(LogLocator(10.0))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    handles: list[Any] = [Patch(color=PALE, label="measured")]
    handles += [Line2D([], [], color=VERMILLION, marker="s", markersize=2.8, linewidth=0.9, label="all sets")]
    handles += [Line2D([], [], color=BLUE, marker="o", markersize=2.8, linewidth=1.6, label="members")]
    above = 1.0 + 5.5 / (ROW * len(found.targets))
    ax.legend(handles=handles, frameon=False, loc="center", bbox_to_anchor=(0.35, above), ncols=3, fontsize=6.5, columnspacing=1.0)
    plain_axes(ax)


def _numbers(ax: Axes, found: Ensemble, names: list[str]) -> None:
    by_name = {axis.key: axis for axis in space.axes()}
    for place, name in enumerate(names):
        shares = np.array([space.share_of(by_name[name], value) for value in found.members[name]])
        low, middle, high = np.percentile(shares, [5, 50, 95])
        ax.barh(place, 1.0, height=0.7, color=PALE, alpha=0.5)
        ax.plot([low, high], [place] * 2, color=BLUE, linewidth=1.6)
        ax.plot(middle, place, "o", color=BLUE, markersize=2.8)
    ax.set(xlim=(0.0, 1.0), ylim=(len(names) - 0.4, -0.6), xlabel="Place in the register's range")
    ax.set_xticks([0.0, 0.5, 1.0], ["low", "middle", "high"])
    ax.set_yticks(range(len(names)), names, fontsize=6)
    plain_axes(ax)


def save_claims(rows: Sequence[tuple[str, Comparison, Claim]], file: Path) -> Path:
    """Draw effects over mice and over members into a PNG file."""
    return save_figure(claims_figure(rows), file)


@styled
def claims_figure(rows: Sequence[tuple[str, Comparison, Claim]]) -> Figure:
    """A row an effect that is a ratio: over mice of the register's own numbers with its 95 % interval, over members with theirs of
    90 %, a dot a member."""
    shown = [row for row in rows if row[1].kind == "ratio" and not row[1].note]
    page = Page(CLAIMS_TOP + 2.0 * ROW * max(1, len(shown)) + 13.0, "What differs between mice, and what is not known")
    ax = page.axes(68, CLAIMS_TOP, 82, 2.0 * ROW * max(1, len(shown)))
    seen = [end for _, own, claim in shown for end in (*claim.band, own.effect.low, own.effect.high) if 0.0 < end < np.inf]
    limits = max(0.5 * min([0.2, *seen]), 1e-4), min(2.0 * max([5.0, *seen]), 1e5)
    for place, (name, own, claim) in enumerate(shown):
        effects = np.clip([value for value in claim.effects.values() if np.isfinite(value)], *limits)
        ax.plot(effects, np.full(len(effects), place + 0.15), "|", color=BLUE, markersize=4, alpha=0.5)
        low, middle, high = np.clip(claim.band, *limits)
        ax.plot([low, high], [place + 0.15] * 2, color=BLUE, linewidth=1.6)
        ax.plot(middle, place + 0.15, "o", color=BLUE, markersize=3.4)
        ends = np.clip([own.effect.low, own.effect.estimate, own.effect.high], *limits)
        ax.plot(ends[[0, 2]], [place - 0.2] * 2, color=VERMILLION, linewidth=1.2)
        ax.plot(ends[1], place - 0.2, "s", color=VERMILLION, markersize=3.0)
        page.text(66, CLAIMS_TOP + 2.0 * ROW * (place + 0.5), name, ha="right", size=6.5)
        share = "" if np.isnan(claim.share) else f"{100 * claim.share:.0f} % {claim.verdict}"
        page.text(152, CLAIMS_TOP + 2.0 * ROW * (place + 0.5), share, size=6.5, color=GREY)
    ax.axvline(1.0, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xscale="log", xlim=limits, ylim=(max(1, len(shown)) - 0.5, -0.5), yticks=[], xlabel="Ratio to the reference arm")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles = [
        Line2D([], [], color=VERMILLION, marker="s", markersize=3.0, linewidth=1.2, label="mice, 95 %"),
        Line2D([], [], color=BLUE, marker="o", markersize=3.4, linewidth=1.6, label="plausible parameter sets, 90 %"),
    ]
    above = 1.0 + 6.0 / (2.0 * ROW * max(1, len(shown)))
    ax.legend(handles=handles, frameon=False, loc="center", bbox_to_anchor=(0.5, above), ncols=2, fontsize=6.5)
    plain_axes(ax)
    return page.figure
