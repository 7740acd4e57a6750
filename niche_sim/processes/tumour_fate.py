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
    """Lodged cells are washed out of the capillary unless fibronectin, traps of neutrophils or a leaky wall retain them.

    rate_washing_out * (1 - hill(fibronectin)) * (1 - hill(traps)) * (1 - gain_retention * leakiness); luminal fibronectin holds
    tumour cells through talin and beta-1 integrin (Barbazan 2017), traps hold them (Yang 2020). *Assumed*: rate of pan02,
    half-effects.
    """

    reads = ("section", "fibronectin", "nets", "leakiness", "tumour_cells", "blocked.talin", "time")
    writes = ("tumour_cells", "ledger", "events")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        sites = state.sites(cells)[rows]
        held = hill(state.fibronectin.ravel()[sites], p.tumour.half_fibronectin, p.tumour.steepness)
        free = 1.0 - held * (1.0 - state.blocked.talin)
        free *= 1.0 - hill(state.nets.ravel()[sites], p.stroma.half_nets, 2.0)
        free *= 1.0 - p.endothelium.gain_retention * state.leakiness.ravel()[sites]
        rate = p.of_lines("rate_washing_out", cells.line[rows]) * free
        gone = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        state.lose_tumour_cells(gone, "tumour_washed_out", "washed out")


class Extravasation(Process):
    """Lodged cells cross the vessel wall within a day or two, faster where it leaks.

    A rate per line (over 80 % of B16F1 by 24 h: Koop 1995) * (1 + gain_extravasation * leakiness) (Zeng 2018, Peinado
    2012). *Assumed*: the rate of pan02, the gain.
    """

    reads = ("section", "leakiness", "tumour_cells", "blocked.extravasation")
    writes = ("tumour_cells.state", "ledger")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == ARRESTED)
        if len(rows) == 0:
            return
        leaky = state.leakiness.ravel()[state.sites(cells)[rows]]
        rate = p.of_lines("rate_extravasation", cells.line[rows]) * (1.0 + p.endothelium.gain_extravasation * leaky)
        rate *= 1.0 - state.blocked.extravasation
        through = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        cells.state[through] = EXTRAVASATED
        state.ledger.tumour_extravasated += len(through)


class Settling(Process):
    """Of the cells that reach the tissue a few become motile; the others fall asleep.

    chance_start per cell, once (1 in 40 of extravasated B16F1 start: Luzzi 1998). Whether its clone will co-opt vessels is
    drawn here, too (10 to 30 % of lesions do: Frentzas 2016). *Assumed*: chance_start of pan02.
    """

    reads = ("tumour_cells",)
    writes = ("tumour_cells.state", "tumour_cells.roused_by", "tumour_cells.coopting")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == EXTRAVASATED)
        if len(rows) == 0:
            return
        starts = chance.uniform(self, cells.key[rows]) < p.of_lines("chance_start", cells.line[rows])
        cells.state[rows] = np.where(starts, MOTILE, DORMANT)
        cells.coopting[rows] = chance.uniform(self, cells.key[rows], purpose="coopt") < p.tumour.fraction_coopting
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
    """Fibronectin, periostin and growth factor wake sleeping cells; interferon of NK cells keeps them asleep.

    rate_waking * niche strength * (1 + share_hgf_waking * hill(HGF)) * (1 - share_asleep * active NK cells against a
    naive organ's, at most 1): fibronectin is needed, periostin adds (Nielsen 2016); NK cells sustain dormancy until active
    stellate cells put them to rest (Correia 2021). *Assumed*: rate, thresholds, shares.
    """

    reads = ("section", "fibronectin", "periostin", "hgf", "nk_cells", "tumour_cells", "blocked.ifng")
    writes = ("tumour_cells.state", "tumour_cells.roused_by")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.tumour_cells
        rows = np.flatnonzero(cells.state == DORMANT)
        if len(rows) == 0:
            return
        sites = state.sites(cells)[rows]
        watching = state.nk_cells.activity.sum() / state.section.volume
        naive = p.nk.density * p.organ.ratio_lymphocytes
        asleep = p.nk.share_asleep * min(watching, naive) / naive if naive > 0.0 else 0.0
        asleep *= 1.0 - state.blocked.ifng
        by_hgf = p.tumour.share_hgf_waking * hill(state.hgf.ravel()[sites], p.stroma.half_hgf, 1.0)
        rate = p.of_lines("rate_waking", cells.line[rows]) * niche_at(state, p)[rows] * (1.0 + by_hgf) * (1.0 - asleep)
        wakes = rows[chance.uniform(self, cells.key[rows]) < probability(rate, dt)]
        cells.state[wakes] = MOTILE
        cells.roused_by[wakes] = BY_NICHE


class MotileSearch(Process):
    """Cells that start are motile first, then condense into a micrometastasis.

    A velocity-jump walk at speed * (1 + gain_motility * emt) until condensing at a constant rate; then they cycle (single
    cells move before they settle: Ritsma 2012; motility doubles with EMT: Wang 2008). Without motility they do not co-opt
    vessels (Arp2/3: Frentzas 2016). *Assumed*: the rate.
    """

    reads = ("section", "homes", "tumour_cells", "blocked.motility", "time")
    writes = (
        "tumour_cells.coopting", "tumour_cells.y", "tumour_cells.x", "tumour_cells.heading", "tumour_cells.state",
        "ledger", "events",
    )  # fmt: skip

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, spacing = state.tumour_cells, state.section.spacing
        rows = np.flatnonzero(cells.state == MOTILE)
        if len(rows) == 0:
            return
        fastest = p.tumour.speed_motile * (1.0 + p.tumour.gain_motility)
        steps = sub_steps(fastest, p.tumour.persistence, dt, spacing)
        y, x, heading = cells.y[rows], cells.x[rows], cells.heading[rows]
        speed = p.tumour.speed_motile * (1.0 + p.tumour.gain_motility * cells.emt[rows]) * (1.0 - state.blocked.motility)
        run = speed * dt / steps
        draws = chance.uniform32(self, cells.key[rows], steps, purpose="walk").reshape(-1, steps)
        walk(y, x, heading, run, turn_chance(dt / steps, p.tumour.persistence), draws, state.homes["tumour_cells"],
             spacing)  # fmt: skip
        cells.y[rows], cells.x[rows], cells.heading[rows] = y, x, heading
        condenses = chance.uniform(self, cells.key[rows], purpose="condense") < probability(
            p.tumour.rate_condensing, dt
        )
        new = rows[condenses]
        cells.state[new] = CYCLING
        kept = chance.uniform(self, cells.key[new], purpose="coopt") >= state.blocked.motility
        cells.coopting[new] = cells.coopting[new] & kept
        state.ledger.tumour_started += len(new)
        for cause, code in (("on arrival", BY_ARRIVAL), ("woken by the niche", BY_NICHE)):
            some = new[cells.roused_by[new] == code]
            state.events.note(state.time, "micrometastasis", cause, cells.y[some], cells.x[some], cells.clone[some])
