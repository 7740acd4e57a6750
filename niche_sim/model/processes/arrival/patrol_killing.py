"""Killing of arrested and dormant tumour cells by patrolling monocytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import BoneMarrowDerivedCell, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation, met_nearby
from niche_sim.model.state import State

ARRESTED, DORMANT = TumourCell.state.code("arrested"), TumourCell.state.code("dormant")
PATROLLING = BoneMarrowDerivedCell.kind.code("patrolling")


class PatrolKilling(Process):
    """Patrolling monocytes kill arrested and dormant tumour cells that they meet.

    Meetings per h as for Kupffer cells at a monocyte's speed; each kills with chance_kill_patrolling (exosomes of poorly
    metastatic melanoma call them, and metastasis falls: Plebanek 2017). *Assumed*: the chance.
    """

    reads = ("section", "bmdc", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("arrested", "dormant")

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        patrols = state.bmdc.kind == PATROLLING
        if not patrols.any():
            return np.zeros(len(where))
        met = met_nearby(state, p, state.bmdc, p.bmdc.speed * patrols, p.kupffer.contact_radius, where.sites)
        return met * p.bmdc.chance_kill_patrolling

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero((cells.state == ARRESTED) | (cells.state == DORMANT))
        if len(rows) == 0 or not (state.bmdc.kind == PATROLLING).any():
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.KILLED_BY_MONOCYTE)
