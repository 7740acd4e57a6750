"""Killing of arrested and dormant tumour cells by patrolling monocytes."""

from __future__ import annotations

import numpy as np

from niche_sim.cells import BoneMarrowDerivedCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import meeting_rate, probability
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.senses import swept_nearby
from niche_sim.state import State

ARRESTED, DORMANT = TumourCell.state.code("arrested"), TumourCell.state.code("dormant")
PATROLLING = BoneMarrowDerivedCell.kind.code("patrolling")


class PatrolKilling(Process):
    """Patrolling monocytes kill arrested and dormant tumour cells that they meet.

    Meetings per h as for Kupffer cells at a monocyte's speed; each kills with chance_kill_patrolling (exosomes of poorly
    metastatic melanoma call them, and metastasis falls: Plebanek 2017). *Assumed*: the chance.
    """

    reads = ("section", "bmdc", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, patrols = state.tumour_cells, state.bmdc.kind == PATROLLING
        rows = np.flatnonzero((cells.state == ARRESTED) | (cells.state == DORMANT))
        if len(rows) == 0 or not patrols.any():
            return
        swept = swept_nearby(state, p, state.bmdc, p.bmdc.speed * patrols, rows)
        rate = meeting_rate(p.kupffer.contact_radius, 1.0, swept) * p.bmdc.chance_kill_patrolling
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_patrolling", "killed by monocyte")
