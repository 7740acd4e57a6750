"""How many real mice a study needs, from the spread of virtual ones, and when a cohort holds enough of them.

Virtual mice of two arms share seeds, real mice do not. So groups are drawn with replacement from each arm by itself, and
the drawn groups go through the test that an experimentalist would use:

- *fisher*, Fisher's exact test, for the share of mice above a limit (`above`), such as what imaging can see. No draws:
  all tables are gone through.
- *mann-whitney*, two-sided, exact up to eight mice a group without ties, else with corrections for ties and continuity,
  for counts of events (colonies, tumour cells) and whatever holds a 0: such values are skewed, have ties, and no logarithm.
- *welch-log*, Welch's t on logarithms, for all else: the rates of biology multiply, so that spreads grow with the mean.
- *welch*, Welch's t on the values, if it is asked for.

For the t tests each arm's spread is widened by sqrt(m / (m - 1)), m its mice, since drawing from a sample understates it.
Intervals are of 95 % and come from drawing the virtual mice themselves anew, by seed, in both arms at once; they are of
this model's spread and say nothing of how mice differ in ways that the model does not know.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import ArrayLike, NDArray

from niche_sim.engine import given
from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError, one_of
from niche_sim.inference.comparisons import compare, events_of, is_event
from niche_sim.inference.effects import Effect
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import EXPECTED_BY_NAME, KNOWN

Float = NDArray[np.float64]

TEST_NAMES = {
    "welch-log": "Welch's t on logarithms",
    "welch": "Welch's t",
    "mann-whitney": "Mann-Whitney's U",
    "fisher": "Fisher's exact test of shares of mice",
}
TESTS = tuple(TEST_NAMES)
EXACT_GROUP = 8  # mice a group up to which Mann and Whitney's p is exact, as in scipy
FEWEST, MOST = 3, 200  # mice a group that are looked at
GRID = np.array((
    3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 23, 26, 30, 34, 39, 44, 50, 57, 65, 75, 86, 100, 115, 132, 150, 172, 200,
))  # fmt: skip
DRAWS = 10_000  # of two groups for an estimate: a power of 0.8 is then known to 0.004
REDRAWS, DRAWS_EACH = 200, 500  # of the virtual mice for an interval, and of two groups for each
TAIL = 2.5  # per cent on each side of an interval
WELCH = ("welch-log", "welch")


@dataclass(frozen=True)
class Groups:
    """A readout in the virtual mice of two arms, paired by seed, float64[mice] each, and how it is to be tested.

    above: the share of mice above it is compared. effect: the ratio of means (of shares) that is assumed, None as simulated.
    """

    readout: str
    arm: str
    against: str
    at: float  # h
    treated: Float
    reference: Float
    test: str
    above: float | None = None
    effect: float | None = None

    @property
    def simulated(self) -> tuple[Float, Float]:
        """Treated and reference as the virtual mice have them; 1 or 0 with a limit."""
        if self.above is None:
            return self.treated, self.reference
        return (self.treated > self.above).astype(np.float64), (self.reference > self.above).astype(np.float64)

    @property
    def scalable(self) -> bool:
        """Whether neither arm is 0 throughout, so that an effect can be assumed."""
        return all(bool(x.mean() > 0) for x in self.simulated)

    @property
    def values(self) -> tuple[Float, Float]:
        """What is drawn from: treated as the assumed effect has it, and reference."""
        a, b = self.simulated
        return (a if self.effect is None else a * (self.effect * b.mean() / a.mean())), b

    def redrawn(self, mice: NDArray[np.int64]) -> Groups:
        """Of other virtual mice, by their numbers, the same in both arms."""
        return dataclasses.replace(self, treated=self.treated[mice], reference=self.reference[mice])


class Curve(NamedTuple):
    """Power against mice a group, with its 95 % interval: int[n], float64[n] three times."""

    n: NDArray[np.int64]
    power: Float
    low: Float
    high: Float


class Needed(NamedTuple):
    """Mice a group for the wanted power, with the ends of the 95 % interval; infinite beyond MOST."""

    n: float
    low: float
    high: float


def groups(
    cohort: Cohort,
    arm: str,
    readout: str,
    at: float,
    *,
    above: float | None = None,
    effect: float | None = None,
    test: str | None = None,
) -> Groups:
    """An arm against the first of the plan (or that arm against itself), at `at` (h).

    Raises
    ------
    InputError
        too few mice, a test that such values do not allow, an effect that they cannot have.
    """
    reference = cohort.plan.reference
    a, b = cohort.pairs(cohort.values(arm, readout, at), cohort.values(reference, readout, at))
    told = np.isfinite(a) & np.isfinite(b)
    a, b = a[told], b[told]
    if len(a) < 2:
        raise InputError("--mice", f"{len(a)} pairs of mice with a value of {readout}", "at least two")
    chosen = _test_for(readout, a, b, above, test)
    made = Groups(readout, arm, reference, at, a, b, chosen, above, effect)
    if effect is not None:
        _check_effect(made, effect)
    elif len(np.unique(np.concatenate(made.simulated))) == 1:
        raise InputError(
            "--readout", f"{readout} is {b[0]:g} in every mouse", "a readout and a time at which mice differ"
        )
    return made


def _test_for(readout: str, a: Float, b: Float, above: float | None, test: str | None) -> str:
    """The test that is asked for, if it can be used, or else the one that suits. Raises InputError."""
    if test is not None:
        one_of(test, TESTS, "--test")
    if above is not None:
        if test not in (None, "fisher"):
            raise InputError("--test", f"{test} with --above", "fisher, for shares of mice")
        return "fisher"
    positive = bool((a > 0).all() and (b > 0).all())
    if test is None:
        return "welch-log" if positive and not is_event(readout) else "mann-whitney"
    if test == "fisher":
        raise InputError("--test", "fisher without --above", "a limit, above which mice are counted")
    if test == "welch-log" and not positive:
        raise InputError("--test", f"welch-log, and {readout} is 0 in some mice", "mann-whitney or welch")
    return test


def _check_effect(made: Groups, effect: float) -> None:
    if not made.scalable:
        limit = "" if made.above is None else f" above {made.above:g}"
        found = f"no mouse of an arm has {made.readout}{limit or ' above 0'}"
        raise InputError("--effect", found, "a readout whose mean can be scaled")
    share = float(made.simulated[1].mean())
    if made.test == "fisher" and effect * share > 1.0:
        raise InputError(
            "--effect", f"{effect:g} times a share of {share:.2g} is more than 1", f"at most {1.0 / share:.3g}"
        )


# --- power -----------------------------------------------------------------------------------------------------------


def power(made: Groups, n: int, alpha: float = 0.05, draws: int = DRAWS) -> float:
    """The share of studies with n mice a group whose two-sided test gives p < alpha. Raises InputError if n is below 2."""
    n, draws = given.whole(n, "n", 2), given.whole(draws, "draws", 1)
    if made.test == "fisher":
        a, b = made.values
        return float(_fisher_power(float(a.mean()), float(b.mean()), n, alpha))
    m = len(made.treated)
    first, second = _counts("treated", draws, n, m), _counts("reference", draws, n, m)
    return float((_p_values(made, first, second) < alpha).mean())


def study(made: Groups, wanted: float = 0.8, alpha: float = 0.05) -> tuple[Curve, Needed]:
    """Power from FEWEST to MOST mice a group, and from how many on it is at least `wanted`, each with its interval."""
    found, curves = _studied(made, alpha)
    reached = _reached(found.n, found.power, wanted)
    if math.isfinite(reached):
        reached = _exactly(made, reached, found, wanted, alpha)
    ends = np.percentile([_reached(found.n, one, wanted) for one in curves], [TAIL, 100.0 - TAIL], method="nearest")
    return found, Needed(reached, min(float(ends[0]), reached), max(float(ends[1]), reached))


def _studied(made: Groups, alpha: float) -> tuple[Curve, Float]:
    """The curve, and the curves of redrawn virtual mice, float64[redraws, n]."""
    grid = GRID
    middle = np.array([power(made, int(n), alpha) for n in grid])
    m = len(made.treated)
    again = [made.redrawn(mice) for mice in _draws("mice", REDRAWS, m, m)]
    curves = np.array([[_power_again(one, int(n), alpha) for n in grid] for one in again])
    low, high = np.percentile(curves, [TAIL, 100.0 - TAIL], axis=0)
    return Curve(grid, middle, np.minimum(low, middle), np.maximum(high, middle)), curves


def _power_again(made: Groups, n: int, alpha: float) -> float:
    """The power of a redrawn cohort, from fewer draws, the same for all."""
    if made.effect is not None and not made.scalable:
        return 0.0
    return power(made, n, alpha, DRAWS_EACH)


def _reached(grid: NDArray[np.int64], powers: Float, wanted: float) -> float:
    """The first number of the grid from which on the power stays at or above `wanted`; infinite if there is none."""
    below = np.flatnonzero(powers < wanted)
    if not len(below):
        return float(grid[0])
    last = int(below[-1])
    if last == len(grid) - 1:
        return math.inf
    rise = (wanted - powers[last]) / (powers[last + 1] - powers[last])
    return float(math.ceil(grid[last] + rise * (grid[last + 1] - grid[last]) - 1e-9))


def _exactly(made: Groups, reached: float, found: Curve, wanted: float, alpha: float) -> float:
    """The same between two numbers of the grid, one by one."""
    start = int(found.n[found.n < reached].max(initial=FEWEST - 1)) + 1
    end = int(found.n[found.n >= reached].min())
    powers = np.array([power(made, n, alpha) for n in range(start, end + 1)])
    return _reached(np.arange(start, end + 1), powers, wanted)


def _draws(purpose: str, rows: int, n: int, m: int) -> NDArray[np.int64]:
    """Numbers from 0 to m - 1, int64[rows, n]. More columns leave the first as they are, so that power grows smoothly."""
    uniforms = Chance(0).uniform("power", np.arange(rows), n, purpose=purpose).reshape(rows, n)
    return np.minimum((uniforms * m).astype(np.int64), m - 1)


def _counts(purpose: str, rows: int, n: int, m: int) -> Float:
    """How often each of m virtual mice is among the n of a drawn group, float64[rows, m]."""
    return _kept_counts(purpose, rows, n, m) if rows == DRAWS_EACH else _fresh_counts(purpose, rows, n, m)


def _fresh_counts(purpose: str, rows: int, n: int, m: int) -> Float:
    drawn = _draws(purpose, rows, n, m) + m * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * m).reshape(rows, m).astype(np.float64)


_kept_counts = lru_cache(maxsize=2 * len(GRID))(_fresh_counts)  # every redrawn cohort meets the same


def _p_values(made: Groups, first: Float, second: Float) -> Float:
    """Two-sided p of each drawn pair of groups, given how often each virtual mouse is in it, float64[rows, m] each."""
    a, b = made.values
    if made.test == "mann-whitney":
        return _mann_whitney(a, b, first, second)
    if made.test == "welch-log":
        a, b = np.log(a), np.log(b)
    n = round(float(first[0].sum()))
    groups_of = ((a, first), (b, second))
    (mean_a, variance_a), (mean_b, variance_b) = (_moments(_widened(x), counts, n) for x, counts in groups_of)
    with np.errstate(divide="ignore", invalid="ignore"):  # two groups of one and the same mouse have no spread
        t = (mean_a - mean_b) / np.sqrt((variance_a + variance_b) / n)
        freedom = (n - 1) * (variance_a + variance_b) ** 2 / (variance_a**2 + variance_b**2)
        p = 2.0 * scipy.special.stdtr(freedom, -np.abs(t))
    return np.where(np.isnan(p), 1.0, p)


def _widened(x: Float) -> Float:
    """With the standard deviation that an unbiased estimate gives the arm from which these mice are."""
    return x.mean() + (x - x.mean()) * math.sqrt(len(x) / (len(x) - 1.0))


def _moments(x: Float, counts: Float, n: int) -> tuple[Float, Float]:
    """Mean and variance of each drawn group."""
    middle = x.mean()
    mean = counts @ (x - middle) / n
    square = counts @ (x - middle) ** 2 / n
    return middle + mean, np.maximum(square - mean**2, 0.0) * (n / (n - 1.0))


def _mann_whitney(a: Float, b: Float, first: Float, second: Float) -> Float:
    """As scipy.stats.mannwhitneyu, for all draws at once: exact in small groups of values that differ, else asymptotic.

    One virtual mouse may be drawn twice into a group; such pairs are not ties, since two real mice would differ.
    """
    above = (a[:, None] > b[None, :]) + 0.5 * (a[:, None] == b[None, :])
    n = float(first[0].sum())
    u = ((first @ above) * second).sum(axis=1)
    if n <= EXACT_GROUP and len(np.unique(np.concatenate([a, b]))) == len(a) + len(b):
        return _exact_p(round(n))[np.rint(u).astype(np.int64)]
    values = np.unique(np.concatenate([a, b]))
    tied = first @ (a[:, None] == values).astype(np.float64) + second @ (b[:, None] == values).astype(np.float64)
    correction = (tied**3 - tied).sum(axis=1) / (2.0 * n * (2.0 * n - 1.0))
    spread = np.sqrt(n * n / 12.0 * np.maximum(2.0 * n + 1.0 - correction, 0.0))
    far = np.maximum(u, n * n - u) - n * n / 2.0 - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):  # all values of both groups are one
        z = far / spread
    return np.where(spread > 0.0, np.minimum(2.0 * scipy.stats.norm.sf(z), 1.0), 1.0)


@lru_cache(maxsize=EXACT_GROUP)
def _exact_p(n: int) -> Float:
    """Two-sided p of each U of two groups of n without ties, float64[n * n + 1].

    The ways to reach a U are the coefficients of the Gaussian binomial of 2 n over n (Mann and Whitney 1947).
    """
    ways = np.zeros(n * n + 1)
    ways[0] = 1.0
    for i in range(1, n + 1):
        ways[n + i :] -= ways[: -(n + i)].copy()  # times 1 - q^(n + i)
        for u in range(i, len(ways)):  # over 1 - q^i
            ways[u] += ways[u - i]
    upper = ways[::-1].cumsum()[::-1] / ways.sum()  # of at least U
    p: Float = np.minimum(1.0, 2.0 * np.minimum(upper, upper[::-1]))
    return p


def _fisher_power(p: float, q: float, n: int, alpha: float) -> float:
    counts = np.arange(n + 1)
    first, second = (scipy.stats.binom.pmf(counts, n, share) for share in (min(p, 1.0), q))  # redrawn shares may pass 1
    tables = np.outer(first, second)
    return float(tables[_fisher(n) < alpha].sum())


@lru_cache(maxsize=256)
def _fisher(n: int) -> Float:
    """Fisher's two-sided p of every pair of counts in two groups of n, float64[n + 1, n + 1]."""
    p = np.ones((n + 1, n + 1))
    for total in range(2 * n + 1):
        k = np.arange(max(0, total - n), min(n, total) + 1)
        weights = scipy.stats.hypergeom.pmf(k, 2 * n, total, n)
        as_rare = weights[None, :] <= weights[:, None] * (1.0 + 1e-7)  # as scipy: equal but for rounding counts
        p[k, total - k] = np.minimum((weights * as_rare).sum(axis=1), 1.0)
    return p


# --- what the spread is made of ----------------------------------------------------------------------------------------


class Spread(NamedTuple):
    """An arm: mean, coefficient of variation, and the part of the variance that counting alone makes (nan if no count)."""

    mean: float
    variation: float
    counting: float


def spread_of(values: ArrayLike, readout: str) -> Spread:
    """Of one arm's mice. What counting alone makes is the variance of a Poisson number of that mean."""
    x = np.asarray(values, np.float64)
    mean, variance = float(x.mean()), float(x.var(ddof=1))
    counting = min(1.0, mean / variance) if is_event(readout) and variance > 0.0 else math.nan
    return Spread(mean, math.sqrt(variance) / mean if mean else 0.0, counting)


def mice_of(number: float) -> str:
    """A number of mice as text; beyond what was looked at it is only known to be more."""
    return f"{number:.0f}" if math.isfinite(number) else f"more than {MOST}"


def limits(made: Groups) -> list[str]:
    """What such a number of mice cannot know, in sentences."""
    said = [
        "A lower bound: virtual mice differ by chance and by the assumed spread of six rates (mouse.*); real mice differ "
        "in more, such as injection, staging and counting, and some are lost."
    ]
    if made.readout in EXPECTED_BY_NAME:
        said.append(
            "A mouse's value is what is expected of it, without the chance of single tumour cells: whoever counts few "
            "metastases or foci has that spread (Poisson's) besides and needs more mice."
        )
    if is_event(made.readout):
        said.append(
            f"A mouse's value is what one section shows, {made.reference.mean():.2g} in {made.against} and "
            f"{made.treated.mean():.2g} in {made.arm} on average. Whoever counts more of the organ has less spread and "
            "needs fewer mice: run larger sections, --set section.width and section.height."
        )
        if made.above is None:
            said.append("All that is there is counted; --above LIMIT compares what passes a limit of detection.")
    return said


# --- the replicate advisor -------------------------------------------------------------------------------------------

FIRST_MICE = 10  # of a sequence: an interval of fewer is too uncertain itself to stop on
GROWTH = 1.25  # of a cohort from one look to the next


class Look(NamedTuple):
    """A look at a cohort on its way: mice an arm, the effect, and by what factor the ends of its interval differ."""

    n: int
    effect: Effect
    width: float


def width_of(effect: Effect) -> float:
    """Upper over lower end of a ratio's interval; infinite where either has none."""
    return effect.high / effect.low if effect.low > 0.0 and math.isfinite(effect.high) else math.inf


def advise(look: Callable[[int], Effect], width: float, most: int, batch: int = 1) -> list[Look]:
    """Let a cohort grow until the interval of its effect is narrow enough; returns every look, the last decides.

    look: makes the cohort that large and gives the effect. width: stop once the interval's upper end is at most that many
    times its lower. batch: least mice from one look to the next. It looks at widths only, never at the effect or p, so
    that it makes no effect; an interval that ends such a sequence covers a little less than it says (Chow and Robbins
    1965), for which at least FIRST_MICE come first. What was seen in the tests stands there.
    """
    looks: list[Look] = []
    n = min(FIRST_MICE, most)
    while True:
        effect = look(n)
        looks.append(Look(n, effect, width_of(effect)))
        if looks[-1].width <= width or n >= most:
            return looks
        n = min(most, max(n + batch, math.ceil(GROWTH * n)))


def effect_of(cohort: Cohort, arm: str, readout: str, at: float) -> Effect:
    """The paired ratio of an arm against the first of the plan, with its interval; nan where there is no ratio."""
    pair = cohort.pairs(cohort.values(arm, readout, at), cohort.values(cohort.plan.reference, readout, at))
    found = compare(*pair, events_of(cohort, (arm, readout, at), (cohort.plan.reference, readout, at)))
    none = Effect(math.nan, math.nan, math.nan, found.effect.n, found.effect.level)
    return found.effect if found.kind == "ratio" and not found.note else none


def table(made: Groups, found: Curve, alpha: float) -> list[dict[str, Any]]:
    """Rows of power.parquet."""
    what = {
        "readout": made.readout, "unit": KNOWN[made.readout].unit, "arm": made.arm, "against": made.against,
        "at_h": made.at, "above": made.above, "effect": made.effect, "test": made.test, "alpha": alpha,
        "virtual_mice": len(made.treated),
    }  # fmt: skip
    rows = zip(found.n.tolist(), *(column.tolist() for column in found[1:]), strict=True)
    return [what | {"mice_a_group": n, "power": p, "low": low, "high": high} for n, p, low, high in rows]
