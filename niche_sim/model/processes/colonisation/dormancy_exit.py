"""Exit of tumour cells from dormancy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation, niche_at
from niche_sim.model.state import State

DORMANT, MOTILE = TumourCell.state.code("dormant"), TumourCell.state.code("motile")
BY_NICHE = TumourCell.reactivated_by.code("niche")


class DormancyExit(Process):
    """Fibronectin, periostin and growth factor reactivate dormant cells; interferon of NK cells keeps them dormant.

    rate_dormancy_exit * niche strength * (1 + share_hgf_dormancy_exit * hill(HGF)) * (1 - share_kept_dormant *
    active NK cells against a naive organ's, at most 1): fibronectin is needed, periostin adds (Nielsen 2016); NK cells
    sustain dormancy until active stellate cells put them to rest (Correia 2021). *Assumed*: rate, thresholds, shares.
    """

    reads = ("section", "fibronectin", "periostin", "hgf", "nk_cells.activity", "tumour_cells", "blocked.ifng")
    writes = ("tumour_cells.state", "tumour_cells.reactivated_by")
    befalls = ("dormant",)
    becomes = "motile"

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        watching = state.nk_cells.activity.sum() / state.section.volume
        naive = p.nk.density * p.organ.ratio_lymphocytes
        dormant = p.nk.share_kept_dormant * min(watching, naive) / naive if naive > 0.0 else 0.0
        dormant *= 1.0 - state.blocked.ifng
        by_hgf = p.tumour.share_hgf_dormancy_exit * hill(state.hgf.ravel()[where.sites], p.stroma.half_hgf, 1.0)
        niche = niche_at(state, p, where.sites)
        return p.of_lines("rate_dormancy_exit", where.line) * niche * (1.0 + by_hgf) * (1.0 - dormant)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        exits = self.befallen(state, p, chance, rows, dt)
        cells.state[exits] = MOTILE
        cells.reactivated_by[exits] = BY_NICHE
