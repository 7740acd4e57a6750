"""Fate of tumour cells after extravasation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation
from niche_sim.model.state import State

EXTRAVASATED, DORMANT, MOTILE = (
    TumourCell.state.code(name) for name in ("extravasated", "dormant", "motile")
)
BY_ARRIVAL = TumourCell.reactivated_by.code("arrival")


class PostExtravasationFate(Process):
    """Of the cells that reach the tissue a few become motile; the others become dormant.

    chance_start per cell, once (1 in 40 of extravasated B16F1 start: Luzzi 1998). Whether its clone will co-opt vessels is
    drawn here, too (10 to 30 % of lesions do: Frentzas 2016). *Assumed*: chance_start of pan02.
    """

    reads = ("tumour_cells",)
    writes = ("tumour_cells.state", "tumour_cells.reactivated_by", "tumour_cells.coopting")

    def share(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        """Share of such cells that become motile, float64[n]: decided once, so that it has no rate."""
        return p.of_lines("chance_start", where.line)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == EXTRAVASATED)
        if len(rows) == 0:
            return
        starts = chance.uniform(self, cells.key[rows]) < self.share(state, p, Present(state, rows))
        cells.state[rows] = np.where(starts, MOTILE, DORMANT)
        cells.coopting[rows] = chance.uniform(self, cells.key[rows], purpose="coopt") < p.tumour.fraction_coopting
        cells.reactivated_by[rows[starts]] = BY_ARRIVAL
