"""Signals of the stroma that spread; vessels, oxygen and nutrient."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Stroma:
    """Signals of the stroma that spread: CXCL12, hepatocyte growth factor, VEGF; and the traps of neutrophils."""

    diffusivity_cxcl12: float = number(50, "um^2/s", 20, 100, "assumed", "", "as of CCL2")
    half_life_cxcl12: float = number(30, "min", 5, 120, "assumed", "", "in the tissue")
    secretion_cxcl12: float = number(
        8, "molecule/s/cell", 0.2, 20, "fitted", "Correia2021", "half-effect with all cells active; held from below only"
    )
    half_timp1: float = number(3, "", 1, 10, "assumed", "", "fold of TIMP1 for half the answer by CD63")
    share_cd63: float = number(
        0.6, "", 0.2, 1, "assumed", "", "of that secretion, by a resting cell at saturating TIMP1"
    )
    cells_timp1: float = number(1e8, "cell", 1e7, 1e9, "assumed", "", "of a primary that double TIMP1 in blood")
    half_cxcl12: float = number(0.3, "nM", 0.05, 1, "assumed", "", "for half its effects")
    diffusivity_hgf: float = number(50, "um^2/s", 20, 100, "assumed", "", "a protein of 90 kDa")
    half_life_hgf: float = number(30, "min", 5, 120, "assumed", "", "in the tissue")
    secretion_hgf: float = number(
        1, "molecule/s/cell", 0.1, 10, "assumed", "", "by an active stellate cell or fibroblast"
    )
    half_hgf: float = number(0.3, "nM", 0.05, 1, "assumed", "", "for half its effects")
    diffusivity_vegf: float = number(29, "um^2/s", 29, 105, "recalled", "spQSP", "published agent-based parameter file")
    half_life_vegf: float = number(70, "min", 34, 120, "recalled", "spQSP", "1.65e-4 per s in tissue")
    secretion_vegf: float = number(0.1, "molecule/s/cell", 0.02, 1, "recalled", "spQSP", "0.102; by any secreting cell")
    half_vegf: float = number(0.03, "nM", 0.005, 0.1, "assumed", "", "for half its effects")
    gain_hypoxia: float = number(8, "", 2, 20, "assumed", "", "more VEGF of a tumour cell without oxygen")
    rate_nets: float = number(
        2e5, "um^3/day/cell", 2e4, 1e6, "assumed", "", "tissue volume that a neutrophil raises by one unit a day"
    )
    half_life_nets: float = number(12, "h", 4, 48, "assumed", "", "DNases clear them")
    half_nets: float = number(0.3, "", 0.05, 1, "assumed", "", "units of traps for half their hold")


@dataclass(frozen=True)
class Angiogenesis:
    """Epithelial cells, fibroblasts, vessels, oxygen and nutrient."""

    rate_epithelial: float = number(300, "cell/mm^3/day", 50, 1000, "assumed", "", "hypothesis: they come to a niche")
    half_held: float = number(
        2500, "cell/mm^3", 500, 1e4, "assumed", "", "held bone-marrow-derived cells in the organ, for half of it"
    )
    steepness_held: float = number(4, "", 2, 6, "assumed", "", "of that: few held cells call hardly any")
    half_life_epithelial: float = number(5, "day", 2, 14, "assumed", "", "in the niche")
    density_fibroblasts: float = number(800, "cell/mm^3", 200, 3000, "assumed", "", "few, in portal tracts")
    rate_activation: float = number(0.33, "1/day", 0.1, 1, "assumed", "", "of fibroblasts, as stellate cells")
    half_life_active: float = number(8, "day", 4, 16, "assumed", "", "of fibroblasts, as stellate cells")
    rate_sprouting: float = number(0.1, "1/day", 0.02, 0.3, "assumed", "", "at saturating VEGF")
    vessels_at_rest: float = number(1, "", 0.8, 1.2, "assumed", "", "vessels of this mouse's naive organ, mean mouse 1")
    most_vessels: float = number(2.5, "", 1.5, 4, "assumed", "", "density against a naive organ's, at most")
    half_life_sprouts: float = number(10, "day", 4, 30, "assumed", "", "vessels that VEGF no longer holds")
    rate_displacement: float = number(1, "1/day", 0.3, 3, "assumed", "", "vessels lost in a dense, pushing colony")
    half_density: float = number(6e4, "cell/mm^3", 2e4, 1.5e5, "assumed", "", "tumour cells for half of that loss")
    diffusivity_oxygen: float = number(
        2000, "um^2/s", 1670, 2800, "recalled", "Ghaffarizadeh2018", "1670 there, 2800 in spQSP"
    )
    reach_oxygen: float = number(100, "um", 80, 150, "recalled", "Ghaffarizadeh2018", "where no vessel supplies")
    diffusivity_nutrient: float = number(500, "um^2/s", 300, 700, "recalled", "Ghaffarizadeh2018", "glucose")
    reach_nutrient: float = number(150, "um", 80, 300, "assumed", "", "where no vessel supplies")
    blood_level: float = number(1.5, "", 1.2, 2.5, "assumed", "", "oxygen and nutrient in blood against naive tissue")
    ratio_tumour_uptake: float = number(1, "", 0.5, 3, "assumed", "", "packed tumour against naive tissue, per volume")
    half_oxygen: float = number(0.25, "", 0.1, 0.5, "assumed", "", "of naive tissue's, for half of full growth")
    half_nutrient: float = number(0.25, "", 0.1, 0.5, "assumed", "", "of naive tissue's, for half of full growth")
    share_uptake_spared: float = number(
        0.4, "", 0.1, 0.8, "assumed", "", "of the tissue's glucose uptake, by full miR-122"
    )
    half_life_spared: float = number(3, "day", 1, 7, "assumed", "", "of that effect")
    rate_death_hypoxic: float = number(0.5, "1/day", 0.1, 2, "assumed", "", "without any oxygen")
