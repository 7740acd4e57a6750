"""Figures of the mechanism studies: knock-outs by schedule, zonation, reach, slowing, the NK gate. They only draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from niche_sim.figures.appearance import BLACK, BLUE, GREY, ORANGE, SKY, VERMILLION
from niche_sim.figures.style import MM, WIDTH, png, style
from niche_sim.inference.mechanisms import BLOCKS, SCHEDULES, ZONES, Gate, Matrix, Reach, Slowing, Zonation

WORDS = {"default": "serial, with feedback", "no_feedback": "serial, no feedback", "additive": "additive paths"}
PUBLISHED_ZONES = (0.43, 0.28, 0.29)  # Bouwens 1986, share of Kupffer cells
PUBLISHED_SPEEDS = ((0.0, 4.6, 2.6, "no"), (None, 0.9, 0.9, "few"), (None, 0.0, 0.0, "many"))  # MacPhee 1992, mean, SD
DARK = 0.55  # of the colour scale, above which text is black


def matrix_png(found: Matrix) -> bytes:
    """Which block prevents how much of the niche, under each schedule."""
    with style():
        figure = Figure(figsize=(WIDTH * MM, 62 * MM), layout="constrained")
        axes = figure.subplots()
        centred: Any = {"ha": "center", "va": "center", "fontsize": 6}
        lost = np.full((len(SCHEDULES), len(BLOCKS)), np.nan)
        for cell in found.cells:
            row, column = SCHEDULES.index(cell.schedule), [block[0] for block in BLOCKS].index(cell.block)
            text = {"no niche": "no gain\nto prevent"}.get(cell.verdict, "")
            shade = 0.0
            if cell.effect is not None:
                shade = lost[row, column] = min(1.0, max(0.0, cell.effect.estimate))
                word = {"prevented": "", "not prevented": "\nnot\nprevented"}.get(cell.verdict, "\nundecided")
                text = f"{100 * cell.effect.estimate:.0f} %{word}"
            axes.text(column, row, text, **centred, color=BLACK if shade > DARK or not cell.effect else "white")
        image = axes.imshow(lost, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
        axes.set_xticks(range(len(BLOCKS)), [f"{word}\n({paper})" for _, word, paper, _ in BLOCKS], rotation=40, ha="right")
        axes.set_yticks(range(len(SCHEDULES)), [WORDS[name] for name in SCHEDULES])
        axes.tick_params(length=0)
        axes.set_title("Share of the niche's gain that a single block prevents, day 21", loc="left")
        figure.colorbar(image, ax=axes, label="share prevented", shrink=0.9, pad=0.01)
        return png(figure, 150)


def parts_png(zones: Zonation, reach: Reach, slowing: Slowing, gates: Sequence[Gate]) -> bytes:
    """Zonation, the reach of a stellate cell, slowing of Kupffer cells, foci without NK cells."""
    with style():
        figure = Figure(figsize=(WIDTH * MM, 116 * MM), layout="constrained")
        ((a, b), (c, d)) = figure.subplots(2, 2)
        _zonation(a, zones)
        _reach(b, reach)
        _slowing(c, slowing)
        _gate(d, gates)
        for letter, axes in zip("abcd", (a, b, c, d), strict=True):
            axes.set_title(f"{letter}  {axes.get_title(loc='left')}", loc="left")
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        return png(figure, 150)


def _zonation(axes: Axes, zones: Zonation) -> None:
    series = (
        (zones.kupffer, "Kupffer cells", BLUE),
        (zones.vesicles, "vesicles 2 h after a dose", ORANGE),
        (zones.arrested, "arrested tumour cells", VERMILLION),
    )
    for number, (values, word, colour) in enumerate(series):
        x = np.arange(len(ZONES)) + (number - 1) * 0.25
        axes.bar(x, 100 * values.mean(axis=0), 0.22, color=colour, label=word)
    axes.plot(np.arange(len(ZONES)) - 0.25, 100 * np.array(PUBLISHED_ZONES), "D", color=BLACK, ms=4,
              label="Kupffer cells, Bouwens 1986")  # fmt: skip
    axes.set_xticks(range(len(ZONES)), ZONES)
    axes.set_xlabel("third of the lobule")
    axes.set_ylabel("share (%)")
    axes.set_ylim(0, 108)
    axes.legend(fontsize=6, frameon=False)
    axes.set_title("Zonation", loc="left")


def _reach(axes: Axes, reach: Reach) -> None:
    axes.plot(reach.distance, reach.fibronectin, ".", color=BLUE, ms=3)
    axes.axvspan(50, 60, color=SKY, alpha=0.35, lw=0, label="reach of one cell, after Wake 2006")
    axes.set_xlabel("distance from one active stellate cell (µm)")
    axes.set_ylabel("fibronectin (× naive liver)")
    axes.set_ylim(bottom=0.95)
    axes.legend(fontsize=6, frameon=False)
    axes.set_title("Fibronectin after a week", loc="left")


def _slowing(axes: Axes, slowing: Slowing) -> None:
    axes.plot(np.maximum(slowing.load, 0.7), slowing.speed, "-", color=BLUE, label="model, by vesicles inside")
    for place, (_, speed, spread, word) in zip((0.7, 70.0, 700.0), PUBLISHED_SPEEDS, strict=True):
        axes.errorbar(place, speed, spread, fmt="D", color=BLACK, ms=4, capsize=2, lw=0.8)
        axes.annotate(f"{word} particles", (place, speed + spread), xytext=(0, 4), textcoords="offset points", fontsize=6,
                      ha="left" if place < 1 else "center")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("vesicles inside (particles: few and many, not counted)")
    axes.set_ylabel("speed (µm/min)")
    axes.plot([], [], "D", color=BLACK, ms=4, label="particles, mean and SD, MacPhee 1992")
    axes.legend(fontsize=6, frameon=False, loc="upper right")
    axes.set_ylim(-0.3, 9)
    axes.set_title("Kupffer cells slow with load", loc="left")


def _gate(axes: Axes, gates: Sequence[Gate]) -> None:
    axes.set_title("Foci with and without NK cells", loc="left")
    if not gates:
        axes.text(0.5, 0.5, "not among the scenarios run", ha="center", va="center", color=GREY, transform=axes.transAxes)
        axes.set_axis_off()
        return
    ticks, words = [], []
    for number, gate in enumerate(gates):
        for side, (values, word, colour) in enumerate(
            ((gate.control, "with NK", BLUE), (gate.depleted, "without NK", VERMILLION))
        ):
            x = number * 2.5 + side
            jitter = (np.arange(len(values)) % 7 - 3) * 0.06
            axes.plot(x + jitter, values, "o", color=colour, ms=2.5, alpha=0.7, mew=0)
            axes.plot([x - 0.3, x + 0.3], [values.mean()] * 2, color=BLACK, lw=1.5)
            ticks.append(x)
            words.append(f"{gate.organ}\n{word}")
    axes.set_xticks(ticks, words)
    axes.set_ylabel(f"{gates[0].readout.replace('_', ' ')} per section")
    axes.set_ylim(bottom=0)
