"""Killing of tumour cells by T cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, rate_of
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import BoneMarrowDerivedCell, KupfferCell, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation, density_nearby, met_nearby
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")
TUMOUR_ASSOCIATED = KupfferCell.state.code("tumour_associated")
MDSC = BoneMarrowDerivedCell.kind.code("mdsc")


class TCellKilling(Process):
    """Effector T cells engage growing tumour cells and hit them; several hits within hours kill.

    Engagements per h = meetings * chance_hit * (1 - exhaustion), less by suppressor cells and tumour-associated Kupffer
    cells nearby (these keep T cells out: Wen 2013); each does hits_each on average, damage is repaired with a half-life,
    hits_needed kill.
    The hazard is that of engagements. *Assumed*: all numbers, so that an effector in a colony kills some cells a day.
    """

    reads = ("section", "t_cells", "bmdc", "kupffer_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("cycling",)
    becomes = "engaged"

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        t_cells, numbers, sites = state.t_cells, p.t_cells, where.sites
        if not t_cells.effector.any():
            return np.zeros(len(where))
        speed = numbers.speed * t_cells.effector * (1.0 - t_cells.exhaustion)
        rate = met_nearby(state, p, t_cells, speed, numbers.contact_radius, sites) * numbers.chance_hit
        suppressors = state.bmdc.kind == MDSC
        if suppressors.any():
            near = density_nearby(state, p, state.bmdc, suppressors, sites)
            rate /= 1.0 + near / numbers.half_mdsc
        associated = state.kupffer_cells.state == TUMOUR_ASSOCIATED
        if associated.any():
            near = density_nearby(state, p, state.kupffer_cells, associated, sites)
            rate *= 1.0 - numbers.share_excluded * hill(near, numbers.half_tumour_associated, 1.0)
        return rate

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, t_cells, numbers = state.tumour_cells, state.t_cells, p.t_cells
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0 or not (t_cells.effector.any() or cells.hits.any()):
            return
        rate = self.hazard(state, p, Present(state, rows))  # of engagements
        repair = rate_of(numbers.half_life_hits)
        engaged = chance.poisson(self, rate * dt, cells.key[rows])
        hits = chance.poisson(self, numbers.hits_each * engaged, cells.key[rows], purpose="hits")
        cells.hits[rows] = cells.hits[rows] * np.exp(-repair * dt) + hits
        gone = rows[cells.hits[rows] >= numbers.hits_needed]
        state.lose_tumour_cells(gone, Loss.KILLED_BY_T_CELL)
