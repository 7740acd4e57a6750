"""What a sweep costs besides stepping: parallel efficiency, memory of workers, overhead a run. Prints a Markdown table.

One process against two in the same script, on runs that are alike; the memory of every worker after each of its runs.
Overhead is CPU time, of the workers and of the process that feeds them, since the machine may be shared; efficiency can
only be wall time and needs two idle cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from niche_sim.experiment.simulation import Simulation
from niche_sim.runs import sweeps
from niche_sim.runs.sweeps import Job, Outcome, Place, Plan, run_one

EARLY = 10  # the run of a worker from which on its memory is to stay as it is


class Told(NamedTuple):
    """What a worker tells of a run besides its outcome: its process, its memory, and the time of stepping alone."""

    outcome: Outcome
    pid: int
    memory: float  # MB, resident, after the run
    stepping: float  # CPU s
    used: float  # CPU s, of the run with making the mouse and its part
    busy: float  # s of wall time, the same


@dataclass
class Account:
    """What the workers told, in the order in which runs ended."""

    told: list[Told] = field(default_factory=list)
    wall: float = 0.0
    feeding: float = 0.0  # CPU s, of the process that feeds the workers

    def memory(self) -> list[tuple[float, float, int]]:
        """Of each worker: MB after its EARLY-th run (or the last), after its last, and how many runs it had."""
        of = defaultdict(list)
        for one in self.told:
            of[one.pid].append(one.memory)
        return [(rows[min(EARLY, len(rows)) - 1], rows[-1], len(rows)) for rows in of.values()]

    def overhead(self) -> float:
        """CPU ms a run of all but stepping."""
        return 1e3 * (self.feeding + sum(one.used - one.stepping for one in self.told)) / len(self.told)

    def share(self, workers: int) -> float:
        """The part of the workers' wall time, 0 to 1, in which they had a run; the rest they waited for one."""
        return sum(one.busy for one in self.told) / (workers * self.wall)


def watched(job: Job) -> Told:
    """`run_one`, with the time of stepping and the memory of this process."""
    spent = []
    model_class: Any = Simulation
    whole = model_class.run_to_end

    def timed(model: Any) -> Any:
        began = time.process_time()
        whole(model)
        spent.append(time.process_time() - began)
        return model

    model_class.run_to_end = timed
    try:
        began, used = time.perf_counter(), time.process_time()
        outcome = run_one(job)
        busy, used = time.perf_counter() - began, time.process_time() - used
    finally:
        model_class.run_to_end = whole
    return Told(outcome, os.getpid(), resident(), sum(spent), used, busy)


def resident() -> float:
    """Memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Listening(Executor):
    """An executor whose jobs are watched; gives outcomes on as if they were not."""

    def __init__(self, inner: Executor, account: Account) -> None:
        self.inner, self.account = inner, account

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        given: Future[Any] = Future()

        def hand_on(done: Future[Any]) -> None:
            error = done.exception()
            if error is not None:
                given.set_exception(error)
                return
            self.account.told.append(done.result())
            given.set_result(done.result().outcome)

        self.inner.submit(watched, *args).add_done_callback(hand_on)
        return given


def swept(plan: Plan, workers: int) -> Account:
    """One whole sweep into a folder of its own, by warm workers; the wall time begins when the first job is given."""
    account = Account()
    with tempfile.TemporaryDirectory() as folder, sweeps.local(workers) as place:
        warm = next(iter(plan.runs())).job
        for future in [place.executor.submit(watched, warm) for _ in range(workers)]:
            future.result()
        listening = Place(Listening(place.executor, account), place.at_once)
        began, used = time.perf_counter(), time.process_time()
        found = sweeps.sweep(plan, folder, place=listening)
        account.wall, account.feeding = time.perf_counter() - began, time.process_time() - used
        if found.count.missing or found.count.failed:
            raise SystemExit(f"sweep_speed.py: {found.count}")
    return account


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1000, help="by two processes; one process does a fifth of them")
    parser.add_argument("--duration", default="42 day", help="of a run; shorter ones for a first look")
    options = parser.parse_args(argv)
    given: dict[str, Any] = {"arms": ["educated"], "overrides": {"run.duration": options.duration}}
    education = "liver_education_costasilva2015"
    many = sweeps.plan(education, seeds=options.runs, **given)
    few = sweeps.plan(education, seeds=max(2, options.runs // 5), **given)
    # One process before and after two, so that a busy neighbour who comes or goes shows.
    before, two, after = swept(few, 1), swept(many, 2), swept(few, 1)
    rates = [len(one.told) / one.wall for one in (before, two, after)]
    alone = (rates[0] + rates[2]) / 2.0
    step = statistics.median(one.stepping for one in two.told)
    print(
        f"{options.runs} runs of {options.duration}, {os.cpu_count()} cores; a run steps {step:.2f} CPU s (median, two processes)\n"
    )
    print("| what | figure | target |\n|---|---|---|")
    print(f"| runs/s, one process (before, after) | {rates[0]:.3f}, {rates[2]:.3f} | |")
    print(f"| runs/s, two processes | {rates[1]:.3f} | |")
    print(f"| parallel efficiency on 2 cores | {rates[1] / (2.0 * alone):.2f} | at least 0.9 |")
    print(f"| share of the wall time in which two processes had a run | {two.share(2):.3f} | |")
    print(
        f"| overhead a run, one process (before, after) | {before.overhead():.1f}, {after.overhead():.1f} ms CPU | under 30 ms |"
    )
    print(f"| overhead a run, two processes | {two.overhead():.1f} ms CPU | under 30 ms |")
    made = statistics.median(1e3 * (one.used - one.stepping) for one in two.told)
    print(f"| of it in the worker: the mouse made, its part written (median) | {made:.1f} ms CPU | |")
    for number, (early, late, runs) in enumerate(two.memory(), 1):
        print(
            f"| worker {number}: memory after {min(EARLY, runs)} and {runs} runs | {early:.0f} MB, {late:.0f} MB | flat |"
        )


if __name__ == "__main__":
    main()
