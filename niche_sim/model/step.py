"""One step of the model: what the experimenter does, then every rule in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from niche_sim.engine.chance import Chance
from niche_sim.model.actions import intervene
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State
from niche_sim.model.tracers import follow, settle


def advance(
    state: State, p: Parameters, chance: Chance, dt: float, interventions: Iterable[Any], schedule: Iterable[Process]
) -> None:
    """Advance the state by `dt` (h): interventions first, then every process of the schedule that is due, in order."""
    chance.step = state.step_index
    intervene(interventions, state, p, chance, dt)
    for process in schedule:
        if process.befalls and len(state.tumour_cells) == 0 and state.tracers is None:  # nobody there to befall
            continue
        if time := process.due(state.step_index, dt):
            process.step(state, p, chance, time)
            follow(process, state, p, chance, time)
    settle(state)
    state.step_index += 1
    state.time = state.step_index * dt
