"""Secretion, spread and decay of VEGF."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.acting import spread_out
from niche_sim.model.cells import KupfferCell, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")
TUMOUR_ASSOCIATED = KupfferCell.state.code("tumour_associated")


class VegfRelease(Process):
    """Held bone-marrow-derived cells, stroma, tumour-associated Kupffer cells, epithelium and tumour cells secrete VEGF.

    One secretion per cell; tumour cells without oxygen secrete more. It spreads and decays within hours. VEGF-A is up by
    day 10 before any metastasis (KCKO abstracts); tumour-associated Kupffer cells feed vessels (Wen 2013). *Assumed*:
    that all secrete alike; what lack of oxygen adds.
    """

    reads = (
        "section",
        "bmdc",
        "stellate_cells",
        "fibroblasts",
        "epithelial_cells",
        "kupffer_cells",
        "tumour_cells",
        "oxygen",
        "vegf",
    )
    writes = ("vegf",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        numbers, tumour = p.stroma, state.tumour_cells
        made = state.mapped(state.stellate_cells, state.stellate_cells.activation)
        made += state.mapped(state.fibroblasts, state.fibroblasts.activation)
        made += state.mapped(state.epithelial_cells)
        made += state.mapped(state.bmdc, state.bmdc.arrested.astype(np.float64))
        associated = state.kupffer_cells.state == TUMOUR_ASSOCIATED
        if associated.any():
            made += state.mapped(state.kupffer_cells, associated.astype(np.float64))
        growing = tumour.state == CYCLING
        if growing.any():
            lack = 1.0 - hill(state.at(state.oxygen, tumour), p.angiogenesis.half_oxygen, 2.0)
            made += state.mapped(tumour, growing * (1.0 + numbers.gain_hypoxia * lack))
        made *= numbers.secretion_vegf
        state.vegf = spread_out(state, state.vegf, made, numbers.diffusivity_vegf, numbers.half_life_vegf, dt)
