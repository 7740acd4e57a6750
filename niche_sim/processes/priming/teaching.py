"""Education of Kupffer cells by exosomes that carry MIF."""

from __future__ import annotations

import numpy as np

from niche_sim.cells import KupfferCell
from niche_sim.chance import Chance
from niche_sim.laws import rate_of, switch_chance
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.senses import answer_of
from niche_sim.state import State

NAIVE, TAUGHT = KupfferCell.state.code("naive"), KupfferCell.state.code("taught")


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

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.receivers
        naive, taught = cells.state == NAIVE, cells.state == TAUGHT
        answer = answer_of(cells.signal, p)  # 0..1 [cell]
        teaching = p.kupffer.rate_teaching_rest + p.kupffer.rate_teaching * answer  # 1/h [cell]
        forgetting = rate_of(p.kupffer.half_life_taught) * (1.0 - answer)
        there, back = np.where(naive, (teaching, forgetting), (forgetting, teaching))
        turned = (naive | taught) & (chance.uniform(self, cells.key) < switch_chance(there, back, dt))
        cells.taught_at[turned & naive] = state.time
        cells.state[turned] = np.where(naive[turned], TAUGHT, NAIVE)
