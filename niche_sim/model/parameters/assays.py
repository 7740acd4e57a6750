"""How metastases are looked at: what a laboratory cuts, counts, lights and weighs."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Assay:
    """What counts in an assay of metastases. A scenario sets here what its paper did; no rule reads it."""

    section_thickness: float = number(5, "um", 3, 10, "setting", "", "of a histological section")
    section_area: float = number(100, "mm^2", 10, 400, "setting", "", "of liver on it")
    focus_diameter: float = number(50, "um", 20, 200, "assumed", "", "smallest focus that is counted on it")
    nodule_diameter: float = number(1, "mm", 0.3, 2, "assumed", "", "smallest nodule seen at the surface by eye")
    surface: float = number(
        1500, "mm^2", 700, 2500, "assumed", "", "of the organ; a sphere of a liver's volume has 515, and lobes have more"
    )
    limit_light: float = number(1e4, "cell", 1e3, 1e6, "assumed", "", "fewest tumour cells seen by bioluminescence")
    field_area: float = number(0.6, "mm^2", 0.05, 4, "setting", "", "of a microscope's field")
    tissue_density: float = number(1.06, "mg/mm^3", 1.04, 1.08, "derived", "Sohlenius2006", "of liver; metastases likewise")
    stained_fibronectin: float = number(4, "", 2, 8, "assumed", "", "floors of fibronectin from which an area is stained")
