"""Turnover of natural killer and T cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.laws import probability, rate_of
from niche_sim.model.acting import enter
from niche_sim.model.cells import NaturalKillerCells, TCells
from niche_sim.model.parameters import Parameters
from niche_sim.model.parameters.immunity import NaturalKiller
from niche_sim.model.parameters.immunity import TCells as TCellNumbers
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer
from niche_sim.model.state import State


class LymphocyteRenewal(Process):
    """Natural killer and T cells are renewed from blood at the rate at which they leave, and more when called.

    Each cell leaves with a half-life; as many enter on average as leave at rest, so a depleted population refills.
    Effectors of the lymph node enter on top, PEDF (Plebanek 2017) and interleukin 15 (Correia 2021) call NK cells.
    *Assumed*: half-lives, gains.
    """

    reads = (
        "section",
        "resting_density",
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
    period = 6.0

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        effectors = state.lymph_node.effectors
        pedf = p.bmdc.gain_nk_patrolling * exposure_answer(state, p, "pedf")
        called = state.boosted.il15 * state.boosted.nk_cells * (1.0 + pedf)
        self.renew(state, p, chance, dt, state.nk_cells, p.nk, called)
        uniforms = self.renew(state, p, chance, dt, state.t_cells, p.t_cells, (1.0 + effectors) * state.boosted.t_cells)
        newest = len(state.t_cells) - len(uniforms)
        state.t_cells.effector[newest:] = uniforms < effectors / (1.0 + effectors)

    def renew(
        self,
        state: State,
        p: Parameters,
        chance: Chance,
        dt: float,
        cells: NaturalKillerCells | TCells,
        numbers: NaturalKiller | TCellNumbers,
        called: float,
    ) -> NDArray[np.float64]:
        """Let cells of a population leave and `called` times as many enter. Returns a uniform for each newcomer, [n]."""
        renewed = probability(rate_of(numbers.half_life), dt)  # entrants of the same step may leave again in it
        cells.remove(chance.events(self, cells.key, rate_of(numbers.half_life), dt, f"{cells.population} leave"))
        mean = numbers.density * p.organ.ratio_lymphocytes * state.section.volume * renewed * called
        n = chance.poisson(self, mean, [0], purpose=f"{cells.population} enter").item()
        return enter(self, state, cells, n, chance)
