"""Lymphocytes, drugs, and what a blood sample shows."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class NaturalKiller:
    """Natural killer cells."""

    density: float = number(1000, "cell/mm^3", 500, 1500, "derived", "Luo1995", "13.7 per mm2 of section, rat")
    ratio_zones: float = number(1.58, "", 1, 2, "measured", "Luo1995", "portal 17.1 against central 10.8")
    half_life: float = number(7, "day", 3, 17, "assumed", "", "turnover; sets refilling after depletion")
    speed: float = number(5, "um/min", 1, 15, "recalled", "Ghaffarizadeh2018", "8 there; liver is slower")
    persistence: float = number(3, "min", 1, 10, "assumed", "", "mean straight run")
    contact_radius: float = number(13.6, "um", 11, 17, "derived", "Ghaffarizadeh2018", "NK 5.2 + tumour 8.4")
    chance_kill: float = number(0.075, "", 0.01, 0.3, "assumed", "", "per meeting with a growing tumour cell")
    fraction_seen_resting: float = number(0.1, "", 0.03, 0.5, "assumed", "", "arrested or dormant cells hide from NK")
    half_tgfb: float = number(0.3, "nM", 0.05, 1, "assumed", "", "TGF-beta that halves cytotoxicity")
    share_exosomes: float = number(
        0.5, "", 0.1, 0.9, "assumed", "", "of cytotoxicity that full exposure takes (Wen 2016)"
    )
    half_mdsc: float = number(
        2000, "cell/mm^3", 300, 1e4, "assumed", "", "suppressor cells nearby that halve cytotoxicity"
    )
    share_quiescence: float = number(
        0.7, "", 0.3, 1, "assumed", "", "that saturating CXCL12 puts to rest (Correia 2021)"
    )
    rate_modulation: float = number(1, "1/day", 0.3, 4, "assumed", "", "how fast activity follows the surroundings")
    fraction_counted: float = number(0.5, "", 0.3, 0.7, "assumed", "", "activity above which a cell counts as active")
    share_kept_dormant: float = number(
        0.7, "", 0.2, 0.95, "assumed", "", "of exit from dormancy that NK interferon prevents (Correia 2021)"
    )


@dataclass(frozen=True)
class TCells:
    """Liver T cells."""

    density: float = number(2000, "cell/mm^3", 1000, 3000, "derived", "LiverCells2022", "twice the NK cells")
    half_life: float = number(10, "day", 3, 30, "assumed", "", "turnover; sets refilling after depletion")
    speed: float = number(6, "um/min", 4, 10, "recalled", "Ghaffarizadeh2018", "CD8 cells")
    persistence: float = number(3, "min", 1, 10, "assumed", "", "mean straight run")
    contact_radius: float = number(13.2, "um", 11, 17, "derived", "Ghaffarizadeh2018", "CD8 4.8 + tumour 8.4")
    chance_hit: float = number(
        0.01, "", 0.001, 0.1, "assumed", "", "per meeting; 0.5 to 20 kills a cell and day in a colony are published"
    )
    hits_each: float = number(2, "", 1, 4, "assumed", "", "damage that one engagement does, mean")
    hits_needed: float = number(3, "", 2, 5, "assumed", "", "killing takes several hits")
    half_life_hits: float = number(6, "h", 1, 24, "assumed", "", "a hit cell recovers")
    half_antigen: float = number(
        500, "cell/mm^3", 50, 5000, "assumed", "", "tumour cells in the organ for half of priming"
    )
    rate_priming: float = number(0.3, "1/day", 0.1, 1, "assumed", "", "of naive precursors in the lymph node")
    fold_expansion: float = number(3, "", 1, 10, "assumed", "", "effectors against resident T cells, at most")
    half_life_effectors: float = number(5, "day", 2, 10, "assumed", "", "contraction")
    half_life_precursors: float = number(20, "day", 10, 60, "assumed", "", "renewal of naive precursors")
    rate_exhaustion: float = number(0.5, "1/day", 0.1, 2, "assumed", "", "beside tumour, at full PD-L1")
    half_life_exhausted: float = number(10, "day", 3, 30, "assumed", "", "recovery away from tumour")
    share_pdl1_tumour: float = number(0.5, "", 0.1, 1, "assumed", "", "PD-L1 that tumour cells show without exosomes")
    half_mdsc: float = number(2000, "cell/mm^3", 300, 1e4, "assumed", "", "suppressor cells nearby that halve hits")
    share_excluded: float = number(0.7, "", 0.2, 1, "assumed", "", "of hits that tumour-associated Kupffer cells prevent")
    half_tumour_associated: float = number(3000, "cell/mm^3", 500, 1e4, "assumed", "", "such cells nearby for half of that")


@dataclass(frozen=True)
class Drug:
    """What is given to the mouse: amounts are relative to a usual dose."""

    half_life_gemcitabine: float = number(12, "h", 1, 24, "assumed", "", "effect; plasma falls faster")
    rate_kill: float = number(1.5, "1/day", 0.5, 4, "assumed", "", "of dividing cells at saturating gemcitabine")
    half_gemcitabine: float = number(0.5, "", 0.1, 1, "assumed", "", "of a usual dose, for half the kill")
    half_life_antibody: float = number(7, "day", 3, 14, "assumed", "", "an antibody in the mouse")
    half_antibody: float = number(0.1, "", 0.02, 0.5, "assumed", "", "of a usual dose, for half of full binding")
    gain_steatosis: float = number(2, "", 0.5, 5, "assumed", "", "longer half-life in a fully fatty liver (Wang 2023)")
    rate_resistance: float = number(
        0.4, "1/day", 0.1, 1, "assumed", "", "of tumour cells, at saturating exposure to P-gp cargo"
    )
    half_life_resistance: float = number(14, "day", 5, 60, "assumed", "", "after the last vesicle")
    share_fibroblasts: float = number(0.3, "", 0, 1, "assumed", "", "of resistance, by active fibroblasts nearby")
    share_emt: float = number(0.3, "", 0, 1, "assumed", "", "of the kill that full EMT prevents")


@dataclass(frozen=True)
class Biomarker:
    """What a blood sample shows."""

    background_marker: float = number(
        2e7, "vesicle/mL", 1e6, 1e9, "assumed", "", "marker-bearing vesicles of a healthy mouse, median"
    )
    background_mif: float = number(2e7, "vesicle/mL", 1e6, 1e9, "assumed", "", "MIF-bearing vesicles, the same")
    spread: float = number(0.8, "", 0.4, 1.2, "assumed", "", "standard deviation of the log between samples and mice")
