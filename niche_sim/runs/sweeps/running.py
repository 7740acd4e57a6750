"""A sweep from its plan to its tables: what is not in the folder yet is run, wherever there is room."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from niche_sim.engine.errors import InputError, reason_of
from niche_sim.engine.given import whole
from niche_sim.runs.sealed import Report, report_damaged
from niche_sim.runs.sweeps.executors import dask, local
from niche_sim.runs.sweeps.folder import Folder
from niche_sim.runs.sweeps.planning import Job, Plan, Run, read_plan
from niche_sim.runs.sweeps.run_store import live
from niche_sim.runs.sweeps.tables import Count, Swept, collect
from niche_sim.runs.workers import Gone, Lost, Place, work

ROUNDS = 2  # of running and collecting; a second one only if a part is damaged in between


class Stopped(Exception):
    """A sweep ended before its end, through a full disk or a cluster that left; what is done is kept. One line."""


class Shard(NamedTuple):
    """One of several equal parts of a sweep: number `number`, from 1, of `of`. A run belongs to one by its name alone."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str, where: str = "shard") -> Shard:
        """From "2/10". Raises InputError."""
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise InputError(where, f"{text!r}", "i/n with i from 1 to n, such as 1/10")
        return cls(int(number), int(of))

    def holds(self, run: Run) -> bool:
        """Whether a run is of this shard. By its hash, so that long and short runs are spread evenly."""
        return int(run.name, 16) % self.of == self.number - 1


class Done(NamedTuple):
    """How far a sweep is. total: of the plan, or about so many of a shard. ran: those of `done` that ran just now."""

    done: int
    failed: int
    ran: int
    total: int


@dataclass
class _Tally:
    """Counts runs as they end and tells whoever watches."""

    total: int
    watch: Callable[[Done], None] | None
    done: int = 0
    failed: int = 0
    ran: int = 0

    def add(self, done: int = 0, failed: int = 0, ran: int = 0) -> None:
        self.done, self.failed, self.ran = self.done + done, self.failed + failed, self.ran + ran
        self.tell()

    def tell(self) -> None:
        if self.watch is not None:
            self.watch(Done(self.done, self.failed, self.ran, max(self.total, self.done + self.failed)))


def sweep(
    plan: Plan | str | Path,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    shard: Shard | str | None = None,
    place: Place | None = None,
    watch: Callable[[Done], None] | None = None,
    report: Report | None = None,
) -> Swept:
    """Run what is not in the folder yet, and gather everything into tables.

    Every run is written when it is finished, so a sweep that was stopped, however, goes on when it is called again. A run
    that fails is noted with its error, and tried again the next time. Several sweeps may share a folder. Points and arms
    that come to the same mouse are computed once and have a row each.

    Args:
        plan: a `Plan`, or the path of a PLAN.toml.
        folder: made if it is not there. Runs of an earlier, other plan in it are used where they are the same.
        workers: processes on this machine; None is one a core.
        scheduler: address of a Dask scheduler, in their place.
        shard: "2/10" runs the second tenth, as one job of an array; the last to finish gathers the tables.
        place: any other executor, in the place of both.
        watch: called when a run ends, and once before.
        report: called with one line if kept runs were not as they were written, and so run again; None logs it.

    Raises:
        InputError: the plan or the folder cannot be used.
        Stopped: the disk is full or the cluster left; what is done is kept.
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    part = Shard.read(shard) if isinstance(shard, str) else shard
    workers = None if workers is None else whole(workers, "workers", 1)
    given = [name for name, it in (("workers", workers), ("scheduler", scheduler), ("place", place)) if it is not None]
    if len(given) > 1:
        raise InputError(given[1], f"beside {given[0]}", "one of them")
    store = Folder(Path(folder))
    try:
        store.open(plan)
    except OSError as error:
        raise InputError(str(folder), reason_of(error), "a folder that can be written, with room on the disk") from None
    for _ in range(ROUNDS):
        _run(plan, store, part, watch, lambda: _place(workers, scheduler, place))
        report_damaged(store.damaged, store.path, report)
        store.damaged.clear()
        try:
            if part is not None and not _all_there(plan, store):
                return Swept(plan, store.path, _count(plan, store, part))
            found = collect(plan, store.path, report=report)
        except OSError as error:
            raise _full(store, error) from None
        if not found.count.missing:
            break
    return found


def _run(
    plan: Plan,
    store: Folder,
    shard: Shard | None,
    watch: Callable[[Done], None] | None,
    places: Callable[[], contextlib.AbstractContextManager[Place]],
) -> None:
    tally = _Tally(-(-plan.total // (shard.of if shard else 1)), watch)
    tally.tell()
    runs: dict[str, list[Run]] = {}  # at work, by name: the points and arms that one computation serves
    failed: set[str] = set()
    jobs = _jobs(plan, store, shard, tally, runs, failed)
    first = next(jobs, None)
    if first is None:
        return
    try:
        with places() as place, contextlib.closing(work(_chained(first, jobs), live, place)) as results:
            for job, found in results:
                same = runs.pop(job.name)
                why = found.why
                if isinstance(found, Lost) or why:
                    store.fail(same[0], why)
                    failed.add(job.name)
                    tally.add(failed=len(same), ran=1)
                else:
                    store.keep(job.name, found.part)
                    tally.add(done=len(same), ran=1)
    except OSError as error:
        raise _full(store, error) from None
    except Gone as error:
        raise Stopped(f"{error}; what is done is in {store.path}, and the same command goes on") from None


def _jobs(
    plan: Plan, store: Folder, shard: Shard | None, tally: _Tally, runs: dict[str, list[Run]], failed: set[str]
) -> Iterator[Job]:
    """What is to be run, one after the other as there is room, each computation once: what is there, at work or has failed
    just now is counted, and what cannot be run noted."""
    for run in plan.runs():
        if shard is not None and not shard.holds(run):
            continue
        if run.name in runs:
            runs[run.name].append(run)
        elif run.name in failed:
            tally.add(failed=1)
        elif store.has(run.name):
            tally.add(done=1)
        elif run.job is None:
            store.fail(run, run.why)
            tally.add(failed=1)
        else:
            runs[run.name] = [run]
            yield run.job


def _chained(first: Job, rest: Iterator[Job]) -> Iterator[Job]:
    yield first
    yield from rest


def _place(workers: int | None, scheduler: str | None, place: Place | None) -> contextlib.AbstractContextManager[Place]:
    if place is not None:
        return contextlib.nullcontext(place)
    return dask(scheduler) if scheduler is not None else local(workers or os.cpu_count() or 1)


def _all_there(plan: Plan, store: Folder) -> bool:
    return all(store.has(run.name) or store.failure(run.name) for run in plan.runs())


def _count(plan: Plan, store: Folder, shard: Shard) -> Count:
    done = failed = missing = 0
    for run in plan.runs():
        if shard.holds(run):
            has = store.has(run.name)
            lost = not has and bool(store.failure(run.name))
            done, failed, missing = done + has, failed + lost, missing + (not has and not lost)
    return Count(done, failed, missing)


def _full(store: Folder, error: OSError) -> Stopped:
    where = error.filename if error.filename is not None else store.path
    return Stopped(
        f"{where}: {reason_of(error)}; the runs that are done are kept, and the same command goes on from there"
    )
