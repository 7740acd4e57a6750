"""Figures of many mice: arms side by side as curves, as dots a mouse, and as sections. They only draw cohorts."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy  # its parts load when they are used
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from niche_sim.engine.errors import one_of
from niche_sim.figures.appearance import BLACK, BLUE, FIELD_LOOKS, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION
from niche_sim.figures.labels import arm_words
from niche_sim.figures.style import DAY, MM, WIDTH, label, png, style
from niche_sim.inference.comparisons import is_event
from niche_sim.model.stages import STAGES
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.record import whole

MOST_READOUTS = 6
COLOURS = (BLACK, BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)  # of arms; the reference is black
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))  # for more arms than colours
MARKERS = "osD"
UNITS = {"cell": "cells", "colony": "colonies", "vesicle": "vesicles", "1": "share (0 to 1)", "floor": "× naive organ"}
TUMOUR = BLACK
LEVEL = 0.95
PICTURES = 5  # in a row


def key_readouts(cohort: Cohort, readouts: Sequence[str] | None = None) -> list[tuple[str, float]]:
    """The readouts and the time (h) at which each counts: most often in the targets, else the end.

    None takes those that the targets name, or else the markers of the stages, at most MOST_READOUTS of them.
    Raises InputError for an unknown readout.
    """
    targets = [t for t in cohort.plan.experiment.targets if not t.is_onset and t.readout in KNOWN]
    names = [t.readout for t in targets if t.headline]
    names += [name for name, _ in Counter(t.readout for t in targets).most_common()]
    names = list(dict.fromkeys(names or [stage.marker for stage in STAGES]))[:MOST_READOUTS]
    if readouts is not None:
        names = [one_of(name, KNOWN, "readouts") for name in dict.fromkeys(readouts)]
    found = []
    for name in names if readouts is not None else sorted(names, key=list(KNOWN).index):
        times = Counter(t.at for t in targets if t.readout == name)
        at = times.most_common(1)[0][0] if times else cohort.ends
        found.append((name, min(at, cohort.ends)))
    return found


def compare_figure(cohort: Cohort, readouts: Sequence[str] | None = None) -> Figure:
    """Readouts over time and mouse by mouse, and the section of the first mouse, each of every arm.

    readouts: names, in the order of the panels; None takes those of `key_readouts`. Raises InputError for an unknown one.
    """
    arms = [arm for arm in cohort.plan.arms if cohort.lives[arm]]
    with style():
        return _Sheet(cohort, arms, key_readouts(cohort, readouts)).figure


def compare_png(cohort: Cohort, dpi: int = 200, readouts: Sequence[str] | None = None) -> bytes:
    """The figure as the bytes of a PNG file; the same mice give the same bytes."""
    with style():
        return png(compare_figure(cohort, readouts), dpi)


def save_compare(cohort: Cohort, file: Path, readouts: Sequence[str] | None = None) -> Path:
    """Write the figure; returns its path. Raises OSError."""
    with whole(file) as part:
        part.write_bytes(compare_png(cohort, readouts=readouts))
    return file


class _Sheet:
    """The figure, laid out in mm from its top left corner."""

    def __init__(self, cohort: Cohort, arms: list[str], readouts: list[tuple[str, float]]) -> None:
        self.cohort, self.arms = cohort, arms
        shown = [(arm, picture) for arm in arms if (picture := self._picture(arm)) is not None]
        legend = 4.5 * math.ceil(len(arms) / 4) + 3
        row = max(24.0, 4.0 * len(arms) + 2.0)
        pitch = row + 17.0
        size = 31.0
        tall = size * max((p.height / p.width for _, p in shown), default=0.0)
        lines = math.ceil(len(shown) / PICTURES)
        below = (10.0 + lines * (tall + 7.0) + 10.0) if shown else 0.0
        top = 14.0 + legend
        self.height = top + pitch * len(readouts) + below
        self.figure = Figure(figsize=(WIDTH * MM, self.height * MM))
        self._heading(legend)
        for number, (name, at) in enumerate(readouts):
            y = top + pitch * number
            title = textwrap.shorten(KNOWN[name].meaning, 78, placeholder=" …")
            self.figure.text(
                *self.at(3, y - 2.5), f"$\\bf{{{chr(97 + number)}}}$  {title[0].upper()}{title[1:]}", va="center"
            )
            self._curves(self.axes(17, y + 1, 70, row), name, at)
            self._dots(self.axes(128, y + 1, 49, row), name, at)
        if shown:
            self._pictures(shown, top + pitch * len(readouts), size, tall, chr(97 + len(readouts)))

    def at(self, left: float, top: float) -> tuple[float, float]:
        return left / WIDTH, 1.0 - top / self.height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        return self.figure.add_axes((*self.at(left, top + height), width / WIDTH, height / self.height))

    def look(self, arm: str) -> dict[str, Any]:
        number = self.arms.index(arm)
        turn = number // len(COLOURS) % len(DASHES)
        return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[turn], "marker": MARKERS[turn]}

    def _picture(self, arm: str) -> Any:
        return next((life.picture for life in self.cohort.lives[arm].values() if life.picture is not None), None)

    def _heading(self, legend: float) -> None:
        plan = self.cohort.plan
        numbers = {len(self.cohort.lives[arm]) for arm in self.arms}
        mice = f"{min(numbers)} to {max(numbers)}" if len(numbers) > 1 else f"{max(numbers, default=0)}"
        text = f"{plan.experiment.id} · {mice} mice an arm"
        size = 8.5 * min(1.0, 90 / len(text))
        self.figure.text(*self.at(3, 4), text, va="center", weight="bold", size=size)
        handles = [
            Line2D([], [], markersize=3, linewidth=1.2, label=arm_words(arm), **self.look(arm)) for arm in self.arms
        ]
        self.figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=self.at(2, 6), ncol=4, frameon=False, borderpad=0.2,
            handlelength=2.4, columnspacing=1.6,
        )  # fmt: skip
        note = f"Line: mean; band: its {LEVEL * 100:g} % interval. Dots: one mouse each; bar: mean."
        self.figure.text(*self.at(3, 6 + legend), note, va="center", color=GREY)

    def _curves(self, ax: Axes, name: str, at: float) -> None:
        days = self.cohort.times() / DAY
        for arm in self.arms:
            values = self.cohort.curves(arm, name)
            told = ~np.isnan(values)
            n = told.sum(axis=0)
            mean = np.where(told, values, 0.0).sum(axis=0) / np.maximum(n, 1)
            squares = np.where(told, (values - mean) ** 2, 0.0).sum(axis=0)
            reach = scipy.stats.t.ppf(0.5 + LEVEL / 2, np.maximum(n - 1, 1)) * np.sqrt(
                squares / np.maximum(n - 1, 1) / np.maximum(n, 1)
            )
            mean = np.where(n > 0, mean, np.nan)
            look = self.look(arm)
            low = np.maximum(mean - reach, 0.0) if np.nanmin(values, initial=0.0) >= 0 else mean - reach
            ax.fill_between(days, low, mean + reach, color=look["color"], alpha=0.18, linewidth=0)
            # Thinner from arm to arm, so that curves that coincide are all seen.
            width = 2.4 - 1.5 * self.arms.index(arm) / max(1, len(self.arms) - 1)
            ax.plot(days, mean, color=look["color"], linestyle=look["linestyle"], linewidth=width)
        ax.axvline(at / DAY, color=PALE, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
        ax.set_xlim(0, max(days[-1], 1e-9))
        ax.margins(y=0.06)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 7, 10]))
        ax.set_xlabel("Time (days)")
        label(ax.yaxis, _unit(name))
        _plain(ax)

    def _dots(self, ax: Axes, name: str, at: float) -> None:
        for number, arm in enumerate(self.arms):
            values = np.array(list(self.cohort.values(arm, name, at).values()))
            values = values[~np.isnan(values)]
            look = self.look(arm)
            # Spread evenly, in order of the seeds: dots of equal values do not hide each other, and nothing is drawn.
            spread = (np.arange(len(values)) * 0.618) % 1.0 - 0.5
            ax.plot(
                values, number + 0.5 * spread, look["marker"], color=look["color"], markersize=2.0, alpha=0.55,
                markeredgewidth=0, clip_on=False,
            )  # fmt: skip
            if len(values):
                ax.plot([values.mean()] * 2, [number - 0.4, number + 0.4], color=look["color"], linewidth=1.4)
        names = [textwrap.shorten(arm_words(arm), 30, placeholder="…") for arm in self.arms]
        ax.set_yticks(range(len(self.arms)), names)
        ax.set_ylim(len(self.arms) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=is_event(name)))
        label(ax.xaxis, f"{_unit(name)}, day {at / DAY:.4g}")
        _plain(ax)

    def _pictures(self, shown: list[Any], top: float, size: float, tall: float, letter: str) -> None:
        seed = self.cohort.plan.seeds[0]
        title = f"Section at the end, mouse {seed}: fibronectin, tumour cells"
        self.figure.text(*self.at(3, top), f"$\\bf{{{letter}}}$  {title}", va="center")
        handle = Line2D(
            [], [], marker="o", linestyle="", color=TUMOUR, markersize=3, markeredgewidth=0, label="tumour cell"
        )
        self.figure.legend(
            handles=[handle], loc="center left", bbox_to_anchor=self.at(95, top), frameon=False, handletextpad=0.1
        )
        look = FIELD_LOOKS["fibronectin"]  # as in the section of one run
        colours = LinearSegmentedColormap.from_list("fibronectin", look.light)
        highest = max(look.rest + look.least_span, *(float(p.fibronectin.max()) for _, p in shown))
        image = None
        for number, (arm, picture) in enumerate(shown):
            left = 3.0 + (number % PICTURES) * (size + 4.5)
            y = top + 7.0 + (number // PICTURES) * (tall + 7.0)
            ax = self.axes(left, y, size, size * picture.height / picture.width)
            extent = (0.0, picture.width, picture.height, 0.0)
            image = ax.imshow(picture.fibronectin, colours, vmin=look.rest, vmax=highest, extent=extent, aspect="auto")
            cells = picture.tumour
            ax.plot(cells[:, 1], cells[:, 0], "o", color=TUMOUR, markersize=1.1, markeredgewidth=0)
            ax.set(xlim=extent[:2], ylim=extent[2:])
            ax.set_xticks([])
            ax.set_yticks([])
            name = textwrap.shorten(arm_words(arm), 24, placeholder="…")
            ax.set_title(name, size=6.5, pad=2, color=self.look(arm)["color"])
            length = _scale(picture.width)
            x, base = 0.05 * picture.width, 0.95 * picture.height
            ax.plot([x, x + length], [base, base], color=BLACK, linewidth=1.5, solid_capstyle="butt")
            if number == 0:
                ax.text(x, base - 0.03 * picture.height, f"{length:g} µm", va="bottom", size=6)
        if image is not None:
            y = top + 7.0 + math.ceil(len(shown) / PICTURES) * (tall + 7.0) - 3.0
            bar = self.figure.colorbar(image, cax=self.axes(3, y, 60, 2.2), orientation="horizontal")
            bar.outline.set_linewidth(0.4)
            bar.ax.tick_params(labelsize=6)
            self.figure.text(*self.at(65, y + 1.1), "fibronectin (× naive organ)", va="center")


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def _unit(name: str) -> str:
    unit = KNOWN[name].unit
    return UNITS.get(unit, unit)


def _scale(width: float) -> float:
    """A round length of about a quarter of the width, um."""
    power = 10.0 ** math.floor(math.log10(width / 4.0))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= width / 4.0)
