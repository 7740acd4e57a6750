"""Figures of one run: the section as a histologist would see it, and its stages over time. They only draw records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from niche_sim.engine.errors import InputError
from niche_sim.figures.appearance import (
    AWAY,
    BLACK,
    FIELD_LOOKS,
    KINDS,
    LIVER,
    TRIAD,
    TRIAD_WALL,
    VEIN_WALL,
    WHITE,
    SnapshotSight,
    colonies,
    extent,
    lobule_centres,
    lobule_corners,
)
from niche_sim.figures.pages import Page, day_number, headline, panel_title
from niche_sim.figures.style import png, style
from niche_sim.figures.timeline import timeline_figure
from niche_sim.runs.planes import virtual_section
from niche_sim.runs.record import Record, whole

DPI = 150  # of a screen; print needs 300
# The fields of which the figure tells; the others are in snapshots.npz.
_SHOWN = ("tgfb", "fibronectin", "periostin")


def section_figure(record: Record, time: float | None = None) -> Figure:
    """The section at one moment: cells and vessels on fibronectin, the largest colony close up.

    Each field is shown besides at the snapshot at which its mean is highest.

    Parameters
    ----------
    record
        What the run left; of a block its middle plane is drawn, unless a virtual section is given.
    time
        That of a snapshot, h; the last if None.

    Raises
    ------
    InputError
        There is no snapshot of that time.
    """
    rare = _rare(record, _Shot.of(record, time).time)
    record = virtual_section(record)
    shot = _Shot.of(record, time)
    with style():
        page = Page(197.0, *headline(record.provenance, f"day {day_number(shot.time)}{_plane(shot.anatomy)}{rare}"))
        main = page.axes(3, 12, 116, 116)
        panel_title(main, "a", f"Fibronectin, vessels and cells, day {day_number(shot.time)}")
        fibronectin = _draw_field(main, shot, "fibronectin", shot.time)
        _colour_bar(page, fibronectin, "fibronectin", (31, 130, 60, 2.5), "horizontal")
        draw_anatomy(main, shot.anatomy)
        size = float(np.clip(2000.0 / max(shot.width, shot.height), 0.3, 1.6))
        _draw_cells(main, shot, size)
        _draw_colonies(main, shot)
        scale_bar(main, shot.width)

        where, (left, top, side) = _close_up(shot)
        close = page.axes(123, 12, 54, 54)
        panel_title(close, "b", where)
        _draw_field(close, shot, "fibronectin", shot.time)
        draw_anatomy(close, shot.anatomy)
        _draw_cells(close, shot, 2.1 * min(360.0 / side, 1.5), (left, top, side))
        _draw_colonies(close, shot, width=1.2)
        close.set(xlim=(left, left + side), ylim=(top + side, top))
        scale_bar(close, side)
        main.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=BLACK, linewidth=0.8, zorder=9))
        above = top > 0.06 * shot.height
        main.annotate(
            "b", (left, top if above else top + side), (1.5, 1.5 if above else -1.5), textcoords="offset points",
            va="bottom" if above else "top", weight="bold", zorder=10,
            bbox={"facecolor": WHITE, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )  # fmt: skip

        _section_legend(page, shot)
        for column, name in enumerate(_SHOWN):
            ax = page.axes(3 + 60 * column, 148, 42, 42)
            highest = shot.highest_time(name)
            when = "never above rest" if highest is None else f"highest: day {day_number(highest)}"
            panel_title(ax, "cde"[column], f"{FIELD_LOOKS[name].label}, {when}")
            image = _draw_field(ax, shot, name, shot.time if highest is None else highest)
            _draw_vessels(ax, shot.anatomy, plain=True)
            _colour_bar(page, image, name, (46 + 60 * column, 148, 2.5, 42), "vertical")
            scale_bar(ax, shot.width)
    return page.figure


def _plane(anatomy: Mapping[str, Any]) -> str:
    """Where a virtual section was cut, in words; "" of any other."""
    low, high = anatomy.get("plane_um", (0.0, 0.0))
    return f", {low:g} to {high:g} um deep in a block" if high else ""


def _rare(record: Record, time: float) -> str:
    """How rare a section is whose colonies came of tracers, in words; "" of any other."""
    row = int(np.searchsorted(record.table["time_h"], time + 1e-6, side="right")) - 1
    expected, colonies = (float(record.table[name][row]) for name in ("tracer_colonies", "colonies"))
    if expected == 0.0 or colonies == 0.0:
        return ""
    return f", one such section in {1.0 / expected:.3g}" if expected < 1.0 else f", colonies of tracers: {expected:.3g} expected"


def section_png(record: Record, time: float | None = None, dpi: int | None = None) -> bytes:
    """The section at one moment as the bytes of a PNG file; the same record gives the same bytes.

    time: h, that of a snapshot; the last if None. dpi: dots per inch; that of a screen, 150, if None. Raises InputError if there is
    no snapshot of that time.
    """
    return _png(record, "section", section_figure(record, time), dpi)


def timeline_png(record: Record, dpi: int | None = None) -> bytes:
    """The stages over time as the bytes of a PNG file; the same record gives the same bytes. dpi as in `section_png`."""
    return _png(record, "timeline", timeline_figure(record), dpi)


def save_figures(record: Record, folder: str | Path, dpi: int | None = None) -> list[Path]:
    """Write section.png and timeline.png. The same record gives the same bytes.

    Parameters
    ----------
    record
        What the run left.
    folder
        Where to; it is made if it is not there.
    dpi
        Dots per inch; that of a screen, 150, if None.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    folder = Path(folder)
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in (("section.png", section_png), ("timeline.png", timeline_png)):
            with whole(folder / name) as part:
                part.write_bytes(draw(record, dpi=dpi))
            paths.append(folder / name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(str(folder), reason, "a folder that can be written, with room on the disk") from None
    return paths


def _png(record: Record, title: str, figure: Figure, dpi: int | None) -> bytes:
    with style():
        return png(figure, dpi or DPI, " ".join(headline(record.provenance, title)))


@dataclass(frozen=True)
class _Shot(SnapshotSight):
    """One snapshot with what is needed to draw it. Lengths in um, time in h."""

    record: Record
    time: float

    @classmethod
    def of(cls, record: Record, time: float | None) -> _Shot:
        times = list(record.snapshots)
        chosen = max(times) if time is None else time
        if chosen not in record.snapshots:
            raise InputError("time", f"no snapshot at {chosen:g} h", f"one of {', '.join(f'{t:g} h' for t in times)}")
        return cls(record.snapshots[chosen], record.provenance, record, chosen)

    @property
    def width(self) -> float:
        return float(self.anatomy["width_um"])

    @property
    def height(self) -> float:
        return float(self.anatomy["height_um"])

    def highest_time(self, name: str) -> float | None:
        """The snapshot time at which the mean of a field is highest; None if it never rises above rest."""
        means = {time: float(arrays[f"field_{name}"].mean()) for time, arrays in self.record.snapshots.items()}
        time, look = max(means, key=means.__getitem__), FIELD_LOOKS[name]
        return time if means[time] > look.rest + 1e-3 * look.least_span else None

    def colonies(self) -> list[NDArray[np.float64]]:
        """Positions (y, x) of the cells of every colony, um, the largest first."""
        return colonies(self)


def _draw_field(ax: Axes, shot: _Shot, name: str, time: float) -> AxesImage:
    """One field as it was at a snapshot time, row 0 on top; the axes keep to the section from then on."""
    values = shot.record.snapshots[time][f"field_{name}"]
    look = FIELD_LOOKS[name]
    image = ax.imshow(
        values, cmap=LinearSegmentedColormap.from_list(name, look.light), vmin=look.rest,
        vmax=max(float(values.max()), look.rest + look.least_span),
        extent=(0.0, shot.width, shot.height, 0.0), interpolation="bilinear", rasterized=True,
    )  # fmt: skip
    ax.set(xticks=[], yticks=[], autoscale_on=False)
    for spine in ax.spines.values():
        spine.set_zorder(12)  # above cells at the edge
    return image


def _colour_bar(
    page: Page, image: AxesImage, name: str, box: tuple[float, float, float, float], orientation: str
) -> None:
    look = FIELD_LOOKS[name]
    ax = page.axes(*box)
    bar = page.figure.colorbar(image, cax=ax, orientation=orientation)
    bar.locator = MaxNLocator(5)
    bar.outline.set_linewidth(0.5)
    bar.set_label(f"{look.label} ({look.unit})")


def draw_anatomy(ax: Axes, anatomy: Mapping[str, Any]) -> None:
    """Outlines of the lobules and, above them, the vessels. anatomy: as in a run's provenance, lengths in um."""
    corners = lobule_corners(anatomy)
    outlines = [(vein + corners)[:, ::-1] for vein in lobule_centres(anatomy)]  # x, y
    lines = LineCollection(outlines, colors="#A3938F", linewidths=0.6, alpha=0.8, zorder=1)
    ax.add_collection(lines, autolim=False)
    _draw_vessels(ax, anatomy, plain=False)


def _draw_vessels(ax: Axes, anatomy: Mapping[str, Any], plain: bool) -> None:
    """Central veins as empty rings; triads as connective tissue around a vein, an artery and a bile duct."""
    triads = np.array(anatomy["portal_triads_yx_um"]).reshape(-1, 2)[:, ::-1]
    veins = np.array(anatomy["central_veins_yx_um"]).reshape(-1, 2)[:, ::-1]
    portal, central = float(anatomy["portal_radius_um"]), float(anatomy["central_radius_um"])
    small = float(anatomy["width_um"]) > 4000.0
    discs: list[tuple[NDArray[np.float64], float, str, str, float]] = [
        (veins, central, WHITE if not plain else "none", VEIN_WALL, 0.6),
        (triads, portal, TRIAD if not plain else "none", TRIAD_WALL, 0.6),
    ]
    if not plain and not small:
        discs += [
            (triads + portal * np.array([0.2, -0.14]), 0.62 * portal, WHITE, TRIAD_WALL, 0.4),
            (triads + portal * np.array([-0.64, 0.24]), 0.16 * portal, "#C0392B", TRIAD_WALL, 0.3),
            (triads + portal * np.array([-0.3, 0.66]), 0.18 * portal, WHITE, "#3E6B3E", 0.4),
        ]
    for places, radius, face, edge, width in discs:
        across = np.full(len(places), 2.0 * radius)
        circles = EllipseCollection(
            across, across, np.zeros(len(places)), units="xy", offsets=places, offset_transform=ax.transData,
            facecolors=face, edgecolors=edge, linewidths=width * (0.4 if small else 1.0), zorder=1.5,
        )  # fmt: skip
        ax.add_collection(circles, autolim=False)


def _draw_cells(ax: Axes, shot: _Shot, size: float, window: tuple[float, float, float] | None = None) -> None:
    """All cells, markers `size` times their width at 2 mm; only those in the window (left, top, side), um, if given."""
    for kind in KINDS:
        places = np.column_stack(shot.places(kind.population))[kind.chosen(shot)]
        if window is not None:
            left, top, side = window
            margin = 0.05 * side
            inside = np.abs(places - np.array([top, left]) - 0.5 * side) < 0.5 * side + margin
            places = places[inside.all(axis=1)]
        ax.scatter(
            places[:, 1], places[:, 0], s=(kind.size * size) ** 2, marker=kind.marker, facecolors=kind.face,
            edgecolors=kind.edge, linewidths=min(0.35 * size, 0.6), zorder=2 + 0.5 * kind.layer, rasterized=True,
        )  # fmt: skip


def _draw_colonies(ax: Axes, shot: _Shot, width: float = 0.9) -> None:
    for places in shot.colonies():
        middle, radius = extent(places)
        ring = Circle((middle[1], middle[0]), radius, fill=False, edgecolor=BLACK, linewidth=width, zorder=8)
        ax.add_patch(ring)


def _close_up(shot: _Shot) -> tuple[str, tuple[float, float, float]]:
    """What is worth a closer look, and the square (left, top, side), um, that shows it."""
    side = min(360.0, shot.width, shot.height)
    found = shot.colonies()
    fibronectin, look = shot.arrays["field_fibronectin"], FIELD_LOOKS["fibronectin"]
    if found:
        middle, radius = extent(found[0])
        title = f"The largest colony: {len(found[0]):,} cells"
        if radius > 0.45 * side:  # too wide to show whole and cell by cell: its rim towards the middle of the section
            inwards = np.array([shot.height, shot.width]) / 2.0 - middle
            middle = middle + inwards * (radius / max(float(np.hypot(*inwards)), radius))
            title = f"Rim of the largest colony: {len(found[0]):,} cells"
    elif fibronectin.max() > look.rest + 0.01 * look.least_span:
        spacing = float(shot.anatomy["spacing_um"])
        around = uniform_filter(fibronectin, max(round(0.5 * side / spacing), 1), mode="nearest")
        middle = (np.array(np.unravel_index(around.argmax(), around.shape)) + 0.5) * spacing
        title = "Where fibronectin is highest"
    else:
        middle = np.array([shot.height, shot.width]) / 2.0
        title = "The middle of the section"
    top, left = np.clip(middle - side / 2.0, 0.0, np.array([shot.height, shot.width]) - side)
    return title, (float(left), float(top), side)


def scale_bar(ax: Axes, width: float) -> None:
    """A bar of a tenth of the width or so, lower right."""
    length = max(step for step in (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0) if step <= max(0.16 * width, 20.0))
    share = length / width
    text = f"{length:g} µm" if length < 1000 else f"{length / 1000:g} mm"
    ax.annotate(
        text, (0.97, 0.03), (0, 2.5), xycoords="axes fraction", textcoords="offset points", ha="right", va="bottom",
        zorder=10, bbox={"facecolor": WHITE, "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
    )  # fmt: skip
    ax.plot(
        [0.97 - share, 0.97], [0.03, 0.03], transform=ax.transAxes, color=BLACK, linewidth=2.0, zorder=11,
        solid_capstyle="butt",
    )  # fmt: skip


def _section_legend(page: Page, shot: _Shot) -> None:
    """Every kind of cell that the organ has, with its number in the section, colonies and vessels."""
    handles = []
    for kind in KINDS:
        if kind.population in (LIVER, AWAY) and not len(shot.arrays[f"{kind.population}_key"]):
            continue  # an organ has recipient cells of one population
        number = int(np.count_nonzero(kind.chosen(shot)))
        size = (6.0 if kind.marker in "*PX" else 4.6) + (0.8 if kind.edge == WHITE else 0.0)
        handles.append(_symbol(f"{kind.label} ({number:,})", kind.marker, size, kind.face, kind.edge, 0.6))
    label = f"Colony, {shot.parameter('tumour.colony_cells'):g} cells or more ({len(shot.colonies()):,})"
    handles.append(_symbol(label, "o", 7.0, "none", BLACK, 1.0))
    handles.append(_symbol("Portal triad", "o", 6.0, TRIAD, TRIAD_WALL, 0.7))
    handles.append(_symbol("Central vein", "o", 6.0, WHITE, VEIN_WALL, 0.7))
    page.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=page.at(122, 69), frameon=False,
        borderaxespad=0, borderpad=0, labelspacing=0.28, handletextpad=0.4, handlelength=1.6,
    )  # fmt: skip


def _symbol(label: str, marker: str, size: float, face: str, edge: str, width: float) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=size, markerfacecolor=face, markeredgecolor=edge,
        markeredgewidth=width, label=label,
    )  # fmt: skip


