"""Crowding and clone size of tumour cells; founding of colonies."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import crowding_at
from niche_sim.model.state import State

CIRCULATING = TumourCell.state.code("circulating")


class Crowding(Process):
    """Each tumour cell senses how crowded its neighbourhood is and belongs to a clone of some size.

    Density of tumour cells within a neighbourhood of at least 40 um, whatever the grid; a clone that reaches
    `colony_cells` counts as a colony.
    """

    reads = ("section", "tumour_cells", "time")
    writes = ("tumour_cells.crowding", "tumour_cells.clone_size", "colonies", "events")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state != CIRCULATING)
        if len(rows) == 0:
            return
        cells.crowding[rows] = crowding_at(state, p, cells.y[rows], cells.x[rows], cells.z[rows], cells.clone[rows])
        _, first, member, size = np.unique(
            cells.clone[rows], return_index=True, return_inverse=True, return_counts=True
        )
        cells.clone_size[rows] = size[member]
        for row in rows[first[size >= p.tumour.colony_cells]]:
            clone = int(cells.clone[row])
            if clone not in state.colonies:
                state.colonies.add(clone)
                cause = TumourCell.reactivated_by.decode(int(cells.reactivated_by[row]))
                state.events.note(state.time, "colony", cause, cells.y[[row]], cells.x[[row]], cells.clone[[row]])
