"""Uptake of exosomes from the blood that passes the organ."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy  # its parts load when they are used

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.engine.errors import InputError
from niche_sim.engine.kernels.delivery import captured_share, pass_probability
from niche_sim.engine.laws import probability, rate_of
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import EXOSOME_SOURCES, INTEGRIN_OF_ORGAN
from niche_sim.model.cells import Exosome
from niche_sim.model.initial_state import recipient_cells_at_rest, resting_density
from niche_sim.model.parameters import Parameters
from niche_sim.model.parameters.vesicles import Exosomes
from niche_sim.model.process import Process
from niche_sim.model.state import State

BLOOD, INSIDE = Exosome.place.code("blood"), Exosome.place.code("inside")


class ExosomeUptake(Process):
    """Vesicles pass the organ with the blood, again and again, until one of its recipient cells or another organ takes them.

    Recipient cells are the Kupffer cells of the liver, fibroblasts and epithelium of the lung, endothelium of the brain
    (Hoshino 2015). Along a sinusoid a vesicle is captured at a rate per um of path: cross-section * density of recipient cells,
    each weighed by whether it is a responder, by zone (central ones take up less: Bouwens 1986), by what it already holds and by
    the integrin match (Hoshino 2015). One pass extracts what the sweep along the flow says; passes come at blood flow / blood
    volume (Davies and Morris 1993), so within an hour nearly all are gone (half-life minutes: Takahashi 2013). The
    cross-section follows from that half-life and the liver's fraction. A parcel's vesicles leave blood binomially and fall
    on the cells multinomially, so parcels are bookkeeping and never the variance of a load. *Assumed*: all other organs clear
    at a constant rate; zonal activity falls linearly; uptake halves at a given load; what a binder in blood captures goes
    with the rest.
    """

    reads = (
        "section", "exosomes", "kupffer_cells", "resident_recipient_cells", "blocked.integrin_avb5", "blocked.integrin_a6b4",
        "blocked.integrin_b3", "blocked.exosome_uptake", "blocked.exosomes_in_blood", "time",
    )  # fmt: skip
    writes = ("exosomes", "blood.exosomes", "blood.plasma", "counters")

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        plasma = [0.0] * len(EXOSOME_SOURCES)
        circulating = state.exosomes.place == BLOOD
        if circulating.any():
            integrin = INTEGRIN_OF_ORGAN[p.place]
            free = 1.0 - getattr(state.blocked, integrin)
            for source in np.unique(state.exosomes.source[circulating]).tolist():
                in_blood = circulating_of(state.exosomes, source)
                match = free * getattr(p.source(EXOSOME_SOURCES[source]), integrin)
                plasma[source] = self.pass_organ(state, p, chance, dt, in_blood, source, match)
        state.blood.plasma, state.blood.exosomes = plasma, sum(plasma)

    def pass_organ(self, state: State, p: Parameters, chance: Chance, dt: float, in_blood: Any, source: int, match: float) -> float:
        """Let the vesicles of one source circulate for dt (h). Returns how many are in blood, mean over the step."""
        section, flow, cells = state.section, state.section.flow, state.recipient_cells
        sites = state.sites(cells)
        match = p.exosomes.fraction_unmatched + (1.0 - p.exosomes.fraction_unmatched) * match
        match *= 1.0 - state.blocked.exosome_uptake
        weight = match * uptake_by_zone(section.zone.ravel()[sites], p) * cells.responder
        weight /= 1.0 + cells.load / p.kupffer.half_load_uptake
        density = state.mapped(cells, weight) / section.site_volume  # 1/um3 [site]
        capture = probability(cross_section(section, p) * density * flow.passage, 1.0).ravel()  # per site passed, [site]
        columns = section.shape[-1]
        _, extraction = pass_probability(flow.order, flow.route, capture, columns, flow.source_sites, flow.source_share)

        to_organ = passes_per_hour(p) * extraction  # 1/h
        elsewhere = (1.0 - p.organ.fraction_exosomes) * rate_of(p.exosomes.half_life_blood)
        missed = 1.0 - state.blocked.exosomes_in_blood  # a binder takes the rest of all that leaves
        leaving = (to_organ + elsewhere) / missed if missed > 0.0 else np.inf
        rows = np.flatnonzero(in_blood)
        vesicles, keys = state.exosomes.vesicles[rows], state.exosomes.key[rows]
        if leaving == 0.0:
            return float(vesicles.sum())
        gone = probability(leaving, dt)
        left = chance.binomial(self, vesicles, gone, keys, purpose="leave blood")
        taken = int(chance.binomial(self, left, to_organ / leaving, keys, purpose="to organ").sum())
        state.exosomes.vesicles[rows] = vesicles - left
        state.exosomes.remove(rows[vesicles == left])
        state.counters.exosomes_taken_up += taken
        state.counters.exosomes_cleared += int(left.sum()) - taken
        if taken:
            per_site = captured_share(flow.order, flow.route, capture, columns, flow.source_sites, flow.source_share)
            here = (density.ravel() * section.site_volume)[sites]  # weight of all cells of the site
            share = np.divide(weight, here, out=np.zeros_like(weight), where=here > 0.0)
            chances = per_site[sites] * share
            keep_inside(state, p, chance.multinomial(self, taken, chances, key=source), source)
        return float(vesicles.sum() * gone / (leaving * dt))


def circulating_of(exosomes: Any, source: int) -> Any:
    """Which parcels are in blood and of one source (its code), bool[n]."""
    return (exosomes.place == BLOOD) & (exosomes.source == source)


def uptake_by_zone(zone: Any, p: Parameters) -> Any:
    """Uptake of a Kupffer cell against a portal one, falling linearly from portal (0) to central (1); of others 1."""
    if p.organ.ratio_kupffer == 0.0:
        return np.ones_like(zone)
    return 1.0 - (1.0 - p.kupffer.fraction_central_uptake) * zone


def passes_per_hour(p: Parameters) -> float:
    """How often blood passes the organ, 1/h."""
    passes: float = p.organ.blood_flow / p.organ.blood_volume
    return passes


def cross_section(section: Section, p: Parameters) -> float:
    """Capture cross-section (um2) of a portal responder for a matched vesicle.

    It is the one at which a naive organ at mean density takes `fraction_exosomes` of what leaves blood with the measured
    half-life. Raises InputError if one pass would have to extract more than the cells can.
    """
    return _cross_section(section, p.place, p.organ, p.kupffer, p.exosomes.half_life_blood)


@functools.lru_cache(maxsize=32)
def _cross_section(section: Section, place: str, organ: Any, kupffer: Any, half_life_blood: float) -> float:
    # Only what decides it: comparing the whole register at every step would cost more than the sweep.
    p = Parameters(place=place, exosomes=Exosomes(half_life_blood=half_life_blood), kupffer=kupffer, **{place: organ})
    wanted = p.organ.fraction_exosomes * rate_of(p.exosomes.half_life_blood) / passes_per_hour(p)
    at_rest = resting_density(section, p)["kupffer_cells" if p.organ.ratio_kupffer > 0.0 else "resident_recipient_cells"]
    flow = section.flow
    weighted = recipient_cells_at_rest(p) * p.kupffer.fraction_responders * at_rest
    weighted = weighted * uptake_by_zone(section.zone, p) * flow.passage

    def excess(area: float) -> float:
        capture = probability(area * weighted, 1.0).ravel()
        _, extraction = pass_probability(
            flow.order, flow.route, capture, section.shape[-1], flow.source_sites, flow.source_share
        )
        return float(extraction) - wanted

    if excess(section.area) < 0.0:
        found = (
            f"one pass of the organ would have to extract {wanted:.0%} of the vesicles, more than its recipient cells can"
        )
        raise InputError(
            "exosomes.half_life_blood", found, "a longer half-life, a smaller fraction_exosomes, more responders"
        )
    return float(scipy.optimize.brentq(excess, 0.0, section.area))


def keep_inside(state: State, p: Parameters, per_cell: Any, source: int) -> None:
    """Add captured vesicles to what each recipient cell holds of that source, in parcels of at most parcel_size.

    per_cell: int64[cells], vesicles captured by each row of the population.
    """
    cells, exosomes = state.recipient_cells, state.exosomes
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
        host=cells.unique_id[owner], z=cells.z[owner], y=cells.y[owner], x=cells.x[owner],
    )  # fmt: skip
