"""The figure of receptivity: where a tumour cell would take root, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from niche_sim.figures.appearance import BLUE, GREEN, GREY, VERMILLION, WHITE
from niche_sim.figures.pages import Page, headline
from niche_sim.figures.power_and_windows import plain_axes
from niche_sim.figures.single_run import draw_anatomy, scale_bar
from niche_sim.figures.style import DAY, styled
from niche_sim.inference.receptivity.results import Receptivity

HEIGHT, SIDE = 92.0, 68.0  # mm: of the page, and of the map


@styled
def receptivity_figure(by_t: Receptivity, eventual: Receptivity, provenance: Mapping[str, Any]) -> Figure:
    """Left: the map of the day of arrival; right: its mean against the day of arrival, by both ends in time.

    The map is that of the first tumour cells of the arm, and without any of the day on which the organ is most receptive; it
    shows where a cell takes root in the end, since by the end of the run late arrivals had less time.
    """
    end = float(eventual.time_h[-1])
    given = [time for time, verb, *_ in provenance["marks"] if verb == "inject_tumour_cells" and time <= end]
    when = int(np.argmin(np.abs(eventual.time_h - given[0]))) if given else int(np.argmax(eventual.mean))
    page = Page(HEIGHT, *headline(provenance, f"receptivity for {by_t.line}"))
    page.letter(3, 11, "a", f"Where a cell takes root that arrests on day {eventual.time_h[when] / DAY:.4g}")
    ax = page.axes(5, 16, SIDE, SIDE)
    values = eventual.probability[when]
    anatomy = provenance["anatomy"]
    image = ax.imshow(
        values, cmap=LinearSegmentedColormap.from_list("receptivity", [WHITE, GREEN]), vmin=0.0,
        vmax=max(float(values.max()), 1e-6), extent=(0.0, anatomy["width_um"], anatomy["height_um"], 0.0), rasterized=True,
    )  # fmt: skip
    ax.set(xticks=[], yticks=[], autoscale_on=False)
    draw_anatomy(ax, anatomy)
    scale_bar(ax, anatomy["width_um"])
    bar = page.figure.colorbar(image, cax=page.axes(5 + SIDE + 2, 16, 2.5, SIDE))
    bar.locator = MaxNLocator(5)
    bar.set_label("Probability of founding a colony")
    page.letter(100, 11, "b", "When: mean over where cells arrest, by day of arrival")
    _curves(page.axes(113, 16, 62, SIDE - 7), by_t, eventual, given)
    return page.figure


def _curves(ax: Axes, by_t: Receptivity, eventual: Receptivity, given: Sequence[float]) -> None:
    ax.plot(eventual.time_h / DAY, eventual.mean, color=BLUE, linewidth=1.2, label="in the end")
    ax.plot(by_t.time_h / DAY, by_t.mean, color=VERMILLION, linewidth=1.2, label=f"by day {by_t.time_h[-1] / DAY:.4g}")
    for time in given:
        ax.axvline(time / DAY, color=GREY, linewidth=0.7, linestyle=":", zorder=0)
    ax.set(xlabel="Arrival (days)", ylabel="Probability of founding a colony", xlim=(0.0, None), ylim=(0.0, None))
    ax.legend(frameon=False, loc="best")
    plain_axes(ax)
