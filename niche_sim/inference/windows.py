"""The effect of an intervention against the day it starts: what tells preventive from therapeutic.

The intervention of an arm is what it has beyond a reference arm: blocks, boosts, depletions, series of doses. It is moved
so that it starts on each of several days, its end (fixed end: the later, the shorter) or its length (fixed length: the
same course, later) staying as it is. Each such arm is compared with the reference in mice of the same seeds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, one_of
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    Protocol,
    ResectPrimary,
    Treat,
)
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.scenario_file import Arm
from niche_sim.inference.comparisons import Comparison, compare, compare_as_difference, events_of
from niche_sim.inference.verdicts import word_of
from niche_sim.model.stages import STAGES
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.plan import Plan

FIXED = ("end", "length")
DAY = 24.0  # h
SOON = 1e-9  # h


@dataclass(frozen=True)
class Windows:
    """An intervention moved to each of several days: the plan of all arms, and which arm is which.

    days: starts, day. arms: of each day, by the name they have in the plan; the reference is the plan's first.
    """

    plan: Plan
    arm: str
    fixed: str
    days: tuple[float, ...]
    arms: tuple[str, ...]
    moved: tuple[Intervention, ...]  # as the scenario has them


class Point(NamedTuple):
    """The effect on a readout, at `at` (h), of the intervention that starts on a day in the arm that is named so in the plan.

    word: more, less, no effect or undecided.
    """

    day: float
    comparison: Comparison
    word: str
    at: float
    arm: str


class Onset(NamedTuple):
    """When a stage begins in the reference arm: median and quartiles over mice, day; infinite where it does not."""

    stage: str
    median: float
    low: float
    high: float
    share: float  # of the mice in which it does


def windows(
    experiment: Scenario,
    arm: str,
    days: Sequence[float],
    *,
    against: str | None = None,
    fixed: str = "end",
    **options: Any,
) -> Windows:
    """Plan the arm's intervention to start on each of the days, against a reference arm (None: the one it builds on).

    options: as of `cohort.plan` (mice, seed, overrides, without, schedule, readouts).

    Raises
    ------
    InputError
        no such arm, nothing that can be moved, a day below 0, or an intervention that cannot be moved there.
    """
    days = tuple(dict.fromkeys(given.numbers(days, "--by", "days")))  # a day that is there twice is one start
    experiment.arm(arm, "--arm")
    one_of(fixed, FIXED, "--fixed")
    reference = _builds_on(experiment, arm) if against is None else experiment.arm(against, "--against").name
    common = experiment.arms[reference].protocol.interventions
    moved = tuple(one for one in experiment.arms[arm].protocol.interventions if one not in common)
    if not moved:
        raise InputError(
            "--arm", f"{arm} does nothing that {reference} does not", "an arm with an intervention of its own"
        )
    if not days or min(days) < 0.0:
        raise InputError("--by", f"{list(days)}"[:60], "days from 0")
    lacking = tuple(one for one in common if one not in experiment.arms[arm].protocol.interventions)
    if lacking:
        found = f"{arm} lacks {lacking[0].verb} of {reference}"
        raise InputError("--against", found, "an arm to which the other only adds")
    names = tuple(f"{arm}_from_{day:.15g}".replace(".", "_") for day in days)
    made = {
        name: Arm(name, f"{arm} from day {day:g}", Protocol((*common, *_moved_to(moved, day * DAY, fixed))))
        for name, day in zip(names, days, strict=True)
    }
    wider = dataclasses.replace(experiment, arms={reference: experiment.arms[reference], **made})
    return Windows(cohort.plan(wider, [reference, *names], **options), arm, fixed, days, names, moved)


def _builds_on(experiment: Scenario, arm: str) -> str:
    """The arm to which this one adds least. Raises InputError if there is none."""
    mine = experiment.arms[arm].protocol.interventions
    below = {
        name: len(other.protocol.interventions)
        for name, other in experiment.arms.items()
        if name != arm and all(one in mine for one in other.protocol.interventions)
        and len(other.protocol.interventions) < len(mine)
    }  # fmt: skip
    if not below:
        raise InputError("--arm", f"{arm} adds to no other arm", "--against with the arm to compare with")
    return max(below, key=lambda name: below[name])


def starts_of(moved: Sequence[Intervention]) -> float:
    """When the first of them starts, h."""
    return min(min(one.starts) for one in moved)


def _moved_to(moved: Sequence[Intervention], start: float, fixed: str) -> tuple[Intervention, ...]:
    """All of them later (or sooner) by as much as lets the first start at `start` (h); what has no time left is dropped."""
    later = start - starts_of(moved)
    found = [_later(one, later, fixed) for one in moved]
    return tuple(one for one in found if one is not None)


def _later(one: Intervention, later: float, fixed: str) -> Intervention | None:
    """One of them, `later` h later. A course of doses with a fixed end loses those that would come after its last."""
    if isinstance(one, Block | Boost | Deplete):
        once = one.start == one.end
        start = one.start + later
        end = one.end if fixed == "end" and not once else one.end + later
        return dataclasses.replace(one, start=start, end=end) if once or start < end - SOON else None
    if isinstance(one, InjectExosomes | Treat):
        last = one.times[-1] if fixed == "end" and len(one.times) > 1 else math.inf
        times = tuple(time + later for time in one.times if time + later <= last + SOON)
        return dataclasses.replace(one, times=times) if times else None
    if isinstance(one, InjectTumourCells | ResectPrimary):
        return dataclasses.replace(one, at=one.at + later)
    return dataclasses.replace(one, start=one.start + later)


# --- results ---------------------------------------------------------------------------------------------------------


def effects(
    made: Windows, found: Cohort, readout: str, at: float | None = None, *, after: float | None = None
) -> list[Point]:
    """The effect of each start on a readout, in mice paired by seed, all of one kind: ratios where each start has one, else
    differences. A start without pairs has a note instead.

    at: h, the same for every start; or after: h from the start on, so that each has had as long, without the starts for
    which the run ends sooner. Raises ValueError unless there is one of the two, InputError if no start is left.
    """
    if at is not None and after is None:
        times = dict.fromkeys(made.arms, at)
    elif after is not None and at is None:
        whole = [(arm, day * DAY + after) for arm, day in zip(made.arms, made.days, strict=True)]
        times = {arm: time for arm, time in whole if time <= found.ends + SOON}
        if not times:
            most = found.ends - min(made.days) * DAY
            raise InputError("after", f"{after:g} h", f"at most {most:g} h: the run ends then")
    else:
        raise ValueError("either at or after")
    references = {time: found.values(made.plan.reference, readout, time) for time in times.values()}
    columns = {arm: found.values(arm, readout, time) for arm, time in times.items()}
    means = [abs(float(np.mean(list(x.values())))) for x in (*references.values(), *columns.values()) if x]

    def compared(way: Callable[..., Comparison]) -> list[Comparison]:
        told = []
        for arm, time in times.items():
            reference = references[time]
            events = events_of(found, (arm, readout, time), (made.plan.reference, readout, time))
            told.append(way(*found.pairs(columns[arm], reference), events, max(means, default=0.0)))
        return told

    comparisons = compared(compare)
    if len({one.kind for one in comparisons if not one.note}) > 1:
        comparisons = compared(compare_as_difference)
    days = dict(zip(made.arms, made.days, strict=True))
    return [
        Point(days[arm], one, word_of(one), time, arm)
        for (arm, time), one in zip(times.items(), comparisons, strict=True)
    ]


def when(points: Sequence[Point]) -> str:
    """When the readout of these was taken, in words: "day 21", or "9 days after the start"."""
    times = {round(point.at, 6) for point in points}
    since = {round(point.at - point.day * DAY, 6) for point in points}
    if len(times) > 1 and len(since) == 1:
        days = since.pop() / DAY
        return f"{days:.4g} day{'' if days == 1.0 else 's'} after the start"
    return f"day {points[0].at / DAY:.4g}"


def onsets(made: Windows, found: Cohort) -> list[Onset]:
    """Of the stages that most mice of the reference arm reach, in order of their median."""
    mice = found.lives[made.plan.reference].values()
    told = []
    for stage in STAGES:
        hours: NDArray[np.float64] = np.array([life.onsets.get(stage.name, math.nan) for life in mice])
        days = np.where(np.isnan(hours), np.inf, hours / DAY)
        if len(days) and np.isfinite(days).mean() > 0.5:
            low, middle, high = np.percentile(days, [25, 50, 75], method="nearest")
            told.append(Onset(stage.name, float(middle), float(low), float(high), float(np.isfinite(days).mean())))
    return sorted(told, key=lambda onset: onset.median)


def table(made: Windows, points: Sequence[Point], readout: str) -> list[dict[str, Any]]:
    """Rows of windows.parquet."""
    rows = []
    for point in points:
        effect = point.comparison.effect
        rows.append({
            "arm": made.arm, "against": made.plan.reference, "fixed": made.fixed, "start_day": point.day,
            "readout": readout, "unit": KNOWN[readout].unit, "at_h": point.at, "arm_run": point.arm,
            "kind": point.comparison.kind, "effect": effect.estimate, "low": effect.low, "high": effect.high,
            "n": effect.n, "verdict": point.word, "why": point.comparison.note,
        })  # fmt: skip
    return rows
