"""Another hypothesis: paths that add up instead of needing one another. In no schedule but `additive`."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche_sim.cells import BoneMarrowCell
from niche_sim.chance import Chance, birth_key
from niche_sim.kernels.neighbourhood import disc, spread
from niche_sim.laws import chance as probability
from niche_sim.laws import hill, produce_and_decay, rate_of
from niche_sim.process import Process
from niche_sim.senses import monocyte_call

MACROPHAGE, MDSC = BoneMarrowCell.kind.code("macrophage"), BoneMarrowCell.kind.code("mdsc")


class ParallelDeposition(Process):
    """Fibronectin rises by active stellate cells, by serum amyloid A and by S100A8, each for itself.

    As FibronectinDeposition, but a cell lays rate_deposit * mean of (activation, SAA, S100A8). *Assumed*: equal shares.
    """

    reads = ("section", "stellate_cells", "fibronectin", "blood.saa", "blood.s100a8", "blocked.fibronectin")
    writes = ("fibronectin",)
    period = 3.0

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, section = state.stellate_cells, state.section
        turnover = rate_of(p.fibronectin.half_life)
        source = np.full(section.shape, turnover)  # keeps the floor of 1
        laid = p.fibronectin.rate_deposit * (1.0 - state.blocked.fibronectin) / section.site_volume
        amount = (cells.activation + (state.blood.saa + state.blood.s100a8)) / len(PATHS)
        spread(source, state.sites(cells), amount * laid, *disc(p.stellate.reach, section.spacing))
        state.fibronectin = produce_and_decay(state.fibronectin, source, turnover, dt)


class ParallelRecruitment(Process):
    """Blood gives monocytes by CCL2, by SAA and by S100A8, each for itself.

    rate_rest + rate_called * mean of (hill(CCL2), SAA, S100A8). *Assumed*: equal shares; one kind of cell.
    """

    reads = (
        "section",
        "homes",
        "blood.ccl2",
        "blood.saa",
        "blood.s100a8",
        "blocked.ccr2",
        "time",
    )
    writes = ("bmdc",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        called = (monocyte_call(state, p) + state.blood.saa + state.blood.s100a8) / len(PATHS)
        rate = p.bmdc.rate_rest + p.bmdc.rate_called * called
        n = chance.poisson(self, rate * state.section.volume * dt, [0]).item()
        if n == 0:
            return
        keys = birth_key(self.name, state.step_index, np.arange(n))
        draws = chance.uniform(self, keys, 5, purpose="place")
        y, x = state.place("bmdc", draws[:, :3])
        settles = draws[:, 4] < p.bmdc.chance_settling * p.bmdc.rate_rest / rate
        state.bmdc.add(
            n, key=keys, kind=MACROPHAGE, y=y, x=x, heading=2.0 * np.pi * draws[:, 3], arrested=settles,
            entered_at=state.time,
        )  # fmt: skip


class ParallelArrest(Process):
    """Fibronectin, cross-linked collagen and TGF-beta each hold marrow cells for themselves.

    rate_arrest * mean of (hill(fibronectin), hill(collagen), hill(TGF-beta)). *Assumed*: equal shares.
    """

    reads = ("section", "fibronectin", "collagen", "tgfb", "bmdc")
    writes = ("bmdc.arrested",)

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        cells, numbers = state.bmdc, p.bmdc
        sites = state.sites(cells)
        held = hill(state.fibronectin.ravel()[sites], numbers.half_fibronectin, numbers.steepness_fibronectin)
        held += hill(state.collagen.ravel()[sites], numbers.half_collagen, 2.0)
        held += hill(state.tgfb.ravel()[sites], p.stellate.half_signal, p.stellate.steepness)
        rate = numbers.rate_arrest * held / len(PATHS) * (cells.kind <= MDSC)
        cells.arrested[chance.uniform(self, cells.key) < probability(rate, dt)] = True


PATHS = ("stellate cells", "acute phase", "receivers")
