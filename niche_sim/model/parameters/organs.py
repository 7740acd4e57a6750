"""Where: organs, their blood, and how mice differ."""

from __future__ import annotations

from dataclasses import dataclass

from niche_sim.model.parameters.row import number


@dataclass(frozen=True)
class Organ:
    """What differs between organs besides the geometry's names: size, blood, resident cells."""

    volume: float
    lobule_radius: float
    portal_radius: float
    central_radius: float
    thickness: float
    blood_flow: float
    blood_volume: float
    fraction_exosomes: float
    fraction_cells: float
    density_recipient_cells: float = 0.0  # the liver's recipient cells are its Kupffer cells
    share_first_recipient_cell: float = 1.0
    ratio_kupffer: float = 0.0  # against a liver's
    ratio_matrix_cells: float = 1.0
    ratio_lymphocytes: float = 1.0


@dataclass(frozen=True)
class Liver(Organ):
    """Mouse liver: its size, its lobules, its blood."""

    ratio_kupffer: float = 1.0
    volume: float = number(1100, "mm^3", 900, 1400, "derived", "Sohlenius2006", "1.2 g at 1.06 g/mL, mouse")
    lobule_radius: float = number(285, "um", 250, 350, "recalled", "Hoehme2010", "circumradius of the hexagon")
    portal_radius: float = number(25, "um", 15, 40, "assumed", "", "portal vein branch, seen in section")
    central_radius: float = number(30, "um", 20, 45, "assumed", "", "central vein, seen in section")
    thickness: float = number(20, "um", 10, 30, "assumed", "", "slab of one hepatocyte; density is per volume")
    blood_flow: float = number(1.8, "mL/min", 1.2, 2.5, "recalled", "DaviesMorris1993", "hepatic, 20 g mouse")
    blood_volume: float = number(1.7, "mL", 1.4, 2.0, "recalled", "DaviesMorris1993", "20 g mouse")
    fraction_exosomes: float = number(0.7, "", 0.5, 0.85, "recalled", "Wiklander2015", "of what leaves naive blood")
    fraction_cells: float = number(1, "", 0.5, 1, "assumed", "", "of cells injected by spleen or portal vein")


@dataclass(frozen=True)
class Lung(Organ):
    """Mouse lung: arterioles and venules in place of portal triads and central veins."""

    volume: float = number(200, "mm^3", 150, 300, "assumed", "", "tissue and blood of both lungs, some 0.2 g")
    lobule_radius: float = number(200, "um", 120, 300, "assumed", "", "spacing of arterioles about a venule")
    portal_radius: float = number(20, "um", 10, 40, "assumed", "", "arteriole")
    central_radius: float = number(25, "um", 10, 45, "assumed", "", "venule")
    thickness: float = number(20, "um", 10, 30, "assumed", "", "as in the liver")
    blood_flow: float = number(8, "mL/min", 6, 16, "recalled", "DaviesMorris1993", "cardiac output, 20 g mouse")
    blood_volume: float = number(1.7, "mL", 1.4, 2.0, "recalled", "DaviesMorris1993", "20 g mouse")
    fraction_exosomes: float = number(0.15, "", 0.03, 0.3, "assumed", "", "of matched vesicles; less than the liver")
    fraction_cells: float = number(0.9, "", 0.5, 1, "assumed", "", "of cells injected into a vein")
    density_recipient_cells: float = number(
        1.8e4, "cell/mm^3", 5e3, 5e4, "assumed", "", "fibroblasts and epithelium that take up"
    )
    share_first_recipient_cell: float = number(
        0.57, "", 0.4, 0.7, "recalled", "Hoshino2015", "fibroblasts 40 %, epithelium 30 %"
    )
    ratio_matrix_cells: float = number(1, "", 0.3, 2, "assumed", "", "resident fibroblasts, against stellate cells")
    ratio_lymphocytes: float = number(1, "", 0.5, 2, "assumed", "", "NK and T cells per volume, against the liver")


@dataclass(frozen=True)
class Brain(Organ):
    """Mouse brain: a barrier, endothelium that takes vesicles up, few cells that lay matrix."""

    volume: float = number(400, "mm^3", 350, 500, "assumed", "", "0.4 g")
    lobule_radius: float = number(200, "um", 120, 300, "assumed", "", "spacing of penetrating arterioles and venules")
    portal_radius: float = number(15, "um", 8, 30, "assumed", "", "penetrating arteriole")
    central_radius: float = number(20, "um", 8, 30, "assumed", "", "venule")
    thickness: float = number(20, "um", 10, 30, "assumed", "", "as in the liver")
    blood_flow: float = number(0.4, "mL/min", 0.2, 0.8, "assumed", "", "some 5 % of the cardiac output")
    blood_volume: float = number(1.7, "mL", 1.4, 2.0, "recalled", "DaviesMorris1993", "20 g mouse")
    fraction_exosomes: float = number(
        0.01, "", 0.001, 0.03, "assumed", "", "of matched vesicles; first-pass access is low"
    )
    fraction_cells: float = number(0.05, "", 0.01, 0.2, "assumed", "", "of cells injected into the arterial blood")
    density_recipient_cells: float = number(2e4, "cell/mm^3", 1e4, 4e4, "assumed", "", "endothelial cells")
    share_first_recipient_cell: float = number(1, "", 0.9, 1, "recalled", "Hoshino2015", "CD31+ cells, 98 %")
    ratio_matrix_cells: float = number(0.3, "", 0.1, 0.6, "assumed", "", "pericytes and astrocytes lay little matrix")
    ratio_lymphocytes: float = number(0.1, "", 0.02, 0.3, "assumed", "", "behind the barrier")


@dataclass(frozen=True)
class MouseSpread:
    """How much virtual mice differ: standard deviations of the log of some rates."""

    answer: float = number(0.2, "", 0, 0.5, "assumed", "", "of TGF-beta secretion by recipient cells")
    matrix: float = number(0.2, "", 0, 0.5, "assumed", "", "of fibronectin deposition")
    recruitment: float = number(0.25, "", 0, 0.5, "assumed", "", "of the call for bone-marrow-derived cells")
    immunity: float = number(0.3, "", 0, 0.6, "assumed", "", "of killing by NK cells")
    uptake: float = number(0.15, "", 0, 0.4, "assumed", "", "of the vesicles that a dose brings")
    vessels: float = number(0.05, "", 0, 0.15, "assumed", "", "of the vessel density of a naive organ")
