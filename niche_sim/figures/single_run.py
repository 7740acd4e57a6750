"""Figures of one run: the section as a histologist would see it, and its stages over time. They only draw records."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
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
    BLUE,
    FIELD_LOOKS,
    GREEN,
    GREY,
    KINDS,
    LIVER,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    TRIAD,
    TRIAD_WALL,
    VEIN_WALL,
    VERMILLION,
    WHITE,
    SnapshotSight,
    colonies,
    extent,
    lobule_centres,
    lobule_corners,
)
from niche_sim.figures.labels import arm_words, plain_words
from niche_sim.figures.style import DAY, MM, WIDTH, style
from niche_sim.model.schedule import KNOWN
from niche_sim.model.stages import MM2, STAGES, Stage
from niche_sim.runs.record import Record, whole

DPI = 300
def section_figure(record: Record, time: float | None = None) -> Figure:
    """The section at one moment: cells and vessels on fibronectin, the largest colony close up.

    Each field is shown besides at the snapshot at which its mean is highest. time: h, that of a snapshot; the last if
    None. Raises InputError if there is no snapshot of that time.
    """
    shot = _Shot.of(record, time)
    with style():
        page = _Page(197.0, headline(record, f"day {_day(shot.time)}"))
        main = page.axes(3, 12, 116, 116)
        _letter(main, "a", f"Fibronectin, vessels and cells, day {_day(shot.time)}")
        fibronectin = _draw_field(main, shot, "fibronectin", shot.time)
        _colour_bar(page, fibronectin, "fibronectin", (31, 130, 60, 2.5), "horizontal")
        draw_anatomy(main, shot.anatomy)
        size = float(np.clip(2000.0 / max(shot.width, shot.height), 0.3, 1.6))
        _draw_cells(main, shot, size)
        _draw_colonies(main, shot)
        scale_bar(main, shot.width)

        where, (left, top, side) = _close_up(shot)
        close = page.axes(123, 12, 54, 54)
        _letter(close, "b", where)
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
            when = "never above rest" if highest is None else f"highest: day {_day(highest)}"
            _letter(ax, "cde"[column], f"{FIELD_LOOKS[name].label}, {when}")
            image = _draw_field(ax, shot, name, shot.time if highest is None else highest)
            _draw_vessels(ax, shot.anatomy, plain=True)
            _colour_bar(page, image, name, (46 + 60 * column, 148, 2.5, 42), "vertical")
            scale_bar(ax, shot.width)
    return page.figure


def timeline_figure(record: Record) -> Figure:
    """What was done, which stages were reached, and the marker of each stage per mm2 with its threshold and onset."""
    with style():
        end = float(record.table["time_h"][-1])
        lanes = lanes_of(record.provenance["marks"], end)
        top = 12.0
        done = sum(lane.height for lane in lanes)
        stages_top = top + done + 9 if lanes else top
        rows_top = stages_top + 4 * len(STAGES) + 8
        days = f"{_day(end)} day{'' if _day(end) == '1' else 's'}"
        page = _Page(rows_top + 25 * len(STAGES) + 8, headline(record, days))
        left, width = 60.0, 102.0
        span = max(end, 1.0) / DAY
        axes = []
        if lanes:
            axes.append(page.axes(left, top, width, done))
            _draw_protocol(axes[-1], lanes)
        axes.append(page.axes(left, stages_top, width, 4 * len(STAGES)))
        _draw_stages(axes[-1], record)
        for number, stage in enumerate(STAGES):
            axes.append(page.axes(left, rows_top + 25 * number, width, 21))
            _draw_marker(axes[-1], record, stage, number)
            text = textwrap.fill(stage.meaning[0].upper() + stage.meaning[1:], 25)
            y = rows_top + 25 * number
            name = f"{number + 1}  {stage.name.capitalize()}"
            page.figure.text(*page.at(3, y), name, va="top", weight="bold", size=8)
            page.figure.text(*page.at(3, y + 4.5), text, va="top", color=GREY, linespacing=1.25)
        for ax in axes:
            ax.set_xlim(-0.008 * span, 1.008 * span)
            ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 7, 10]))
            for when in {when for lane in lanes if lane.turning_point for when in lane.times}:
                ax.axvline(when, color=PALE, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
            if ax is not axes[-1]:
                ax.tick_params(labelbottom=False)
        axes[-1].set_xlabel("Time (days)")
    return page.figure


def section_png(record: Record, time: float | None = None) -> bytes:
    """The section at one moment as the bytes of a PNG file; the same record gives the same bytes.

    time: h, that of a snapshot; the last if None. Raises InputError if there is no snapshot of that time.
    """
    return _png(record, "section", section_figure(record, time))


def timeline_png(record: Record) -> bytes:
    """The stages over time as the bytes of a PNG file; the same record gives the same bytes."""
    return _png(record, "timeline", timeline_figure(record))


def save_figures(record: Record, folder: str | Path) -> list[Path]:
    """Write section.png and timeline.png; returns their paths. The same record gives the same bytes.

    Raises InputError if the folder cannot be written.
    """
    folder = Path(folder)
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in (("section.png", section_png), ("timeline.png", timeline_png)):
            with whole(folder / name) as part:
                part.write_bytes(draw(record))
            paths.append(folder / name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(str(folder), reason, "a folder that can be written, with room on the disk") from None
    return paths


def _png(record: Record, title: str, figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with style():
        notes = {"Software": None, "Title": " ".join(headline(record, title))}
        figure.savefig(buffer, dpi=DPI, format="png", metadata=notes)
    return buffer.getvalue()


class _Page:
    """A figure laid out in mm from its top left corner, with a heading; further lines of it push everything down."""

    def __init__(self, height: float, heading: Sequence[str]) -> None:
        self.shift = 4.2 * (len(heading) - 1)
        self.height = height + self.shift
        self.figure = Figure(figsize=(WIDTH * MM, self.height * MM), dpi=150)
        for line, text in enumerate(heading):
            # Bold, and smaller only where a long name would run off the page; what was changed follows in grey.
            look = {"color": GREY} if line else {"size": 8.5 * min(1.0, 90 / len(text)), "weight": "bold"}
            self.figure.text(*self.at(3, 4 + 4.2 * line - self.shift), text, va="center", **look)

    def at(self, left: float, top: float) -> tuple[float, float]:
        """A point in fractions of the figure."""
        return left / WIDTH, 1.0 - (top + self.shift) / self.height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        return self.figure.add_axes((*self.at(left, top + height), width / WIDTH, height / self.height))


def headline(record: Record, when: str) -> list[str]:
    """Which run it is; in a second line what was changed in it, if anything was."""
    seen = record.provenance
    first = " · ".join([seen["scenario"], arm_words(seen["arm"]), f"seed {seen['seed']}", when])
    changed = [f"without {name}" for name in seen["without"]]
    changed += [f"with {name}" for name in seen["schedule"] if name not in KNOWN]  # a rule that a user wrote
    changed += [f"{name} = {value}" for name, value in seen["overrides"].items()]
    return [first, textwrap.shorten("; ".join(changed), 115, placeholder=" …")] if changed else [first]


def _day(time: float) -> str:
    return f"{time / DAY:.1f}".removesuffix(".0")


def _letter(ax: Axes, letter: str, title: str) -> None:
    ax.set_title(f"$\\bf{{{letter}}}$  {title}", loc="left", pad=3)


# ---- the section ----------------------------------------------------------------------------------------------------

# The fields of which the figure tells; the others are in snapshots.npz.
_SHOWN = ("tgfb", "fibronectin", "periostin")


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
    page: _Page, image: AxesImage, name: str, box: tuple[float, float, float, float], orientation: str
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


def _section_legend(page: _Page, shot: _Shot) -> None:
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


# ---- the timeline ---------------------------------------------------------------------------------------------------

STAGE_COLOURS = (VERMILLION, GREEN, BLUE, PURPLE, BLACK, ORANGE, SKY)
_WINDOW_ENDS = {"block": "block_end", "deplete": "deplete_end", "boost": "boost_end"}
_ENDS = {**_WINDOW_ENDS, "grow_primary": "resect_primary"}
SYMBOLS = {"inject_exosomes": "v", "inject_tumour_cells": "D", "deplete": "x", "resect_primary": "X", "treat": "P"}


@dataclass(frozen=True)
class _Lane:
    """One line of the strip that shows what was done: moments, or spans from times to ends, in days."""

    kind: str
    label: str
    times: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def height(self) -> float:
        """mm on paper."""
        return 4.0 + 3.0 * self.label.count("\n")

    @property
    def turning_point(self) -> bool:
        """Whether its moments are worth a line through all rows."""
        return self.kind in ("inject_tumour_cells", "resect_primary")


def lanes_of(marks: Sequence[Sequence[Any]], end: float) -> list[_Lane]:
    """Marks (time in h, kind, label, event; in order of time) as lanes, one a target; none for what begins after `end` (h).

    A block, a depletion, a boost and a primary last until the mark that ends them; all but a depletion without one to the
    end.
    """
    begun: list[list[Any]] = []  # start, stop or None, kind, label, event
    for time, kind, label, *rest in marks:
        event = rest[0] if rest else ""  # runs of older versions have none
        for entry in reversed(begun):
            if entry[0] < time and entry[1] is None and _ENDS.get(entry[2]) == kind and _ends(kind, label, event, entry):
                entry[1] = time
                break
        if kind not in _WINDOW_ENDS.values():
            begun.append([time, None, kind, label, event])
    lanes: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    for start, stop, kind, label, _ in begun:
        if start > end:
            continue
        if stop is None:
            stop = end if kind in ("block", "boost", "grow_primary") else start
        target, _, amount = label.rpartition(", ") if ", " in label else (label, "", "")
        if kind == "inject_tumour_cells":
            amount, _, target = label.partition(" ")
        lanes.setdefault((kind, target), []).append((start / DAY, min(stop, end) / DAY, amount))
    return [_lane(kind, target, parts) for (kind, target), parts in lanes.items()]


def _ends(kind: str, ending: str, event: str, begun: list[Any]) -> bool:
    """Whether a mark ends what has begun: the same event, or without one the same target, the first word of a label."""
    if kind == "resect_primary":  # there is only one primary to resect
        return True
    return bool(event == begun[4] if event else ending.split(" ")[0] == begun[3].split(" ")[0])


def _lane(kind: str, target: str, parts: list[tuple[float, float, str]]) -> _Lane:
    amounts = list(dict.fromkeys(plain_words(amount) for _, _, amount in parts if amount))
    amount = " and ".join(amounts) if len(amounts) < 3 else f"{len(amounts)} amounts"
    label = ", ".join(text for text in (plain_words(target), amount) if text)
    if kind == "inject_tumour_cells" and len(amounts) == 1:
        label = f"{amount} {plain_words(target)}"
    if kind in ("inject_exosomes", "treat") and len(parts) > 1:
        label += f", {len(parts)} doses"
    label = label[0].upper() + label[1:]
    times, ends, _ = zip(*parts, strict=True)
    return _Lane(kind, textwrap.fill(label, 42), times, ends)


def _draw_protocol(ax: Axes, lanes: Sequence[_Lane]) -> None:
    middles = np.cumsum([lane.height for lane in lanes]) - [lane.height / 2.0 for lane in lanes]
    for lane, middle in zip(lanes, middles, strict=True):
        for start, stop in zip(lane.times, lane.ends, strict=True):
            if stop > start:
                look: dict[str, Any] = {"facecolor": "#9A9A9A", "edgecolor": GREY, "linewidth": 0.4}
                ax.add_patch(Rectangle((start, middle - 1.0), stop - start, 2.0, **look))
        moments = [start for start, stop in zip(lane.times, lane.ends, strict=True) if stop <= start]
        crowded = len(moments) > 60  # more than there is room for side by side
        ax.scatter(
            moments, np.full(len(moments), middle), s=13, marker="|" if crowded else SYMBOLS.get(lane.kind, "|"),
            color=BLACK, linewidths=0.25 if crowded else 0.6, clip_on=False, zorder=3,
        )  # fmt: skip
    ax.set(ylim=(sum(lane.height for lane in lanes), 0.0), yticks=middles)
    ax.set_yticklabels([lane.label for lane in lanes], linespacing=1.1)
    ax.tick_params(axis="y", length=0)
    ax.set_title("What was done", loc="left", pad=3, weight="bold")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _draw_stages(ax: Axes, record: Record) -> None:
    """A lane a stage that lights up at its onset: in full colour while the marker is above its threshold, else pale."""
    times = record.table["time_h"] / DAY
    for number, stage in enumerate(STAGES):
        onset = record.onsets.get(stage.name)
        if onset is None:
            why = "not reached" if stage.name in record.provenance["thresholds"] else "no threshold, so no onset"
            ax.text(0.0, number + 0.5, why, va="center", color=GREY, style="italic")
            continue
        colour = STAGE_COLOURS[number % len(STAGE_COLOURS)]
        start, stop = onset / DAY, times[-1]
        ax.add_patch(Rectangle((start, number + 0.2), stop - start, 0.6, facecolor=colour, alpha=0.25, linewidth=0))
        later = times > start
        above = _marker(record, stage)[later] > record.provenance["thresholds"].get(stage.name, np.inf)
        days, lit = np.append(start, times[later]), np.append(True, above)  # above at its onset by definition
        ax.fill_between(days, number + 0.2, number + 0.8, where=lit, color=colour, linewidth=0)
        ax.plot([start, start], [number + 0.05, number + 0.95], color=colour, linewidth=1.2)
    ax.set(ylim=(len(STAGES), 0.0), yticks=np.arange(len(STAGES)) + 0.5)
    ax.set_yticklabels([f"{number + 1}  {stage.name.capitalize()}" for number, stage in enumerate(STAGES)])
    ax.tick_params(axis="y", length=0)
    ax.set_title("Stages reached", loc="left", pad=3, weight="bold")
    if any(onset is not None for onset in record.onsets.values()):
        ax.set_title("pale: marker below its threshold again", loc="right", pad=3, color=GREY, size=7)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _draw_marker(ax: Axes, record: Record, stage: Stage, number: int) -> None:
    colour = STAGE_COLOURS[number % len(STAGE_COLOURS)]
    times, values = record.table["time_h"] / DAY, _marker(record, stage)
    threshold = record.provenance["thresholds"].get(stage.name)
    # Nearly a quarter of the row stays free above the curve for the label of the onset.
    least = 1.0 / (record.provenance["anatomy"]["width_um"] * record.provenance["anatomy"]["height_um"] / MM2)
    highest = 1.32 * max(float(values.max()), 1.15 * (threshold or 0.0), least)
    ax.plot(times, values, color=colour, linewidth=1.3, solid_joinstyle="round", zorder=3)
    ax.fill_between(times, values, color=colour, alpha=0.15, linewidth=0, zorder=2)
    ax.set(ylim=(-0.03 * highest, highest))
    ax.set_ylabel(stage.unit.replace("^2", "²"))
    ax.yaxis.set_label_coords(-0.105, 0.5)
    ax.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if threshold is not None:
        ax.axhline(threshold, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)
        low = threshold < 0.3 * highest  # where the label would reach below the row
        ax.annotate(
            f"threshold\n{threshold:.4g}", (1.0, threshold), (3, -1 if low else 0), color=GREY, linespacing=1.1,
            xycoords=("axes fraction", "data"), textcoords="offset points", va="bottom" if low else "center",
            annotation_clip=False,
        )  # fmt: skip
    onset = record.onsets.get(stage.name)
    if onset is None:
        if threshold is not None:
            ax.text(0.012, 0.97, "not reached", transform=ax.transAxes, va="top", color=GREY, style="italic")
        return
    day = onset / DAY
    ax.axvline(day, color=colour, linewidth=1.1, zorder=4)
    ax.annotate(
        f"day {_day(onset)}", (day, 0.98), (3, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
        va="top", weight="bold",
    )  # fmt: skip


def _marker(record: Record, stage: Stage) -> NDArray[np.float64]:
    """The marker of a stage as it is compared, numbers per mm2 of section: a value a row of the table."""
    anatomy = record.provenance["anatomy"]
    values: NDArray[np.float64] = record.table[stage.marker]
    return values * MM2 / (anatomy["width_um"] * anatomy["height_um"]) if stage.per_area else values
