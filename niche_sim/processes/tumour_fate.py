"""Lodged tumour cells are washed out or cross into the tissue; most then sleep or die, a few start."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import TumourCell
from niche_sim.chance import Chance
from niche_sim.kernels.walk import sub_steps, walk
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, turn_chance
from niche_sim.process import Process
from niche_sim.senses import niche_at

ARRESTED, EXTRAVASATED, DORMANT, MOTILE, CYCLING = (
    TumourCell.state.code(name) for name in ("arrested", "extravasated", "dormant", "motile", "cycling")
)
BY_ARRIVAL, BY_NICHE = TumourCell.roused_by.code("arrival"), TumourCell.roused_by.code("niche")


class WashingOut(Process):
    """Lodged cells are washed out of the sinusoid unless fibronectin retains them.

    rate_washing_out * (1 - hill(fibronectin)); luminal fibronectin holds tumour cells through talin and beta-1 integrin
    (Barbazan 2017). *Assumed*: rate of pan02 and half-effect.
    """

    reads = ("section", "fibronectin", "tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        held = hill(state.at(state.fibronectin, cells)[rows], p.tumour.half_fibronectin, p.tumour.steepness)
        rate = p.of_lines("rate_washing_out", cells.line[rows]) * (1.0 - held)
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_washed_out", "washed out")


class Extravasation(Process):
    """Lodged cells cross the sinusoid's wall within a day or two.

    One rate per line (over 80 % of B16F1 by 24 h: Koop 1995). *Assumed*: the rate of pan02.
    """

    reads = ("tumour_cells",)
    writes = ("tumour_cells.state", "ledger")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        rate = p.of_lines("rate_extravasation", cells.line[rows])
        through = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        cells.state[through] = EXTRAVASATED
        state.ledger.tumour_extravasated += len(through)


class Settling(Process):
    """Of the cells that reach the tissue a few become motile; the others fall asleep.

    chance_start per cell, once (1 in 40 of extravasated B16F1 start: Luzzi 1998). *Assumed*: that of pan02.
    """

    reads = ("tumour_cells",)
    writes = ("tumour_cells.state", "tumour_cells.roused_by")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == EXTRAVASATED)
        if len(rows) == 0:
            return
        starts = chance.uniform(self, cells.key[rows]) < p.of_lines("chance_start", cells.line[rows])
        cells.state[rows] = np.where(starts, MOTILE, DORMANT)
        cells.roused_by[rows[starts]] = BY_ARRIVAL


class DormantDeath(Process):
    """Sleeping cells die slowly, besides those that NK cells kill.

    A constant hazard per line (36 % of injected B16F1 asleep at day 13: Luzzi 1998).
    """

    reads = ("tumour_cells", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        rate = p.of_lines("rate_death_dormant", cells.line[rows])
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_died_dormant", "died asleep")


class Waking(Process):
    """Fibronectin and periostin wake sleeping cells.

    rate_waking * niche strength: fibronectin is needed, periostin adds (Nielsen 2016; activated stellate cells end
    dormancy: Correia 2021). *Assumed*: rate, thresholds, the part that needs periostin.
    """

    reads = ("section", "fibronectin", "periostin", "tumour_cells")
    writes = ("tumour_cells.state", "tumour_cells.roused_by")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        rate = p.of_lines("rate_waking", cells.line[rows]) * niche_at(state, p)[rows]
        wakes = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        cells.state[wakes] = MOTILE
        cells.roused_by[wakes] = BY_NICHE


class MotileSearch(Process):
    """Cells that start are motile first, then condense into a micrometastasis.

    A velocity-jump walk until condensing at a constant rate; then they cycle (single cells move before they settle:
    Ritsma 2012). *Assumed*: the rate.
    """

    reads = ("section", "homes", "tumour_cells", "time")
    writes = ("tumour_cells.y", "tumour_cells.x", "tumour_cells.heading", "tumour_cells.state", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, spacing = state.tumour_cells, state.section.spacing
        rows = np.flatnonzero(cells.state == MOTILE)
        if len(rows) == 0:
            return
        steps = sub_steps(p.tumour.speed_motile, p.tumour.persistence, dt, spacing)
        y, x, heading = cells.y[rows], cells.x[rows], cells.heading[rows]
        run = np.full(len(rows), p.tumour.speed_motile * dt / steps)
        draws = chance.uniform32(self, cells.key[rows], steps, purpose="walk").reshape(-1, steps)
        walk(y, x, heading, run, turn_chance(dt / steps, p.tumour.persistence), draws, state.homes["tumour_cells"],
             spacing)  # fmt: skip
        cells.y[rows], cells.x[rows], cells.heading[rows] = y, x, heading
        condenses = chance.uniform(self, cells.key[rows], purpose="condense") < probability(
            p.tumour.rate_condensing, dt
        )
        new = rows[condenses]
        cells.state[new] = CYCLING
        state.ledger.tumour_started += len(new)
        for cause, code in (("on arrival", BY_ARRIVAL), ("woken by the niche", BY_NICHE)):
            some = new[cells.roused_by[new] == code]
            state.events.note(state.time, "micrometastasis", cause, cells.y[some], cells.x[some], cells.clone[some])
