"""Extravasation of arrested tumour cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation
from niche_sim.model.state import State

ARRESTED, EXTRAVASATED = TumourCell.state.code("arrested"), TumourCell.state.code("extravasated")


class Extravasation(Process):
    """Arrested cells cross the vessel wall within a day or two, faster where it leaks.

    A rate per line (over 80 % of B16F1 by 24 h: Koop 1995) * (1 + gain_extravasation * leakiness) (Zeng 2018, Peinado
    2012). *Assumed*: the rate of pan02, the gain.
    """

    reads = ("section", "leakiness", "tumour_cells", "blocked.extravasation")
    writes = ("tumour_cells.state", "counters")
    befalls = ("arrested",)
    becomes = "extravasated"

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        leaky = state.leakiness.ravel()[where.sites]
        rate = p.of_lines("rate_extravasation", where.line) * (1.0 + p.endothelium.gain_extravasation * leaky)
        return rate * (1.0 - state.blocked.extravasation)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        through = self.befallen(state, p, chance, rows, dt)
        cells.state[through] = EXTRAVASATED
        state.counters.tumour_extravasated += len(through)
