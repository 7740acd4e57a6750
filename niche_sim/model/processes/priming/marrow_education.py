"""Education of the bone marrow by exosomal MET."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import gain_and_loss, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer
from niche_sim.model.state import State


class MarrowEducation(Process):
    """Exosomal MET educates the bone marrow, for long.

    educated rises at rate_education * hill(exposure to MET) and fades with a half-life of months (Peinado 2012: bone marrow
    is educated permanently; MET knock-down diminishes it). *Assumed*: rate and half-life.
    """

    reads = ("blood.exposure", "marrow.educated")
    writes = ("marrow.educated",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        gain = p.marrow.rate_education * exposure_answer(state, p, "met")
        educated = gain_and_loss(state.marrow.educated, gain, rate_of(p.marrow.half_life), dt)
        state.marrow.educated = float(educated)
