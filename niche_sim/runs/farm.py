"""The farm: what is not in the store yet is run, wherever there is room, each run once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from niche_sim.engine.errors import reason_of
from niche_sim.experiment.estimate import Estimate, estimate
from niche_sim.runs.executors import Gone, Lost, Place, work
from niche_sim.runs.plan import Job, Plan, Run
from niche_sim.runs.sealed import Report, report_damaged
from niche_sim.runs.store import Outcome, Store, run_one

MOST_POINTS, MOST_RUNS = 64, 4096  # of an arm, evenly among all, that an estimate rests on

Places = Callable[[], contextlib.AbstractContextManager[Place]]


class Stopped(Exception):
    """The work ended before its end, through a full disk or a cluster that left; what is done is kept. One line."""


class Done(NamedTuple):
    """How far the work is: runs that are there, that failed, that ran just now (of both), and about so many in all."""

    done: int
    failed: int
    ran: int
    total: int

    @property
    def share(self) -> float:
        """Of all runs, 0 to 1."""
        return (self.done + self.failed) / self.total if self.total else 1.0

    def seconds_left(self, seconds: float) -> float:
        """How long the rest takes if it goes on as in the `seconds` so far; nan while nothing has run."""
        return seconds * (self.total - self.done - self.failed) / self.ran if self.ran else float("nan")


def run(
    runs: Iterable[Run],
    total: int,
    store: Store,
    places: Places,
    watch: Callable[[Done], None] | None = None,
    stop: Callable[[], bool] | None = None,
    report: Report | None = None,
) -> list[Run]:
    """Run what is not in the store yet, in the order given; returns what failed, and why.

    Every run is written when it is finished, so that work that was stopped, however, goes on when it is asked for again. A run
    that fails is noted with its error, and tried again the next time. Runs of one name are computed once.

    Parameters
    ----------
    runs
        Taken one by one as there is room, so there may be very many.
    total
        How many these are, or about so many.
    store
        Several processes may work for one.
    places
        Makes the place where they are computed; it is not asked for if nothing is to be run.
    watch
        Called when a run ends, and once before.
    stop
        Asked several times a second, in the thread that called, whether to give up the runs at work.
    report
        Called with one line if kept runs were not as they were written, and so run again; None logs it.

    Raises
    ------
    Stopped
        The disk is full or the cluster left.
    Cancelled
        `stop` said so.
    """
    queue = _Queue(runs, total, store, watch)
    try:
        first = next(queue.jobs, None)
        if first is not None:
            jobs = chain([first], queue.jobs)
            with places() as place, contextlib.closing(work(jobs, run_one, place, stop)) as results:
                for job, found in results:
                    queue.end(job, found)
    except OSError as error:
        raise Stopped(full(store, error)) from None
    except Gone as error:
        raise Stopped(f"{error}; what is done is in {store.path}, and the same command goes on") from None
    report_damaged(store.damaged, store.path, report)
    store.damaged.clear()
    return queue.failures


def full(store: Store, error: OSError) -> str:
    """What is said if something cannot be written."""
    where = error.filename if error.filename is not None else store.path
    return f"{where}: {reason_of(error)}; the runs that are done are kept, and the same command goes on from there"


class _Queue:
    """What is still to be run, and the count of what is done."""

    def __init__(self, runs: Iterable[Run], total: int, store: Store, watch: Callable[[Done], None] | None) -> None:
        self.store, self.watch, self.progress = store, watch, Done(0, 0, 0, total)
        self.failures: list[Run] = []
        self.at_work: dict[str, list[Run]] = {}  # by name: all runs that one computation serves
        self.failed: dict[str, str] = {}  # name -> why
        self.jobs = self._jobs(runs)
        self._count()

    def _jobs(self, runs: Iterable[Run]) -> Iterator[Job]:
        for one in runs:
            if one.name in self.at_work:
                self.at_work[one.name].append(one)
            elif one.name in self.failed:
                self._fail([one], self.failed[one.name])
            elif self.store.has(one.name, one.job):
                self._count(done=1)
            elif one.job is None:
                self.store.fail(one, one.why)
                self._fail([one], one.why)
            else:
                self.at_work[one.name] = [one]
                yield one.job

    def end(self, job: Job, found: Outcome | Lost) -> None:
        """Take what came of a job. Raises OSError."""
        same = self.at_work.pop(job.name)
        if isinstance(found, Lost) or found.why:
            self.store.fail(same[0], found.why)
            self.failed[job.name] = found.why
            self._fail(same, found.why, ran=1)
        else:
            self.store.keep(found)
            self._count(done=len(same), ran=1)

    def _fail(self, runs: list[Run], why: str, ran: int = 0) -> None:
        self.failures += [one._replace(job=None, why=why) for one in runs]
        self._count(failed=len(runs), ran=ran)

    def _count(self, done: int = 0, failed: int = 0, ran: int = 0) -> None:
        was = self.progress
        done, failed, ran = was.done + done, was.failed + failed, was.ran + ran
        self.progress = Done(done, failed, ran, max(was.total, done + failed))
        if self.watch is not None:
            self.watch(self.progress)


def missing(plans: Iterable[Plan], store: Store) -> list[tuple[Estimate, int]]:
    """What a run of each arm of the plans needs, and about how many of it are not in the store, by the names of files.

    It looks at some of the points and mice of a plan, evenly among all.
    """
    found: list[tuple[Estimate, int]] = []
    seen: set[str] = set()
    for plan in plans:
        for arm in plan.arms:
            points = np.unique(plan.stands_for(arm))
            some = points[:: -(-len(points) // MOST_POINTS)]
            seeds = plan.seeds[:: -(-len(plan.seeds) * len(some) // MOST_RUNS)]
            share = len(some) * len(seeds) / (len(points) * len(plan.seeds))
            for point in some:
                runs = [one for one in plan.runs_of(int(point), [arm], seeds) if one.name not in seen]
                seen.update(one.name for one in runs)
                to_do = sum(not store.seems_to_have(one.name, one.job) for one in runs)
                if to_do and (job := runs[0].job) is not None:
                    found.append((estimate(job.setup, arm, snapshots=False), round(to_do / share)))
    return found
