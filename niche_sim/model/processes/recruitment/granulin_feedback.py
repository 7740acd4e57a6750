"""Granulin of macrophages and periostin of stellate cells: a feedback."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.neighbourhood import gather, spread
from niche_sim.engine.laws import hill, produce_and_decay, rate_of, relax
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

MACROPHAGE = BoneMarrowDerivedCell.kind.code("macrophage")


class GranulinFeedback(Process):
    """Arrested macrophages' granulin pushes stellate cells further; active ones then lay periostin.

    granulin response relaxes to hill(arrested macrophages in reach); periostin is laid within the cell's reach at
    rate_periostin * activation * response. Without macrophages or granulin, periostin and stellate activation markers
    fall (Nielsen 2016). It does not lay fibronectin. *Assumed*: rates, reach, half-density and half-life.
    """

    reads = ("section", "bmdc", "stellate_cells", "periostin", "blocked.granulin", "blocked.periostin")
    writes = ("stellate_cells.granulin", "periostin")
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section = state.stellate_cells, state.section
        arrested = state.bmdc.arrested & (state.bmdc.kind == MACROPHAGE)
        if not arrested.any() and not cells.granulin.any() and not state.periostin.any():
            return
        macrophages = state.mapped(state.bmdc, arrested / section.site_volume)  # cells / um3 [y, x]
        sites = state.sites(cells)
        near = gather(macrophages, sites, *section.ball(p.granulin.reach))
        answer = hill(near, p.granulin.half_density, 1.0) * (1.0 - state.blocked.granulin)
        cells.granulin[:] = relax(cells.granulin, answer, p.granulin.rate_response, dt)
        laid = np.zeros(section.shape)  # 1/h [y, x]
        amount = p.granulin.rate_periostin / section.site_volume * cells.activation * cells.granulin
        amount *= 1.0 - state.blocked.periostin
        spread(laid, sites, amount, *section.ball(p.stellate.reach))
        state.periostin = produce_and_decay(state.periostin, laid, rate_of(p.granulin.half_life_periostin), dt)
