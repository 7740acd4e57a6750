"""Departure and death of bone-marrow-derived cells."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class BmdcDeparture(Process):
    """Moving cells leave the section within a day; arrested ones live for days, neutrophils half a day.

    A half-life for each, all *assumed* (published life spans of tissue macrophages contradict each other).
    """

    reads = ("bmdc",)
    writes = ("bmdc",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.bmdc
        moving = rate_of(p.bmdc.half_life_moving)
        by_kind = np.array(
            [moving, moving, rate_of(p.bmdc.half_life_neutrophils), rate_of(p.bmdc.half_life_patrolling)]
        )
        rate = np.where(cells.arrested, rate_of(p.bmdc.half_life_arrested), by_kind[cells.kind])
        cells.remove(chance.events(self, cells.key, rate, dt))
