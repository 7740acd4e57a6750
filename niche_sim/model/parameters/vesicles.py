"""Exosomes: what holds for all, and what each source carries."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Exosomes:
    """Vesicles in blood and inside cells, whatever their source."""

    vesicles_per_ug: float = number(1.5e9, "vesicle/ug", 1e8, 2e10, "assumed", "", "purity-dependent; 5 ug is 5e9-1e10")
    half_life_blood: float = number(3, "min", 2, 30, "recalled", "Takahashi2013", "with all Kupffer cells in place")
    half_life_inside: float = number(24, "h", 6, 72, "assumed", "", "signal of a vesicle inside a Kupffer cell")
    fraction_unmatched: float = number(0.02, "", 0.01, 0.5, "assumed", "", "capture left without the organ's integrin")
    secretion: float = number(60, "vesicle/cell/h", 10, 500, "measured", "Chiu2016", "per tumour cell")
    fraction_escaping: float = number(
        0.5, "", 0.01, 1, "fitted", "KCKOB60", "of a tumour's vesicles, reach blood; niche by day 10 holds it from below"
    )
    reference_exposure: float = number(
        3.2e8,
        "vesicle*h/mL",
        3e7,
        5e9,
        "derived",
        "Takahashi2013",
        "7.5e9 vesicles in 1.7 mL with a half-life of 3 min",
    )
    half_life_exposure: float = number(
        24, "h", 6, 96, "assumed", "", "of what vesicles do to cells other than recipient cells"
    )
    half_exposure: float = number(0.5, "", 0.1, 2, "assumed", "", "of a 5 ug dose of the cargo, for half its effects")
    parcel_size: float = number(10000, "vesicle", 1, 1e6, "setting", "", "vesicles an agent holds at most")


@dataclass(frozen=True)
class ExosomeSource:
    """What the vesicles of one kind of cell carry, 0 to 1 and relative to the source best known for it.

    Cargo that a source is not said to carry is 0 and no row of the register.
    """

    mif: float = 0.0
    integrin_avb5: float = 0.0
    integrin_a6b4: float = 0.0
    integrin_b3: float = 0.0
    mir21: float = 0.0
    mir25: float = 0.0
    mir122: float = 0.0
    palmitate: float = 0.0
    met: float = 0.0
    pedf: float = 0.0
    tgfb: float = 0.0
    pdl1: float = 0.0
    pgp: float = 0.0
    itgbl1: float = 0.0
    marker: float = 0.0


@dataclass(frozen=True)
class Pdac(ExosomeSource):
    """Exosomes of pancreatic ductal adenocarcinoma: the reference."""

    mif: float = number(1, "", 0.5, 2, "assumed", "", "reference cargo; MIF is high in them (Costa-Silva 2015)")
    integrin_avb5: float = number(1, "", 0.5, 1, "assumed", "", "reference; avb5 sends them to liver (Hoshino 2015)")
    mir21: float = number(0.6, "", 0, 1, "assumed", "", "IL-6 of recipient cells; named for colorectal cancer (Shao 2018)")
    palmitate: float = number(0.6, "", 0, 1, "assumed", "", "fatty acids of pancreatic and other tumours (Wang 2023)")
    tgfb: float = number(0.3, "", 0, 1, "assumed", "", "dampens NK cells")
    pdl1: float = number(0.3, "", 0, 1, "assumed", "", "less than melanoma's")
    pgp: float = number(0.8, "", 0, 1, "assumed", "", "resistance to gemcitabine passed on by vesicles")
    marker: float = number(1, "", 0.5, 2, "assumed", "", "reference of the GPC1-like marker")


@dataclass(frozen=True)
class NormalPancreas(ExosomeSource):
    """Exosomes of normal pancreas: the control that does nothing."""

    mif: float = number(0.1, "", 0, 0.3, "assumed", "", "low MIF; the control is flat (Costa-Silva 2015)")
    integrin_avb5: float = number(0.1, "", 0, 0.5, "assumed", "", "not liver-tropic")
    marker: float = number(0.2, "", 0, 0.5, "assumed", "", "the marker is not a tumour's alone (Yang 2017)")


@dataclass(frozen=True)
class Liposome(ExosomeSource):
    """Empty lipid vesicles: taken up, but carrying nothing."""

    integrin_avb5: float = number(0.5, "", 0, 1, "assumed", "", "as if half matched: phagocytes take lipid up")


@dataclass(frozen=True)
class PoorlyMetastaticMelanoma(ExosomeSource):
    """Exosomes of poorly metastatic melanoma: they protect."""

    integrin_avb5: float = number(0.3, "", 0, 1, "assumed", "", "some uptake everywhere")
    integrin_a6b4: float = number(0.3, "", 0, 1, "assumed", "", "some uptake everywhere")
    pedf: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Plebanek 2017)")


@dataclass(frozen=True)
class MetastaticMelanoma(ExosomeSource):
    """Exosomes of highly metastatic melanoma such as B16-F10."""

    mif: float = number(0.7, "", 0, 1, "assumed", "", "the cargo that makes recipient cells answer; not named for melanoma")
    integrin_avb5: float = number(0.5, "", 0, 1, "assumed", "", "liver is reached, too")
    integrin_a6b4: float = number(0.8, "", 0, 1, "assumed", "", "lung-tropic")
    mir21: float = number(0.3, "", 0, 1, "assumed", "", "as in most tumours")
    mir25: float = number(0.6, "", 0, 1, "assumed", "", "stands for what makes lung vessels leak (Peinado 2012)")
    met: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Peinado 2012)")
    tgfb: float = number(0.5, "", 0, 1, "assumed", "", "dampens NK cells")
    pdl1: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Chen 2018)")


@dataclass(frozen=True)
class MetastaticBreast(ExosomeSource):
    """Exosomes of highly metastatic breast cancer."""

    mif: float = number(0.7, "", 0, 1, "assumed", "", "the cargo that makes recipient cells answer; not named for breast")
    integrin_avb5: float = number(0.6, "", 0, 1, "assumed", "", "liver and lung are reached (Wen 2016)")
    integrin_a6b4: float = number(0.8, "", 0, 1, "assumed", "", "liver and lung are reached (Wen 2016)")
    integrin_b3: float = number(0.5, "", 0, 1, "assumed", "", "brain is reached (Fong 2015)")
    mir21: float = number(0.5, "", 0, 1, "assumed", "", "as in most tumours")
    mir122: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Fong 2015)")
    tgfb: float = number(1, "", 0.5, 1, "assumed", "", "reference: NK cytotoxicity down (Wen 2016)")
    pdl1: float = number(0.5, "", 0, 1, "assumed", "", "T-cell proliferation down (Wen 2016)")


@dataclass(frozen=True)
class NonmetastaticBreast(ExosomeSource):
    """Exosomes of non-metastatic breast cancer: a control."""

    integrin_avb5: float = number(0.3, "", 0, 1, "assumed", "", "taken up without effect (Wen 2016)")
    integrin_a6b4: float = number(0.3, "", 0, 1, "assumed", "", "taken up without effect (Wen 2016)")
    tgfb: float = number(0.1, "", 0, 0.3, "assumed", "", "little suppression (Wen 2016)")


@dataclass(frozen=True)
class Colorectal(ExosomeSource):
    """Exosomes of colorectal cancer."""

    mif: float = number(
        0.7, "", 0, 1, "assumed", "", "the cargo that makes recipient cells answer; not named for this cancer"
    )
    integrin_avb5: float = number(0.8, "", 0, 1, "assumed", "", "taken up by liver macrophages (Shao 2018)")
    mir21: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Shao 2018)")
    mir25: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Zeng 2018)")
    itgbl1: float = number(1, "", 0.5, 1, "assumed", "", "reference cargo (Ji 2020)")
    tgfb: float = number(0.3, "", 0, 1, "assumed", "", "dampens NK cells")
    pdl1: float = number(0.3, "", 0, 1, "assumed", "", "less than melanoma's")


@dataclass(frozen=True)
class LungTropic(ExosomeSource):
    """Exosomes of a lung-tropic line."""

    mif: float = number(1, "", 0.5, 1, "assumed", "", "stands for the cargo that makes lung recipient cells answer")
    integrin_a6b4: float = number(1, "", 0.5, 1, "assumed", "", "reference (Hoshino 2015)")
    mir21: float = number(0.6, "", 0, 1, "assumed", "", "as in most tumours")
    met: float = number(0.3, "", 0, 1, "assumed", "", "less than melanoma's")
    tgfb: float = number(0.3, "", 0, 1, "assumed", "", "dampens NK cells")


@dataclass(frozen=True)
class BrainTropic(ExosomeSource):
    """Exosomes of a brain-tropic line."""

    mif: float = number(1, "", 0.5, 1, "assumed", "", "stands for the cargo that makes brain endothelium answer")
    integrin_b3: float = number(1, "", 0.5, 1, "assumed", "", "reference (Hoshino 2015)")
    mir21: float = number(0.6, "", 0, 1, "assumed", "", "as in most tumours")
    mir25: float = number(0.5, "", 0, 1, "assumed", "", "stands for what makes brain endothelium leaky")
    tgfb: float = number(0.3, "", 0, 1, "assumed", "", "dampens NK cells")
