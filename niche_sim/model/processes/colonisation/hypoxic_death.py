"""Death of tumour cells that lack oxygen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class HypoxicDeath(Process):
    """Growing cells without oxygen die.

    rate_death_hypoxic * (1 - oxygen / half_oxygen) below half_oxygen, none above. *Assumed*: rate and form.
    """

    reads = ("section", "oxygen", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("cycling",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        lack = np.maximum(0.0, 1.0 - state.oxygen.ravel()[where.sites] / p.angiogenesis.half_oxygen)
        return p.angiogenesis.rate_death_hypoxic * lack

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.DIED_HYPOXIC)
