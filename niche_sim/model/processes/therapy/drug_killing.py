"""Killing of dividing cells by gemcitabine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class DrugKilling(Process):
    """Gemcitabine kills dividing cells by dose, resistant and mesenchymal ones less.

    rate_kill * hill(amount) * (1 - resistance) * (1 - share_emt * emt). *Assumed*: all numbers.
    """

    reads = ("tumour_cells", "drugs.gemcitabine", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("cycling",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        spared = (1.0 - where.resistance) * (1.0 - p.drug.share_emt * where.emt)
        return p.drug.rate_kill * hill(state.drugs.gemcitabine, p.drug.half_gemcitabine, 2.0) * spared

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        amount, cells = state.drugs.gemcitabine, state.tumour_cells
        rows = np.flatnonzero((cells.state == CYCLING) & (amount > 0.0))
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.KILLED_BY_DRUG)
