"""Alternative to Recruitment: paths that add up. Only in the schedule `additive`."""

from __future__ import annotations

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import monocyte_call
from niche_sim.model.state import State

MACROPHAGE = BoneMarrowDerivedCell.kind.code("macrophage")


class ParallelRecruitment(Process):
    """Blood gives monocytes by CCL2, by SAA and by S100A8, each for itself.

    rate_rest + rate_called * mean of (hill(CCL2), SAA, S100A8). *Assumed*: equal shares; one kind of cell.
    """

    reads = (
        "section",
        "resting_density",
        "blood.ccl2",
        "blood.saa",
        "blood.s100a8",
        "blocked.ccr2",
        "time",
    )
    writes = ("bmdc",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        called = (monocyte_call(state, p) + state.blood.saa + state.blood.s100a8) / len(PATHS)
        rate = p.bmdc.rate_rest + p.bmdc.rate_called * called
        n = chance.poisson(self, rate * state.section.volume * dt, [0]).item()
        if n == 0:
            return
        keys = birth_key(self.stream, state.step_index, np.arange(n))
        draws = chance.uniform(self, keys, 5, purpose="place")
        arrested = draws[:, 4] < p.bmdc.chance_arrest_on_entry * p.bmdc.rate_rest / rate
        state.bmdc.add(
            n, key=keys, kind=MACROPHAGE, heading=2.0 * np.pi * draws[:, 3], arrested=arrested, entered_at=state.time,
            **state.place("bmdc", draws[:, :3]),
        )  # fmt: skip


PATHS = ("CCL2", "serum amyloid A", "S100A8")
