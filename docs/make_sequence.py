"""Make the figure of the sequence anew: `python docs/make_sequence.py` writes docs/images/sequence.svg and sequence_tall.svg.

Cells look as in every other figure (`niche_sim.figures.appearance`). The tall one is for narrow screens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch, Rectangle

from niche_sim.figures.appearance import BLACK, FIELD_LOOKS, GREY, KINDS, ORANGE, PALE, WHITE

FOLDER = Path(__file__).parent / "images"
LOOKS = {kind.label: kind for kind in KINDS}
BLOOD, TISSUE = "#F9E4DE", "#FBF8F2"
FIBRES, TGFB, VESSEL = (
    FIELD_LOOKS["fibronectin"].light[-1],
    FIELD_LOOKS["tgfb"].light[-1],
    FIELD_LOOKS["vessels"].light[-1],
)
CCL2 = "#005A8C"
WIDTH, HEIGHT = 10.0, 6.6  # of a panel, in its own units
WALL = 4.3  # where blood meets tissue
TEXT = 8.4  # points

CAPTIONS = (
    ("0  Shedding", "A tumour elsewhere sheds exosomes,\nor they are injected into the blood.", "exosomes_plasma"),
    ("1  Priming", "Kupffer cells take them up. Educated by\nexosomal MIF, they secrete TGF-β.", "kupffer_educated"),
    ("2  Licensing and recruitment", "Active stellate cells lay fibronectin;\nmacrophages from the marrow stay on it.",
     "stellate_active, bmdc_arrested"),
    ("3  Angiogenesis: a hypothesis", "Vessels sprout before any tumour cell\nis there. It has not been measured.",
     "vessel_density"),
    ("4  Arrival", "Tumour cells arrest in the sinusoids.\nMost are killed or become dormant.", "tumour_present"),
    ("5  Colonisation", "A few leave dormancy and grow to\ncolonies: metastases.", "colonies"),
)  # fmt: skip


def cell(ax: Axes, label: str, x: float, y: float, scale: float = 3.4) -> None:
    """One cell as the package draws its kind."""
    kind = LOOKS[label]
    ax.plot([x], [y], marker=kind.marker, mfc=kind.face, mec=kind.edge, mew=0.7, ms=kind.size * scale, zorder=5)


def say(ax: Axes, x: float, y: float, words: str, colour: str = BLACK, ha: str = "center") -> None:
    """A label inside a panel."""
    ax.text(x, y, words, ha=ha, va="center", size=TEXT - 1.4, color=colour, zorder=7)


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    bend: float = 0.0,
    dashed: bool = False,
) -> None:
    """What acts on what."""
    ax.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=8, lw=1.2, color=colour,
            ls=(0, (3, 2)) if dashed else "-", shrinkA=0, shrinkB=0, zorder=4,
        )
    )  # fmt: skip


def exosomes(ax: Axes, places: list[tuple[float, float]]) -> None:
    """Vesicles."""
    ax.plot(*zip(*places, strict=True), "o", mfc=WHITE, mec=ORANGE, mew=1.1, ms=3.2, zorder=6)


def fibres(ax: Axes, x: float, y: float, wide: float = 2.6) -> None:
    """Fibronectin around a place."""
    for number, (dx, dy) in enumerate(
        [(-0.5, 0.25), (-0.2, 0.55), (0.0, 0.0), (0.15, -0.35), (0.3, 0.4), (-0.3, -0.55)]
    ):
        across, up = wide * (0.34 + 0.03 * number), 0.16 if number % 2 else -0.16
        ax.plot([x + dx - across, x + dx, x + dx + across], [y + dy - up, y + dy + up, y + dy - up],
                color=FIBRES, lw=1.4, alpha=0.75, solid_capstyle="round", zorder=2)  # fmt: skip


def ground(ax: Axes) -> None:
    """A sinusoid with blood above the tissue."""
    ax.add_patch(Rectangle((0, 0), WIDTH, WALL, fc=TISSUE, ec="none", zorder=0))
    ax.add_patch(Rectangle((0, WALL), WIDTH, HEIGHT - WALL, fc=BLOOD, ec="none", zorder=0))
    # Gaps: the wall of a sinusoid has pores.
    ax.plot([0, WIDTH], [WALL, WALL], color=VESSEL, lw=1.3, ls=(0, (6, 1.2)), zorder=1)


def shedding(ax: Axes) -> None:
    ax.add_patch(Rectangle((0, 0), 3.75, HEIGHT, fc=WHITE, ec="none", zorder=1.5))
    ax.plot([3.75, 3.75], [0, HEIGHT], color=PALE, lw=1.0, zorder=2)
    ax.add_patch(Ellipse((1.9, 3.9), 3.1, 3.9, fc="#DDDAD6", ec=GREY, lw=0.8, zorder=2))
    for x, y in [(1.3, 4.9), (2.3, 4.8), (1.1, 3.9), (2.0, 3.9), (2.8, 4.0), (1.5, 3.0), (2.4, 3.0)]:
        cell(ax, "Tumour cell, cycling", x, y, 2.5)
    say(ax, 1.9, 1.4, "primary tumour,\nin another organ")
    exosomes(
        ax, [(3.9, 5.1), (4.3, 5.8), (4.9, 5.2), (5.4, 5.9), (5.9, 5.3), (6.6, 5.7), (7.1, 5.1), (7.9, 5.6), (8.7, 5.2)]
    )
    arrow(ax, (3.4, 4.65), (9.4, 4.65), GREY)
    say(ax, 6.6, 6.3, "exosomes in blood")
    for x in (5.2, 7.2, 9.0):
        cell(ax, "Kupffer cell, naive", x, 3.7, 4.4)
    for x in (6.2, 8.3):
        cell(ax, "Stellate cell, quiescent", x, 2.6, 4.4)
    say(ax, 6.9, 1.2, "liver at rest: naive Kupffer\ncells, quiescent stellate cells")


def priming(ax: Axes) -> None:
    exosomes(ax, [(1.0, 5.8), (1.6, 5.2), (2.3, 5.7), (3.1, 5.3)])
    arrow(ax, (1.5, 4.95), (1.9, 4.05), ORANGE)
    say(ax, 4.0, 6.2, "integrin αvβ5 leads them to the liver")
    cell(ax, "Kupffer cell, loaded, not educated", 2.0, 3.5, 4.6)
    arrow(ax, (2.8, 3.5), (5.2, 3.5), BLACK)
    say(ax, 4.0, 3.95, "MIF")
    cell(ax, "Kupffer cell, educated", 6.0, 3.5, 4.8)
    for bend, end in ((-0.25, (8.9, 3.9)), (0.0, (9.1, 3.1)), (0.25, (8.4, 2.2))):
        arrow(ax, (6.7, 3.4), end, TGFB, bend)
    say(ax, 8.2, 1.6, "TGF-β", TGFB)
    say(ax, 2.0, 2.4, "loaded\nKupffer cell")
    say(ax, 5.8, 2.4, "educated\nKupffer cell")


def licensing(ax: Axes) -> None:
    cell(ax, "Kupffer cell, educated", 0.9, 3.5, 4.6)
    arrow(ax, (1.5, 3.4), (3.0, 2.7), TGFB)
    say(ax, 2.6, 3.5, "TGF-β", TGFB)
    fibres(ax, 5.0, 2.4, 4.2)
    cell(ax, "Stellate cell, active", 3.7, 2.4, 3.4)
    say(ax, 2.7, 1.2, "active\nstellate cell")
    say(ax, 5.6, 1.15, "fibronectin", FIBRES)
    for x, y in ((5.1, 5.3), (6.7, 5.4)):
        cell(ax, "Macrophage, moving", x, y, 3.6)
    arrow(ax, (5.2, 4.95), (5.7, 3.2), CCL2)
    arrow(ax, (6.8, 5.0), (6.9, 3.2), CCL2)
    say(ax, 2.5, 5.4, "CCL2 calls cells\nfrom the marrow", CCL2)
    for x, y in ((5.7, 2.6), (6.9, 2.5)):
        cell(ax, "Macrophage, arrested", x, y, 3.4)
    say(ax, 8.6, 2.7, "macrophages\nstay: the niche\nis set")


def sprouting(ax: Axes) -> None:
    fibres(ax, 3.2, 2.3, 3.2)
    cell(ax, "Macrophage, arrested", 2.0, 2.4, 3.4)
    cell(ax, "Epithelial cell", 3.4, 2.5, 4.0)
    cell(ax, "Fibroblast", 4.8, 2.2, 4.0)
    say(ax, 3.3, 0.95, "epithelial cells, fibroblasts")
    arrow(ax, (5.3, 2.6), (6.6, 3.0), VESSEL, dashed=True)
    say(ax, 5.9, 3.4, "VEGF", VESSEL)
    ax.plot([7.0, 7.1, 7.6, 7.5], [WALL, 3.5, 2.6, 1.3], color=VESSEL, lw=3.0, alpha=0.55, ls=(0, (2.2, 0.8)), zorder=3)
    ax.plot([7.6, 8.3, 8.7], [2.6, 2.2, 1.4], color=VESSEL, lw=2.2, alpha=0.55, ls=(0, (2.2, 0.8)), zorder=3)
    say(ax, 8.8, 3.3, "sprouts")
    ax.add_patch(
        FancyBboxPatch((0.8, 5.0), 8.4, 0.9, boxstyle="round,pad=0.12", fc=WHITE, ec=GREY, ls="--", lw=0.8, zorder=3)
    )
    say(ax, 5.0, 5.45, "HYPOTHESIS; left out by --schedule no_stage3")


def arrival(ax: Axes) -> None:
    fibres(ax, 6.2, 2.3, 3.0)
    for x in (1.0, 2.0, 3.1):
        cell(ax, "Tumour cell, just arrested", x, 5.4, 3.0)
    say(ax, 2.1, 6.15, "tumour cells in blood")
    arrow(ax, (3.6, 5.4), (5.9, 3.5), BLACK, -0.2)
    cell(ax, "Tumour cell, just arrested", 6.1, 3.0, 3.0)
    cell(ax, "Tumour cell, dormant", 7.6, 2.3, 3.0)
    say(ax, 7.9, 1.2, "dormant")
    cell(ax, "Macrophage, arrested", 5.0, 2.3, 3.4)
    arrow(ax, (3.2, 4.95), (2.4, 3.4), GREY)
    cell(ax, "NK cell", 1.6, 2.8, 3.4)
    ax.plot([2.4], [2.9], "x", color=GREY, ms=7, mew=1.6, zorder=6)
    say(ax, 2.3, 1.6, "killed by NK, T or\nKupffer cells, or lost")
    say(ax, 7.9, 5.4, "they arrest where the\nvessel is narrow,\nniche or no niche", GREY)


def colonisation(ax: Axes) -> None:
    fibres(ax, 5.0, 2.2, 4.0)
    cell(ax, "Tumour cell, dormant", 1.3, 2.5, 3.0)
    arrow(ax, (1.8, 2.5), (3.4, 2.5), BLACK)
    say(ax, 2.5, 3.1, "reactivated")
    for x, y in [(4.9, 2.4), (5.5, 2.4), (6.1, 2.4), (5.2, 2.95), (5.8, 2.95), (5.2, 1.85), (5.8, 1.85), (5.5, 3.5), (4.6, 1.9),
                 (6.4, 1.9), (6.4, 2.95), (4.6, 2.95)]:  # fmt: skip
        cell(ax, "Tumour cell, cycling", x, y, 2.6)
    cell(ax, "Macrophage, arrested", 3.9, 1.6, 3.2)
    cell(ax, "Kupffer cell, tumour-associated", 7.5, 1.9, 4.4)
    say(ax, 8.1, 3.2, "tumour-associated\nKupffer cells")
    arrow(ax, (7.2, 2.0), (6.7, 2.2), GREY)
    say(ax, 5.4, 0.8, "colony")
    say(ax, 5.0, 5.4, "fed by vessels; hit by T and NK cells and by drugs;\nit sheds exosomes of its own", GREY)


PANELS: tuple[Callable[[Axes], None], ...] = (shedding, priming, licensing, sprouting, arrival, colonisation)


def figure(columns: int) -> Figure:
    """The six stages in so many columns."""
    rows = len(PANELS) // columns
    wide, high, top = 2.95, 2.8, 0.1  # inches
    made = Figure(figsize=(wide * columns, high * rows + top), facecolor=WHITE)
    for number, (draw, (title, words, marker)) in enumerate(zip(PANELS, CAPTIONS, strict=True)):
        row, column = divmod(number, columns)
        left, bottom = (column + 0.03) / columns, 1 - ((row + 1) * high + top / 2) / (high * rows + top)
        unit = high / (high * rows + top)
        ax = made.add_axes((left, bottom + 0.28 * unit, 0.94 / columns, 0.6 * unit))
        ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), xticks=[], yticks=[])
        hypothesis = "hypothesis" in title
        ax.patch.set_visible(False)
        for spine in ax.spines.values():
            spine.set(color=GREY if hypothesis else PALE, lw=1.0, ls="--" if hypothesis else "-")
        ground(ax)
        draw(ax)
        ax.set_title(title, loc="left", size=TEXT + 1.5, weight="bold", pad=4)
        ax.text(0, -0.05, words, transform=ax.transAxes, va="top", size=TEXT)
        ax.text(0, -0.3, f"marker: {marker}", transform=ax.transAxes, va="top", size=TEXT - 1, color=GREY)
    return made


def main() -> None:
    """Draw both."""
    # The same bytes each time: ids of a fixed salt, no date.
    with mpl.rc_context({"svg.hashsalt": "niche_sim", "font.family": "DejaVu Sans"}):
        for name, columns in (("sequence.svg", 3), ("sequence_tall.svg", 1)):
            figure(columns).savefig(FOLDER / name, metadata={"Date": None})
            print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
