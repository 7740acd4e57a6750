"""Secretion, spread and decay of TGF-beta."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.spectral import spectral_step
from niche_sim.engine.laws import MOLECULE, rate_of
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import answer_of
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class TgfbRelease(Process):
    """Recipient cells secrete TGF-beta as their MIF-weighted load passes a threshold; it spreads and decays within minutes.

    secretion * hill(signal); then diffusion and decay, exact over the step; less than one molecule is none. Kupffer
    cells answer PDAC exosomes with TGF-beta, and MIF is needed (Costa-Silva 2015). Growing tumour cells secrete it, too.
    *Assumed*: the amounts secreted and the load for half; that recipient cells of lung and brain answer alike.
    """

    reads = ("section", "kupffer_cells", "resident_recipient_cells", "tumour_cells", "tgfb")
    writes = ("tgfb",)
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section = state.recipient_cells, state.section
        answer = answer_of(cells.signal, p)  # 0..1 [cell]
        growing = state.tumour_cells.state == CYCLING
        if not answer.any() and not growing.any() and state.tgfb.sum() * section.site_volume < MOLECULE:
            state.tgfb = np.zeros(section.shape)
            return
        per_site = p.kupffer.secretion_tgfb / section.site_volume  # nM/h of a cell in full answer
        secreted = state.mapped(cells, answer * per_site)  # nM/h [y, x]
        if growing.any():
            secreted += state.mapped(state.tumour_cells, growing * (p.tumour.secretion_tgfb / section.site_volume))
        spread = spectral_step(section.shape, section.spacing, p.tgfb.diffusivity, rate_of(p.tgfb.half_life), dt)
        state.tgfb = spread.advance(state.tgfb, secreted)
