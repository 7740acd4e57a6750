"""Tumour cells: all lines, what differs between lines, the primary."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Tumour:
    """Tumour cells in the liver, whatever the line."""

    packing: float = number(2.4e5, "cell/mm^3", 2e5, 4e5, "derived", "Ghaffarizadeh2018", "2494 um3 at 0.6")
    diameter: float = number(17, "um", 15, 20, "recalled", "Abramczyk2015", "against 8 um sinusoids")
    neighbourhood: float = number(40, "um", 40, 60, "assumed", "", "radius in which crowding is felt")
    rim: float = number(100, "um", 50, 150, "assumed", "", "how deep growing cells can push; growth is linear beyond")
    fraction_arrested: float = number(0.87, "", 0.80, 0.93, "recalled", "Luzzi1998", "of cells passing, by size")
    half_fibronectin: float = number(4, "", 2, 8, "assumed", "", "floors of fibronectin for half its effects")
    half_periostin: float = number(2, "", 0.5, 6, "assumed", "", "periostin for half its effect on exit from dormancy")
    steepness: float = number(4, "", 2, 6, "assumed", "", "of retention, exit from dormancy and support")
    share_periostin: float = number(0.5, "", 0, 1, "assumed", "", "of niche support that needs periostin")
    half_crowding: float = number(9e4, "cell/mm^3", 3e4, 2e5, "assumed", "", "density that shelters its members")
    steepness_crowding: float = number(2, "", 1, 4, "assumed", "", "of that shelter")
    speed_motile: float = number(0.5, "um/min", 0.1, 2, "recalled", "Ghaffarizadeh2018", "mesenchymal")
    persistence: float = number(15, "min", 5, 60, "assumed", "", "mean straight run")
    rate_condensing: float = number(1, "1/day", 0.3, 3, "assumed", "", "motile to micrometastasis (Ritsma 2012)")
    colony_cells: float = number(10, "cell", 5, 30, "assumed", "", "cells of one founder that count as a colony")
    rate_emt: float = number(0.7, "1/day", 0.2, 2, "assumed", "", "at saturating TGF-beta")
    half_tgfb_emt: float = number(0.1, "nM", 0.02, 0.5, "recalled", "spQSP", "as for stellate cells")
    half_life_emt: float = number(2, "day", 0.5, 7, "assumed", "", "MET after TGF-beta falls")
    gain_motility: float = number(1, "", 0.5, 2, "recalled", "Wang2008", "motility doubles with full EMT")
    loss_division: float = number(0.5, "", 0.3, 0.7, "recalled", "Wang2008", "division halves with full EMT")
    secretion_tgfb: float = number(1, "molecule/s/cell", 0.1, 10, "assumed", "", "by a growing tumour cell")
    secretion_ccl2: float = number(0.5, "molecule/s/cell", 0, 5, "assumed", "", "by a growing tumour cell")
    gain_hgf: float = number(0.2, "", 0, 0.5, "assumed", "", "faster division at saturating HGF (Zhang 2017)")
    share_hgf_dormancy_exit: float = number(0.3, "", 0, 1, "assumed", "", "of exit from dormancy in a niche that HGF adds")
    fraction_coopting: float = number(
        0.2, "", 0.1, 0.3, "recalled", "Frentzas2016", "of colonies, 10-30 %, that co-opt vessels"
    )
    macro_diameter: float = number(200, "um", 100, 500, "assumed", "", "diameter of a macrometastasis")


@dataclass(frozen=True)
class TumourLine:
    """What differs between tumour cell lines."""

    rate_extravasation: float
    rate_detachment: float
    chance_killed_by_kupffer: float
    chance_start: float
    rate_death_dormant: float
    rate_dormancy_exit: float
    doubling: float
    rate_death_exposed: float
    fraction_supported: float
    immunogenicity: float


@dataclass(frozen=True)
class Pan02(TumourLine):
    """Panc02, pancreatic; its efficiency in liver is assumed, within the published spread."""

    rate_extravasation: float = number(0.04, "1/h", 0.02, 0.1, "assumed", "", "slower than B16F1")
    rate_detachment: float = number(0.04, "1/h", 0.005, 0.1, "assumed", "", "unless fibronectin retains them")
    chance_killed_by_kupffer: float = number(0.02, "", 0.005, 0.05, "derived", "Matsumura2014", "a third in 6 h, rat")
    chance_start: float = number(0.25, "", 0.05, 0.4, "assumed", "", "of extravasated cells, without dormancy first")
    rate_death_dormant: float = number(0.04, "1/day", 0.02, 0.2, "assumed", "", "besides NK cells")
    rate_dormancy_exit: float = number(0.8, "1/day", 0.03, 2, "assumed", "", "in a full niche, without NK cells")
    doubling: float = number(
        19.1, "h", 14.4, 96, "assumed", "", "19 h reported in vitro; net growth in vivo is slower, since cells die"
    )
    rate_death_exposed: float = number(0.35, "1/day", 0.1, 1.5, "assumed", "", "of cycling cells without any shelter")
    fraction_supported: float = number(0.9, "", 0.5, 1, "assumed", "", "of that death, spared by a full niche")
    immunogenicity: float = number(0.3, "", 0, 1, "assumed", "", "antigen for CD8 cells; low for pancreas")


@dataclass(frozen=True)
class B16f1(TumourLine):
    """B16F1 melanoma: the line of the published funnel."""

    rate_extravasation: float = number(0.085, "1/h", 0.05, 0.15, "derived", "Koop1995", "over 80 % by 24 h")
    rate_detachment: float = number(0.001, "1/h", 0, 0.005, "derived", "Luzzi1998", "0.87 arrested, 0.83 extravasated")
    chance_killed_by_kupffer: float = number(0.0003, "", 0, 0.002, "derived", "Luzzi1998", "few are lost on arrival")
    chance_start: float = number(0.035, "", 0.01, 0.08, "fitted", "Luzzi1998", "0.02 of injected started by day 3")
    rate_death_dormant: float = number(0.03, "1/day", 0.01, 0.2, "fitted", "Luzzi1998", "0.36 dormant at day 13")
    rate_dormancy_exit: float = number(0.3, "1/day", 0.03, 1, "assumed", "", "in a full niche, without NK cells")
    doubling: float = number(
        15, "h", 12, 20, "assumed", "", "B16-F10 in vitro; net growth in vivo is slower, since cells die"
    )
    rate_death_exposed: float = number(1.2, "1/day", 0.5, 2, "fitted", "Luzzi1998", "1 in 100 persists to day 13")
    fraction_supported: float = number(0.9, "", 0.5, 1, "assumed", "", "of that death, spared by a full niche")
    immunogenicity: float = number(0.2, "", 0, 1, "assumed", "", "antigen for CD8 cells; B16 shows little")


@dataclass(frozen=True)
class B16f10(B16f1):
    """B16-F10 melanoma, more metastatic; numbers not given are those of B16F1."""

    rate_death_dormant: float = number(0.03, "1/day", 0.01, 0.2, "assumed", "", "as B16F1, besides NK cells")
    chance_start: float = number(0.1, "", 0.02, 0.3, "assumed", "", "a selected, more metastatic subline")
    rate_death_exposed: float = number(0.8, "1/day", 0.2, 2, "assumed", "", "a selected, more metastatic subline")


@dataclass(frozen=True)
class Kcko(Pan02):
    """KCKO pancreatic cancer cells; numbers not given are those of pan02."""

    doubling: float = number(18, "h", 14, 40, "fitted", "KCKOB60", "seen in most mice at day 10, all at 15; held from above only")
    chance_start: float = number(0.6, "", 0.1, 0.8, "fitted", "KCKOB60", "the same; not held alone, the three trade off")
    rate_death_exposed: float = number(0.05, "1/day", 0.01, 0.5, "fitted", "KCKOB60", "the same; not held alone")
    immunogenicity: float = number(0.4, "", 0, 1, "assumed", "", "more than pan02")


@dataclass(frozen=True)
class Ct26(Pan02):
    """CT26 colorectal cancer cells; numbers not given are those of pan02."""

    doubling: float = number(18, "h", 14, 30, "assumed", "", "fast in vitro")
    chance_start: float = number(0.3, "", 0.05, 0.5, "assumed", "", "forms liver metastases readily")
    immunogenicity: float = number(0.7, "", 0, 1, "assumed", "", "answers to checkpoint blockade")


@dataclass(frozen=True)
class Llc(Pan02):
    """Lewis lung carcinoma cells; numbers not given are those of pan02."""

    doubling: float = number(18, "h", 14, 30, "assumed", "", "fast in vitro")


@dataclass(frozen=True)
class Breast4t1(Pan02):
    """4T1 breast cancer cells; numbers not given are those of pan02."""

    chance_start: float = number(0.1, "", 0.02, 0.3, "assumed", "", "most are dormant in the liver (Correia 2021)")
    doubling: float = number(20, "h", 14, 30, "assumed", "", "fast in vitro")


@dataclass(frozen=True)
class Primary:
    """A growing primary tumour."""

    rate_shedding: float = number(
        3e-3, "1/day", 1e-4, 1e-2, "recalled", "ButlerGullino1975", "cells per cell, 3-4e6/g/day"
    )
    fraction_viable: float = number(
        0.01, "", 1e-3, 2e-2, "recalled", "Fidler1970", "about 1 % of injected cells alive at 24 h"
    )
