"""The effect of an intervention against the day it starts: what tells preventive from therapeutic.

The intervention of an arm is what it has beyond a reference arm: blocks, boosts, depletions, series of doses. It is moved
so that it starts on each of several days, its end (fixed end: the later, the shorter) or its length (fixed length: the
same course, later) staying as it is. Each such arm is compared with the reference in mice of the same seeds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim import cohort
from niche_sim.cohort import Cohort, Plan
from niche_sim.errors import InputError
from niche_sim.protocol import (
    Block,
    Boost,
    Deplete,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    Protocol,
    ResectPrimary,
    Treat,
    one_of,
)
from niche_sim.readouts import BY_NAME
from niche_sim.scenario import Arm, Scenario
from niche_sim.stages import STAGES
from niche_sim.targets import Comparison, compare, compare_as_difference, is_event, word_of

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
    """The effect on a readout of the intervention that starts on a day; `word` is more, less, no effect or undecided."""

    day: float
    comparison: Comparison
    word: str


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

    options: as of `cohort.plan` (mice, seed, overrides, without, schedule).

    Raises:
        InputError: no such arm, nothing that can be moved, a day below 0, or an intervention that cannot be moved there.
    """
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
        raise InputError("--by", f"{list(days)}", "days from 0")
    lacking = tuple(one for one in common if one not in experiment.arms[arm].protocol.interventions)
    if lacking:
        found = f"{arm} lacks {lacking[0].verb} of {reference}"
        raise InputError("--against", found, "an arm to which the other only adds")
    names = tuple(f"{arm}_from_{day:g}".replace(".", "_") for day in days)
    made = {
        name: Arm(name, f"{arm} from day {day:g}", Protocol((*common, *_moved_to(moved, day * DAY, fixed))))
        for name, day in zip(names, days, strict=True)
    }
    wider = dataclasses.replace(experiment, arms={reference: experiment.arms[reference], **made})
    return Windows(cohort.plan(wider, [reference, *names], **options), arm, fixed, tuple(days), names, moved)


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


def effects(made: Windows, found: Cohort, readout: str, at: float) -> list[Point]:
    """The effect of each start on a readout at `at` (h), in mice paired by seed, all of one kind: ratios where each start has
    one, else differences. A start without pairs has a note instead.
    """
    reference = found.values(made.plan.reference, readout, at)
    events = float(np.nansum(list(reference.values()))) if is_event(readout) else math.inf
    columns = {arm: found.values(arm, readout, at) for arm in made.arms}
    most = max((abs(float(np.mean(list(x.values())))) for x in (reference, *columns.values()) if x), default=0.0)
    pairs = [found.pairs(columns[arm], reference) for arm in made.arms]
    comparisons = [compare(*pair, events, most) for pair in pairs]
    if len({one.kind for one in comparisons if not one.note}) > 1:
        comparisons = [compare_as_difference(*pair, events, most) for pair in pairs]
    return [Point(day, one, word_of(one)) for day, one in zip(made.days, comparisons, strict=True)]


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


def table(made: Windows, points: Sequence[Point], readout: str, at: float) -> list[dict[str, Any]]:
    """Rows of windows.parquet."""
    rows = []
    for point, arm in zip(points, made.arms, strict=True):
        effect = point.comparison.effect
        rows.append({
            "arm": made.arm, "against": made.plan.reference, "fixed": made.fixed, "start_day": point.day,
            "readout": readout, "unit": BY_NAME[readout].unit, "at_h": at, "arm_run": arm,
            "kind": point.comparison.kind, "effect": effect.estimate, "low": effect.low, "high": effect.high,
            "n": effect.n, "p": point.comparison.p, "verdict": point.word, "why": point.comparison.note,
        })  # fmt: skip
    return rows
