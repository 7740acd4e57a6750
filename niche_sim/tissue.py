"""A naive liver: who lives where before anything is done to it."""

from __future__ import annotations

import numpy as np

from niche_sim.chance import Chance, birth_key
from niche_sim.parameters import Parameters
from niche_sim.section import Section
from niche_sim.state import State


def section_of(width: float, height: float, spacing: float, p: Parameters) -> Section:
    """The slice of liver of `width` x `height` um on sites of `spacing` um, with the register's anatomy."""
    liver = p.liver
    return Section.liver(
        width, height, spacing, liver.thickness, liver.lobule_radius, liver.portal_radius, liver.central_radius
    )


def homes(section: Section, p: Parameters) -> dict[str, np.ndarray]:
    """Relative density at rest of each kind of cell, float64[y, x] of mean 1 over the parenchyma, 0 in a lumen."""
    tissue = ~section.lumen
    third = np.minimum((section.zone * 3.0).astype(np.int64), 2)
    shares = np.array([p.kupffer.share_portal, p.kupffer.share_mid, 1.0 - p.kupffer.share_portal - p.kupffer.share_mid])
    ratio = p.nk.ratio_zones
    weights = {
        "kupffer_cells": shares[third],
        "stellate_cells": np.ones(section.shape),
        "bmdc": np.ones(section.shape),
        "nk_cells": ratio + (1.0 - ratio) * section.zone,  # linear from portal to central
        "t_cells": np.ones(section.shape),
        "tumour_cells": np.ones(section.shape),
    }
    return {name: np.where(tissue, w, 0.0) / w[tissue].mean() for name, w in weights.items()}


def naive_liver(section: Section, p: Parameters, chance: Chance) -> State:
    """A section with its resident cells at stereological densities (per volume of tissue) and zonation.

    Cells are founders: what they are is drawn from their birth key, the same in every arm of one seed.
    """
    state = State.empty(section)
    state.homes = homes(section, p)
    densities = {
        "kupffer_cells": p.kupffer.density,
        "stellate_cells": p.stellate.density,
        "nk_cells": p.nk.density,
        "t_cells": p.t_cells.density,
    }
    for name, density in densities.items():
        n = round(density * section.volume)
        keys = birth_key(name, "founder", np.arange(n))
        y, x = state.place(name, chance.uniform("founders", keys, 3, purpose="place"))
        population = state.populations[name]
        population.add(n, key=keys, y=y, x=x)
        if name != "stellate_cells":
            population.heading[:] = 2.0 * np.pi * chance.uniform("founders", keys, purpose="heading")
    cells = state.kupffer_cells
    cells.responder[:] = chance.uniform("founders", cells.key, purpose="responder") < p.kupffer.fraction_responders
    return state
