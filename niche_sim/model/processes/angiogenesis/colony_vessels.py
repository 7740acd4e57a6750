"""Vessels in and around colonies."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, rate_of, vessels_after
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import tumour_density_nearby, vegf_answer
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class ColonyVessels(Process):
    """A pushing colony displaces vessels; its VEGF makes new ones; a co-opting colony spares them.

    In a colony vessels are lost at rate_displacement * hill(density of pushing tumour cells nearby) and sprout as VEGF says
    (10 to 30 % of lesions co-opt: Frentzas 2016). *Assumed*: rates.
    """

    reads = ("section", "vegf", "vessels", "tumour_cells", "blocked.vegf", "drugs.anti_vegf")
    writes = ("vessels",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        numbers, cells = p.angiogenesis, state.tumour_cells
        here = cells.state != CIRCULATING
        if not here.any():
            return
        there = tumour_density_nearby(state, p, here) > 0.0
        pushing = tumour_density_nearby(state, p, here & ~cells.coopting)
        gain = numbers.rate_sprouting * vegf_answer(state, p, state.vegf)
        loss = rate_of(numbers.half_life_sprouts)
        vessels = np.where(there, vessels_after(state.vessels, gain, loss, numbers.most_vessels, dt), state.vessels)
        lost = numbers.rate_displacement * hill(pushing, numbers.half_density, 2.0)
        state.vessels = np.where(there, vessels * np.exp(-lost * dt), vessels)
