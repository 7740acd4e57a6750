"""What a run shows: its progress while it goes on, then readouts, stages, and where it was written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from niche_sim.experiment.simulation import Simulation
    from niche_sim.inference.receptivity import Receptivity
    from niche_sim.runs.profile import Profile
    from niche_sim.runs.record import Record

HOURS_A_DAY = 24.0
EXACT = 1e7  # whole numbers below are shown to the last digit


def output(error: bool = False) -> Console:
    """A console that shows text as it is: nothing in it is markup."""
    return Console(stderr=error, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table(*columns: str, title: str = "", widths: Sequence[int] = ()) -> Table:
    """An empty table. Values wrap rather than being cut.

    Without widths the last column takes what room is left and only it wraps. With them, they are those of all columns
    but the first, so that several tables stand alike below each other, and the first takes the rest.
    """
    made = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", show_edge=False)
    made.padding, made.pad_edge, made.expand = (0, 1, 0, 0), False, bool(widths)
    roomy = 0 if widths else len(columns) - 1
    for index, name in enumerate(columns):
        width = max(widths[index - 1], len(name)) if widths and index else None
        made.add_column(name, overflow="fold", no_wrap=index != roomy, width=width, ratio=1 if index == roomy else None)
    return made


def cell(text: str) -> RenderableType:
    """Text for a table: its first line, then the others as details, indented and dim."""
    first, _, details = text.partition("\n")
    return Group(first, Padding(Text(details, style="dim"), (0, 0, 0, 2))) if details else first


@contextmanager
def bar(of_what: str, shown: bool = True) -> Iterator[Callable[[float, float, str], None]]:
    """A bar on standard error, if that is a terminal: how many of how many are done, how many a second, the time left.

    of_what: in the plural. Gives a function to be called with both numbers and a remark.
    """
    console = output(error=True)
    if not (shown and console.is_terminal):
        yield lambda done, total, remark: None
        return
    from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

    class Rate(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} {of_what}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(None), Rate(""), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as made:
        task = made.add_task("", total=None)

        def show(done: float, total: float, remark: str) -> None:
            made.update(task, completed=done, total=total, description=f"{done:.0f} of {total:g} {of_what}{remark}")

        yield show


@contextmanager
def progress(model: Simulation, shown: bool) -> Iterator[Callable[[Simulation], None]]:
    """The same for the days of a run; gives a function to be called after every step."""
    with bar("days", shown) as show:
        yield lambda model: show(model.state.time / HOURS_A_DAY, model.duration / HOURS_A_DAY, "")


def code_is_compiled() -> bool:
    """Whether compiled code of an earlier run lies in the cache, as told by the kernel that every run needs first."""
    from pathlib import Path

    from niche_sim.engine.kernels.walk import walk

    cache = getattr(getattr(walk, "stats", None), "cache_path", None)
    if cache is None:  # compiling, or keeping what is compiled, is switched off
        return True
    line, version = walk.py_func.__code__.co_firstlineno, sys.version_info
    return any(Path(cache).glob(f"walk.walk-{line}.py{version.major}{version.minor}*.nbi"))


def show(record: Record, what: str, seconds: float, every: bool = False) -> None:
    """The end of a run on standard output: the marker of each stage, or every readout; then when the stages began."""
    console = output()
    console.print(f"{what}: {_day(record.table['time_h'][-1])} days in {seconds:.1f} s", soft_wrap=True)
    for part in (readouts(record, every), stages(record, console)):
        console.print()
        console.print(part)
    console.print()


def readouts(record: Record, every: bool = True) -> Table:
    """Readouts at the end: all of them, or only those that mark the stages."""
    from niche_sim.engine.units import show
    from niche_sim.model.readouts import BY_NAME, READOUTS
    from niche_sim.model.stages import STAGES

    made = table("readout", "value", "unit", "meaning", title=f"At the end, day {_day(record.table['time_h'][-1])}")
    made.columns[1].justify = "right"
    for readout in READOUTS if every else [BY_NAME[stage.marker] for stage in STAGES]:
        value = record.end[readout.name]
        digits = 15 if value == round(value) and abs(value) < EXACT else 4
        meaning = readout.meaning + (", since the start" if readout.cumulative else "")
        made.add_row(readout.name, show(value, "", digits), readout.unit if readout.unit != "1" else "", meaning)
    return made


def profile(watched: Profile) -> Table:
    """CPU time by rule, the dearest first."""
    parts = watched.parts()
    total = sum(seconds for _, seconds, _ in parts)
    made = table("part of a step", "ms", "share", "calls", "us a call", title=f"CPU time: {total:.2f} s")
    for column in made.columns[1:]:
        column.justify = "right"
    for name, seconds, calls in parts:
        made.add_row(name, f"{1e3 * seconds:.1f}", f"{seconds / total:.1%}", f"{calls:,}", f"{1e6 * seconds / calls:.0f}")
    return made


def stages(record: Record, console: Console) -> Table:
    """Each stage with its onset and a bar from there to the end."""
    from niche_sim.model.stages import STAGES

    end = float(record.table["time_h"][-1])
    thresholds: Mapping[str, float] = record.provenance["thresholds"]
    before, after = (".", "#") if console.options.ascii_only else ("·", "█")
    width = min(console.width, 100) - 30
    made = table("stage", "onset", f"day 0 to {_day(end)}", title="Stages")
    for stage in STAGES:
        onset = record.onsets[stage.name]
        if stage.name not in thresholds:
            made.add_row(stage.name, "no threshold", "")
            continue
        start = width if onset is None else min(width - 1, int(width * onset / end))
        bar = before * start + after * (width - start)
        made.add_row(stage.name, "not reached" if onset is None else f"day {_day(onset)}", bar)
    return made


def receptivity(by_t: Receptivity, eventual: Receptivity) -> str:
    """Where a tumour cell takes root, in two or three lines."""
    days, mean = eventual.time_h, eventual.mean
    top = int(mean.argmax())
    lines = [
        f"Receptivity: a {by_t.line} cell that arrests founds a colony with probability {mean[0]:.2g} on",
        f"day {_day(days[0])}, at most {mean[top]:.2g} (day {_day(days[top])}).",
    ]
    if by_t.expected_metastases_per_liver > 0.0:
        lines += [
            f"Colonies expected by day {_day(by_t.time_h[-1])}: {by_t.expected_colonies:.2g} in the section,",
            f"{by_t.expected_metastases_per_liver:.3g} in the whole organ; take rate {by_t.take_rate:.3g}.",
        ]
    return "\n".join(lines)


def _day(hours: float) -> str:
    return f"{round(hours / HOURS_A_DAY, 2):g}"
