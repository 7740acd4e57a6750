"""Resistance of tumour cells to a drug."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, hill, rate_of
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Present, Situation, density_nearby, exposure_answer
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class Resistance(Process):
    """Exosomal P-gp and microRNA, and active fibroblasts nearby, make tumour cells resistant to a drug.

    resistance rises at rate_resistance * (hill(exposure) + share_fibroblasts * hill(active fibroblasts nearby)) and fades
    with a half-life (review of exosomal cargo and gemcitabine response: see the scenario on resistance). *Assumed*: all.
    """

    reads = ("section", "tumour_cells", "fibroblasts", "blood.exposure")
    writes = ("tumour_cells.resistance",)
    period = 6.0

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        near = density_nearby(state, p, state.fibroblasts, state.fibroblasts.activation, where.sites)
        by_fibroblasts = p.drug.share_fibroblasts * hill(near, p.angiogenesis.density_fibroblasts, 1.0)
        return p.drug.rate_resistance * (exposure_answer(state, p, "pgp") + by_fibroblasts)

    def after(self, p: Parameters, resistance: Any, gain: Any, dt: float) -> Any:
        """What resistance becomes in `dt` (h) at a gain (1/h), both one a cell."""
        return gain_and_loss(resistance, gain, rate_of(p.drug.half_life_resistance), dt)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        called = exposure_answer(state, p, "pgp") > 0.0 or state.fibroblasts.activation.any()
        if len(cells) == 0 or not (called or cells.resistance.any()):
            return
        gain = self.hazard(state, p, Present(state, np.arange(len(cells)))) * (cells.state != CIRCULATING)
        cells.resistance[:] = self.after(p, cells.resistance, gain, dt)
