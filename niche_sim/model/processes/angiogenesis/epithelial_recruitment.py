"""Epithelial cells in the niche (hypothesis)."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.engine.laws import hill, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class EpithelialRecruitment(Process):
    """Hypothesis: epithelial cells come to a niche of held bone-marrow-derived cells and leave within days.

    rate_epithelial * hill(held cells in the organ) (a current proposal for the pre-metastatic niche; never measured).
    *Assumed*: all of it.
    """

    reads = ("section", "resting_density", "bmdc.arrested", "epithelial_cells", "time")
    writes = ("epithelial_cells",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        numbers, cells = p.angiogenesis, state.epithelial_cells
        cells.remove(chance.events(self, cells.key, rate_of(numbers.half_life_epithelial), dt, "leave"))
        held = np.count_nonzero(state.bmdc.arrested) / state.section.volume
        rate = numbers.rate_epithelial * hill(held, numbers.half_held, numbers.steepness_held)
        n = chance.poisson(self, rate * state.section.volume * dt, [0]).item()
        keys = birth_key(self.stream, state.step_index, np.arange(n))
        where = state.place("epithelial_cells", chance.uniform(self, keys, 3, purpose="place"))
        cells.add(n, key=keys, entered_at=state.time, **where)
