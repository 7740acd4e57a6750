"""Killing of arrested tumour cells by Kupffer cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import slowed
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import KupfferCell, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation, met_nearby
from niche_sim.model.state import State

ARRESTED = TumourCell.state.code("arrested")
NAIVE = KupfferCell.state.code("naive")


class KupfferKilling(Process):
    """Patrolling naive Kupffer cells meet arrested tumour cells and kill some; educated or loaded ones do not.

    Meetings per h = 2 * contact radius * speed * density of naive Kupffer cells nearby; each meeting kills with a chance
    that depends on the line (a third within 6 h in Matsumura 2014, rat; few of B16F1: Luzzi 1998). *Assumed*: educated
    cells do not kill.
    """

    reads = ("section", "kupffer_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("arrested",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        killers = state.kupffer_cells
        speed = slowed(p.kupffer.speed, killers.load, p.kupffer.half_load_speed) * (killers.state == NAIVE)
        rate = met_nearby(state, p, killers, speed, p.kupffer.contact_radius, where.sites)
        return rate * p.of_lines("chance_killed_by_kupffer", where.line)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.KILLED_BY_KUPFFER_CELL)
