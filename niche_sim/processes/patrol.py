"""Resident immune cells patrol the sinusoids, and lymphocytes are renewed."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.chance import Chance, birth_key
from niche_sim.kernels.walk import STILL, sub_steps, walk
from niche_sim.laws import chance as probability
from niche_sim.laws import rate_of, slowed, turn_chance
from niche_sim.process import Process


class KupfferPatrol(Process):
    """Kupffer cells patrol the sinusoids and stop when loaded.

    speed * (1 - hill(load)): 4.6 um/min unloaded, slower with few particles, still with many (MacPhee 1992, for
    particles). Moves keep their zonation. *Assumed*: that exosomes act as particles do; the load for half the speed.
    """

    reads = ("section", "homes", "kupffer_cells")
    writes = ("kupffer_cells.y", "kupffer_cells.x", "kupffer_cells.heading")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        speed = slowed(p.kupffer.speed, state.kupffer_cells.load, p.kupffer.half_load_speed)  # um/h [cell]
        patrol(self, state, "kupffer_cells", speed, p.kupffer, chance, dt)


class LymphocytePatrol(Process):
    """Natural killer and T cells patrol the sinusoids.

    Velocity-jump walks at intravital speeds; moves keep the zonation of NK cells (Luo 1995). *Assumed*: no
    attraction to tumour cells.
    """

    reads = ("section", "homes", "nk_cells", "t_cells")
    writes = ("nk_cells.y", "nk_cells.x", "nk_cells.heading", "t_cells.y", "t_cells.x", "t_cells.heading")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        for name, numbers in (("nk_cells", p.nk), ("t_cells", p.t_cells)):
            speed = np.full(len(state.populations[name]), numbers.speed)
            patrol(self, state, name, speed, numbers, chance, dt)


class LymphocyteRenewal(Process):
    """Natural killer and T cells are renewed from blood at the rate at which they leave.

    Each cell leaves with a half-life; as many enter on average as leave at rest, so a depleted population refills.
    *Assumed*: half-lives; entry does not depend on the tumour.
    """

    reads = ("section", "homes", "nk_cells", "t_cells", "time")
    writes = ("nk_cells", "t_cells")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        for name, numbers in (("nk_cells", p.nk), ("t_cells", p.t_cells)):
            population = state.populations[name]
            renewed = probability(rate_of(numbers.half_life), dt)  # entrants of the same step may leave again in it
            leaves = chance.uniform(self, population.key, purpose=f"{name} leave") < renewed
            population.remove(leaves)
            mean = numbers.density * state.section.volume * renewed
            n = chance.poisson(self, mean, [0], purpose=f"{name} enter").item()
            if n == 0:
                continue
            keys = birth_key(name, self.name, state.step_index, np.arange(n))
            place = chance.uniform(self, keys, 4, purpose="place")
            y, x = state.place(name, place[:, :3])
            population.add(n, key=keys, y=y, x=x, heading=2.0 * np.pi * place[:, 3])


def patrol(process: Process, state: Any, name: str, speed: Any, numbers: Any, chance: Chance, dt: float) -> None:
    """Let every cell of a population walk for dt (h) at its own speed (um/h)."""
    cells, spacing = state.populations[name], state.section.spacing
    steps = sub_steps(numbers.speed, numbers.persistence, dt, spacing)
    moving = np.flatnonzero(speed * dt > STILL * spacing)
    draws = chance.uniform32(process, cells.key[moving], steps, purpose=name).reshape(-1, steps)
    y, x, heading = cells.y[moving], cells.x[moving], cells.heading[moving]
    turn = turn_chance(dt / steps, numbers.persistence)
    walk(y, x, heading, speed[moving] * dt / steps, turn, draws, state.homes[name], spacing)
    cells.y[moving], cells.x[moving], cells.heading[moving] = y, x, heading
