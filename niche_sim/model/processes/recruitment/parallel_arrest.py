"""Alternative to BmdcArrest: paths that add up. Only in the schedule `additive`."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

MDSC = BoneMarrowDerivedCell.kind.code("mdsc")


class ParallelArrest(Process):
    """Fibronectin, cross-linked collagen and TGF-beta each hold bone-marrow-derived cells for themselves.

    rate_arrest * mean of (hill(fibronectin), hill(collagen), hill(TGF-beta)). *Assumed*: equal shares.
    """

    reads = ("section", "fibronectin", "collagen", "tgfb", "bmdc")
    writes = ("bmdc.arrested",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, numbers = state.bmdc, p.bmdc
        may = np.flatnonzero((cells.kind <= MDSC) & ~cells.arrested)
        sites = state.sites(cells)[may]
        held = hill(state.fibronectin.ravel()[sites], numbers.half_fibronectin, numbers.steepness_fibronectin)
        held += hill(state.collagen.ravel()[sites], numbers.half_collagen, 2.0)
        held += hill(state.tgfb.ravel()[sites], p.stellate.half_signal, p.stellate.steepness)
        rate = numbers.rate_arrest * held / len(PATHS)
        cells.arrested[may[chance.events(self, cells.key[may], rate, dt)]] = True


PATHS = ("fibronectin", "cross-linked collagen", "TGF-beta")
