"""Thresholds of the stages: how far a marker rises in mice to which nothing is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

import niche_sim
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Protocol
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import setup
from niche_sim.model import parameters
from niche_sim.model.initial_state import section_of
from niche_sim.model.stages import MM2, PERCENTILE, STAGES, highest_day, threshold_of
from niche_sim.runs import cohort
from niche_sim.runs.farm import Done
from niche_sim.runs.plan import Plan
from niche_sim.runs.sealed import Report

FIRST_SEED = 1_000_000  # so high that no treated mouse shares one


def untreated(experiment: Scenario, mice: int = 200, seed: int = FIRST_SEED) -> Plan:
    """Mice of a scenario without any intervention, of seeds seed, seed + 1 ..., that leave a row at every step."""
    arm = experiment.default_arm
    calm = experiment.only(arm, Protocol()).with_(record=experiment.step)
    return Plan(calm, setup(calm, thresholds={}), (arm,), tuple(range(seed, seed + mice)))


def compute_thresholds(
    experiment: Scenario,
    folder: Path,
    mice: int = 200,
    seed: int = FIRST_SEED,
    workers: int | None = None,
    watch: Callable[[Done], None] | None = None,
    report: Report | None = None,
) -> str:
    """The text of a scenario's `thresholds.toml`, from mice that are kept in a folder; the other arguments as of `cohort.run`.

    Raises InputError if a mouse could not be run.
    """
    plan = untreated(experiment, mice, seed)
    if failed := cohort.run([plan], folder, workers, watch, report=report):
        raise InputError(f"untreated mouse {failed[0].seed}", failed[0].why, "a scenario whose mice can be run")
    tables = [life.table for life in cohort.gather(plan, folder).lives[plan.reference].values()]
    extent = experiment.section
    section = section_of(*extent[:3], plan.base.parameters, extent.depth)
    area = section.area * section.slabs
    changed = {name: change.text for name, change in experiment.parameters.items()}
    lines = [
        "# Made by `niche-sim thresholds`; do not edit. A stage's onset is the first 24 h in which its marker lies above",
        f"# the {PERCENTILE:g}th percentile of untreated mice, each counted by the highest level it holds for 24 h.",
        "",
        "[provenance]",
        f"mice = {mice}",
        f"first_seed = {seed}",
        f"niche_sim = {json.dumps(niche_sim.__version__)}",
        f"register_sha256 = {json.dumps(parameters.digest(parameters.resolve(changed, organ=experiment.organ)))}",
        f"section = {json.dumps([f'{length:g} um' for length in extent if length is not None])}",
        f"duration = {json.dumps(f'{experiment.duration / 24:g} day')}",
    ]
    for stage in STAGES:
        markers = [table[stage.marker] * MM2 / area if stage.per_area else table[stage.marker] for table in tables]
        values = np.array([highest_day(marker, experiment.step) for marker in markers])
        lines += [
            "",
            f"[threshold.{stage.name}]",
            f"marker = {json.dumps(stage.marker)}",
            f"unit = {json.dumps(stage.unit)}",
            f"value = {threshold_of(values)!r}",
            f"median = {float(np.median(values))!r}",
        ]
    return "\n".join(lines) + "\n"
