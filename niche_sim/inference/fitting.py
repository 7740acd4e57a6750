"""The fit targets of a scenario as something to calibrate to: simulate a point, and how far it misses each target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from niche_sim.engine import given
from niche_sim.engine.chance import birth_key
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import to_model
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.targets import NO_EFFECT, Target
from niche_sim.inference.calibration import LEVEL, WORST, Point, weighted_quantiles
from niche_sim.inference.comparisons import SHARES, Comparison, compared
from niche_sim.model.parameters import rows
from niche_sim.runs import sweeps
from niche_sim.runs.axes import Axis
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.store import Outcome, Part, read_part, run_one

MISSED = "missed_"  # before a target's id: by how much it is missed
OUTSIDE = math.log(NO_EFFECT[1])  # a ratio whose logarithm is larger is an effect
FIT = "fit"


class Failed(Exception):
    """A mouse could not be run for a reason that is not its numbers. One line."""


@dataclass(frozen=True)
class Fit:
    """A scenario's fit targets, the numbers that are varied, and how many mice tell a particle. Called, it simulates one.

    salt: another one gives the same particle other mice.
    """

    plan: sweeps.Plan
    experiment: Scenario
    targets: tuple[Target, ...]
    axes: tuple[Axis, ...]
    mice: int
    salt: int = 0

    def __call__(self, point: Point) -> dict[str, float]:
        """Target -> what the model gives, and "missed_" + target -> by how much that misses it.

        point: shares from 0 to 1 by name. A point that the model refuses misses all. Raises Failed.
        """
        overrides = {axis.key: str(axis.setting(_level(axis, point[axis.name]))) for axis in self.axes}
        shares = np.array([point[axis.name] for axis in self.axes]).view(np.uint64)
        first = int(birth_key("particle", self.salt, *shares)) % 2**62
        lives: dict[str, dict[int, Part]] = {}
        known: dict[str, Part] = {}  # by name: arms in which the same is done share their mice
        try:
            for arm in self.plan.arms:
                lives[arm] = {}
                for job in (self.plan.job(arm, first + n, overrides) for n in range(self.mice)):
                    known[job.name] = known.get(job.name) or _read(run_one(job))
                    lives[arm][job.seed] = known[job.name]
        except InputError:  # numbers that exclude each other
            return {name: value for t in self.targets for name, value in ((t.id, math.nan), (MISSED + t.id, WORST))}
        mice = Cohort(self.plan, lives)
        told: dict[str, float] = {}
        for target in self.targets:
            comparison = compared(target, mice)
            told[target.id] = comparison.effect.estimate
            told[MISSED + target.id] = missed(target, comparison)
        return told

    @property
    def observed(self) -> dict[str, float]:
        """What a particle would give that misses nothing."""
        return {
            name: value
            for t in self.targets
            for name, value in ((t.id, math.nan if t.value is None else t.value), (MISSED + t.id, 0.0))
        }


def distance(simulated: Mapping[str, float], observed: Mapping[str, float]) -> float:
    """Root mean square of how far each target is missed."""
    far = [float(value) for name, value in simulated.items() if name.startswith(MISSED) and name in observed]
    return math.sqrt(sum(value**2 for value in far) / len(far))


def fit(
    experiment: Scenario,
    vary: Mapping[str, object],
    *,
    mice: int,
    overrides: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Fit:
    """The fit targets of a scenario (and no others) for the numbers to vary, given as in a plan of a sweep.

    Raises
    ------
    InputError
        it has none, or a number cannot be varied; names the place.
    """
    mice, overrides = given.whole(mice, "mice", 1), given.table(overrides, "overrides")
    targets = tuple(target for target in experiment.targets if target.use == FIT)
    if not targets:
        raise InputError("SCENARIO", f"{experiment.id} has no fit targets", "one that has, such as liver_day10_kcko")
    named = {arm for target in targets for arm in (target.arm, target.against)}
    arms = [arm for arm in experiment.arms if arm in named]
    design = sweeps.plan(
        experiment, arms=arms, design="latin", samples=1, vary=dict(vary), overrides=overrides, without=without
    )
    changed = overrides.get("run.duration")
    ends = experiment.duration if changed is None else to_model(changed, like="h", where="overrides.run.duration")
    if late := [target.id for target in targets if target.at > ends + 1e-6]:
        found = f"ends before {', '.join(late)}"
        raise InputError("overrides.run.duration", found, f"at least {max(t.at for t in targets) / 24.0:g} day")
    for axis in design.axes:
        if axis.choices or axis.key not in rows():
            raise InputError(f"vary.{axis.name}", "not a range of the register's", "numbers of the register")
    return Fit(design, experiment, targets, design.axes, mice)


def missed(target: Target, found: Comparison) -> float:
    """How far a target is missed, from 0 to WORST; 1 is the edge of its tolerance, or no effect at all."""
    estimate = found.effect.estimate
    if math.isnan(estimate):
        return WORST
    far = _value_missed(target, estimate) if target.value is not None else _direction_missed(target, found)
    return min(WORST, far) if math.isfinite(far) else WORST


def _value_missed(target: Target, estimate: float) -> float:
    value = float(target.value or 0.0)
    if target.within is not None and value > 0.0:
        return abs(math.log(estimate / value)) / math.log(target.within) if estimate > 0.0 else math.inf
    low, high = target.tolerance
    return abs(estimate - value) / max(0.5 * (high - low), 1e-12)


def _direction_missed(target: Target, found: Comparison) -> float:
    """From how far the effect goes the right way: beyond "no effect" nothing is missed, none at all misses by 1."""
    estimate = found.effect.estimate
    if found.kind == "ratio":
        size = math.log(estimate) / OUTSIDE if estimate > 0.0 else -math.inf
    elif found.kind == "fraction before":
        size = -(estimate - 0.5) / 0.5  # less means before: in all mice is -1
    else:
        edge = found.bounds[1] if found.kind == "difference" else SHARES[1]
        size = estimate / edge if edge > 0.0 else 0.0
    if target.expect == "same":
        return max(0.0, abs(size) - 1.0)
    return max(0.0, 1.0 - (size if target.expect == "more" else -size))


class Checked(NamedTuple):
    """A fit target against the posterior: what new mice of drawn particles give, median and 90 % interval, and the target."""

    target: Target
    median: float
    low: float
    high: float
    n: int
    missed: float  # the median of by how much


def check(targets: Sequence[Target], simulated: Sequence[Mapping[str, float]]) -> list[Checked]:
    """The posterior predictive check: particles drawn by weight and simulated anew."""
    made = []
    for target in targets:
        x = np.array([one[target.id] for one in simulated], np.float64)
        far = float(np.median([one[MISSED + target.id] for one in simulated]))
        x = x[np.isfinite(x)]
        low, middle, high = (
            weighted_quantiles(x, np.ones(len(x)), [0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2])
            if len(x)
            else [math.nan] * 3
        )
        made.append(Checked(target, float(middle), float(low), float(high), len(x), far))
    return made


def _level(axis: Axis, share: float) -> float:
    return float(axis.levels(np.array([share]))[0])


def _read(outcome: Outcome) -> Part:
    if outcome.why:
        raise Failed(f"a mouse of the calibration failed: {outcome.why}")
    return read_part(outcome.part, outcome.name)
