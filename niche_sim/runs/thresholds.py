"""Thresholds of the stages: how far a marker rises in mice to which nothing is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

import niche_sim
from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.model import parameters
from niche_sim.model.stages import PERCENTILE, STAGES, highest_day, threshold_of


def untreated_mouse(scenario_id: str, seed: int) -> dict[str, float]:
    """The highest day of every stage's marker in one mouse of the scenario without any intervention."""
    model = Simulation(scenario_id, None, rng=seed)
    model.protocol = Protocol()
    markers: dict[str, list[float]] = {stage.name: [] for stage in STAGES}
    while True:
        for stage in STAGES:
            markers[stage.name].append(stage.value(model.state, model.mouse))
        if not model.steps_left:
            return {name: highest_day(np.array(values), model.dt) for name, values in markers.items()}
        model.step()


def compute_thresholds(
    scenario_id: str,
    mice: int = 200,
    seed: int = 1_000_000,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> str:
    """The text of a scenario's `thresholds.toml`, from `mice` untreated mice of seeds seed, seed + 1 ...

    progress: called with the number of mice done. Seeds start high so that no treated mouse shares one.
    """
    seeds = range(seed, seed + mice)
    highest: list[dict[str, float]] = []
    # Not by fork: the caller may run threads (a progress bar), whose locks a forked child would inherit.
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        for mouse in pool.map(partial(untreated_mouse, scenario_id), seeds):
            highest.append(mouse)
            if progress is not None:
                progress(len(highest))
    experiment = scenario.load(scenario_id)
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
        f"section = {json.dumps([f'{length:g} um' for length in experiment.section])}",
        f"duration = {json.dumps(f'{experiment.duration / 24:g} day')}",
    ]
    for stage in STAGES:
        values = np.array([mouse[stage.name] for mouse in highest])
        lines += [
            "",
            f"[threshold.{stage.name}]",
            f"marker = {json.dumps(stage.marker)}",
            f"unit = {json.dumps(stage.unit)}",
            f"value = {threshold_of(values)!r}",
            f"median = {float(np.median(values))!r}",
        ]
    return "\n".join(lines) + "\n"
