"""Naive Kupffer cells and patrols kill lodged tumour cells, NK cells those that stir, T cells after several hits."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import BoneMarrowCell, KupfferCell, TumourCell
from niche_sim.chance import Chance
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, meeting_rate, rate_of, slowed
from niche_sim.process import Process
from niche_sim.senses import density_nearby, swept_nearby

ARRESTED, DORMANT, CIRCULATING, CYCLING = (
    TumourCell.state.code(name) for name in ("arrested", "dormant", "circulating", "cycling")
)
NAIVE, LATE = KupfferCell.state.code("naive"), KupfferCell.state.code("late")
MDSC, PATROLLING = BoneMarrowCell.kind.code("mdsc"), BoneMarrowCell.kind.code("patrolling")


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

    Meetings per h = 2 * contact radius * speed * density of NK cells nearby, each counted by its activity; each kills with
    chance_kill, less for arrested and dormant cells (which hide) and by the shelter of crowding. Without NK cells foci
    multiply (Gorelik 1982, in lung). *Assumed*: chance, hiding, shelter.
    """

    reads = ("section", "nk_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state != CIRCULATING)
        if len(rows) == 0 or len(state.nk_cells) == 0:
            return
        swept = swept_nearby(state, p, state.nk_cells, p.nk.speed * state.nk_cells.activity, rows)
        resting = (cells.state[rows] == ARRESTED) | (cells.state[rows] == DORMANT)
        seen = np.where(resting, p.nk.fraction_seen_resting, 1.0)
        seen *= 1.0 - hill(cells.crowding[rows], p.tumour.half_crowding, p.tumour.steepness_crowding)
        rate = meeting_rate(p.nk.contact_radius, 1.0, swept) * p.nk.chance_kill * seen
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_nk", "killed by NK cell")


class PatrolKilling(Process):
    """Patrolling monocytes kill lodged and sleeping tumour cells that they meet.

    Meetings per h as for Kupffer cells at a monocyte's speed; each kills with chance_kill_patrolling (exosomes of poorly
    metastatic melanoma call them, and metastasis falls: Plebanek 2017). *Assumed*: the chance.
    """

    reads = ("section", "bmdc", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, patrols = state.tumour_cells, state.bmdc.kind == PATROLLING
        rows = np.flatnonzero((cells.state == ARRESTED) | (cells.state == DORMANT))
        if len(rows) == 0 or not patrols.any():
            return
        swept = swept_nearby(state, p, state.bmdc, p.bmdc.speed * patrols, rows)
        rate = meeting_rate(p.kupffer.contact_radius, 1.0, swept) * p.bmdc.chance_kill_patrolling
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_killed_by_patrolling", "killed by monocyte")


class TCellKilling(Process):
    """Effector T cells engage growing tumour cells and hit them; several hits within hours kill.

    Engagements per h = meetings * chance_hit * (1 - exhaustion), less by suppressor cells and late Kupffer cells nearby (these
    keep T cells out: Wen 2013); each does hits_each on average, damage is repaired with a half-life, hits_needed kill.
    *Assumed*: all numbers, so that an effector in a colony kills some cells a day.
    """

    reads = ("section", "t_cells", "bmdc", "kupffer_cells", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, t_cells, numbers = state.tumour_cells, state.t_cells, p.t_cells
        rows = np.flatnonzero(cells.state == CYCLING)
        if len(rows) == 0 or not (t_cells.effector.any() or cells.hits.any()):
            return
        speed = numbers.speed * t_cells.effector * (1.0 - t_cells.exhaustion)
        swept = swept_nearby(state, p, t_cells, speed, rows)
        rate = meeting_rate(numbers.contact_radius, 1.0, swept) * numbers.chance_hit
        sites = state.sites(cells)[rows]
        suppressors = state.bmdc.kind == MDSC
        if suppressors.any():
            near = density_nearby(state, p, state.bmdc, suppressors, sites)
            rate /= 1.0 + near / numbers.half_mdsc
        late = state.kupffer_cells.state == LATE
        if late.any():
            near = density_nearby(state, p, state.kupffer_cells, late, sites)
            rate *= 1.0 - numbers.share_excluded * hill(near, numbers.half_late, 1.0)
        repair = rate_of(numbers.half_life_hits)
        engaged = chance.poisson(self, rate * dt, cells.key[rows])
        hits = chance.poisson(self, numbers.hits_each * engaged, cells.key[rows], purpose="hits")
        cells.hits[rows] = cells.hits[rows] * np.exp(-repair * dt) + hits
        gone = rows[cells.hits[rows] >= numbers.hits_needed]
        state.lose_tumour_cells(gone, "tumour_killed_by_t", "killed by T cell")
