"""Resident immune cells patrol the sinusoids, and lymphocytes are renewed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.chance import Chance, birth_key
from niche_sim.kernels.walk import STILL, sub_steps, walk
from niche_sim.laws import chance as probability
from niche_sim.laws import rate_of, slowed, turn_chance
from niche_sim.process import Process
from niche_sim.senses import exposure_answer


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
    """Natural killer and T cells are renewed from blood at the rate at which they leave, and more when called.

    Each cell leaves with a half-life; as many enter on average as leave at rest, so a depleted population refills.
    Effectors of the lymph node enter on top, PEDF (Plebanek 2017) and interleukin 15 (Correia 2021) call NK cells.
    *Assumed*: half-lives, gains.
    """

    reads = (
        "section",
        "homes",
        "nk_cells",
        "t_cells",
        "lymph_node.effectors",
        "blood.exposure",
        "boosted.il15",
        "boosted.nk_cells",
        "boosted.t_cells",
        "time",
    )
    writes = ("nk_cells", "t_cells")
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        effectors = state.lymph_node.effectors
        pedf = p.bmdc.gain_nk_patrolling * exposure_answer(state, p, "pedf")
        called = state.boosted.il15 * state.boosted.nk_cells * (1.0 + pedf)
        self.renew(state, p, chance, dt, "nk_cells", p.nk, called)
        lots = self.renew(state, p, chance, dt, "t_cells", p.t_cells, (1.0 + effectors) * state.boosted.t_cells)
        newest = len(state.t_cells) - len(lots)
        state.t_cells.effector[newest:] = lots < effectors / (1.0 + effectors)

    def renew(
        self, state: Any, p: Any, chance: Chance, dt: float, name: str, numbers: Any, called: float
    ) -> NDArray[np.float64]:
        """Let cells of a population leave and `called` times as many enter. Returns a uniform for each newcomer, [n]."""
        population = state.populations[name]
        renewed = probability(rate_of(numbers.half_life), dt)  # entrants of the same step may leave again in it
        leaves = chance.uniform(self, population.key, purpose=f"{name} leave") < renewed
        population.remove(leaves)
        mean = numbers.density * p.organ.ratio_lymphocytes * state.section.volume * renewed * called
        n = chance.poisson(self, mean, [0], purpose=f"{name} enter").item()
        return enter(self, state, name, n, chance)


class KupfferRenewal(Process):
    """Lost Kupffer cells are replaced by monocytes that take on their nature.

    Missing cells * rate_refill enter at random, by zone (engraftment within days, alike after one to two weeks: Scott 2016).
    In a liver that lacks none nothing happens. *Assumed*: that the newcomers are naive and as often responders.
    """

    reads = ("section", "homes", "kupffer_cells", "time")
    writes = ("kupffer_cells",)
    period = 6.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells = state.kupffer_cells
        full = round(p.kupffer.density * p.organ.ratio_kupffer * state.section.volume)
        missing = full - len(cells)
        if missing <= 0:
            return
        mean = missing * probability(p.kupffer.rate_refill, dt)
        n = min(missing, chance.poisson(self, mean, [0]).item())
        lots = enter(self, state, "kupffer_cells", n, chance)
        cells.responder[len(cells) - n :] = lots < p.kupffer.fraction_responders


def enter(process: Process, state: Any, name: str, n: int, chance: Chance) -> NDArray[np.float64]:
    """Add n cells where such cells live at rest. Returns a uniform for each, to decide more of it, float64[n]."""
    keys = birth_key(name, process.name, state.step_index, np.arange(n))
    draws = chance.uniform(process, keys, 5, purpose="place")
    y, x = state.place(name, draws[:, :3])
    state.populations[name].add(n, key=keys, y=y, x=x, heading=2.0 * np.pi * draws[:, 3])
    lots: NDArray[np.float64] = draws[:, 4]
    return lots


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
