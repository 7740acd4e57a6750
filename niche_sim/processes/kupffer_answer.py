"""Receivers that hold MIF-bearing exosomes answer with TGF-beta and are taught."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.kernels.spectral import spectral_step
from niche_sim.laws import MOLECULE, hill, rate_of, switch_chance
from niche_sim.process import Process

NAIVE, TAUGHT = KupfferCell.state.code("naive"), KupfferCell.state.code("taught")
CYCLING = TumourCell.state.code("cycling")


class TgfbRelease(Process):
    """Receivers secrete TGF-beta as their MIF-weighted load passes a threshold; it spreads and decays within minutes.

    secretion * hill(signal); then diffusion and decay, exact over the step; less than one molecule is none. Kupffer
    cells answer PDAC exosomes with TGF-beta, and MIF is needed (Costa-Silva 2015). Growing tumour cells secrete it, too.
    *Assumed*: the amounts secreted and the load for half; that receivers of lung and brain answer alike.
    """

    reads = ("section", "kupffer_cells", "resident_receivers", "tumour_cells", "tgfb")
    writes = ("tgfb",)
    period = 2.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, section = state.receivers, state.section
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


class Teaching(Process):
    """MIF-bearing exosomes teach receivers; taught ones forget slowly.

    naive -> taught at rate_teaching * hill(signal) plus a small rate at rest, back with a half-life. Taught Kupffer cells
    no longer kill arriving tumour cells. *Assumed*: all rates; that teaching follows the threshold of the TGF-beta answer;
    that a naive organ has a few such cells anyway.
    """

    reads = ("kupffer_cells", "resident_receivers", "time")
    writes = (
        "kupffer_cells.state",
        "kupffer_cells.taught_at",
        "resident_receivers.state",
        "resident_receivers.taught_at",
    )
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.receivers
        naive, taught = cells.state == NAIVE, cells.state == TAUGHT
        answer = answer_of(cells.signal, p)  # 0..1 [cell]
        teaching = p.kupffer.rate_teaching_rest + p.kupffer.rate_teaching * answer  # 1/h [cell]
        forgetting = rate_of(p.kupffer.half_life_taught) * (1.0 - answer)
        there, back = np.where(naive, (teaching, forgetting), (forgetting, teaching))
        turned = (naive | taught) & (chance.uniform(self, cells.key) < switch_chance(there, back, dt))
        cells.taught_at[turned & naive] = state.time
        cells.state[turned] = np.where(naive[turned], TAUGHT, NAIVE)


def answer_of(signal: Any, p: Any) -> Any:
    """How strongly each receiver answers its MIF-weighted load (vesicles, float64[n]): 0 to 1."""
    answer = np.zeros(len(signal))
    holds = np.flatnonzero(signal)  # most hold nothing most of the time, and powers are dear
    answer[holds] = hill(signal[holds], p.kupffer.half_load_answer, p.kupffer.steepness_answer)
    return answer
