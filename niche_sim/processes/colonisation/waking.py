"""Exit of tumour cells from dormancy."""

from __future__ import annotations

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import chance as probability
from niche_sim.laws import hill
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.senses import niche_at
from niche_sim.state import State

DORMANT, MOTILE = TumourCell.state.code("dormant"), TumourCell.state.code("motile")
BY_NICHE = TumourCell.roused_by.code("niche")


class Waking(Process):
    """Fibronectin, periostin and growth factor wake sleeping cells; interferon of NK cells keeps them asleep.

    rate_waking * niche strength * (1 + share_hgf_waking * hill(HGF)) * (1 - share_asleep * active NK cells against a
    naive organ's, at most 1): fibronectin is needed, periostin adds (Nielsen 2016); NK cells sustain dormancy until active
    stellate cells put them to rest (Correia 2021). *Assumed*: rate, thresholds, shares.
    """

    reads = ("section", "fibronectin", "periostin", "hgf", "nk_cells", "tumour_cells", "blocked.ifng")
    writes = ("tumour_cells.state", "tumour_cells.roused_by")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        sites = state.sites(cells)[rows]
        watching = state.nk_cells.activity.sum() / state.section.volume
        naive = p.nk.density * p.organ.ratio_lymphocytes
        asleep = p.nk.share_asleep * min(watching, naive) / naive if naive > 0.0 else 0.0
        asleep *= 1.0 - state.blocked.ifng
        by_hgf = p.tumour.share_hgf_waking * hill(state.hgf.ravel()[sites], p.stroma.half_hgf, 1.0)
        rate = p.of_lines("rate_waking", cells.line[rows]) * niche_at(state, p)[rows] * (1.0 + by_hgf) * (1.0 - asleep)
        wakes = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        cells.state[wakes] = MOTILE
        cells.roused_by[wakes] = BY_NICHE
