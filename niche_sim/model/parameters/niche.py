"""The niche: recipient cells, signals, stroma, matrix, cells of the marrow."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Kupffer:
    """Kupffer cells: where they are, how they walk, take up, answer and kill."""

    density: float = number(1.8e4, "cell/mm^3", 1.5e4, 2.1e4, "derived", "Bouwens1986", "17e6 per g")
    share_portal: float = number(0.43, "", 0.40, 0.46, "measured", "Bouwens1986", "of cells, in the portal third")
    share_mid: float = number(0.28, "", 0.25, 0.33, "measured", "Bouwens1986", "of cells, in the middle third")
    fraction_responders: float = number(0.64, "", 0.5, 0.9, "measured", "Bouwens1986", "take up latex")
    fraction_central_uptake: float = number(0.6, "", 0.3, 1, "assumed", "", "central against portal; less active")
    half_load_uptake: float = number(2000, "vesicle", 500, 1e4, "assumed", "", "load that halves further uptake")
    speed: float = number(4.6, "um/min", 2, 7.2, "measured", "MacPhee1992", "unloaded")
    half_load_speed: float = number(
        50, "vesicle", 10, 500, "assumed", "", "particles slow and stop them (MacPhee 1992)"
    )
    persistence: float = number(5, "min", 2, 15, "assumed", "", "mean straight run, about a sinusoid's bend")
    secretion_tgfb: float = number(25, "molecule/s/cell", 2, 200, "assumed", "", "saturated; never measured")
    half_load_answer: float = number(300, "vesicle", 50, 1000, "assumed", "", "near the load of one 5 ug dose")
    steepness_answer: float = number(4, "", 2, 6, "assumed", "", "a threshold: single blocks must stop the chain")
    rate_education: float = number(1, "1/day", 0.3, 4, "assumed", "", "at full signal")
    rate_education_rest: float = number(
        0.002, "1/day", 5e-4, 0.01, "assumed", "", "without exosomes: a naive liver's few"
    )
    half_life_educated: float = number(7, "day", 2, 30, "assumed", "", "memory after the last exosome")
    rate_tumour_associated: float = number(0.2, "1/day", 0.05, 1, "assumed", "", "beside a dense colony, to tumour-associated")
    half_density_tumour_associated: float = number(4e4, "cell/mm^3", 1e4, 1e5, "assumed", "", "tumour cells nearby for half of it")
    rate_refill: float = number(
        0.15, "1/day", 0.05, 0.5, "recalled", "Scott2016", "monocytes refill the niche in 7-15 days"
    )
    contact_radius: float = number(16, "um", 12, 20, "derived", "Ghaffarizadeh2018", "macrophage 7.5 + tumour 8.4")


@dataclass(frozen=True)
class Tgfb:
    """Active transforming growth factor beta in the tissue."""

    diffusivity: float = number(26, "um^2/s", 10, 60, "recalled", "spQSP", "published agent-based parameter file")
    half_life: float = number(
        10, "min", 3, 30, "recalled", "Wakefield1990", "active form 2-3 min; longer while activation goes on"
    )


@dataclass(frozen=True)
class Inflammation:
    """Signals in blood that the organ's recipient cells, hepatocytes and tumours make; 0 to 1 unless said."""

    half_load_s100: float = number(100, "vesicle/cell", 20, 500, "assumed", "", "mean load for half of S100A8")
    half_load_il6: float = number(60, "vesicle/cell", 10, 300, "assumed", "", "mean load weighted by miR-21, for half")
    half_load_tnf: float = number(
        60, "vesicle/cell", 10, 300, "assumed", "", "mean load weighted by palmitate, for half"
    )
    half_cells_il6: float = number(3e7, "cell", 3e6, 3e8, "assumed", "", "primary tumour for half of IL-6 (Lee 2019)")
    share_fibroblasts: float = number(0.3, "", 0, 1, "assumed", "", "of IL-6, by fully active fibroblasts (Ji 2020)")
    half_life: float = number(12, "h", 3, 48, "assumed", "", "of these signals as organ-scale levels")
    half_il6: float = number(0.25, "", 0.1, 0.6, "assumed", "", "IL-6 for half of SAA")
    steepness: float = number(2, "", 1, 4, "assumed", "", "of the answer of hepatocytes")
    share_rest: float = number(0.15, "", 0, 0.5, "assumed", "", "of matrix and recruitment that does without SAA")
    half_saa: float = number(0.25, "", 0.1, 0.6, "assumed", "", "SAA for half its effects")
    rate_steatosis: float = number(0.15, "1/day", 0.05, 0.5, "assumed", "", "of hepatocytes, at saturating TNF")
    half_life_steatosis: float = number(7, "day", 3, 21, "assumed", "", "fat is cleared")


@dataclass(frozen=True)
class Marrow:
    """Education of the bone marrow by exosomal MET."""

    rate_education: float = number(0.2, "1/day", 0.05, 1, "assumed", "", "at saturating exposure")
    half_life: float = number(60, "day", 20, 365, "assumed", "", "education is called permanent (Peinado 2012)")
    gain_recruitment: float = number(1.5, "", 0.3, 4, "assumed", "", "more recruitment by educated marrow")


@dataclass(frozen=True)
class Endothelium:
    """Leakiness of the vessel wall, 0 to 1."""

    rate_permeability: float = number(
        1, "1/day", 0.3, 4, "assumed", "", "at saturating miR-25; leaky at 24 h (Peinado 2012)"
    )
    half_life: float = number(3, "day", 1, 7, "assumed", "", "the wall tightens again")
    share_vegf: float = number(0.3, "", 0, 1, "assumed", "", "of that rise, by saturating VEGF alone")
    gain_extravasation: float = number(2, "", 0.5, 5, "assumed", "", "faster crossing of a fully leaky wall")
    gain_retention: float = number(
        0.5, "", 0, 1, "assumed", "", "share of detachment that a fully leaky wall prevents"
    )


@dataclass(frozen=True)
class Stellate:
    """Hepatic stellate cells."""

    density: float = number(1.56e4, "cell/mm^3", 8e3, 2.1e4, "derived", "Marcos2003", "0.109 per hepatocyte")
    rate_activation: float = number(0.33, "1/day", 0.14, 1, "recalled", "Iredale1998", "aSMA in about 3 days")
    half_signal: float = number(0.1, "nM", 0.02, 0.5, "recalled", "spQSP", "0.14 nM in that file, for macrophages")
    steepness: float = number(2, "", 1, 4, "assumed", "", "cooperative receptor")
    half_life_active: float = number(7.8, "day", 5, 14, "derived", "Iredale1998", "12-fold fewer in 28 days")
    fraction_counted: float = number(0.5, "", 0.3, 0.7, "assumed", "", "activation above which a cell counts as active")
    reach: float = number(55, "um", 40, 70, "derived", "Wake2006", "wraps 20-40 hepatocytes")


@dataclass(frozen=True)
class Fibronectin:
    """Tissue fibronectin, as multiples of the plasma-derived floor of a naive liver."""

    rate_deposit: float = number(
        8e4,
        "um^3/day/cell",
        2e4,
        3e5,
        "assumed",
        "",
        "tissue volume that a fully active cell raises by one floor a day",
    )
    half_life: float = number(5, "day", 2, 14, "assumed", "", "matrix turnover in liver never measured")


@dataclass(frozen=True)
class Collagen:
    """Lysyl oxidase and the collagen it cross-links, 0 to 1."""

    half_life_lox: float = number(2, "day", 0.5, 7, "assumed", "", "lysyl oxidase in the tissue")
    rate_lox: float = number(
        8e4, "um^3/day/cell", 2e4, 3e5, "assumed", "", "tissue volume that an active cell raises by one unit a day"
    )
    half_lox: float = number(0.5, "", 0.1, 2, "assumed", "", "units of the enzyme for half the cross-linking")
    rate_linking: float = number(0.5, "1/day", 0.1, 1, "assumed", "", "of free collagen, at saturating enzyme")
    half_life: float = number(10, "day", 5, 20, "recalled", "Iredale1998", "near-full resolution in 28 days")
    rate_peptides: float = number(0.5, "1/day", 0.1, 2, "assumed", "", "turnover of collagen peptides in blood")
    half_peptides: float = number(
        500, "cell/mm^3", 100, 3000, "assumed", "", "held cells on cross-linked collagen, for half"
    )
    gain_peptides: float = number(0.4, "", 0, 2, "assumed", "", "more recruitment at saturating peptides (Erler 2009)")


@dataclass(frozen=True)
class Ccl2:
    """The chemokine CCL2, organ-wide."""

    secretion: float = number(2, "molecule/s/cell", 0.2, 20, "assumed", "", "by a fully active stellate cell")
    half_life: float = number(11.5, "h", 2, 24, "recalled", "spQSP", "1.67e-5 per s")


@dataclass(frozen=True)
class Bmdc:
    """Bone-marrow-derived cells: coming, crawling, arresting, leaving."""

    rate_rest: float = number(170, "cell/mm^3/day", 50, 1000, "recalled", "spQSP", "macrophage recruitment, tumour")
    chance_arrest_on_entry: float = number(0.1, "", 0.02, 0.3, "assumed", "", "of those at rest, as resident macrophages")
    rate_called: float = number(1200, "cell/mm^3/day", 300, 4000, "assumed", "", "on top, at saturating CCL2")
    half_signal: float = number(0.6, "nM", 0.1, 3, "assumed", "", "CCL2; near the affinity of CCR2")
    steepness: float = number(2, "", 1, 4, "assumed", "", "response to CCL2")
    speed: float = number(2, "um/min", 1, 4, "recalled", "Ghaffarizadeh2018", "macrophages, monocytes")
    persistence: float = number(10, "min", 5, 30, "assumed", "", "mean straight run")
    rate_arrest: float = number(0.5, "1/h", 0.1, 2, "assumed", "", "on saturating fibronectin")
    half_fibronectin: float = number(4, "", 2, 8, "assumed", "", "floors of fibronectin for half that rate")
    steepness_fibronectin: float = number(8, "", 4, 10, "assumed", "", "a threshold: the plasma floor holds nobody")
    half_life_moving: float = number(12, "h", 4, 48, "assumed", "", "stay in the section unless arrested")
    half_life_arrested: float = number(5, "day", 1, 14, "assumed", "", "life of a niche macrophage")
    half_collagen: float = number(0.25, "", 0.1, 0.6, "assumed", "", "cross-linked collagen for half of what it adds")
    share_without_collagen: float = number(
        0.15, "", 0, 0.5, "assumed", "", "of the arrest that does without (Erler 2009)"
    )
    share_mdsc: float = number(0.15, "", 0.05, 0.3, "assumed", "", "of called cells, suppressor cells at rest")
    rate_mdsc: float = number(400, "cell/mm^3/day", 100, 1500, "assumed", "", "suppressor cells at full S100A8 (CXCR2)")
    rate_neutrophils: float = number(800, "cell/mm^3/day", 200, 3000, "assumed", "", "neutrophils at saturating CXCL12")
    rate_neutrophils_rest: float = number(
        60, "cell/mm^3/day", 10, 300, "assumed", "", "a naive organ's passing neutrophils"
    )
    half_life_neutrophils: float = number(12, "h", 6, 48, "assumed", "", "0.5 to 1 day is usual")
    rate_patrolling: float = number(600, "cell/mm^3/day", 100, 2000, "assumed", "", "patrolling monocytes at full PEDF")
    rate_patrolling_rest: float = number(
        60, "cell/mm^3/day", 10, 300, "assumed", "", "a naive organ's patrolling monocytes"
    )
    half_life_patrolling: float = number(2, "day", 1, 5, "assumed", "", "in the section")
    gain_vegfr1: float = number(
        0.2, "", 0, 1, "assumed", "", "more recruitment at saturating VEGF; contested (Dawson 2009)"
    )
    chance_kill_patrolling: float = number(
        0.03, "", 0.003, 0.1, "assumed", "", "per meeting with an arrested or resting cell"
    )
    gain_nk_patrolling: float = number(1, "", 0, 3, "assumed", "", "more NK cells enter at full PEDF (Plebanek 2017)")


@dataclass(frozen=True)
class Granulin:
    """Macrophage granulin and the periostin that stellate cells lay in answer."""

    reach: float = number(50, "um", 30, 100, "assumed", "", "neighbourhood in which macrophages are felt")
    half_density: float = number(3000, "cell/mm^3", 500, 1e4, "assumed", "", "arrested macrophages for half response")
    rate_response: float = number(1, "1/day", 0.3, 3, "assumed", "", "of the stellate cell")
    rate_periostin: float = number(
        8e4, "um^3/day/cell", 2e4, 3e5, "assumed", "", "tissue volume raised by one unit of periostin a day"
    )
    half_life_periostin: float = number(5, "day", 2, 14, "assumed", "", "deposited with the matrix")
