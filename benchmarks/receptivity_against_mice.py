"""Receptivity against counted tumour cells: isolated tracers of many arms, some 4,000 events, in some minutes.

python benchmarks/receptivity_against_mice.py [--mice 4] [--oversample 100] [--arms educated pbs ...] [--cores 2]

Every mouse of the education scenario gets its tumour cells as tracers, which change nothing, so that its hazards are recorded in
the same run. Prints a row an arm and the pooled ratio of counted to expected, of cells that began to grow and of colonies that were
ever founded, with an interval of 95 % from the chance of events. What of a difference is known: a step of 1 h takes deaths and
births one after the other (1 %), and traits of cells are those of one age. Ordinary tumour cells also meet and shelter each other,
change the niche and prime T cells: `--agents` counts those instead, in twice as many runs.
"""

from __future__ import annotations

import argparse
import dataclasses
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from niche_sim import Simulation, load_scenario
from niche_sim.experiment.defaults import DEFAULT_SCENARIO
from niche_sim.experiment.protocol import InjectTumourCells, Protocol
from niche_sim.runs.expectation.forward import expected_clones
from niche_sim.runs.expectation.recording import Recorder


def mouse(oversample: float | None, arm: str, seed: int) -> tuple[float, ...]:
    """Cells that arrested; cells that began to grow, counted and expected; colonies ever founded, counted and expected."""
    model = Simulation(arm=arm, seed=seed)
    given = (
        dataclasses.replace(one, oversample=oversample) if isinstance(one, InjectTumourCells) else one
        for one in model.protocol.interventions
    )
    model.protocol = Protocol(tuple(given))
    recorder = Recorder(model)
    while model.steps_left:
        model.step()
        recorder.look()
    found = recorder.recording()
    alone = dataclasses.replace(found.p, tumour=dataclasses.replace(found.p.tumour, colony_cells=1.0))
    colonies, started = expected_clones(found), expected_clones(dataclasses.replace(found, p=alone))
    books = model.state if oversample is None else model.state.tracers
    arrested = books.counters.tumour_arrived
    times = arrested / colonies.singles[:, 0].max()
    return (
        arrested, books.counters.tumour_started, started.founded[-1] * times, len(books.colonies), colonies.founded[-1] * times
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mice", type=int, default=4)
    parser.add_argument("--oversample", type=float, default=100.0)
    parser.add_argument("--agents", action="store_true")
    parser.add_argument("--arms", nargs="+", default=list(load_scenario(DEFAULT_SCENARIO).arms))
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    every = []
    print(f"{'arm':24} {'arrested':>9} {'began':>7} {'expected':>9} {'ratio':>6}  {'colonies':>8} {'expected':>9}  ratio")
    with ProcessPoolExecutor(given.cores) as pool:
        for arm in given.arms:
            one = partial(mouse, None if given.agents else given.oversample, arm)
            every.append(np.array(list(pool.map(one, range(1, given.mice + 1)))).sum(axis=0))
            say(arm, every[-1])
    say("all", np.sum(every, axis=0))


def say(name: str, row: np.ndarray) -> None:
    arrested, began, would_begin, founded, would_found = row
    half = 1.96 * np.sqrt(max(founded, 1.0)) / would_found
    print(
        f"{name:24} {arrested:9.0f} {began:7.0f} {would_begin:9.1f} {began / would_begin:6.3f}  {founded:8.0f} "
        f"{would_found:9.1f}  {founded / would_found:.3f} +/- {half:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
