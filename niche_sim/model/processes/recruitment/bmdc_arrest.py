"""Arrest of bone-marrow-derived cells on fibronectin."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

MDSC = BoneMarrowDerivedCell.kind.code("mdsc")


class BmdcArrest(Process):
    """Fibronectin above a threshold arrests macrophages and suppressor cells, by VLA-4, best on cross-linked collagen.

    rate_arrest * hill(fibronectin) * (share_without_collagen + the rest * hill(cross-linked collagen)) (VLA-4 and
    fibronectin: Kaplan 2005; macrophages gather on it: Costa-Silva 2015; without LOX CD11b+ cells do not: Erler 2009).
    *Assumed*: the rate and the thresholds, set so that the plasma floor holds nobody.
    """

    reads = ("section", "fibronectin", "collagen", "bmdc")
    writes = ("bmdc.arrested",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.bmdc, p.bmdc
        may = np.flatnonzero((cells.kind <= MDSC) & ~cells.arrested)
        sites = state.sites(cells)[may]
        held = hill(state.fibronectin.ravel()[sites], numbers.half_fibronectin, numbers.steepness_fibronectin)
        by_collagen = hill(state.collagen.ravel()[sites], numbers.half_collagen, 2.0)
        held *= numbers.share_without_collagen + (1.0 - numbers.share_without_collagen) * by_collagen
        cells.arrested[may[chance.events(self, cells.key[may], numbers.rate_arrest * held, dt)]] = True
