"""Deposition and turnover of fibronectin."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.neighbourhood import spread
from niche_sim.engine.laws import produce_and_decay, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import saa_support
from niche_sim.model.state import State


class FibronectinDeposition(Process):
    """Active stellate cells lay fibronectin within their reach, on top of the floor that comes from plasma.

    Each cell raises a disc of its reach by rate_deposit * activation * support by serum amyloid A (without IL-6, STAT3 or SAA
    fibronectin and collagen do not rise: Lee 2019); all fibronectin turns over with one half-life, and
    plasma keeps a floor of 1 (about half of tissue fibronectin is plasma-derived: Moretti 2007). The deposit stops when
    blocked (conditional knock-out: Costa-Silva 2015); the floor stays. *Assumed*: amount and half-life.
    """

    reads = ("section", "stellate_cells", "fibronectin", "blood.saa", "blocked.fibronectin")
    writes = ("fibronectin",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells = state.stellate_cells
        turnover = rate_of(p.fibronectin.half_life)  # 1/h
        source = np.full(state.section.shape, turnover * FLOOR)  # floors/h [y, x]
        if cells.activation.any():
            laid = p.fibronectin.rate_deposit * (1.0 - state.blocked.fibronectin) / state.section.site_volume
            laid *= saa_support(state, p)
            reach = state.section.ball(p.stellate.reach)
            spread(source, state.sites(cells), cells.activation * laid, *reach)
        state.fibronectin = produce_and_decay(state.fibronectin, source, turnover, dt)


FLOOR = 1.0  # the unit of the field: the fibronectin of a naive liver
