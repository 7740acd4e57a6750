"""A film of one run: the section in motion with a clock, the stages as they begin, and a legend that keeps its place."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.figures import single_run, timeline
from niche_sim.figures.appearance import (
    AWAY,
    BLACK,
    FIELD_LOOKS,
    GREY,
    KINDS,
    LIVER,
    TRIAD,
    TRIAD_WALL,
    VEIN_WALL,
    WHITE,
    SnapshotSight,
    colonies,
    extent,
)
from niche_sim.figures.film_files import Picture, check_ending, write_gif, write_mp4
from niche_sim.figures.labels import clock
from niche_sim.figures.pages import headline
from niche_sim.figures.style import DAY, style
from niche_sim.model.stages import STAGES, Stage
from niche_sim.runs.record import Record, whole

Shots = Iterable[tuple[float, Mapping[str, NDArray[Any]]]]  # (time in h, arrays by the names of snapshots.npz)

SIZE = (1280, 720)  # of the layout below
DOTS = {".mp4": 100, ".gif": 75}  # an inch: the size above, and 960 x 540 for a GIF, in which every frame is heavy
HOURS_A_TICK = 6.0
EVERY = {".mp4": 6.0, ".gif": 12.0}  # h from frame to frame that suit six weeks
LONGEST = 12  # ticks that a frame stays at most for the time that it stands for
FIRST, ONSET, LAST = 10, 20, 25  # ticks: to look around, to read what begins, to see how it ended
FIELD = "fibronectin"
NO_STAGE = "No stage has begun"
UNLIT, LANE, SPAN = "#767676", "#F0EFEC", "#9A9A9A"
MOST_DOINGS = 4  # lines that there is room for
RING = np.linspace(0.0, 2.0 * np.pi, 49)


def save_film(
    shots: Shots,
    total: int,
    record: Record,
    file: Path,
    *,
    watch: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Path | None:
    """Draw each shot as a frame of an MP4 (H.264) or a GIF; returns the file, or None if `stop` ended it.

    shots: in order of time, each drawn before the next is asked for, so that a run can be filmed while it goes on;
    total: how many there are. record: names the run and tells its anatomy, parameters, what was done and the onsets; its
    snapshots set the colour scale, which is one over the whole film. watch: called with (frames done, total) after each
    frame. stop: asked before each. The file is there only once it is whole. The same shots give the same pictures.

    Raises InputError if the file's name or place will not do, or MP4 cannot be written here.
    """
    check_ending(file)
    ending = file.suffix.lower()
    try:
        with whole(file) as part:
            film = Film(record, DOTS[ending])
            frames = _frames(film, shots, total, watch, stop)
            if ending == ".gif":
                write_gif(frames, film.palette(), part)
            else:
                write_mp4(frames, film.size, part)
    except _Stopped:
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(str(file), reason, "a file that can be written, with room on the disk") from None
    return file


def saved_shots(record: Record) -> Shots:
    """The snapshots of a record, in order of time."""
    return [(time, record.snapshots[time]) for time in sorted(record.snapshots)]


class _Stopped(Exception):
    """Whoever watches the film being made has had enough."""


def _frames(
    film: Film,
    shots: Shots,
    total: int,
    watch: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> Iterator[tuple[Picture, int]]:
    """Each shot as a picture, and how many ticks it is to be seen."""
    before = None
    shots = iter(shots)
    for number in range(total):
        if stop is not None and stop():
            raise _Stopped
        time, arrays = next(shots)
        ticks = FIRST if before is None else min(max(round((time - before) / HOURS_A_TICK), 1), LONGEST)
        if number and film.begun(time, before):
            ticks = max(ticks, ONSET)
        if number == total - 1:
            ticks = max(ticks, LAST)
        yield film.draw(time, arrays, before), ticks
        before = time
        if watch is not None:
            watch(number + 1, total)


# ---- the picture ----------------------------------------------------------------------------------------------------


class Film:
    """The picture of one run at any of its moments, laid out once in pixels of 1280 x 720 from its top left corner.

    What never changes is drawn once and kept; a frame adds the section and what moves beside it.
    """

    def __init__(self, record: Record, dots: int = 100) -> None:
        self.record = record
        width, height = SIZE
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=dots, facecolor=WHITE)
        self.canvas = canvas = self._canvas()
        self.size: tuple[int, int] = self.canvas.get_width_height()
        self.pixels = Affine2D().scale(1.0, -1.0).translate(0.0, height).scale(1.0 / width, 1.0 / height)
        self.end = float(record.table["time_h"][-1])
        with style():
            mpl.rcParams.update({"font.size": 9.0, "xtick.labelsize": 8.5})
            self._build()
            canvas.draw()
        self.background = canvas.copy_from_bbox(self.figure.bbox)

    def draw(self, time: float, arrays: Mapping[str, NDArray[Any]], before: float | None = None) -> Picture:
        """The picture at a time (h), uint8[height, width, 3]. before: the time of the frame before, None for the first.

        Stages that began since then are captioned together.
        """
        sight = SnapshotSight(arrays, self.record.provenance)
        self._move_cells(sight)
        self._move_stages(time, before)
        self.clock.set_text(clock(time))
        self.canvas.restore_region(self.background)
        renderer = self.canvas.get_renderer()
        for artist in (self.section, *self.moving):
            artist.draw(renderer)
        return np.asarray(self.canvas.buffer_rgba())[:, :, :3].copy()

    def begun(self, time: float, before: float | None) -> list[Stage]:
        """Stages whose onset lies after `before` (h; None: at any time) and not after `time`."""
        onsets = [(stage, self.record.onsets.get(stage.name)) for stage in STAGES]
        after = -np.inf if before is None else before
        return [stage for stage, onset in onsets if onset is not None and after < onset <= time]

    def _canvas(self) -> Any:
        return FigureCanvasAgg(self.figure)  # any: Matplotlib leaves most of it untyped

    def palette(self) -> Picture:
        """At most 256 colours, uint8[n, 3], for the whole film: the field's ramp, every flat colour, edges between them."""
        flat = {TRIAD, TRIAD_WALL, VEIN_WALL, GREY, UNLIT, LANE, SPAN, *timeline.STAGE_COLOURS}
        flat |= {colour for kind in KINDS for colour in (kind.face, kind.edge)}
        solid = np.array([to_rgb(colour) for colour in sorted(flat)])
        ramp = self.field.cmap(np.linspace(0.0, 1.0, 64))[:, :3]
        greys = np.repeat(np.linspace(0.0, 1.0, 16)[:, None], 3, axis=1)
        between = [0.5 * (solid + np.array(to_rgb(other))) for other in (WHITE, BLACK, FIELD_LOOKS[FIELD].light[1])]
        colours = np.round(255.0 * np.concatenate([ramp, solid, greys, *between])).astype(np.uint8)
        return np.unique(colours, axis=0)[:256]

    def _build(self) -> None:
        self.moving: list[Any] = []
        first = SnapshotSight(self.record.snapshots[min(self.record.snapshots)], self.record.provenance)
        heading, *changed = headline(self.record.provenance)
        self._text(24, 24, heading, size=10.5 * min(1.0, 66 / len(heading)), weight="bold")
        if changed:
            self._text(24, 44, textwrap.shorten(changed[0], 100, placeholder=" …"), size=8, color=GREY)
        self._build_section(first)
        self.clock = self._text(700, 36, clock(0.0), size=24, weight="bold", moves=True)
        self.light = self._symbol(708, 76, "o", 12, WHITE, UNLIT, 1.0)
        self.caption = self._text(724, 76, NO_STAGE, weight="bold", moves=True)
        self.words = self._text(700, 91, "", size=10, color="#333333", va="top", linespacing=1.2, moves=True)
        self.moving.append(self.light)
        self._build_stages(146)
        self._build_legend(first, 374)
        self._build_doings(598)
        self._build_colour_bar(664)

    def _text(self, left: float, top: float, text: str, moves: bool = False, **look: Any) -> Text:
        look = {"va": "center", **look}
        made = self.figure.text(
            left, top, text, transform=self.pixels + self.figure.transFigure, animated=moves, **look
        )
        if moves:
            self.moving.append(made)
        return made

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        across, down = SIZE
        return self.figure.add_axes((left / across, 1.0 - (top + height) / down, width / across, height / down))

    def _build_section(self, sight: SnapshotSight) -> None:
        width, height = float(sight.anatomy["width_um"]), float(sight.anatomy["height_um"])
        self.section = ax = self._axes(24, 60, 640, 640)
        ax.set_anchor("N")
        look = FIELD_LOOKS[FIELD]
        top = max(float(arrays[f"field_{FIELD}"].max()) for arrays in self.record.snapshots.values())
        self.field: AxesImage = ax.imshow(
            sight.arrays[f"field_{FIELD}"], LinearSegmentedColormap.from_list(FIELD, look.light),
            vmin=look.rest, vmax=max(top, look.rest + look.least_span),
            extent=(0.0, width, height, 0.0), interpolation="bilinear",
        )  # fmt: skip
        ax.set(xticks=[], yticks=[], autoscale_on=False)
        for spine in ax.spines.values():
            spine.set_zorder(12)
        single_run.draw_anatomy(ax, sight.anatomy)
        # As large as in the figure of the section, whose 116 mm are here 640 pixels of a hundredth of an inch.
        size = float(np.clip(2000.0 / max(width, height), 0.3, 1.6)) * 6.4 / (116 / 25.4)
        self.cells: list[PathCollection] = [
            ax.scatter(
                [], [], s=(kind.size * size) ** 2, marker=kind.marker, facecolors=kind.face, edgecolors=kind.edge,
                linewidths=min(0.35 * size, 0.6), zorder=2 + 0.5 * kind.layer,
            )
            for kind in KINDS
        ]  # fmt: skip
        self.rings = LineCollection([], colors=BLACK, linewidths=1.2, zorder=8)
        ax.add_collection(self.rings, autolim=False)
        single_run.scale_bar(ax, width)
        ax.set_animated(True)

    def _build_stages(self, top: float) -> None:
        """What was done in a row, then a lane a stage."""
        self.lanes = ax = self._axes(912, top, 340, 26 * (len(STAGES) + 1))
        ax.set(xlim=(0.0, max(self.end, 1.0) / DAY), ylim=(len(STAGES), -1.0), yticks=[])
        ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 7, 10]))
        ax.set_xlabel("Time (days)", size=8.5)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        self._text(700, top + 13, "What was done", color=GREY)
        for lane in timeline.lanes_of(self.record.provenance["marks"], self.end):
            moments = [start for start, stop in zip(lane.times, lane.ends, strict=True) if stop <= start]
            look: dict[str, Any] = {"s": 16, "marker": timeline.SYMBOLS.get(lane.kind, "|"), "c": BLACK, "linewidths": 0.6}
            ax.scatter(moments, np.full(len(moments), -0.5), clip_on=False, zorder=3, **look)
            for start, stop in zip(lane.times, lane.ends, strict=True):
                if stop > start:
                    ax.add_patch(Rectangle((start, -0.62), stop - start, 0.24, facecolor=SPAN, linewidth=0))
        self.names, self.bars, self.lamps = [], [], []
        for number, stage in enumerate(STAGES):
            middle = top + 26 * (number + 1.5)
            ax.add_patch(Rectangle((0.0, number + 0.22), self.end / DAY, 0.56, facecolor=LANE, linewidth=0))
            bar = Rectangle((0.0, number + 0.22), 0.0, 0.56, facecolor=_colour(number), linewidth=0, animated=True)
            self.bars.append(ax.add_patch(bar))
            self.lamps.append(self._symbol(708, middle, "o", 12, WHITE, UNLIT, 1.0))
            self.names.append(self._text(724, middle, stage.name.capitalize(), moves=True))
            if stage.hypothesis:
                self._text(826, middle, "(hypothesis)", size=8, color=GREY)
        self.now = ax.axvline(0.0, color=BLACK, linewidth=1.0, zorder=5, animated=True)
        self.moving = [*self.bars, self.now, *self.lamps, *self.moving]

    def _build_legend(self, sight: SnapshotSight, top: float) -> None:
        """Every kind of cell that the organ has, in two columns, each with its number; colonies and vessels."""
        self.counts: dict[int, Text] = {}
        absent = {name for name in (LIVER, AWAY) if not len(sight.arrays[f"{name}_key"])}
        shown = [(number, kind) for number, kind in enumerate(KINDS) if kind.population not in absent]
        rows = (len(shown) + 4) // 2
        for place, (number, kind) in enumerate(shown):
            left, middle = 700 + 284 * (place // rows), top + 19.5 * (place % rows)
            size = (8.0 if kind.marker in "*PX" else 6.4) + (0.9 if kind.edge == WHITE else 0.0)
            self.figure.add_artist(self._symbol(left + 8, middle, kind.marker, size, kind.face, kind.edge, 0.7))
            self._text(left + 20, middle, kind.label, size=8.5)
            self.counts[number] = self._text(left + 264, middle, "", size=8.5, ha="right", moves=True)
        least = sight.parameter("tumour.colony_cells")
        others = (
            (f"Colony, {least:g} cells or more", "none", BLACK, 9.0),
            ("Portal triad", TRIAD, TRIAD_WALL, 8.0),
            ("Central vein", WHITE, VEIN_WALL, 8.0),
        )
        for place, (label, face, edge, size) in enumerate(others, len(shown)):
            left, middle = 700 + 284 * (place // rows), top + 19.5 * (place % rows)
            self.figure.add_artist(self._symbol(left + 8, middle, "o", size, face, edge, 0.9))
            self._text(left + 20, middle, label, size=8.5)
            if face == "none":
                self.colony_count = self._text(left + 264, middle, "", size=8.5, ha="right", moves=True)

    def _build_doings(self, top: float) -> None:
        """In words what the symbols in the row above the stages stand for."""
        lanes = timeline.lanes_of(self.record.provenance["marks"], self.end)
        left_out = len(lanes) - MOST_DOINGS if len(lanes) > MOST_DOINGS else 0
        for place, lane in enumerate(lanes[: MOST_DOINGS - 1] if left_out else lanes):
            middle = top + 16 * place
            if all(stop > start for start, stop in zip(lane.times, lane.ends, strict=True)):
                bar = Line2D([702, 714], [middle] * 2, color=SPAN, linewidth=4, transform=self._place())
                self.figure.add_artist(bar)
            else:
                marker = timeline.SYMBOLS.get(lane.kind, "|")
                self.figure.add_artist(self._symbol(708, middle, marker, 5, BLACK, BLACK, 0.6))
            self._text(720, middle, textwrap.shorten(lane.label, 84, placeholder=" …"), size=8.5)
        if left_out:
            self._text(720, top + 16 * (MOST_DOINGS - 1), f"and {left_out + 1} more", size=8.5, color=GREY)

    def _place(self) -> Any:
        """From pixels of the layout to those of the picture."""
        return self.pixels + self.figure.transFigure

    def _symbol(self, left: float, top: float, marker: str, size: float, face: str, edge: str, width: float) -> Line2D:
        made = Line2D(
            [left], [top], linestyle="none", marker=marker, markersize=size, markerfacecolor=face,
            markeredgecolor=edge, markeredgewidth=width, transform=self._place(),
        )  # fmt: skip
        made.set_figure(self.figure)
        return made

    def _build_colour_bar(self, top: float) -> None:
        look = FIELD_LOOKS[FIELD]
        bar = self.figure.colorbar(
            self.field, cax=self._axes(704, top, 360, 12), orientation="horizontal", extend="max", extendfrac=0.03
        )
        bar.locator = MaxNLocator(6)
        bar.outline.set_linewidth(0.5)
        self._text(1078, top + 6, look.label, size=9)
        self._text(1078, top + 21, f"({look.unit})", size=8.5)

    def _move_cells(self, sight: SnapshotSight) -> None:
        self.field.set_data(sight.arrays[f"field_{FIELD}"])
        for number, (kind, drawn) in enumerate(zip(KINDS, self.cells, strict=True)):
            y, x = sight.places(kind.population)
            rows = kind.chosen(sight)
            drawn.set_offsets(np.column_stack([x[rows], y[rows]]))
            if number in self.counts:
                self.counts[number].set_text(f"{np.count_nonzero(rows):,}")
        found = [extent(places) for places in colonies(sight)]
        circle = np.column_stack([np.cos(RING), np.sin(RING)])
        self.rings.set_segments([middle[::-1] + radius * circle for middle, radius in found])
        self.colony_count.set_text(f"{len(found):,}")

    def _move_stages(self, time: float, before: float | None) -> None:
        reached = self.begun(time, None)
        for number, stage in enumerate(STAGES):
            colour, lit = _colour(number), stage in reached
            onset = self.record.onsets[stage.name] if lit else None
            self.lamps[number].set(markerfacecolor=colour if lit else WHITE, markeredgecolor=colour if lit else UNLIT)
            self.names[number].set(color=BLACK if lit else UNLIT, weight="bold" if lit else "normal")
            since = time if onset is None else onset
            self.bars[number].set(x=since / DAY, width=(time - since) / DAY)
        self.now.set_xdata([time / DAY] * 2)
        told = self.begun(time, before) if before is not None else reached[-1:]
        if told:
            names, words = ", ".join(stage.name for stage in told), "; ".join(stage.meaning for stage in told)
            self.caption.set(text=names[0].upper() + names[1:], size=12.5 * min(1.0, 46 / len(names)), color=BLACK)
            self.words.set_text(textwrap.fill(words[0].upper() + words[1:], 76, max_lines=3, placeholder=" …"))
            colour = _colour(STAGES.index(told[-1]))
            self.light.set(markerfacecolor=colour, markeredgecolor=colour)
        elif not reached:
            self.caption.set(text=NO_STAGE, size=12.5, color=UNLIT)
            self.words.set_text("")
            self.light.set(markerfacecolor=WHITE, markeredgecolor=UNLIT)


def _colour(number: int) -> str:
    return timeline.STAGE_COLOURS[number % len(timeline.STAGE_COLOURS)]
