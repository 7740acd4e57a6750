"""Paired effects over mice on common random numbers: estimates with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Effect:
    """A paired effect over mice.

    Parameters
    ----------
    estimate, low, high
        The effect and the ends of its interval.
    n
        Pairs of mice it comes from.
    level
        Of the interval, 0 to 1.
    """

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


def ratio_of_means(treated: ArrayLike, reference: ArrayLike, level: float = 0.95, one: float = 0.0) -> Effect:
    """Mean of treated over mean of reference.

    The interval is the jackknife's on the log ratio, with Student's t of n - 1. When every treated value is 0 the
    estimate is 0 and the upper end is what Poisson counting allows (rule of three); 0 if nothing is counted.

    Parameters
    ----------
    treated, reference
        A value a mouse, float64[n] each, paired by seed; n is 2 or more, none below 0.
    level
        Of the interval, 0 to 1.
    one
        What one counted event adds to a treated value, above 0; 0 if the values are no counts.

    Raises
    ------
    ValueError
        The sizes differ, or the reference is 0 in every mouse.
    """
    a, b = _pair(treated, reference)
    if not b.any():
        raise ValueError("the reference is 0 in every mouse: there is no ratio")
    if not a.any():
        return Effect(0.0, 0.0, -math.log((1.0 - level) / 2.0) * one / float(b.sum()), len(a), level)
    estimate = np.log(a.mean() / b.mean())
    with np.errstate(divide="ignore", invalid="ignore"):  # one mouse may hold all there is; then nothing bounds it
        left_out = np.log(np.maximum(a.sum() - a, 0.0) / np.maximum(b.sum() - b, 0.0))
    low, high = _jackknife(float(estimate), left_out, level)
    with np.errstate(over="ignore"):
        return Effect(float(np.exp(estimate)), float(np.exp(low)), float(np.exp(high)), len(a), level)


def prevented_gain(blocked: ArrayLike, treated: ArrayLike, control: ArrayLike, level: float = 0.95) -> Effect:
    """How much of the gain from control to treated a block prevents; 1 is all of it.

    It is 1 - (blocked - control) / (treated - control), of means, with the jackknife's interval.

    Parameters
    ----------
    blocked, treated, control
        A value a mouse, float64[n] each, paired by seed.
    level
        Of the interval, 0 to 1.

    Raises
    ------
    ValueError
        There is no gain, or the sizes differ.
    """
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
    reach = float(scipy.stats.t.ppf(0.5 + level / 2.0, n - 1) * error)
    return estimate - reach, estimate + reach


def difference_of_means(treated: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Effect:
    """Mean of treated less mean of reference, with Student's interval.

    Parameters
    ----------
    treated, reference
        A value a mouse, float64[n] each, paired by seed; n is 2 or more.
    level
        Of the interval, 0 to 1.

    Raises
    ------
    ValueError
        The sizes differ.
    """
    a, b = _pair(treated, reference)
    return mean_of(a - b, level)


def mean_of(values: ArrayLike, level: float = 0.95, one: float = 0.0) -> Effect:
    """Mean over mice, with Student's interval; of counts the wider of that and the exact one of Poisson (Garwood 1936).

    Parameters
    ----------
    values
        A value a mouse, float64[n]; n is 2 or more.
    level
        Of the interval, 0 to 1.
    one
        What one counted event adds to a value, above 0; 0 if they are no counts.

    Raises
    ------
    ValueError
        There are fewer than two mice.
    """
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        raise ValueError("at least two mice are needed")
    reach = float(scipy.stats.t.ppf(0.5 + level / 2.0, len(x) - 1)) * float(x.std(ddof=1)) / math.sqrt(len(x))
    low, high = float(x.mean()) - reach, float(x.mean()) + reach
    if one > 0.0:
        found, each = float(x.sum()) / one, one / len(x)
        low = min(max(low, 0.0), each * float(scipy.stats.gamma.ppf((1.0 - level) / 2.0, found)) if found else 0.0)
        high = max(high, each * float(scipy.stats.gamma.ppf(0.5 + level / 2.0, found + 1.0)))
    return Effect(float(x.mean()), low, high, len(x), level)


def k_of(counts: ArrayLike, level: float = 0.95) -> Effect:
    """How far counts spread between mice beyond chance: k of a negative binomial, by moments; small is wide, infinite is Poisson.

    A section that holds a random share of an organ's foci has the organ's k, whatever the share. The interval is that of
    1 / k, (variance - mean) / mean^2, by the jackknife with Student's t of n - 1.

    Parameters
    ----------
    counts
        A count a mouse, float64[n]; n is 3 or more, and two mice or more have one.
    level
        Of the interval, 0 to 1.

    Raises
    ------
    ValueError
        There are fewer than three mice, or fewer than two with a count above 0.
    """
    x = np.asarray(counts, np.float64)
    if len(x) < 3 or np.count_nonzero(x) < 2:
        raise ValueError("at least three mice are needed, two of them with a count")
    n = len(x)
    without = np.array([_excess(np.delete(x, mouse)) for mouse in range(n)])
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    middle, reach = _excess(x), float(scipy.stats.t.ppf(0.5 + level / 2.0, n - 1)) * error
    estimate, low, high = (1.0 / one if one > 0.0 else math.inf for one in (middle, middle + reach, middle - reach))
    return Effect(estimate, low, high, n, level)


def _excess(x: NDArray[np.float64]) -> float:
    """Variance beyond the mean, over the squared mean."""
    return float((x.var(ddof=1) - x.mean()) / x.mean() ** 2)


def median_of(values: ArrayLike, level: float = 0.95) -> Effect:
    """Median over mice; the interval is between ordered values (binomial).

    Parameters
    ----------
    values
        A value a mouse, float64[n]; infinite ones are allowed.
    level
        Of the interval, 0 to 1.
    """
    x = np.sort(np.asarray(values, np.float64))
    n = len(x)
    rank = int(
        scipy.stats.binom.ppf((1.0 - level) / 2.0, n, 0.5)
    )  # least k with P(B <= k) >= 2.5 %, so P(B <= k - 1) is below
    low, high = (x[rank - 1], x[n - rank]) if rank >= 1 else (-np.inf, np.inf)
    return Effect(float(np.median(x)), float(low), float(high), n, level)


def share_of(happened: ArrayLike, level: float = 0.95) -> Effect:
    """Fraction of mice in which something happened, with Wilson's interval (Wilson 1927).

    Parameters
    ----------
    happened
        1 (it happened), 0 (not) or 1/2 a mouse, float64[n].
    level
        Of the interval, 0 to 1.

    Raises
    ------
    ValueError
        There are no mice.
    """
    x = np.asarray(happened, np.float64)
    n = len(x)
    if not n:
        raise ValueError("at least one mouse is needed")
    z, share = float(scipy.stats.norm.ppf(0.5 + level / 2.0)), float(x.mean())
    middle = (share + z * z / (2 * n)) / (1.0 + z * z / n)
    reach = z * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n)) / (1.0 + z * z / n)
    return Effect(share, max(0.0, middle - reach), min(1.0, middle + reach), n, level)


def difference_of_shares(treated: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Effect:
    """Fraction of treated mice less that of the reference.

    The interval combines Wilson's of both and their correlation (Newcombe 1998, method 10).

    Parameters
    ----------
    treated, reference
        0 or 1 a mouse, float64[n] each, paired by seed; n is 2 or more.
    level
        Of the interval, 0 to 1.

    Raises
    ------
    ValueError
        The sizes differ.
    """
    a, b = _pair(treated, reference)
    n = len(a)
    first, second = share_of(a, level), share_of(b, level)
    both, neither = float((a * b).sum()), float(((1 - a) * (1 - b)).sum())
    only_a, only_b = a.sum() - both, b.sum() - both
    tied = both * neither - only_a * only_b
    scale = math.sqrt(a.sum() * (n - a.sum()) * b.sum() * (n - b.sum()))
    phi = (max(tied - n / 2.0, 0.0) if tied > 0 else tied) / scale if scale > 0 else 0.0
    down_a, up_a = first.estimate - first.low, first.high - first.estimate
    down_b, up_b = second.estimate - second.low, second.high - second.estimate
    below = math.sqrt(max(0.0, down_a**2 - 2 * phi * down_a * up_b + up_b**2))
    above = math.sqrt(max(0.0, up_a**2 - 2 * phi * up_a * down_b + down_b**2))
    effect = first.estimate - second.estimate
    return Effect(effect, max(-1.0, effect - below), min(1.0, effect + above), n, level)
