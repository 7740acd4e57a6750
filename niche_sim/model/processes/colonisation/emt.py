"""Epithelial-mesenchymal transition of tumour cells, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, hill, rate_of
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class Emt(Process):
    """TGF-beta makes tumour cells mesenchymal; its fall makes them epithelial again.

    emt rises at rate_emt * hill(TGF-beta) and falls with a half-life. Full EMT doubles motility and halves division (Wang
    2007). *Assumed*: rate and half-life.
    """

    reads = ("section", "tgfb", "tumour_cells", "blocked.tgfb_receptor")
    writes = ("tumour_cells.emt",)
    period = 3.0

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        sensed = hill(state.tgfb.ravel()[where.sites], p.tumour.half_tgfb_emt, 2.0)
        return p.tumour.rate_emt * (sensed * (1.0 - state.blocked.tgfb_receptor))

    def after(self, p: Parameters, emt: Any, gain: Any, dt: float) -> Any:
        """What emt becomes in `dt` (h) at a gain (1/h), both one a cell."""
        return gain_and_loss(emt, gain, rate_of(p.tumour.half_life_emt), dt)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        if len(cells) == 0:
            return
        gain = self.hazard(state, p, Present(state, np.arange(len(cells)))) * (cells.state != CIRCULATING)
        cells.emt[:] = self.after(p, cells.emt, gain, dt)
