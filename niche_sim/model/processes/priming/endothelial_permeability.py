"""Permeability of the vessel wall."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import NEGLIGIBLE, gain_and_loss, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer, vegf_answer
from niche_sim.model.state import State


class EndothelialPermeability(Process):
    """Exosomal miR-25 and VEGF raise the permeability of the vessel wall.

    leakiness rises at rate_permeability * (hill(exposure to miR-25) + share_vegf * hill(VEGF)), at most 1, and falls with a
    half-life of days (miR-25-3p: Zeng 2018; lung vessels leak after melanoma exosomes: Peinado 2012). *Assumed*: rates.
    """

    reads = ("blood.exposure", "vegf", "leakiness", "blocked.vegf", "drugs.anti_vegf")
    writes = ("leakiness",)
    period = 12.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        by_exosomes = exposure_answer(state, p, "mir25")
        if by_exosomes < NEGLIGIBLE and not state.vegf.any() and not state.leakiness.any():
            return
        by_vegf = p.endothelium.share_vegf * vegf_answer(state, p, state.vegf)
        gain = p.endothelium.rate_permeability * np.minimum(1.0, by_exosomes + by_vegf)
        state.leakiness = gain_and_loss(state.leakiness, gain, rate_of(p.endothelium.half_life), dt)
