"""Arrest of tumour cells in the sinusoids."""

from __future__ import annotations

import functools

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.engine.kernels.delivery import pass_probability, pass_through
from niche_sim.engine.laws import probability
from niche_sim.model.anatomy import Section
from niche_sim.model.cells import TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.state import State

CIRCULATING, ARRESTED = TumourCell.state.code("circulating"), TumourCell.state.code("arrested")


class Arrest(Process):
    """A 17 um tumour cell gets stuck in an 8 um sinusoid somewhere along its way, mostly early: periportally.

    One rate per um of path, the same everywhere, at which `fraction_arrested` of the cells arrest in one pass (87 % of
    B16F1 within 90 min: Luzzi 1998); the rest pass on and are lost to the section. Neither exosomes nor niche enter.
    """

    reads = ("section", "tumour_cells", "time")
    writes = ("tumour_cells", "counters", "events")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        cells, section = state.tumour_cells, state.section
        rows = np.flatnonzero(cells.state == CIRCULATING)
        if len(rows) == 0:
            return
        flow, nx = section.flow, section.shape[-1]
        draws = chance.uniform(self, cells.key[rows], 5)
        capture = capture_chance(section, p)
        sites, _ = pass_through(
            flow.source_share, flow.source_sites, flow.route, capture, nx,
            np.ascontiguousarray(draws[:, 0]), np.ascontiguousarray(draws[:, 1]),
        )  # fmt: skip
        arrested = sites >= 0
        stuck, sites = rows[arrested], sites[arrested]
        cells.state[stuck] = ARRESTED
        deep = chance.uniform(self, cells.key[stuck], purpose="depth") if section.is_block else 0.0
        for axis, place in section.within(sites, draws[arrested, 2], draws[arrested, 3], deep).items():
            getattr(cells, axis)[stuck] = place
        cells.heading[stuck] = 2.0 * np.pi * draws[arrested, 4]
        cells.arrived_at[stuck] = state.time
        state.counters.tumour_arrived += len(stuck)
        state.counters.tumour_passed += len(rows) - len(stuck)
        state.events.note(state.time, "arrived", "size", cells.y[stuck], cells.x[stuck], cells.clone[stuck])
        cells.remove(rows[~arrested])


def capture_chance(section: Section, p: Parameters) -> NDArray[np.float64]:
    """Probability that a tumour cell in blood arrests on passing a site, float64[sites]."""
    rate = arrest_rate(section, p.tumour.fraction_arrested)
    chance: NDArray[np.float64] = probability(rate * section.flow.passage, 1.0).ravel()
    return chance


@functools.lru_cache(maxsize=32)
def arrest_rate(section: Section, fraction: float) -> float:
    """Rate per um of path at which `fraction` of the cells arrest in one pass of this section."""
    flow = section.flow

    def excess(rate: float) -> float:
        capture = probability(rate * flow.passage, 1.0).ravel()
        _, arrested = pass_probability(
            flow.order, flow.route, capture, section.shape[-1], flow.source_sites, flow.source_share
        )
        return float(arrested) - fraction

    if excess(1.0) <= 0.0:  # nearly all are to lodge, and 1 per um is within a site
        return 1.0
    return float(scipy.optimize.brentq(excess, 0.0, 1.0))
