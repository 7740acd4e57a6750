"""Entry of bone-marrow-derived cells from blood."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.engine.laws import hill
from niche_sim.model.cells import BoneMarrowDerivedCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.sensing import exposure_answer, monocyte_call, saa_support, vegf_answer
from niche_sim.model.state import State

MACROPHAGE = BoneMarrowDerivedCell.kind.code("macrophage")
KINDS = np.arange(len(BoneMarrowDerivedCell.kind.names), dtype=np.int8)


class Recruitment(Process):
    """Blood gives monocytes as CCL2 and SAA call them, suppressor cells by S100A8, neutrophils by CXCL12, patrols by PEDF.

    Monocytes: rate_rest + rate_called * hill(CCL2) * support by SAA * (1 + gains by collagen peptides, educated marrow and
    VEGFR1). They rise by day 10 before any metastasis, and a CCR2 antagonist stops them (KCKO abstracts); without SAA
    myeloid cells do not gather (Lee 2019); peptides: Erler 2009; marrow: Peinado 2012; VEGFR1 is contested (Kaplan 2005,
    Dawson 2009). Suppressor cells come by CXCR2 (Wang D 2017), neutrophils by CXCR4 (Seubert 2015), patrolling monocytes
    with PEDF (Plebanek 2017). A few of those that enter at rest arrest at once. *Assumed*: rates, half-effects.
    """

    reads = (
        "section",
        "resting_density",
        "cxcl12",
        "vegf",
        "blood.ccl2",
        "blood.saa",
        "blood.s100a8",
        "blood.peptides",
        "blood.exposure",
        "marrow.educated",
        "boosted.patrolling_monocytes",
        "drugs.anti_vegf",
        "blocked.vegf",
        "blocked.vegfr1",
        "blocked.ccr2",
        "blocked.cxcr2",
        "blocked.cxcr4",
        "time",
    )
    writes = ("bmdc",)

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        rates = self.called(state, p)  # 1/um3/h [kind]
        numbers = chance.poisson(self, rates * state.section.volume * dt, KINDS, purpose="number")
        n = int(numbers.sum())
        if n == 0:
            return
        kind = np.repeat(KINDS, numbers)
        nth = np.concatenate([np.arange(number) for number in numbers])
        keys = birth_key(self.stream, kind, state.step_index, nth)
        draws = chance.uniform(self, keys, 5, purpose="place")
        where = state.place("bmdc", draws[:, :3])
        at_rest = p.bmdc.chance_arrest_on_entry * p.bmdc.rate_rest  # only such as come at rest
        arrested = (kind == MACROPHAGE) & (draws[:, 4] * rates[MACROPHAGE] < at_rest)
        heading = 2.0 * np.pi * draws[:, 3]
        state.bmdc.add(n, key=keys, kind=kind, heading=heading, arrested=arrested, entered_at=state.time, **where)

    def called(self, state: State, p: Parameters) -> Any:
        """Rate of entry of each kind, in the order of their codes, float64[4], per um3 and h."""
        blood, blocked, numbers = state.blood, state.blocked, p.bmdc
        call = monocyte_call(state, p) * saa_support(state, p)
        monocytes = numbers.rate_rest + numbers.rate_called * call * gains(state, p)
        turned = numbers.share_mdsc * (monocytes - numbers.rate_rest)  # of those called, into suppressor cells
        s100 = blood.s100a8 * (1.0 - blocked.cxcr2)
        suppressors = numbers.rate_mdsc * s100 * call + turned
        cxcl12 = float(state.cxcl12.mean())
        by_cxcl12 = hill(cxcl12, p.stroma.half_cxcl12, 2.0) * (1.0 - blocked.cxcr4) if cxcl12 > 0.0 else 0.0
        neutrophils = numbers.rate_neutrophils_rest + numbers.rate_neutrophils * by_cxcl12
        patrolling = numbers.rate_patrolling_rest + numbers.rate_patrolling * exposure_answer(state, p, "pedf")
        return np.array([monocytes - turned, suppressors, neutrophils, patrolling * state.boosted.patrolling_monocytes])


def gains(state: State, p: Parameters) -> float:
    """By how much peptides, educated marrow and VEGFR1 raise the call for monocytes, 1 or more."""
    vegf = float(np.mean(vegf_answer(state, p, state.vegf))) if state.vegf.any() else 0.0
    return (
        1.0
        + p.collagen.gain_peptides * state.blood.peptides
        + p.marrow.gain_recruitment * state.marrow.educated
        + p.bmdc.gain_vegfr1 * vegf * (1.0 - state.blocked.vegfr1)
    )
