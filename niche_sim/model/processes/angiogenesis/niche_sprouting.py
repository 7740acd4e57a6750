"""New vessels in the niche before tumour cells come (hypothesis)."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import rate_of, vessels_after
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import tumour_density_nearby, vegf_answer
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class NicheSprouting(Process):
    """Hypothesis: VEGF of the niche makes vessels sprout before any tumour cell is there.

    Where no tumour is near, vessels rise at rate_sprouting * hill(VEGF) towards most_vessels and fall back to those of a
    naive organ with a half-life (a current proposal). *Assumed*: all of it.
    """

    reads = ("section", "vegf", "vessels", "tumour_cells", "blocked.vegf", "drugs.anti_vegf")
    writes = ("vessels",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        if not state.vegf.any() and (state.vessels == 1.0).all():
            return
        numbers = p.angiogenesis
        free = tumour_density_nearby(state, p, state.tumour_cells.state != CIRCULATING) == 0.0
        gain = numbers.rate_sprouting * vegf_answer(state, p, state.vegf)
        loss = rate_of(numbers.half_life_sprouts)
        state.vessels = np.where(free, vessels_after(state.vessels, gain, loss, numbers.most_vessels, dt), state.vessels)
