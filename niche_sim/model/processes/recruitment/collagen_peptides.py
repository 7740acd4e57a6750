"""Peptides cut from cross-linked collagen: a feedback."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, relax
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class CollagenPeptides(Process):
    """Cells held on cross-linked collagen cut peptides from it, which call more bone-marrow-derived cells: a loop.

    peptides relax to hill(held cells per volume * cross-linked share) (CD11b+ cells, MMP-2 and collagen peptides: Erler
    2009). *Assumed*: half-effect and turnover.
    """

    reads = ("section", "bmdc.arrested", "collagen", "blood.peptides")
    writes = ("blood.peptides",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        linked = float(state.collagen.mean())
        if linked == 0.0 and state.blood.peptides == 0.0:
            return
        cutting = np.count_nonzero(state.bmdc.arrested) / state.section.volume * linked
        target = hill(cutting, p.collagen.half_peptides, 1.0)
        state.blood.peptides = float(relax(state.blood.peptides, target, p.collagen.rate_peptides, dt))
