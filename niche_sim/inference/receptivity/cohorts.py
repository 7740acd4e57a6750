"""Expectations of many mice: effects of arms on them, and what count a liver would show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray

from niche_sim.inference.comparisons import compare
from niche_sim.inference.verdicts import Row, word_of
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import EXPECTED


def effects(cohort: Cohort) -> list[Row]:
    """Each arm against the first, at the end, on every readout of `EXPECTED` that the mice hold: as `verdicts.effects`."""
    rows, reference, at = [], cohort.plan.reference, cohort.ends
    for arm in cohort.plan.arms[1:]:
        for name in (one.name for one in EXPECTED if one.name in cohort.readouts):
            columns = {each: cohort.values(each, name, at) for each in cohort.lives}
            most = max((abs(float(np.nanmean([*of.values(), 0.0]))) for of in columns.values() if of), default=0.0)
            found = compare(*cohort.pairs(columns[arm], columns[reference]), most=most)
            rows.append(Row(name, arm, reference, at, found, word_of(found)))
    return rows


@dataclass(frozen=True)
class LiverCounts:
    """How many metastases livers of one arm are expected to show.

    mean, low, high: the mean over livers, with its 95 % interval from the mice. one_low, one_high: within which 95 % of
    single livers lie. between: coefficient of variation between livers without the chance of counting. take_rate: share of
    livers with one or more.
    """

    mean: float
    low: float
    high: float
    one_low: float
    one_high: float
    between: float
    take_rate: float


def liver_counts(expected: ArrayLike, errors: ArrayLike | None = None) -> LiverCounts:
    """Counts of livers from what is expected in each mouse: Poisson's chance, the niche and the mouse together.

    A section samples the liver that it is of. The variance of that, which a liver does not have, is taken off the variance
    between mice. What is left multiplies the expected count by a gamma distribution, so that counts are negative binomial.

    Parameters
    ----------
    expected
        Metastases expected in the liver of each mouse, float64[mice], two or more, none below 0.
    errors
        Standard error of each as an estimate of its own liver, relative, float64[mice], such as the readout
        `receptivity_error` when the cells come; None: 0.

    Raises
    ------
    ValueError
        Fewer than two mice, values below 0 or not finite, or sizes that differ.
    """
    x = np.asarray(expected, np.float64)
    error: NDArray[np.float64] = np.zeros_like(x) if errors is None else np.asarray(errors, np.float64)
    if x.ndim != 1 or len(x) < 2 or x.shape != error.shape or not (np.isfinite(x).all() and (x >= 0.0).all()):
        raise ValueError(f"{x.shape} values and {error.shape} errors; two mice or more, with finite values from 0, are needed")
    mean, spread = float(x.mean()), float(x.var(ddof=1))
    reach = float(scipy.stats.t.ppf(0.975, len(x) - 1)) * math.sqrt(spread / len(x))
    if mean == 0.0:
        return LiverCounts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    between = max(0.0, spread - float(np.mean((error * x) ** 2))) / mean**2
    alike = between < 1e-9  # the gamma distribution is then a single value
    count: Any = scipy.stats.poisson(mean) if alike else scipy.stats.nbinom(1.0 / between, 1.0 / (1.0 + between * mean))
    return LiverCounts(
        mean, max(0.0, mean - reach), mean + reach, float(count.ppf(0.025)), float(count.ppf(0.975)), math.sqrt(between),
        float(count.sf(0)),
    )  # fmt: skip
