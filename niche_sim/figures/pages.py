"""The page that the figures of one run are laid out on: its heading, its panels, places in mm."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from niche_sim.figures.appearance import GREY
from niche_sim.figures.labels import arm_words
from niche_sim.figures.style import DAY, MM, WIDTH
from niche_sim.model.schedule import KNOWN

MOST_NUMBERS = 20  # named one by one; a member of an ensemble has more


class Page:
    """A figure laid out in mm from its top left corner, with a heading; further lines of it push everything down."""

    def __init__(self, height: float, *heading: str) -> None:
        self.shift = 4.2 * (len(heading) - 1)
        self.height = height + self.shift
        self.figure = Figure(figsize=(WIDTH * MM, self.height * MM), dpi=150)
        for line, text in enumerate(heading):
            # Bold, and smaller only where a long name would run off the page; what was changed follows in grey.
            look = {"color": GREY} if line else {"size": 8.5 * min(1.0, 95 / max(1, len(text))), "weight": "bold"}
            self.text(3, 4 + 4.2 * line - self.shift, text, **look)

    def at(self, left: float, top: float) -> tuple[float, float]:
        """A point in fractions of the figure."""
        return left / WIDTH, 1.0 - (top + self.shift) / self.height

    def text(self, left: float, top: float, text: str, **look: Any) -> None:
        """Write, centred on that height."""
        self.figure.text(*self.at(left, top), text, **{"va": "center", **look})

    def letter(self, left: float, top: float, letter: str, text: str) -> None:
        """The letter of a panel and what it shows."""
        self.text(left, top, f"$\\bf{{{letter}}}$  {text}")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        return self.figure.add_axes((*self.at(left, top + height), width / WIDTH, height / self.height))


def headline(seen: Mapping[str, Any], *more: str) -> list[str]:
    """Which run it is, by its provenance, and what more there is to say; in a second line what was changed, if anything was."""
    first = " · ".join([seen["scenario"], arm_words(seen["arm"]), f"seed {seen['seed']}", *more])
    changed = [f"without {name}" for name in seen["without"]]
    changed += [f"with {name}" for name in seen["schedule"] if name not in KNOWN]  # a rule that a user wrote
    numbers = [f"{name} = {value}" for name, value in seen["overrides"].items()]
    changed += numbers if len(numbers) <= MOST_NUMBERS else [f"{len(numbers)} other numbers"]
    return [first, textwrap.shorten("; ".join(changed), 115, placeholder=" …")] if changed else [first]


def day_number(time: float) -> str:
    return f"{time / DAY:.1f}".removesuffix(".0")


def panel_title(ax: Axes, letter: str, title: str) -> None:
    ax.set_title(f"$\\bf{{{letter}}}$  {title}", loc="left", pad=3)


