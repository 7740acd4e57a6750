"""Virtual mice for the tests: whole runs on the machine's cores, kept on disk, so that no mouse is run twice.

They lie in pytest's cache, in a folder named by the code that makes them: a change of a text repeats none, a change of a
rule repeats all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import InjectTumourCells, Protocol
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs import cohort as cohorts
from niche_sim.runs import identity, record, store
from niche_sim.runs.plan import Plan
from niche_sim.runs.store import Part

EDUCATION = "liver_education_costasilva2015"
GROWING = "liver_growing_primary"
MOST_KEPT = 3  # of several states of the code, those used last


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


def _experiment(mouse: Mouse) -> Scenario:
    """Its scenario, with the challenge in its arm."""
    found = scenario.load(mouse.scenario)
    if mouse.challenge is None:
        return found
    line, cells, day = mouse.challenge
    arm = found.arms[mouse.arm]
    others = [one for one in arm.protocol.interventions if not isinstance(one, InjectTumourCells)]
    protocol = Protocol((*others, InjectTumourCells(line, cells, day * 24.0)))
    return dataclasses.replace(found, arms={**found.arms, mouse.arm: dataclasses.replace(arm, protocol=protocol)})


def model_of(mouse: Mouse) -> Simulation:
    """The mouse at time 0."""
    overrides = dict(mouse.overrides)
    return Simulation(_experiment(mouse), mouse.arm, overrides=overrides, rng=mouse.seed, without=mouse.without)


def cohort(*mice: Mouse) -> list[Outcome]:
    """Run mice on all cores, but those that are kept already. A test that calls this is of the gear "mice"."""
    seeds: dict[Mouse, list[int]] = {}
    for mouse in mice:
        seeds.setdefault(_unseeded(mouse), []).append(mouse.seed)
    plans = {kind: dataclasses.replace(_plan(kind), seeds=tuple(sorted({*of}))) for kind, of in seeds.items()}
    assert cohorts.run(list(plans.values()), _folder(), os.cpu_count() or 1) == []
    lives = {kind: cohorts.gather(plan, _folder()).lives[kind.arm] for kind, plan in plans.items()}
    return [_outcome(lives[_unseeded(mouse)][mouse.seed]) for mouse in mice]


def _unseeded(mouse: Mouse) -> Mouse:
    """What mice have in common that differ in their seed alone."""
    return dataclasses.replace(mouse, seed=0)


def _plan(mouse: Mouse) -> Plan:
    return cohorts.plan(_experiment(mouse), [mouse.arm], overrides=dict(mouse.overrides), without=mouse.without)


def _outcome(life: Part) -> Outcome:
    onsets = {stage: None if math.isnan(onset) else onset for stage, onset in life.onsets.items()}
    return Outcome(life.table, onsets, {name: int(value) for name, value in life.counters.items()})


# --- where they are kept ---------------------------------------------------------------------------------------------

_kept: list[Path | tempfile.TemporaryDirectory[str]] = []


def keep_in(folder: Path) -> None:
    """Keep mice there from one session to the next; without it they are kept for this session."""
    content = "".join([identity.code_digest(), *map(inspect.getsource, (store, record))])
    mine = folder / hashlib.sha256(content.encode()).hexdigest()[:16]
    mine.mkdir(parents=True, exist_ok=True)
    mine.touch()
    for old in sorted(folder.iterdir(), key=lambda one: -one.stat().st_mtime)[MOST_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    _kept[:] = [mine]


def _folder() -> Path:
    if not _kept:
        _kept.append(tempfile.TemporaryDirectory())
    (where,) = _kept
    return where if isinstance(where, Path) else Path(where.name)
