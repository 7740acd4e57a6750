"""Oxygen and glucose in the tissue."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.steady import solve_steady
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import tumour_density_nearby
from niche_sim.model.state import Field, State

CIRCULATING = TumourCell.state.code("circulating")


class Perfusion(Process):
    """Vessels bring oxygen and glucose; tissue and tumour cells use them up.

    Quasi-steady: D lap u - uptake u + supply * vessels * (blood level - u) = 0, both 1 in naive tissue. miR-122 lowers the
    tissue's uptake of glucose (Fong 2015). Reach without vessels 100 um for oxygen. *Assumed*: blood level, the tumour's
    uptake.
    """

    reads = ("section", "vessels", "tumour_cells", "blood.spared", "oxygen", "nutrient")
    writes = ("oxygen", "nutrient")
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        numbers, section = p.angiogenesis, state.section
        spared = numbers.share_uptake_spared * state.blood.spared
        here = state.tumour_cells.state != CIRCULATING
        if not here.any() and (state.vessels == 1.0).all():  # even tissue
            level = numbers.blood_level
            supply = 1.0 / (level - 1.0)
            state.oxygen = np.ones(section.shape)
            state.nutrient = np.full(section.shape, supply * level / (1.0 - spared + supply))
            return
        share = np.minimum(1.0, tumour_density_nearby(state, p, here) / p.tumour.packing)

        def solved(level: Field, reach: float, diffusivity: float, spare: float) -> Field:
            base = diffusivity / reach**2  # 1/h
            uptake = base * ((1.0 - share) * (1.0 - spare) + share * numbers.ratio_tumour_uptake)
            supply = base / (numbers.blood_level - 1.0) * state.vessels
            return solve_steady(diffusivity, uptake + supply, supply * numbers.blood_level, section.spacing, level)

        state.oxygen = solved(state.oxygen, numbers.reach_oxygen, numbers.diffusivity_oxygen, 0.0)
        state.nutrient = solved(state.nutrient, numbers.reach_nutrient, numbers.diffusivity_nutrient, spared)
