"""A naive liver: who lives where before anything is done to it."""

from __future__ import annotations

import dataclasses

import numpy as np

from niche_sim.engine.chance import Chance, birth_key
from niche_sim.model.anatomy import Section
from niche_sim.model.parameters import Parameters
from niche_sim.model.state import State


def section_of(width: float, height: float, spacing: float, p: Parameters, depth: float | None = None) -> Section:
    """The slice of the organ of `width` x `height` um on sites of `spacing` um, with the register's anatomy; a block if deeper.

    Lung and brain have the same plan with arterioles and venules in place of portal triads and central veins.
    """
    organ = p.organ
    return Section.liver(
        width, height, spacing, organ.thickness, organ.lobule_radius, organ.portal_radius, organ.central_radius, depth,
    )


def resting_density(section: Section, p: Parameters) -> dict[str, np.ndarray]:
    """Relative density at rest of each kind of cell, float64 of the sites, of mean 1 over the parenchyma, 0 in a lumen."""
    tissue = ~section.lumen
    third = np.minimum((section.zone * 3.0).astype(np.int64), 2)
    even = np.ones(section.shape)
    shares = np.array([p.kupffer.share_portal, p.kupffer.share_mid, 1.0 - p.kupffer.share_portal - p.kupffer.share_mid])
    ratio = p.nk.ratio_zones
    weights = {
        "kupffer_cells": shares[third],
        "resident_recipient_cells": even,
        "stellate_cells": even,
        "bmdc": even,
        "fibroblasts": np.where(section.zone < PORTAL_TRACT, 1.0, 0.0) if section.zone.min() < PORTAL_TRACT else even,
        "epithelial_cells": even,
        "nk_cells": ratio + (1.0 - ratio) * section.zone,  # linear from portal to central
        "t_cells": even,
        "tumour_cells": even,
    }
    return {name: np.where(tissue, w, 0.0) / w[tissue].mean() for name, w in weights.items()}


KINDS_OF_RECIPIENT_CELLS = {"lung": (0, 1), "brain": (2, 2)}  # codes of ResidentRecipientCell.kind
PORTAL_TRACT = 0.25  # zone up to which fibroblasts live


def naive_liver(section: Section, p: Parameters, chance: Chance) -> State:
    """A section with its resident cells at stereological densities (per volume of tissue) and zonation.

    Cells are founders: what they are is drawn from their birth key, the same in every arm of one seed.
    """
    state = State.empty(section)
    state.resting_density = resting_density(section, p)
    for name, density in densities_at_rest(p).items():
        n = round(density * section.volume)
        population = state.populations[name]
        keys = birth_key(population.stream, "founder", np.arange(n))
        population.add(n, key=keys, **state.place(name, chance.uniform("founders", keys, 3, purpose="place")))
    for patrolling in (state.kupffer_cells, state.nk_cells, state.t_cells):
        patrolling.heading[:] = 2.0 * np.pi * chance.uniform("founders", patrolling.key, purpose="heading")
    takers = state.recipient_cells
    takers.responder[:] = chance.uniform("founders", takers.key, purpose="responder") < p.kupffer.fraction_responders
    cells = state.resident_recipient_cells
    first, second = KINDS_OF_RECIPIENT_CELLS.get(p.place, (0, 0))
    is_first = chance.uniform("founders", cells.key, purpose="kind") < p.organ.share_first_recipient_cell
    cells.kind[:] = np.where(is_first, first, second)
    return state


def densities_at_rest(p: Parameters) -> dict[str, float]:
    """Resident cells of each population in a naive organ, per um3."""
    return {
        "kupffer_cells": p.kupffer.density * p.organ.ratio_kupffer,
        "resident_recipient_cells": p.organ.density_recipient_cells,
        "stellate_cells": p.stellate.density * p.organ.ratio_matrix_cells,
        "fibroblasts": p.angiogenesis.density_fibroblasts,
        "nk_cells": p.nk.density * p.organ.ratio_lymphocytes,
        "t_cells": p.t_cells.density * p.organ.ratio_lymphocytes,
    }


def recipient_cells_at_rest(p: Parameters) -> float:
    """Recipient cells of a naive organ per um3: its Kupffer cells, or the resident recipient cells of lung and brain."""
    return p.kupffer.density * p.organ.ratio_kupffer or p.organ.density_recipient_cells


def between_subject_variability(p: Parameters, chance: Chance) -> Parameters:
    """The register with the rates in which this mouse differs, drawn from its seed alone: the same in every arm.

    Each is multiplied by a log-normal number of median 1; `mouse.*` are the standard deviations of its logarithm.
    """

    def times(purpose: str, spread: float) -> float:
        normal = chance.normal("mouse", np.zeros(1, np.uint64), purpose=purpose).item()
        return float(np.exp(spread * normal))

    answer, matrix = times("answer", p.mouse.answer), times("matrix", p.mouse.matrix)
    call, immunity, dose, vessels = (
        times(purpose, spread)
        for purpose, spread in (
            ("recruitment", p.mouse.recruitment),
            ("immunity", p.mouse.immunity),
            ("uptake", p.mouse.uptake),
            ("vessels", p.mouse.vessels),
        )
    )
    return dataclasses.replace(
        p,
        kupffer=dataclasses.replace(p.kupffer, secretion_tgfb=p.kupffer.secretion_tgfb * answer),
        fibronectin=dataclasses.replace(p.fibronectin, rate_deposit=p.fibronectin.rate_deposit * matrix),
        bmdc=dataclasses.replace(p.bmdc, rate_called=p.bmdc.rate_called * call),
        nk=dataclasses.replace(p.nk, chance_kill=min(1.0, p.nk.chance_kill * immunity)),
        angiogenesis=dataclasses.replace(p.angiogenesis, vessels_at_rest=p.angiogenesis.vessels_at_rest * vessels),
        exosomes=dataclasses.replace(
            p.exosomes,
            vesicles_per_ug=p.exosomes.vesicles_per_ug * dose,
            fraction_escaping=min(1.0, p.exosomes.fraction_escaping * dose),
        ),
    )
