"""CCL2 in the organ."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import produce_and_decay, rate_of
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

CYCLING = TumourCell.state.code("cycling")


class Ccl2Release(Process):
    """Active stellate cells and growing tumour cells release CCL2, which acts on the scale of the organ.

    One concentration for the organ: secretion * density, decaying with a half-life of hours (so its reach, above a
    millimetre, exceeds a lobule). CCL2 is up by day 10 before any metastasis (KCKO abstracts).
    *Assumed*: the sources, and how much they make.
    """

    reads = ("section", "stellate_cells", "tumour_cells", "blood.ccl2")
    writes = ("blood.ccl2",)
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        made = p.ccl2.secretion * state.stellate_cells.activation.sum()
        made += p.tumour.secretion_ccl2 * np.count_nonzero(state.tumour_cells.state == CYCLING)
        source = made / state.section.volume  # nM/h
        state.blood.ccl2 = float(produce_and_decay(state.blood.ccl2, source, rate_of(p.ccl2.half_life), dt))
