"""Serum amyloid A in blood, the acute-phase response of hepatocytes."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import hill, rate_of, relax
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class AcutePhase(Process):
    """IL-6 makes hepatocytes release serum amyloid A through STAT3.

    saa relaxes to hill(IL-6). Blocks of the IL-6 receptor or of STAT3 stop it, one of SAA takes it away (Lee 2019: each
    prevents the niche). *Assumed*: half-effect, half-life.
    """

    reads = ("blood.il6", "blood.saa", "blocked.il6r", "blocked.stat3", "blocked.saa")
    writes = ("blood.saa",)
    period = 3.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        blood, blocked, numbers = state.blood, state.blocked, p.inflammation
        answer = hill(blood.il6 * (1.0 - blocked.il6r), numbers.half_il6, numbers.steepness)
        answer = answer * (1.0 - blocked.stat3) * (1.0 - blocked.saa)
        blood.saa = float(relax(blood.saa, answer, rate_of(numbers.half_life), dt))
