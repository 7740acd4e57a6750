"""Regression of small micrometastases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation, niche_at
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class ExposedDeath(Process):
    """Small micrometastases regress: cycling cells die unless crowding or the niche shelters them.

    rate_death_exposed * (1 - shelter of crowding) * (1 - fraction_supported * niche strength). In a naive liver 1 in
    100 started micrometastases persists to day 13 (Luzzi 1998). *Assumed*: form of both shelters.
    """

    reads = ("section", "fibronectin", "periostin", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("cycling",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        shelter = hill(where.crowding, p.tumour.half_crowding, p.tumour.steepness_crowding)
        support = p.of_lines("fraction_supported", where.line) * niche_at(state, p, where.sites)
        return p.of_lines("rate_death_exposed", where.line) * (1.0 - shelter) * (1.0 - support)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.DIED_CYCLING)
