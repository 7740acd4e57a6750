"""Detachment of arrested tumour cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.catalogue import Loss
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import Situation
from niche_sim.model.state import State

ARRESTED = TumourCell.state.code("arrested")


class Detachment(Process):
    """Arrested cells detach from the capillary wall unless fibronectin, traps of neutrophils or a leaky wall retain them.

    rate_detachment * (1 - hill(fibronectin)) * (1 - hill(traps)) * (1 - gain_retention * leakiness); luminal fibronectin holds
    tumour cells through talin and beta-1 integrin (Barbazan 2017), traps hold them (Yang 2020). *Assumed*: rate of pan02,
    half-effects.
    """

    reads = ("section", "fibronectin", "nets", "leakiness", "tumour_cells", "blocked.talin", "time")
    writes = ("tumour_cells", "counters", "events")
    befalls = ("arrested",)

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        held = hill(state.fibronectin.ravel()[where.sites], p.tumour.half_fibronectin, p.tumour.steepness)
        free = 1.0 - held * (1.0 - state.blocked.talin)
        free *= 1.0 - hill(state.nets.ravel()[where.sites], p.stroma.half_nets, 2.0)
        free *= 1.0 - p.endothelium.gain_retention * state.leakiness.ravel()[where.sites]
        return p.of_lines("rate_detachment", where.line) * free

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        gone = self.befallen(state, p, chance, rows, dt)
        state.lose_tumour_cells(gone, Loss.DETACHED)
