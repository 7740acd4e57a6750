"""Compare arms on common random numbers: paired effects with intervals, and what they decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

BIOLOGY = (0.8, 1.25)  # a ratio whose 90 % interval lies within is "no effect" in biology
NUMERICS = (0.9, 1.1)  # and independence of a numerical setting


@dataclass(frozen=True)
class Effect:
    """A paired effect over mice: estimate and interval at `level`, from n pairs."""

    estimate: float
    low: float
    high: float
    n: int
    level: float

    def equivalent(self, bounds: tuple[float, float]) -> str:
        """ "equivalent" if the interval lies within the bounds, "different" if it lies outside, else "undecided"."""
        if bounds[0] <= self.low and self.high <= bounds[1]:
            return "equivalent"
        return "different" if self.high < bounds[0] or self.low > bounds[1] else "undecided"


def ratio_of_means(treated: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Effect:
    """Mean of treated over mean of reference, mice paired by seed: float64[n] each, n >= 2, not negative.

    The interval is the jackknife's on the log ratio, with Student's t of n - 1. When every treated value is 0 the
    estimate is 0 and the upper end is what Poisson counting allows (rule of three).
    Raises ValueError if the sizes differ or the reference is all 0.
    """
    a, b = _pair(treated, reference)
    if not b.any():
        raise ValueError("the reference is 0 in every mouse: there is no ratio")
    if not a.any():
        return Effect(0.0, 0.0, -np.log((1.0 - level) / 2.0) / b.sum(), len(a), level)
    estimate = np.log(a.mean() / b.mean())
    with np.errstate(divide="ignore"):  # one mouse may hold all there is; then the interval is unbounded below
        left_out = np.log((a.sum() - a) / (b.sum() - b))
    low, high = _jackknife(float(estimate), left_out, level)
    return Effect(float(np.exp(estimate)), float(np.exp(low)), float(np.exp(high)), len(a), level)


def prevented_gain(blocked: ArrayLike, treated: ArrayLike, control: ArrayLike, level: float = 0.95) -> Effect:
    """How much of the gain from control to treated a block prevents: 1 - (blocked - control) / (treated - control), of
    means, mice paired by seed: float64[n] each. 1 is all of it. Jackknife interval. Raises ValueError without a gain."""
    a, b = _pair(blocked, treated)
    c, _ = _pair(control, treated)
    if b.mean() <= c.mean():
        raise ValueError("there is no gain from control to treated")
    estimate = 1.0 - (a.mean() - c.mean()) / (b.mean() - c.mean())
    left_out = 1.0 - ((a.sum() - a) - (c.sum() - c)) / ((b.sum() - b) - (c.sum() - c))
    low, high = _jackknife(float(estimate), left_out, level)
    return Effect(float(estimate), low, high, len(a), level)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"{a.shape} and {b.shape} values; pairs of at least two mice are needed")
    return a, b


def _jackknife(estimate: float, left_out: NDArray[np.float64], level: float) -> tuple[float, float]:
    n = len(left_out)
    if not np.isfinite(left_out).all():
        return -np.inf, np.inf
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(student.ppf(0.5 + level / 2.0, n - 1) * error)
    return estimate - reach, estimate + reach
