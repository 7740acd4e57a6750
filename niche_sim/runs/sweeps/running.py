"""A sweep from its plan to its tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from niche_sim.engine.errors import InputError, reason_of
from niche_sim.runs import farm
from niche_sim.runs.executors import Place, place_of
from niche_sim.runs.farm import Done, Stopped
from niche_sim.runs.plan import Plan, Run
from niche_sim.runs.sealed import Report
from niche_sim.runs.store import Store
from niche_sim.runs.sweeps.planning import read_plan
from niche_sim.runs.sweeps.tables import Swept, collect, count, describe

ROUNDS = 2  # of running and collecting; a second one only if a part is damaged in between


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


WHOLE = Shard(1, 1)


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
    """Run what is not in the folder yet, as `farm.run` does, and gather everything into tables.

    Several sweeps may share a folder. Points and arms that come to the same mouse are computed once and have a row each.

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
    part = WHOLE if shard is None else Shard.read(shard) if isinstance(shard, str) else shard
    place_of(workers, scheduler, place)  # refused before anything is written
    store = Store(Path(folder))
    try:
        store.open()
        describe(plan, store.path)
    except OSError as error:
        raise InputError(str(folder), reason_of(error), "a folder that can be written, with room on the disk") from None
    for _ in range(ROUNDS):
        runs = filter(part.holds, plan.runs())
        farm.run(
            runs, -(-plan.total // part.of), store, lambda: place_of(workers, scheduler, place), watch, report=report
        )
        if part is not WHOLE and count(plan, store.path).missing:
            return Swept(plan, store.path, count(plan, store.path, part.holds))
        try:
            found = collect(plan, store.path, report=report)
        except OSError as error:
            raise Stopped(farm.full(store, error)) from None
        if not found.count.missing:
            break
    return found
