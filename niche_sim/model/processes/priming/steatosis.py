"""Fat in hepatocytes."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import NEGLIGIBLE, gain_and_loss, rate_of
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class Steatosis(Process):
    """TNF of loaded recipient cells makes hepatocytes fat.

    steatosis rises at rate_steatosis * TNF * (1 - steatosis) and clears with a half-life (palmitic acid on exosomes, TNF of
    Kupffer cells, fatty liver: Wang 2023). The level is even over the section. *Assumed*: rates.
    """

    reads = ("blood.tnf", "steatosis")
    writes = ("steatosis",)
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        if p.organ.ratio_kupffer == 0.0 or (state.blood.tnf < NEGLIGIBLE and not state.steatosis.any()):
            return
        gain = p.inflammation.rate_steatosis * state.blood.tnf
        state.steatosis = gain_and_loss(state.steatosis, gain, rate_of(p.inflammation.half_life_steatosis), dt)
