"""The figure of all sizes: what the model gives against the published bands, one row a comparison."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from niche_sim.figures.appearance import BLUE, GREY, PALE, VERMILLION
from niche_sim.figures.labels import arm_words
from niche_sim.figures.pages import Page
from niche_sim.figures.power_and_windows import plain_axes
from niche_sim.figures.style import png, styled
from niche_sim.inference.verdicts import MET, NOT_ASKED, NOT_MET, Judged, questions

ROW, TOP, LEFT, ACROSS = 4.6, 14.0, 76.0, 84.0  # mm
LIMITS = (1e-2, 1e3)  # of what is drawn; what lies outside is an arrow
LOOKS = {MET: (BLUE, "o", "within the band"), NOT_MET: (VERMILLION, "s", "outside"), "": (GREY, "D", "undecided")}


def sizes_png(judged: Sequence[tuple[str, Judged]], dpi: int = 150) -> bytes:
    """The figure as the bytes of a PNG file; empty if no target has a size."""
    rows = rows_of(judged)
    if not rows:
        return b""
    return png(sizes_figure(rows), dpi)


def rows_of(judged: Sequence[tuple[str, Judged]]) -> list[tuple[str, Judged]]:
    """A row a comparison with a size of a ratio that nothing was fitted to, the target that decides it; those that lie
    farthest from their band first."""
    scenario_of = {id(one.target): scenario for scenario, one in judged}
    sized = [question.sized for question in questions(judged) if question.size != NOT_ASKED]
    rows = [one for one in sized if one.comparison.kind == "ratio" and not one.comparison.note and one.target.against]
    return [(scenario_of[id(one.target)], one) for one in sorted(rows, key=_off, reverse=True)]


def _off(one: Judged) -> float:
    """How far the estimate lies outside its band, as the logarithm of a factor; 0 within."""
    low, high = one.target.band or (0.0, math.inf)
    found = one.comparison.effect.estimate
    if low <= found <= high:
        return 0.0
    return abs(math.log(max(found, 1e-300) / max(low if found < low else high, 1e-300)))


@styled
def sizes_figure(rows: Sequence[tuple[str, Judged]]) -> Figure:
    """Bands and estimates with their 95 % intervals, on a log axis."""
    page = Page(TOP + ROW * len(rows) + 11.0, "Sizes: the model against what is published")
    ax = page.axes(LEFT, TOP, ACROSS, ROW * len(rows))
    for place, (scenario, one) in enumerate(rows):
        _draw(ax, place, one)
        target = one.target
        words = f"{target.readout}: {arm_words(target.arm)} / {arm_words(target.against or '')}"
        page.text(LEFT - 2, TOP + ROW * (place + 0.5), textwrap.shorten(words, 54, placeholder=" …"), ha="right", size=6)
        page.text(LEFT + ACROSS + 1.5, TOP + ROW * (place + 0.5), scenario.rpartition("_")[2], size=5, color=GREY)
    ax.axvline(1.0, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xscale="log", xlim=LIMITS, ylim=(len(rows) - 0.4, -0.6), yticks=[], xlabel="Ratio to the reference arm")
    ax.xaxis.set_major_locator(LogLocator(10.0))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    handles: list[Any] = [Patch(color=PALE, label="published band")]
    for colour, marker, text in LOOKS.values():
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1.0, label=text))
    above = (0.5, 1.0 + 8.5 / (ROW * len(rows)))
    ax.legend(handles=handles, frameon=False, loc="upper center", bbox_to_anchor=above, ncols=4, fontsize=6.5)
    plain_axes(ax)
    return page.figure


def _draw(ax: Axes, place: int, one: Judged) -> None:
    effect, band = one.comparison.effect, one.target.band
    colour, marker, _ = LOOKS.get(one.size, LOOKS[""])
    if band is not None:
        ax.barh(place, band[1] - max(band[0], LIMITS[0]), left=max(band[0], LIMITS[0]), height=0.62, color=PALE)
    low, high = np.clip([effect.low, effect.high], *LIMITS)
    ax.plot([low, high], [place, place], color=colour, linewidth=1.0)
    beyond = "<" if effect.estimate < LIMITS[0] else ">" if effect.estimate > LIMITS[1] else marker
    ax.plot(np.clip(effect.estimate, LIMITS[0] * 1.03, LIMITS[1] / 1.03), place, beyond, color=colour, markersize=4)
