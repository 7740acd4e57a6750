"""Elimination of drugs from the body."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import LN2, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class DrugFading(Process):
    """Drugs leave the body; a fatty liver clears gemcitabine more slowly, and its toxicity adds up.

    Each falls with its half-life; that of gemcitabine is 1 + gain_steatosis * steatosis times as long (exosome-educated,
    fatty livers raise the toxicity of chemotherapy: Wang 2023). toxicity is the integral of the amount. *Assumed*: numbers.
    """

    reads = ("steatosis", "drugs")
    writes = ("drugs.gemcitabine", "drugs.anti_pd1", "drugs.anti_vegf", "drugs.toxicity")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        drugs = state.drugs
        if drugs.gemcitabine == 0.0 and drugs.anti_pd1 == 0.0 and drugs.anti_vegf == 0.0:
            return
        slower = 1.0 + p.drug.gain_steatosis * float(state.steatosis.mean())
        rate = LN2 / (p.drug.half_life_gemcitabine * slower)
        left = drugs.gemcitabine * float(np.exp(-rate * dt))
        drugs.toxicity += (drugs.gemcitabine - left) / rate
        drugs.gemcitabine = left
        antibody = float(np.exp(-rate_of(p.drug.half_life_antibody) * dt))
        drugs.anti_pd1 *= antibody
        drugs.anti_vegf *= antibody
