"""Kupffer cells take exosomes out of the blood that passes along the sinusoids."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.optimize import brentq

from niche_sim.cells import Exosome
from niche_sim.chance import Chance, birth_key
from niche_sim.errors import InputError
from niche_sim.kernels.delivery import captured_share, pass_probability
from niche_sim.laws import chance as probability
from niche_sim.laws import rate_of
from niche_sim.process import Process
from niche_sim.section import Section
from niche_sim.tissue import homes
from niche_sim.vocabulary import EXOSOME_SOURCES

BLOOD, INSIDE = Exosome.place.code("blood"), Exosome.place.code("inside")


class ExosomeUptake(Process):
    """Vesicles pass the liver with the blood, again and again, until a Kupffer cell or another organ takes them.

    Along a sinusoid a vesicle is captured at a rate per um of path: cross-section * density of Kupffer cells, each weighed
    by whether it is a responder, by zone (central ones take up less: Bouwens 1986), by what it already holds and by the
    integrin match (Hoshino 2015). One pass extracts what the sweep along the flow says; passes come at blood flow / blood
    volume (Davies and Morris 1993), so within an hour nearly all are gone (half-life minutes: Takahashi 2013). The
    cross-section follows from that half-life and the liver's fraction. A parcel's vesicles leave blood binomially and fall
    on the cells multinomially, so parcels are bookkeeping and never the variance of a load. *Assumed*: all other organs clear
    at a constant rate; zonal activity falls linearly; uptake halves at a given load.
    """

    reads = ("section", "exosomes", "kupffer_cells", "blocked.integrin_avb5", "blocked.exosome_uptake", "time")
    writes = ("exosomes", "blood.exosomes", "ledger")

    def step(self, state: Any, p: Any, chance: Chance, dt: float) -> None:
        state.blood.exosomes = 0.0
        for source, name in enumerate(EXOSOME_SOURCES):
            in_blood = (state.exosomes.place == BLOOD) & (state.exosomes.source == source)
            if in_blood.any():
                self.pass_liver(state, p, chance, dt, in_blood, source, p.source(name).integrin_avb5)

    def pass_liver(
        self, state: Any, p: Any, chance: Chance, dt: float, in_blood: Any, source: int, match: float
    ) -> None:
        """Let the vesicles of one source circulate for dt (h)."""
        section, flow, cells = state.section, state.section.flow, state.kupffer_cells
        kupffer_sites = state.sites(cells)
        match *= 1.0 - state.blocked.integrin_avb5
        match = p.exosomes.fraction_unmatched + (1.0 - p.exosomes.fraction_unmatched) * match
        match *= 1.0 - state.blocked.exosome_uptake
        weight = match * uptake_by_zone(state.at(section.zone, cells), p) * cells.responder
        weight /= 1.0 + cells.load / p.kupffer.half_load_uptake
        density = state.mapped(cells, weight) / section.site_volume  # [y, x], 1/um3
        capture = probability(
            cross_section(section, p) * density * flow.passage, 1.0
        ).ravel()  # [site], per site passed
        columns = section.shape[1]
        _, extraction = pass_probability(flow.order, flow.route, capture, columns, flow.source_sites, flow.source_share)

        to_liver = passes_per_hour(p) * extraction  # 1/h
        elsewhere = (1.0 - p.exosomes.fraction_liver) * rate_of(p.exosomes.half_life_blood)
        leaving = to_liver + elsewhere
        gone = probability(leaving, dt)

        rows = np.flatnonzero(in_blood)
        vesicles, keys = state.exosomes.vesicles[rows], state.exosomes.key[rows]
        state.blood.exosomes += vesicles.sum() * gone / (leaving * dt)  # mean over the step
        left = chance.binomial(self, vesicles, gone, keys, purpose="leave blood")
        taken = int(chance.binomial(self, left, to_liver / leaving, keys, purpose="to liver").sum())
        state.exosomes.vesicles[rows] = vesicles - left
        state.exosomes.remove(rows[vesicles == left])
        state.ledger.exosomes_taken_up += taken
        state.ledger.exosomes_cleared += int(left.sum()) - taken
        if taken:
            per_site = captured_share(flow.order, flow.route, capture, columns, flow.source_sites, flow.source_share)
            here = (density.ravel() * section.site_volume)[kupffer_sites]  # weight of all cells of the site
            share = np.divide(weight, here, out=np.zeros_like(weight), where=here > 0.0)
            chances = per_site[kupffer_sites] * share
            keep_inside(state, p, chance.multinomial(self, taken, chances, key=source), source)


def uptake_by_zone(zone: Any, p: Any) -> Any:
    """Uptake of a Kupffer cell against a portal one, falling linearly from portal (0) to central (1)."""
    return 1.0 - (1.0 - p.kupffer.fraction_central_uptake) * zone


def passes_per_hour(p: Any) -> float:
    """How often blood passes the liver, 1/h."""
    passes: float = p.liver.blood_flow / p.liver.blood_volume
    return passes


@functools.lru_cache(maxsize=32)
def cross_section(section: Section, p: Any) -> float:
    """Capture cross-section (um2) of a portal responder for a matched vesicle.

    It is the one at which a naive liver at mean density takes `fraction_liver` of what leaves blood with the measured
    half-life. Raises InputError if one pass would have to extract more than the cells can.
    """
    wanted = p.exosomes.fraction_liver * rate_of(p.exosomes.half_life_blood) / passes_per_hour(p)
    density = p.kupffer.density * p.kupffer.fraction_responders * homes(section, p)["kupffer_cells"]
    weighted = density * uptake_by_zone(section.zone, p) * section.flow.passage
    flow = section.flow

    def excess(area: float) -> float:
        capture = probability(area * weighted, 1.0).ravel()
        _, extraction = pass_probability(
            flow.order, flow.route, capture, section.shape[1], flow.source_sites, flow.source_share
        )
        return float(extraction) - wanted

    if excess(section.area) < 0.0:
        found = (
            f"one pass of the liver would have to extract {wanted:.0%} of the vesicles, more than its Kupffer cells can"
        )
        raise InputError(
            "exosomes.half_life_blood", found, "a longer half-life, a smaller fraction_liver, more responders"
        )
    return float(brentq(excess, 0.0, section.area))


def keep_inside(state: Any, p: Any, per_cell: Any, source: int) -> None:
    """Add captured vesicles to what each Kupffer cell holds of that source, in parcels of at most parcel_size.

    per_cell: int64[cells], vesicles captured by each row of the population.
    """
    cells, exosomes = state.kupffer_cells, state.exosomes
    size = max(1, int(p.exosomes.parcel_size))
    # Top up one parcel of that source with room in each cell, then fill new ones.
    mine = np.flatnonzero((exosomes.place == INSIDE) & (exosomes.source == source) & (exosomes.vesicles < size))
    host, alive = cells.find(exosomes.host[mine])
    host, one_each = np.unique(host[alive], return_index=True)
    mine = mine[alive][one_each]
    room = np.minimum(size - exosomes.vesicles[mine], per_cell[host])
    exosomes.vesicles[mine] += room
    left = per_cell.copy()
    left[host] -= room
    parcels = -(-left // size)
    owner = np.repeat(np.arange(len(cells)), parcels)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(parcels) - parcels, parcels)
    exosomes.add(
        len(owner), key=birth_key("inside", cells.key[owner], source, state.step_index, nth),
        vesicles=np.minimum(size, left[owner] - nth * size), source=source, place=INSIDE,
        host=cells.unique_id[owner], y=cells.y[owner], x=cells.x[owner],
    )  # fmt: skip
