"""Virtual mice for the tests: whole runs, several at once on the machine's cores, each made once a session."""

from __future__ import annotations

import dataclasses
import functools
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from niche_sim.model import NicheModel
from niche_sim.protocol import InjectTumourCells, Protocol

EDUCATION = "liver_education_costasilva2015"
GROWING = "liver_growing_primary"


@dataclass(frozen=True)
class Mouse:
    """What to run. challenge: (line, cells, day) in place of the scenario's own injection of tumour cells."""

    arm: str
    seed: int
    scenario: str = EDUCATION
    overrides: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    challenge: tuple[str, int, float] | None = None


@dataclass(frozen=True)
class Outcome:
    """What it left: readouts over time, onsets in h, the counters, and tumour clones of at least `colony_cells`."""

    table: dict[str, np.ndarray]
    onsets: dict[str, float | None]
    counters: dict[str, int]


def model_of(mouse: Mouse) -> NicheModel:
    """The mouse at time 0."""
    model = NicheModel(mouse.scenario, mouse.arm, overrides=dict(mouse.overrides), rng=mouse.seed, without=mouse.without)
    if mouse.challenge is not None:
        line, cells, day = mouse.challenge
        others = [i for i in model.protocol.interventions if not isinstance(i, InjectTumourCells)]
        model.protocol = Protocol((*others, InjectTumourCells(line, cells, day * 24.0)))
    return model


def live(mouse: Mouse) -> Outcome:
    """Run one mouse to its end."""
    model = model_of(mouse).run_to_end()
    table = {name: np.array(values) for name, values in model.datacollector.model_vars.items()}
    return Outcome(table, dict(model.stages.onsets), dataclasses.asdict(model.state.counters))


@functools.cache
def cohort(*mice: Mouse) -> list[Outcome]:
    """Run mice on all cores; the same mice are run once a session."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(live, mice))
