"""Education of Kupffer cells by exosomes that carry MIF."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import rate_of, switch_chance
from niche_sim.model.cells import KupfferCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import answer_of
from niche_sim.model.state import State

NAIVE, EDUCATED = KupfferCell.state.code("naive"), KupfferCell.state.code("educated")


class KupfferEducation(Process):
    """MIF-bearing exosomes educate recipient cells; the education fades slowly.

    naive -> educated at rate_education * hill(signal) plus a small rate at rest, back with a half-life. Educated Kupffer cells
    no longer kill arriving tumour cells. *Assumed*: all rates; that education follows the threshold of the TGF-beta answer;
    that a naive organ has a few such cells anyway.
    """

    reads = ("kupffer_cells", "resident_recipient_cells", "time")
    writes = (
        "kupffer_cells.state",
        "kupffer_cells.educated_at",
        "resident_recipient_cells.state",
        "resident_recipient_cells.educated_at",
    )
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.recipient_cells
        naive, educated = cells.state == NAIVE, cells.state == EDUCATED
        answer = answer_of(cells.signal, p)  # 0..1 [cell]
        education = p.kupffer.rate_education_rest + p.kupffer.rate_education * answer  # 1/h [cell]
        forgetting = rate_of(p.kupffer.half_life_educated) * (1.0 - answer)
        there, back = np.where(naive, (education, forgetting), (forgetting, education))
        turned = (naive | educated) & (chance.uniform(self, cells.key) < switch_chance(there, back, dt))
        cells.educated_at[turned & naive] = state.time
        cells.state[turned] = np.where(naive[turned], EDUCATED, NAIVE)
