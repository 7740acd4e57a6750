"""Patrol of Kupffer cells through the sinusoids."""

from __future__ import annotations

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import slowed
from niche_sim.model.acting import patrol
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State


class KupfferPatrol(Process):
    """Kupffer cells patrol the sinusoids and stop when loaded.

    speed * (1 - hill(load)): 4.6 um/min unloaded, slower with few particles, still with many (MacPhee 1992, for
    particles). Moves keep their zonation. *Assumed*: that exosomes act as particles do; the load for half the speed.
    """

    reads = ("section", "resting_density", "kupffer_cells")
    writes = ("kupffer_cells.z", "kupffer_cells.y", "kupffer_cells.x", "kupffer_cells.heading")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        speed = slowed(p.kupffer.speed, state.kupffer_cells.load, p.kupffer.half_load_speed)  # um/h [cell]
        patrol(self, state, state.kupffer_cells, speed, p.kupffer, chance, dt)
