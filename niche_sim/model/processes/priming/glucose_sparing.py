"""Glucose that exosomal miR-122 leaves to tumour cells."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import rate_of, relax
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer
from niche_sim.model.state import State


class GlucoseSparing(Process):
    """Exosomal miR-122 lowers the glucose uptake of the organ, which leaves more for tumour cells.

    spared relaxes to hill(exposure to miR-122) with half_life_spared (pyruvate kinase of niche cells falls: Fong 2015).
    *Assumed*: the half-life.
    """

    reads = ("blood.exposure", "blood.spared")
    writes = ("blood.spared",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        answer = exposure_answer(state, p, "mir122")
        state.blood.spared = float(relax(state.blood.spared, answer, rate_of(p.angiogenesis.half_life_spared), dt))
