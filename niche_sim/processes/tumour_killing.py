"""Naive Kupffer cells kill lodged tumour cells; NK cells kill those that stir."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, meeting_rate, slowed
from niche_sim.process import Process
from niche_sim.senses import swept_nearby

ARRESTED, DORMANT, CIRCULATING = (TumourCell.state.code(name) for name in ("arrested", "dormant", "circulating"))
NAIVE = KupfferCell.state.code("naive")


class KupfferKilling(Process):
    """Patrolling naive Kupffer cells meet lodged tumour cells and kill some; taught or loaded ones do not.

    Meetings per h = 2 * contact radius * speed * density of naive Kupffer cells nearby; each meeting kills with a chance
    that depends on the line (a third within 6 h in Matsumura 2014, rat; few of B16F1: Luzzi 1998). *Assumed*: taught
    cells do not kill.
    """

    reads = ("section", "kupffer_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, killers = state.tumour_cells, state.kupffer_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        speed = slowed(p.kupffer.speed, killers.load, p.kupffer.half_load_speed) * (killers.state == NAIVE)
        swept = swept_nearby(state, p, killers, speed, rows)  # um/h/um2 [cell]
        rate = meeting_rate(p.kupffer.contact_radius, 1.0, swept)
        rate *= p.of_lines("chance_killed_by_kupffer", cells.line[rows])
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_kupffer", "killed by Kupffer cell")


class NkKilling(Process):
    """Patrolling NK cells kill tumour cells they meet, seldom resting ones, none inside a dense colony.

    Meetings per h = 2 * contact radius * speed * density of NK cells nearby; each kills with chance_kill, less for
    arrested and dormant cells (which hide) and by the shelter of crowding. Without NK cells foci multiply (Gorelik 1982,
    in lung). *Assumed*: chance, hiding, shelter.
    """

    reads = ("section", "nk_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state != CIRCULATING)
        if len(rows) == 0 or len(state.nk_cells) == 0:
            return
        swept = swept_nearby(state, p, state.nk_cells, np.full(len(state.nk_cells), p.nk.speed), rows)
        resting = (cells.state[rows] == ARRESTED) | (cells.state[rows] == DORMANT)
        seen = np.where(resting, p.nk.fraction_seen_resting, 1.0)
        seen *= 1.0 - hill(cells.crowding[rows], p.tumour.half_crowding, p.tumour.steepness_crowding)
        rate = meeting_rate(p.nk.contact_radius, 1.0, swept) * p.nk.chance_kill * seen
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_nk", "killed by NK cell")
