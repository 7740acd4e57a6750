"""What an ensemble says to a claim: the share of its members in which it holds, and the numbers on which it hangs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.experiment.targets import Target
from niche_sim.inference.comparisons import Comparison, compare, compared, highest_mean
from niche_sim.inference.effects import share_of
from niche_sim.inference.ensemble import Ensemble
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.plan import Plan

Float = NDArray[np.float64]

ROBUST, CONTINGENT, REFUTED, NOT_TOLD = "robust", "contingent", "refuted", "not told"
CLAIMS = (ROBUST, CONTINGENT, REFUTED, NOT_TOLD)
SHARES = (0.1, 0.9)  # of members: refuted below, robust above
FEWEST = 10  # members with a value, below which nothing is told
MOST_NUMBERS = 3  # on which a claim is said to hang
RULES = (
    "A claim holds in a member if the mean over its mice does what was published: for *less* and *more* an effect beyond \"no "
    'effect" in that direction, for *same* one within it, for a value one within its band.',
    "*Robust* is a claim that holds in more than 90 % of the members, *refuted* one that does in fewer than 10 %, *contingent* any "
    "other. The interval of the share is Wilson's, of 95 %; it is that of having so few members and of nothing else.",
    "A contingent claim hangs on the numbers whose ranks among the members go with those of the effect, by more than the strongest "
    "of all numbers would by chance once in 20 times.",
)


class Claim(NamedTuple):
    """How a claim fares over members: the share in which it holds with its interval, one of CLAIMS, and what it hangs on.

    effects: of each member, nan where there is none; low, median, high: their 5th, 50th and 95th percentile.
    """

    share: float
    low: float
    high: float
    verdict: str
    hangs_on: tuple[str, ...]
    effects: dict[int, float]

    @property
    def band(self) -> tuple[float, float, float]:
        """The 5th, 50th and 95th percentile of the effect over members."""
        found = np.array([value for value in self.effects.values() if not math.isnan(value)])
        low, middle, high = np.percentile(found, [5, 50, 95]) if len(found) else (math.nan,) * 3
        return float(low), float(middle), float(high)


def plans(found: Ensemble, members: Iterable[int], planned: Callable[[dict[str, str]], Plan]) -> dict[int, Plan]:
    """A plan a member; `planned(overrides)` makes it from the member's numbers."""
    return {member: planned(found.overrides(member)) for member in members}


def holds(target: Target, found: Comparison) -> bool | None:
    """Whether what a member gives does what a target says; None if it gives nothing."""
    value = found.effect.estimate
    if math.isnan(value):
        return None
    if target.direction is None or target.value is not None:
        low, high = target.band or (-math.inf, math.inf)
        return low <= value <= high
    if found.kind == "fraction before":
        return value > 0.5 if target.direction == "less" else value < 0.5
    low, high = found.bounds
    return {"less": value < low, "more": value > high, "same": low <= value <= high}[target.direction]


def of_target(target: Target, cohorts: Mapping[int, Cohort], found: Ensemble) -> Claim:
    """How a target fares in the mice of some members."""
    told = {member: compared(target, cohort) for member, cohort in cohorts.items()}
    held = {member: holds(target, one) for member, one in told.items()}
    return _claim({member: one.effect.estimate for member, one in told.items()}, held, found)


def of_effect(arm: str, readout: str, at: float, cohorts: Mapping[int, Cohort], found: Ensemble) -> tuple[Claim, str]:
    """The effect of an arm against the first on a readout at a time (h), and the direction that the most members give.

    It is robust if they agree.
    """
    told: dict[int, Comparison] = {}
    for member, cohort in cohorts.items():
        pair = cohort.pairs(cohort.values(arm, readout, at), cohort.values(cohort.plan.reference, readout, at))
        told[member] = compare(*pair, most=highest_mean(cohort, readout, at))
    words = {member: _word(one) for member, one in told.items()}
    known = [word for word in words.values() if word is not None]
    most = max(("less", "no effect", "more"), key=known.count)
    held = {member: None if word is None else word == most for member, word in words.items()}
    return _claim({member: one.effect.estimate for member, one in told.items()}, held, found), most


def _word(found: Comparison) -> str | None:
    value = found.effect.estimate
    if math.isnan(value):
        return None
    low, high = found.bounds
    return "less" if value < low else "more" if value > high else "no effect"


def _claim(effects: dict[int, float], held: Mapping[int, bool | None], found: Ensemble) -> Claim:
    known = [member for member, holds in held.items() if holds is not None]
    if len(known) < FEWEST:
        return Claim(math.nan, math.nan, math.nan, NOT_TOLD, (), effects)
    share = share_of([float(bool(held[member])) for member in known])
    verdict = ROBUST if share.estimate > SHARES[1] else REFUTED if share.estimate < SHARES[0] else CONTINGENT
    on = hangs_on(np.array([effects[member] for member in known]), found.members.loc[known]) if verdict == CONTINGENT else ()
    return Claim(share.estimate, share.low, share.high, verdict, on, effects)


def hangs_on(effects: Float, numbers: pd.DataFrame, most: int = MOST_NUMBERS) -> tuple[str, ...]:
    """The numbers whose ranks go with those of an effect, the strongest first, above what chance gives for as many numbers.

    effects: float64[members]. numbers: a row a member.
    """
    varied = numbers.loc[:, numbers.nunique() > 1]
    if np.ptp(effects) == 0.0 or varied.empty:
        return ()
    together = varied.rank().corrwith(pd.Series(effects, varied.index).rank()).abs().sort_values(ascending=False, kind="stable")
    sure = 1.0 - 0.05 / len(together)
    least = float(scipy.stats.norm.ppf(0.5 + sure / 2.0)) / math.sqrt(len(effects) - 1)
    return tuple(str(name) for name, strength in together.items() if strength > least)[:most]


def narrows(effects: Mapping[str, Float], answer: Float) -> list[tuple[str, float]]:
    """Which measurement would narrow an answer most: by readout, the share of the answer's variance over members it explains.

    The expected reduction of variance if the readout were known exactly: the squared rank correlation, so that any steady relation
    counts. The largest first.

    Parameters
    ----------
    effects
        Readout -> its value in each member, float64[members].
    answer
        The answer in each member, float64[members].
    """
    ranks = scipy.stats.rankdata(answer)
    found = []
    for name, values in effects.items():
        known = np.isfinite(values)
        if known.sum() >= FEWEST and np.ptp(values[known]) > 0.0 and np.ptp(ranks[known]) > 0.0:
            r = float(np.corrcoef(scipy.stats.rankdata(values[known]), ranks[known])[0, 1])
            found.append((name, r * r))
    return sorted(found, key=lambda row: -row[1])


def headline(claims: Sequence[str]) -> str:
    """How many independent comparisons are robust, contingent and refuted."""
    return ", ".join(f"{claims.count(verdict)} {verdict}" for verdict in CLAIMS if verdict != NOT_TOLD or NOT_TOLD in claims)


__all__ = [
    "CLAIMS", "CONTINGENT", "REFUTED", "ROBUST", "RULES", "Claim", "hangs_on", "headline", "holds", "narrows", "of_effect",
    "of_target", "plans",
]  # fmt: skip
