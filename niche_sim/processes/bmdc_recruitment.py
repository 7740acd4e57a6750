"""Bone-marrow-derived cells enter the sinusoids as CCL2 calls them."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.chance import Chance, birth_key
from niche_sim.laws import hill, produce_and_decay, rate_of
from niche_sim.process import Process


class Ccl2Release(Process):
    """Active stellate cells release CCL2, which acts on the scale of the organ.

    One concentration for the liver: secretion * mean density of activation, decaying with a half-life of hours (so its
    reach, above a millimetre, exceeds a lobule). CCL2 is up by day 10 before any metastasis (KCKO abstracts).
    *Assumed*: that stellate cells are its source, and how much they make.
    """

    reads = ("section", "stellate_cells", "blood.ccl2")
    writes = ("blood.ccl2",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        source = p.ccl2.secretion * state.stellate_cells.activation.sum() / state.section.volume  # nM/h
        state.blood.ccl2 = float(produce_and_decay(state.blood.ccl2, source, rate_of(p.ccl2.half_life), dt))


class Recruitment(Process):
    """Blood gives cells at rate_rest + rate_called * hill(CCL2), per mm3 of liver.

    Monocytes rise by day 10, before any metastasis, and a CCR2 antagonist stops them (KCKO abstracts): it blocks the
    called part. A few of those that come at rest settle at once, as a naive liver's own macrophages of this origin.
    *Assumed*: saturation in CCL2, the called rate and the chance of settling.
    """

    reads = ("section", "homes", "blood.ccl2", "blocked.ccr2", "time")
    writes = ("bmdc",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        called = hill(state.blood.ccl2, p.bmdc.half_signal, p.bmdc.steepness) * (1.0 - state.blocked.ccr2)  # 0..1
        rate = p.bmdc.rate_rest + p.bmdc.rate_called * called  # cells / um3 / h
        n = chance.poisson(self, rate * state.section.volume * dt, [0]).item()
        if n == 0:
            return
        keys = birth_key(self.name, state.step_index, np.arange(n))
        draws = chance.uniform(self, keys, 5, purpose="place")
        y, x = state.place("bmdc", draws[:, :3])
        settles = draws[:, 4] < p.bmdc.chance_settling * p.bmdc.rate_rest / rate  # only such as come at rest
        state.bmdc.add(
            n, key=keys, y=y, x=x, heading=2.0 * np.pi * draws[:, 3], arrested=settles, entered_at=state.time
        )
