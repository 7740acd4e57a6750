"""Compare arms on common random numbers: effects paired by mouse, with intervals, as what is asked of them needs it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from niche_sim.experiment.targets import NO_EFFECT, ONSET, Target
from niche_sim.inference.effects import (
    Effect,
    difference_of_means,
    difference_of_shares,
    k_of,
    mean_of,
    median_of,
    ratio_of_means,
    share_of,
)
from niche_sim.model.initial_state import section_of
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.cohort import Cohort

NUMERICS = (0.9, 1.1)  # a ratio whose 90 % interval lies within is independence of a numerical setting
SHARES = (-0.2, 0.2)  # a difference between fractions of mice, likewise
# Kind of an effect -> its value where there is no effect.
KINDS = {
    "ratio": 1.0,
    "difference": 0.0,
    "difference of fractions": 0.0,
    "fraction before": 0.5,
    "mean": math.nan,
    "fraction": math.nan,
    "median": math.nan,
    "k": math.nan,
}


class Events(NamedTuple):
    """Events that were counted: how many, in the arm that has more of them, and what one of the treated arm adds to the readout.

    number is infinite and one is 0 where that is not a matter of counting.
    """

    number: float = math.inf
    one: float = 0.0


NOT_COUNTED = Events()


@dataclass(frozen=True)
class Comparison:
    """An effect of some kind (a key of KINDS) with its 95 % and 90 % intervals.

    bounds: within them it counts as no effect. events: in the arm that has more of them, infinite where that is not a
    matter of counting. note: why there is no effect to tell. identical: whether every mouse has the same value in both arms.
    """

    kind: str
    effect: Effect
    narrow: Effect
    bounds: tuple[float, float] = (math.nan, math.nan)
    events: float = math.inf
    note: str = ""
    identical: bool = False

    @classmethod
    def none(cls, note: str, n: int = 0, kind: str = "ratio") -> Comparison:
        """Nothing to compare."""
        empty = Effect(math.nan, math.nan, math.nan, n, 0.95)
        return cls(kind, empty, replace(empty, level=0.90), note=note)


def is_event(readout: str) -> bool:
    """Whether a readout counts events, of which a few decide nothing: colonies and cells of a tumour."""
    counted = BY_NAME[readout].unit in ("cell", "colony") if readout in BY_NAME else False
    return counted and (readout.startswith("tumour_") or BY_NAME[readout].unit == "colony")


def value_of_one(cohort: Cohort, arm: str, readout: str) -> float:
    """What one cell or colony adds to a readout of an arm; 0 if it counts none."""
    if readout not in BY_NAME or BY_NAME[readout].unit not in ("cell", "colony"):
        return 0.0
    if readout not in ("metastases_per_liver", "tracer_colonies"):
        return 1.0
    plan = cohort.plan
    given = (one.oversample or 1.0 for one in plan.experiment.arms[arm].protocol.tumour_challenges)
    one = 1.0 / max(given, default=1.0)
    if readout == "tracer_colonies":
        return one
    p = plan.base.parameters
    return one * float(p.organ.volume / section_of(*plan.experiment.section[:3], p, plan.experiment.section.depth).volume)


def events_of(cohort: Cohort, *sides: tuple[str, str, float], window: float | None = None) -> Events:
    """What was counted on each side, (arm, readout, time in h), the treated one first; all mice of a side together."""
    ones = [value_of_one(cohort, arm, readout) for arm, readout, _ in sides]
    sums = [
        float(np.nansum(list(cohort.values(arm, readout, at, window).values()))) / one
        for (arm, readout, at), one in zip(sides, ones, strict=True) if is_event(readout)
    ]  # fmt: skip
    return Events(max(sums, default=math.inf), ones[0])


def compare(treated: ArrayLike, reference: ArrayLike, events: Events = NOT_COUNTED, most: float = 0.0) -> Comparison:
    """Two columns of mice paired by seed, float64[n]: the ratio of means or, without a bounded one, the difference.

    most: the mean of the arm that has most, against which a difference is small or not.
    """
    found = compare_as_ratio(treated, reference, events)
    if not found.note and math.isfinite(found.effect.high):
        return found
    return compare_as_difference(treated, reference, events, most)


def compare_as_ratio(treated: ArrayLike, reference: ArrayLike, events: Events = NOT_COUNTED) -> Comparison:
    """The same as a ratio of means and nothing else; its note says if there is none."""
    a, b = _pair_without_nan(treated, reference)
    if len(a) < 2:
        return Comparison.none("fewer than two mice with a value", len(a))
    if not b.any() or (a < 0).any() or (b < 0).any():
        return Comparison.none("no ratio: the reference is 0 in every mouse, or something is below 0", len(a))
    effects = ratio_of_means(a, b, one=events.one), ratio_of_means(a, b, 0.90, events.one)
    return Comparison("ratio", *effects, NO_EFFECT, events.number, identical=_same(a, b))


def compare_as_difference(
    treated: ArrayLike, reference: ArrayLike, events: Events = NOT_COUNTED, most: float = 0.0
) -> Comparison:
    """The same as a difference of means and nothing else; arguments as of `compare`."""
    a, b = _pair_without_nan(treated, reference)
    if len(a) < 2:
        return Comparison.none("fewer than two mice with a value", len(a))
    fifth = (1.0 - NO_EFFECT[0]) * abs(most)
    effects = difference_of_means(a, b), difference_of_means(a, b, 0.90)
    return Comparison("difference", *effects, (-fifth, fifth), events.number, identical=_same(a, b))


def compare_shares(treated: ArrayLike, reference: ArrayLike) -> Comparison:
    """Two columns of 0 and 1, mice paired by seed: the difference of the fractions of mice."""
    a, b = _pair_without_nan(treated, reference)
    if len(a) < 2:
        return Comparison.none("fewer than two mice with a value", len(a), "difference of fractions")
    effects = difference_of_shares(a, b), difference_of_shares(a, b, 0.90)
    return Comparison("difference of fractions", *effects, SHARES, identical=_same(a, b))


def compare_order(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Two columns of onsets (h, infinite for never) in the same mice: in which fraction the first is before the second."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    told = np.isfinite(a) | np.isfinite(b)
    a, b = a[told], b[told]
    if not len(a):
        return Comparison.none("neither is reached in any mouse", 0, "fraction before")
    before = np.where(a < b, 1.0, np.where(a > b, 0.0, 0.5))
    return Comparison("fraction before", share_of(before), share_of(before, 0.90))


def compared(target: Target, cohort: Cohort) -> Comparison:
    """What the mice of a cohort give for a target; its note says why if they give nothing."""
    missing = [arm for arm in (target.arm, target.against) if arm is not None and not cohort.lives.get(arm)]
    if missing:
        return Comparison.none(f"no mice of {' and '.join(missing)}")
    if untold := [name for name in _onsets(target) if name not in cohort.plan.stages]:
        return Comparison.none(f"no threshold of {' and '.join(untold)}, which `niche-sim thresholds` makes")
    if target.at > cohort.ends + 1e-6:
        return Comparison.none(f"the runs end on day {cohort.ends / 24.0:g}")
    return _found(target, cohort)


def _onsets(target: Target) -> list[str]:
    """Stages whose onsets a target compares."""
    readouts = (target.readout, target.against_readout or "")
    return [name.removeprefix(ONSET) for name in readouts if name.startswith(ONSET)]


def _found(target: Target, cohort: Cohort) -> Comparison:
    values = cohort.values(target.arm, target.readout, target.at, target.window)
    if target.against is None and target.against_readout is None:
        one = value_of_one(cohort, target.arm, target.readout) if is_event(target.readout) else 0.0
        return _alone(target, np.array(list(values.values()), np.float64), one)
    arm, readout = target.against or target.arm, target.against_readout or target.readout
    a, b = cohort.pairs(values, cohort.values(arm, readout, target.at, target.window))
    if target.above is not None:
        way = compare_as_ratio if target.value is not None else compare_shares
        found = way(_above(a, target.above), _above(b, target.above))
        return replace(found, identical=_same(*_pair_without_nan(a, b)))  # of the readout, not of whether it lies above
    if target.is_onset:
        return compare_order(a, b)
    sides = (target.arm, target.readout, target.at), (arm, readout, target.at)
    events = events_of(cohort, *sides, window=target.window)
    if target.value is not None:
        return compare_as_ratio(a, b, events)
    return compare(a, b, events, highest_mean(cohort, target.readout, target.at, target.window))


def _alone(target: Target, values: NDArray[np.float64], event: float) -> Comparison:
    kind = "fraction" if target.above is not None else "median" if target.is_onset else target.statistic
    x = values[~np.isnan(values)]
    if len(x) < 2 or (kind == "k" and (len(x) < 3 or np.count_nonzero(x) < 2)):
        return Comparison.none("too few mice" if kind == "k" else "fewer than two mice with a value", len(x), kind)
    if target.above is not None:
        x = _above(x, target.above)
        return Comparison(kind, share_of(x), share_of(x, 0.90))
    if target.is_onset:
        return Comparison(kind, median_of(x), median_of(x, 0.90))
    if kind == "k":
        return Comparison(kind, k_of(x), k_of(x, 0.90), events=float(x.sum()))
    return Comparison(kind, mean_of(x, one=event), mean_of(x, 0.90, event))


def _above(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """1 where it lies above, 0 where not, nan where there is no value."""
    return np.where(np.isnan(values), np.nan, (values > limit).astype(np.float64))


def highest_mean(cohort: Cohort, readout: str, at: float, window: float | None = None) -> float:
    """The mean of the arm that has most."""
    columns = [np.array(list(cohort.values(arm, readout, at, window).values())) for arm in cohort.lives]
    return max((abs(float(np.nanmean(x))) for x in columns if (~np.isnan(x)).any()), default=0.0)


def _pair_without_nan(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    there = ~(np.isnan(a) | np.isnan(b))
    return a[there], b[there]


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return len(a) > 0 and bool((a == b).all())
