"""Death of tumour cells that lack oxygen."""

from __future__ import annotations

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import probability
from niche_sim.parameters import Parameters
from niche_sim.process import Process
from niche_sim.state import State

CYCLING = TumourCell.state.code("cycling")


class HypoxicDeath(Process):
    """Growing cells without oxygen die.

    rate_death_hypoxic * (1 - oxygen / half_oxygen) below half_oxygen, none above. *Assumed*: rate and form.
    """

    reads = ("section", "oxygen", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.tumour_cells, p.angiogenesis
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0:
            return
        oxygen = state.oxygen.ravel()[state.sites(cells)[rows]]
        lacking = np.flatnonzero(oxygen < numbers.half_oxygen)  # above it none die
        rate = numbers.rate_death_hypoxic * (1.0 - oxygen[lacking] / numbers.half_oxygen)
        gone = rows[lacking[chance.uniform(self, cells.key[rows[lacking]]) < probability(rate, dt)]]
        state.lose_tumour_cells(gone, "tumour_died_hypoxic", "died without oxygen")
