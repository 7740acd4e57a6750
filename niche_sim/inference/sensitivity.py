"""Which numbers a result hangs on: Morris' screening and Sobol's indices by SALib, of a function or of a sweep.

Both take the points of a design and one output for each. Morris (1991, with Campolongo 2007): mu_star is the mean size of
the change along one number, sigma how unlike these changes are, hence how much it interacts or bends. Sobol (Saltelli
2010): S1 is the share of the output's variance that a number has by itself, ST with all its interactions.

A run of this model has chance in it. Every point is run in the same mice (seeds): what a mouse is by its seed cancels
between points, and the output is the mean over mice. What is left of chance is measured: from the way in which points and
mice go together (two-way analysis of variance) follows the share of the output's variance between points that is chance
of so few mice. It adds to every sigma and ST and to no mu (on average) and S1: what lies below it says nothing.

Intervals are SALib's, of 95 %, drawn anew from trajectories (Morris) or samples (Sobol): they know the design's error and,
since chance differs from point to point, that of chance, but nothing of other mice.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, one_of
from niche_sim.runs.sweeps import Swept, unit_rows

Float = NDArray[np.float64]

METHODS = ("morris", "sobol")
LEVEL = 0.95
RESAMPLES = 1000
FEWEST = {"morris": 4, "sobol": 8}  # trajectories or samples, of which a spread can still be told
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)  # of the samples, at which convergence is looked at
MORRIS_LEVELS = 4  # as the designs of sweeps have


class Index(NamedTuple):
    """Of one number: Morris' mu_star or Sobol's ST with the half-width of its interval, and sigma or S1 with its own.

    main, main_reach: mu_star or ST. second, second_reach: sigma (no interval: nan) or S1. signed: Morris' mu, else nan.
    """

    name: str
    main: float
    main_reach: float
    second: float
    second_reach: float
    signed: float


class Stage(NamedTuple):
    """The indices from the first `samples` trajectories or samples."""

    samples: int
    indices: tuple[Index, ...]


@dataclass(frozen=True)
class Sensitivity:
    """The indices of one output. stages: with more and more samples; the last has all. dropped: samples with a failed run.

    chance: the share of the variance between points that is chance of so few mice; nan with one mouse a point.
    """

    method: str
    output: str
    stages: tuple[Stage, ...]
    dropped: int
    mice: int
    chance: float
    constant: bool = False

    @property
    def indices(self) -> tuple[Index, ...]:
        """From all samples, in the order of the numbers."""
        return self.stages[-1].indices

    @property
    def ranked(self) -> list[Index]:
        """The one that matters most first."""
        return sorted(self.indices, key=lambda index: -index.main)

    @property
    def settled(self) -> bool:
        """Whether the last quarter of the samples has moved no main index further than the final interval of it reaches."""
        if len(self.stages) < 2:
            return False
        pairs = zip(self.stages[-2].indices, self.indices, strict=True)
        return all(abs(before.main - after.main) <= after.main_reach for before, after in pairs)


def of_function(
    function: Callable[[Float], Float], names: Sequence[str], method: str, samples: int, seed: int = 1
) -> Sensitivity:
    """Of any function of numbers from 0 to 1: float64[points, numbers] -> float64[points] or [points, mice].

    Raises InputError without SALib or with samples that do not suit the method.
    """
    names = given.names(names, "names", "names of numbers")
    points = unit_rows(one_of(method, METHODS, "method"), len(names), samples, seed)
    return analyse(points, np.asarray(function(points), np.float64), names, method, "output", seed)


def of_sweep(found: Swept, readout: str, arm: str, at: float | None = None) -> Sensitivity:
    """Of a sweep of design morris or sobol: a readout of an arm at the end or at a time (h).

    Raises
    ------
    InputError
        the sweep has another design, or no such readout, arm or time, or too many runs of it failed.
    """
    plan = found.plan
    if plan.design not in METHODS:
        raise InputError(f"{found.folder}: design", f"'{plan.design}'", f"a sweep of design {' or '.join(METHODS)}")
    names = [axis.name for axis in plan.axes]
    return analyse(plan.unit_cube, found.values(readout, arm, at), names, plan.design, readout, plan.design_seed)


def analyse(
    points: Float, outputs: Float, names: Sequence[str], method: str, output: str = "output", seed: int = 1
) -> Sensitivity:
    """Of outputs, float64[points] or [points, mice], at the points of a design, float64[points, numbers] from 0 to 1.

    Raises InputError if too many outputs are missing (nan), or SALib is not there.
    """
    y = outputs.reshape(len(points), -1)
    block = len(names) + (1 if method == "morris" else 2)  # runs of a trajectory or of a sample
    whole = ~np.isnan(y).any(axis=1).reshape(-1, block).any(axis=1)
    kept = np.repeat(whole, block)
    points, y = points[kept], y[kept]
    samples = int(whole.sum())
    if samples < FEWEST[method]:
        unit = "trajectories" if method == "morris" else "samples"
        raise InputError("samples", f"{samples} whole {unit} of {output}", f"at least {FEWEST[method]}")
    means = y.mean(axis=1)
    constant = bool(np.ptp(means) <= 1e-12 * max(1.0, float(np.abs(means).max())))
    sizes = sorted({max(FEWEST[method], math.ceil(share * samples)) for share in SHARES})
    stages = [Stage(n, _indices(points[: n * block], means[: n * block], names, method, seed)) for n in sizes]
    return Sensitivity(method, output, tuple(stages), int((~whole).sum()), y.shape[1], chance_share(y), constant)


def chance_share(y: Float) -> float:
    """The share of the variance of the means over mice, between points, that is chance; y: float64[points, mice].

    Mice are the same at all points, so that what a mouse adds everywhere is none of it: it is the variance that is left when
    points and mice are taken away, over the number of mice.
    """
    points, mice = y.shape
    total = float(y.mean(axis=1).var(ddof=1)) if points > 1 else 0.0
    if mice < 2 or total <= 0.0:
        return math.nan
    left = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0, keepdims=True) + y.mean()
    return min(1.0, float((left**2).sum()) / ((points - 1) * (mice - 1)) / mice / total)


def _indices(points: Float, y: Float, names: Sequence[str], method: str, seed: int) -> tuple[Index, ...]:
    if np.ptp(y) <= 1e-12 * max(1.0, float(np.abs(y).max())):  # indices of a constant are 0 by 0
        return tuple(Index(name, 0.0, 0.0, 0.0, math.nan if method == "morris" else 0.0, 0.0) for name in names)
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
    options = {"conf_level": LEVEL, "num_resamples": RESAMPLES, "seed": seed}
    if method == "morris":
        found = _salib(method).analyze(problem, points, y, num_levels=MORRIS_LEVELS, **options)
        columns = (found["mu_star"], found["mu_star_conf"], found["sigma"], [math.nan] * len(names), found["mu"])
    else:
        found = _salib(method).analyze(problem, y, calc_second_order=False, **options)
        columns = (found["ST"], found["ST_conf"], found["S1"], found["S1_conf"], [math.nan] * len(names))
    return tuple(
        Index(name, *map(float, values)) for name, values in zip(names, zip(*columns, strict=True), strict=True)
    )


def _salib(method: str) -> Any:
    try:
        return importlib.import_module(f"SALib.analyze.{method}")
    except ImportError:
        allowed = "pip install 'niche-sim[sensitivity]' brings it"
        raise InputError("sensitivity", "SALib is not installed", allowed) from None


def table(found: Sensitivity, sweep: Swept, arm: str, at: float | None) -> list[dict[str, Any]]:
    """Rows of sensitivity.parquet: each number at each stage; the rows with `final` have all samples."""
    names = {"morris": ("mu_star", "sigma"), "sobol": ("ST", "S1")}[found.method]
    rows = []
    for stage in found.stages:
        for index, axis in zip(stage.indices, sweep.plan.axes, strict=True):
            rows.append({
                "method": found.method, "readout": found.output, "arm": arm, "at_h": at, "parameter": index.name,
                "unit": axis.unit, "low": axis.low, "high": axis.high, "scale": "log" if axis.log else "linear",
                names[0]: index.main, f"{names[0]}_reach": index.main_reach,
                names[1]: index.second, f"{names[1]}_reach": index.second_reach,
                "mu": index.signed, "samples": stage.samples, "final": stage is found.stages[-1],
                "mice": found.mice, "chance_share": found.chance, "dropped": found.dropped,
            })  # fmt: skip
    return rows
