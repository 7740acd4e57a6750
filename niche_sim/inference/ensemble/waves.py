"""History matching: waves of parameter sets, each drawn from what the sets before have left plausible (Craig 1997, Vernon 2010)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.inference.ensemble import space
from niche_sim.inference.ensemble.emulator import Emulator, fitted
from niche_sim.inference.ensemble.panel import (
    LEAST,
    MICE,
    ONSETS,
    STATED,
    FitBand,
    fit_bands,
    results_of,
    runs_of,
    stated,
)
from niche_sim.runs import farm
from niche_sim.runs.design import levels_of
from niche_sim.runs.executors import Place, place_of
from niche_sim.runs.sealed import Report
from niche_sim.runs.store import Store

Float = NDArray[np.float64]

LIMIT = 3.0  # a set is ruled out where the second-largest implausibility is above it
ACTIVE = 25  # numbers that an emulator may hang on, at most
CANDIDATES = 2**14  # of a batch of sets that are looked at by emulators
LEAST_SHARE = 1e-3  # of candidates left, below which new sets are found by a walk among plausible ones
STEP = 0.1  # of that walk, of a range


@dataclass(frozen=True)
class Settings:
    """How an ensemble is made: how many sets a wave runs, how many waves, how many members are wanted, and the seed of it all."""

    sets: int = 300
    waves: int = 3
    members: int = 200
    seed: int = 1


@dataclass(frozen=True)
class Simulated:
    """Parameter sets that were run. shares: float64[sets, numbers]. values, errors: of the logarithm of each band's quantity, the
    mean of a set's mice and the variance of that mean, float64[sets, bands]; nan where the model refused the set."""

    shares: Float
    values: Float
    errors: Float

    def __add__(self, other: Simulated) -> Simulated:
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return Simulated(*(np.concatenate(pair) for pair in zip(mine, others, strict=True)))

    @property
    def told(self) -> NDArray[np.bool_]:
        """Which sets the model did not refuse, bool[sets]."""
        return np.asarray(np.isfinite(self.values).all(axis=1))


@dataclass(frozen=True)
class Wave:
    """What a wave found. active: the numbers its emulators hang on. emulators: by band."""

    active: tuple[str, ...]
    emulators: dict[str, Emulator]


def implausibility(
    values: Float, variances: Float, bands: Sequence[FitBand], discrepancy: float = 1.0, observed: Float | None = None
) -> Float:
    """How many standard deviations each quantity lies from what was measured, float64[sets, bands].

    Parameters
    ----------
    values, variances
        Of the logarithm of each band's quantity, as told by mice or an emulator, float64[sets, bands].
    bands
        What was measured.
    discrepancy
        Times the discrepancy of each band.
    observed
        Other logarithms in place of the bands' own, float64[bands].
    """
    centre = np.log([band.value for band in bands]) if observed is None else observed
    known = np.array([band.error**2 + (discrepancy * band.discrepancy) ** 2 for band in bands])
    return np.abs(values - centre) / np.sqrt(variances + known)


def plausible(found: Float) -> NDArray[np.bool_]:
    """Whether the second-largest implausibility of a set, float64[sets, bands], is within LIMIT: bool[sets]."""
    second = np.sort(np.nan_to_num(found, nan=np.inf), axis=1)[:, -2]
    kept: NDArray[np.bool_] = second <= LIMIT
    return kept


def simulated(
    shares: Float, first_seed: int, folder: Path, workers: int | None = None, watch: Callable[[farm.Done], None] | None = None,
    report: Report | None = None, place: Place | None = None,
) -> Simulated:  # fmt: skip
    """Run the panel at each set, float64[sets, numbers], and read what it says; what lies in the folder is not run again."""
    points, store = space.values_of(shares), Store(folder)
    store.open()
    seeds = [tuple(first_seed + n * MICE + mouse for mouse in range(MICE)) for n in range(len(points))]
    runs = (run for point, of in zip(points, seeds, strict=True) for run in runs_of(point, of))
    each = len(list(runs_of(points[0], seeds[0])))
    farm.run(runs, each * len(points), store, lambda: place_of(workers, None, place), watch, None, report)
    bands = fit_bands()
    values, errors = np.full((2, len(points), len(bands)), np.nan)
    for n, (point, of) in enumerate(zip(points, seeds, strict=True)):
        if (found := results_of(point, of, store)) is None:
            continue
        for column, band in enumerate(bands):
            x = np.log(np.maximum(np.minimum(found[band.id], 1e9), LEAST))
            values[n, column] = x.mean()
            errors[n, column] = x.var(ddof=1) / len(x) if len(x) > 1 else 0.0
    return Simulated(shares, values, errors)


def screened(found: Simulated, most: int = ACTIVE) -> tuple[str, ...]:
    """The numbers that move the panel most: by the largest rank correlation with any of its quantities, above what chance gives.

    Chance: the largest of as many correlations of nothing, at 5 %.
    """
    told = found.told
    ranks = scipy.stats.rankdata(found.shares[told], axis=0)
    moved = found.values[told][:, [n for n, band in enumerate(fit_bands()) if _emulated(found, n, band)]]
    together = np.abs(np.corrcoef(ranks.T, scipy.stats.rankdata(moved, axis=0).T))[: ranks.shape[1], ranks.shape[1] :]
    strongest = together.max(axis=1)
    sure = 1.0 - 0.05 / together.size
    least = float(scipy.stats.norm.ppf(0.5 + sure / 2.0)) / math.sqrt(max(told.sum() - 1, 1))
    order = np.argsort(-strongest, kind="stable")
    chosen = [number for number in order[:most] if strongest[number] > least]
    return tuple(space.names()[number] for number in chosen)


def learnt(found: Simulated) -> Wave:
    """Screen, and fit an emulator to each quantity that hangs on the numbers; onsets have none."""
    active = screened(found)
    if not active:
        raise InputError("ensemble", f"{found.told.sum()} sets show no number that matters", "more sets a wave")
    columns = [space.names().index(name) for name in active]
    told = found.told
    emulators = {
        band.id: fitted(found.shares[told][:, columns], found.values[told, n], found.errors[told, n])
        for n, band in enumerate(fit_bands()) if _emulated(found, n, band)
    }  # fmt: skip
    return Wave(active, emulators)


def _emulated(found: Simulated, column: int, band: FitBand) -> bool:
    return band.id not in (*ONSETS, *STATED) and bool(found.values[found.told, column].std() > 1e-9)


def left(shares: Float, waves: Sequence[Wave]) -> NDArray[np.bool_]:
    """Which sets, float64[sets, numbers], no wave has ruled out: bool[sets]."""
    known = [band for band in fit_bands() if band.id in STATED]
    points = space.values_of(shares)
    exact = implausibility(np.log(np.column_stack([stated(band.id, points) for band in known])), np.zeros(1), known)
    kept = np.ones(len(shares), bool)
    for wave in waves:
        bands = [band for band in fit_bands() if band.id in wave.emulators]
        if not len(at := np.flatnonzero(kept)):
            break
        active = shares[at][:, [space.names().index(name) for name in wave.active]]
        told = [wave.emulators[band.id](active) for band in bands]
        means, variances = (np.column_stack([one[part] for one in told]) for part in (0, 1))
        kept[at] = plausible(np.column_stack([implausibility(means, variances, bands), exact[at]]))
    return kept


def proposed(count: int, waves: Sequence[Wave], known: Simulated, seed: int) -> tuple[Float, float]:
    """New sets that no wave has ruled out, float64[count, numbers], and the share of the space that is left.

    They are drawn evenly from the whole space; where less than LEAST_SHARE of it is left, a random walk among plausible sets
    finds them, which keeps to the parts that simulated sets have reached.
    """
    numbers = len(space.axes())
    rng = np.random.default_rng([seed, len(waves)])
    if not waves:  # the register's own values, then a Latin hypercube
        return np.concatenate([[space.default_point()], levels_of(space.axes(), "latin", count, seed, "")[1]])[:count], 1.0
    found: list[Float] = []
    looked = kept = 0
    while kept < count and looked < max(count / LEAST_SHARE, CANDIDATES):
        batch = rng.random((CANDIDATES, numbers))
        good = batch[left(batch, waves)]
        found.append(good)
        looked, kept = looked + len(batch), kept + len(good)
    share = kept / looked
    sets = np.concatenate(found)[:count] if found else np.zeros((0, numbers))
    if len(sets) < count:
        told = known.shares[known.told]
        start = np.concatenate([sets, told[left(told, waves)]])
        if not len(start):
            raise InputError("ensemble", "no parameter set is plausible", "wider ranges in the register, or other rules")
        sets = np.concatenate([sets, _walk(start, count - len(sets), waves, rng)])
    return sets, share


def _walk(start: Float, count: int, waves: Sequence[Wave], rng: np.random.Generator) -> Float:
    """Sets of a random walk within what is left, reflected at the ends of the ranges."""
    now = start[rng.integers(len(start), size=count)]
    for _ in range(30):
        new = np.abs(now + STEP * rng.standard_normal(now.shape))
        new = 1.0 - np.abs(1.0 - new)
        moved = left(new, waves)
        now = np.where(moved[:, None], new, now)
    return now


def spread_out(shares: Float, count: int) -> NDArray[np.int64]:
    """Which sets to keep so that they lie far apart, the one nearest to the middle first, int64[count or fewer]."""
    if len(shares) <= count:
        return np.arange(len(shares))
    chosen = [int(np.argmin(((shares - shares.mean(axis=0)) ** 2).sum(axis=1)))]
    apart = ((shares - shares[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(apart)))
        apart = np.minimum(apart, ((shares - shares[chosen[-1]]) ** 2).sum(axis=1))
    return np.sort(np.array(chosen))
