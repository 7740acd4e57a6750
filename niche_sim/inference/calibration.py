"""Calibration by ABC-SMC (pyABC): which values of some numbers give what the fit targets say, and which are left open.

Priors are uniform over the share, 0 to 1, of each number's range (of its logarithm where that is wide). A particle is a
point of them; it is simulated, its distance to the targets taken, and those within a falling limit go on (Toni 2009).

The distance is the root mean square over the fit targets of how far each is missed: a value by its distance from the
published one in units of the published tolerance (of logarithms, where that is a factor); a direction by what lacks to an
effect outside "no effect", in units of that; 1 is the edge of what is met or hardly an effect. Targets to validate never
enter. Particles have mice of their own, with seeds made from their numbers, so that a particle is always the same
particle; the spread between mice is part of what is accepted.

A posterior's width is honest only for the distance and limit that it was made with. With a limit above 0 it is wider than
the exact one, not narrower. Which particles come first hangs on the machine, hence posteriors agree from one run to the
next in distribution, not bit for bit.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.runs.sealed import PLACE, Damaged, Report, report_damaged, sealed, unsealed

Float = NDArray[np.float64]
Point = Mapping[str, float]

WORST = 10.0  # of how far one target is missed: further away is all the same
OPEN = 0.7  # of the prior's width: a wider posterior has learnt next to nothing
LEVEL = 0.90  # of intervals
HISTORY = "history.db"
WORK = "history.work.db"  # a copy of it, to which a population is added
FIRST_QUANTILE = 0.5  # of the distances of one population that the next must be below
PARTICLES = 100
EDGE = 0.03  # of the range: an interval that begins or ends so near to an end is open there


class Ranged(Protocol):
    """What is calibrated: `sweeps.Axis` is one."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str | None: ...

    def levels(self, share: Float) -> Float: ...


class Progress(NamedTuple):
    """A population that is done: its number from 1, of how many, its limit, simulations for it and in all."""

    population: int
    of: int
    limit: float
    simulations: int
    all_simulations: int


class Counted(Executor):
    """An executor that tells how many of its jobs have ended: pyABC itself says nothing until a population is whole."""

    def __init__(self, executor: Executor, watch: Callable[[int], None]) -> None:
        self.executor, self.watch, self.ended = executor, watch, 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """As of the executor."""
        future = self.executor.submit(function, *arguments, **named)
        future.add_done_callback(self._end)
        return future

    def _end(self, future: Future[Any]) -> None:
        self.ended += not future.cancelled()
        self.watch(self.ended)


class Marginal(NamedTuple):
    """A number's posterior: median and 90 % interval in its unit, and the width against the prior's (1: nothing learnt).

    word: held, "open above", "open below", or "not identified".
    """

    name: str
    unit: str
    median: float
    low: float
    high: float
    width: float
    word: str


@dataclass(frozen=True)
class Posterior:
    """Weighted particles of the last population. shares: float64[particles, numbers]; weights: float64[particles], sum 1.

    limits: of each population. stored: what each particle gave, by name, float64[particles].
    """

    axes: tuple[Ranged, ...]
    shares: Float
    weights: Float
    limits: tuple[float, ...]
    simulations: int
    stored: Mapping[str, Float]

    @property
    def values(self) -> Float:
        """The particles in the units of the numbers, float64[particles, numbers]."""
        return np.column_stack([axis.levels(self.shares[:, n]) for n, axis in enumerate(self.axes)])

    @property
    def effective(self) -> float:
        """How many particles of equal weight would say as much (Kish)."""
        return float(1.0 / (self.weights**2).sum())

    def drawn(self, number: int) -> Float:
        """Particles in proportion to their weights, float64[number, numbers]: evenly along the sum of weights."""
        places = (np.arange(number) + 0.5) / number
        return self.shares[np.minimum(np.searchsorted(np.cumsum(self.weights), places), len(self.shares) - 1)]


def calibrate(
    simulate: Callable[[Point], dict[str, float]],
    distance: Callable[[Mapping[str, float], Mapping[str, float]], float],
    observed: Mapping[str, float],
    axes: Sequence[Ranged],
    folder: Path,
    *,
    sampler: Any = None,
    particles: int = PARTICLES,
    populations: int = 6,
    limit: float = 0.0,
    most_simulations: float = math.inf,
    watch: Callable[[Progress], None] | None = None,
    report: Report | None = None,
) -> Posterior:
    """Populations of particles with a falling limit, the history in `folder`/history.db; what is there goes on.

    simulate: shares by name -> what comes out, by name. distance: of two such. sampler: pyABC's; None is this process alone.
    limit: the first population at or below it is the last. report: called with a line if the history is not as it was
    written, and so begun anew; None logs it.

    Raises
    ------
    InputError
        pyABC is not there, or the history is of other numbers.
    """
    particles, populations = given.whole(particles, "particles", 2), given.whole(populations, "populations", 1)
    abc = _pyabc()
    logging.getLogger("ABC").setLevel(logging.WARNING)  # its reports of progress are ours to give
    prior = abc.Distribution(**{axis.name: abc.RV("uniform", 0.0, 1.0) for axis in axes})
    workers = abc.SingleCoreSampler() if sampler is None else sampler
    work = folder / WORK
    database = f"sqlite:///{work.resolve()}"
    while True:
        # Anew for every population: its limit then comes from the distances of the one before, also after a pause.
        study = abc.ABCSMC(
            simulate, prior, distance, population_size=particles, sampler=workers,
            eps=abc.QuantileEpsilon(alpha=FIRST_QUANTILE),
        )  # fmt: skip
        for left in folder.glob(f"{WORK}*"):  # by a process that was killed; SQLite's journal of it would be played back
            left.unlink()
        history = _history(folder, report)
        if history is None:
            study.new(database, dict(observed))
            with closing(sqlite3.connect(work)) as connection, connection:
                connection.execute("CREATE TABLE niche_sim (digest TEXT)")
                connection.execute("INSERT INTO niche_sim VALUES (?)", (PLACE.decode(),))
        else:
            work.write_bytes(history)
            kept = abc.History(database, create=False)
            _check_history(kept, axes, folder)
            found = kept.get_all_populations()
            limits, numbers = found["epsilon"].to_numpy()[1:], found["samples"].to_numpy()
            done = kept.max_t + 1
            if watch is not None:
                watch(Progress(done, populations, float(limits[-1]), int(numbers[-1]), int(numbers.sum())))
            if done >= populations or limits[-1] <= limit or numbers.sum() >= most_simulations:
                work.unlink()
                return posterior(folder, axes)
            study.load(database, kept.id)
        study.run(minimum_epsilon=limit, max_nr_populations=1)
        work.write_bytes(sealed(work.read_bytes(), HISTORY))
        work.replace(folder / HISTORY)  # so there are whole populations in it, whenever this is killed


def _history(folder: Path, report: Report | None) -> bytes | None:
    """The history of a folder as it was before it was sealed; None if there is none, or not as it was written."""
    try:
        return unsealed((folder / HISTORY).read_bytes(), HISTORY)
    except FileNotFoundError:
        return None
    except Damaged:
        report_damaged([HISTORY], folder, report, "begun anew")
        return None


def posterior(folder: Path, axes: Sequence[Ranged]) -> Posterior:
    """The last population of a folder. Raises InputError if there is none, or of other numbers."""
    abc = _pyabc()
    file = folder / HISTORY
    try:
        unsealed(file.read_bytes(), HISTORY)
    except FileNotFoundError:
        found = f"no whole population in it yet (no {HISTORY})"
        raise InputError(str(folder), found, "a folder in which `niche-sim calibrate` finished one") from None
    except Damaged as error:
        raise InputError(str(file), f"{error}", "a history as `niche-sim calibrate` wrote it") from None
    history = abc.History(f"sqlite:///{file.resolve()}", create=False)
    _check_history(history, axes, folder)
    frame, weights = history.get_distribution(m=0)
    populations = history.get_all_populations()
    _, sums = history.get_weighted_sum_stats(history.max_t)
    names = list(sums[0]) if sums else []
    return Posterior(
        tuple(axes),
        frame[[axis.name for axis in axes]].to_numpy(np.float64),
        np.asarray(weights, np.float64),
        tuple(populations["epsilon"].to_numpy()[1:].tolist()),
        int(populations["samples"].to_numpy().sum()),
        {name: np.array([float(np.asarray(one[name])) for one in sums]) for name in names},
    )


def marginals(found: Posterior) -> list[Marginal]:
    """Of each number, in order."""
    made = []
    for n, axis in enumerate(found.axes):
        low, middle, high = weighted_quantiles(
            found.shares[:, n], found.weights, [0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2]
        )
        width = (high - low) / LEVEL
        at = axis.levels(np.array([middle, low, high])).tolist()
        made.append(Marginal(axis.name, axis.unit or "", at[0], at[1], at[2], float(width), _word(low, high, width)))
    return made


def _word(low: float, high: float, width: float) -> str:
    if width >= OPEN or (low <= EDGE and high >= 1.0 - EDGE):
        return "not identified"
    if high >= 1.0 - EDGE:
        return "open above"
    return "open below" if low <= EDGE else "held"


def correlations(found: Posterior) -> Float:
    """Weighted rank correlation of each two numbers over the particles, float64[numbers, numbers]."""
    ranks = np.argsort(np.argsort(found.shares, axis=0), axis=0).astype(np.float64)
    covariance = np.atleast_2d(np.cov(ranks.T, aweights=found.weights))
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def weighted_quantiles(values: ArrayLike, weights: ArrayLike, shares: Sequence[float]) -> Float:
    """Quantiles of weighted values, float64[shares], interpolated between the middles of their weights."""
    x, w = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    return np.interp(shares, (np.cumsum(w) - 0.5 * w) / w.sum(), x)


def _check_history(history: Any, axes: Sequence[Ranged], folder: Path) -> None:
    frame, _ = history.get_distribution(m=0)
    names = sorted(frame.columns)
    if names != sorted(axis.name for axis in axes):
        raise InputError(f"-o {folder}", f"a calibration of {', '.join(names)}", "another folder for other numbers")


def needed() -> None:
    """Raises InputError if pyABC is not there."""
    _pyabc()


def _pyabc() -> Any:
    try:
        import pyabc
    except ImportError:
        allowed = "pip install 'niche-sim[calibration]' brings it"
        raise InputError("calibrate", "pyABC is not installed", allowed) from None
    return pyabc
