"""Death of dormant tumour cells."""

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

DORMANT = TumourCell.state.code("dormant")


class DormantDeath(Process):
    """Dormant cells die slowly, besides those that NK cells kill.

    A constant hazard per line (36 % of injected B16F1 dormant at day 13: Luzzi 1998).
    """

    reads = ("tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("dormant",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        return p.of_lines("rate_death_dormant", where.line)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.DIED_DORMANT)
