"""Who lives on the section, what each carries, in which unit: one record a kind of cell.

Each kind is declared once, with its columns, its label and whether an experimenter can deplete it; the class below it in the
plural is all such cells of a section as arrays, and :mod:`niche_sim.mesa_model.cells` shows single ones as Mesa agents. `y`, `x`
(um), the birth key and the unique id belong to every cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from niche_sim.engine.columns import CellType, Population, column
from niche_sim.model.materials import EXOSOME_SOURCES, TUMOUR_LINES


class Exosome(CellType):
    """A parcel of vesicles of one source: in blood, or inside the Kupffer cell that took it up."""

    population = "exosomes"
    label = "exosomes"
    source = column(np.int8, names=EXOSOME_SOURCES, meaning="the cells that shed it; decides integrins and cargo")
    place = column(np.int8, names=("blood", "inside"), meaning="where it is")
    vesicles = column(np.int64, unit="vesicle", meaning="vesicles in this parcel")
    host = column(np.int64, default=-1, meaning="unique id of the Kupffer cell that holds it, -1 in blood")


class Exosomes(Exosome, Population):
    """All exosomes of a section."""


class KupfferCell(CellType):
    """The liver's resident macrophage: patrols the sinusoids, takes up exosomes, kills arriving tumour cells."""

    population = "kupffer_cells"
    label = "Kupffer cells"
    marker = "s"
    depletable = True
    heading = column(np.float64, unit="rad", meaning="direction of its walk")
    responder = column(np.bool_, meaning="able to take up particles")
    load = column(np.int64, unit="vesicle", meaning="vesicles inside, all sources")
    signal = column(np.float64, unit="vesicle", meaning="load weighted by MIF cargo still active")
    state = column(np.int8, names=("naive", "educated", "tumour_associated"), meaning="educated by exosomes, or tumour-associated")
    educated_at = column(np.float64, unit="h", default=np.nan, meaning="when it was last educated")


class KupfferCells(KupfferCell, Population):
    """All Kupffer cells of a section."""


class ResidentRecipientCell(CellType):
    """A resident cell of lung or brain that takes up exosomes, as Kupffer cells do in the liver. It rests."""

    population = "resident_recipient_cells"
    label = "recipient cells of exosomes"
    marker = "h"
    rests = True
    kind = column(
        np.int8, names=("lung_fibroblast", "lung_epithelium", "brain_endothelium"), meaning="what kind of cell it is"
    )
    responder = column(np.bool_, meaning="able to take up particles")
    load = column(np.int64, unit="vesicle", meaning="vesicles inside, all sources")
    signal = column(np.float64, unit="vesicle", meaning="load weighted by MIF cargo still active")
    state = column(np.int8, names=("naive", "educated"), meaning="educated by exosomes or not")
    educated_at = column(np.float64, unit="h", default=np.nan, meaning="when it was last educated")


class ResidentRecipientCells(ResidentRecipientCell, Population):
    """All recipient cells of exosomes of a section."""


class StellateCell(CellType):
    """The pericyte of the sinusoid; once active it lays matrix. In lung and brain: the resident cell that lays matrix."""

    population = "stellate_cells"
    label = "stellate cells"
    marker = "*"
    rests = True
    depletable = True
    activation = column(np.float64, meaning="0 quiescent to 1 fully active")
    granulin = column(np.float64, meaning="response to macrophage granulin, 0 to 1")
    active_at = column(np.float64, unit="h", default=np.nan, meaning="when activation first passed the counted level")


class StellateCells(StellateCell, Population):
    """All stellate cells of a section."""


class Bmdc(NamedTuple):
    """A kind of bone-marrow-derived cells: its word in the column `kind`, what people call them, how they are drawn."""

    kind: str
    label: str
    marker: str


BMDC = {  # by the name that users write; all of them can be depleted
    "macrophages": Bmdc("macrophage", "macrophages", "^"),
    "mdsc": Bmdc("mdsc", "suppressor cells", "v"),
    "neutrophils": Bmdc("neutrophil", "neutrophils", "<"),
    "patrolling_monocytes": Bmdc("patrolling", "patrolling monocytes", ">"),
}
BMDC_KINDS = {name: bmdc.kind for name, bmdc in BMDC.items()}


class BoneMarrowDerivedCell(CellType):
    """A cell from the bone marrow: called by chemokines, it crawls; macrophages and suppressor cells stay on matrix."""

    population = "bmdc"
    label = "bone-marrow-derived cells"
    depletable = True
    kind = column(np.int8, names=tuple(BMDC_KINDS.values()), meaning="what kind of cell it is")
    heading = column(np.float64, unit="rad", meaning="direction of its walk")
    arrested = column(np.bool_, meaning="held by fibronectin, a macrophage of the niche")
    entered_at = column(np.float64, unit="h", default=np.nan, meaning="when it entered the section")


class BoneMarrowDerivedCells(BoneMarrowDerivedCell, Population):
    """All bone-marrow-derived cells of a section."""


class Fibroblast(CellType):
    """A fibroblast of the portal tract; once active it secretes growth factors."""

    population = "fibroblasts"
    label = "fibroblasts"
    marker = "d"
    rests = True
    depletable = True
    activation = column(np.float64, meaning="0 quiescent to 1 fully active")


class Fibroblasts(Fibroblast, Population):
    """All fibroblasts of a section."""


class EpithelialCell(CellType):
    """A cell recruited to the niche that secretes angiogenic factors (hypothesis)."""

    population = "epithelial_cells"
    label = "epithelial cells"
    marker = "p"
    rests = True
    depletable = True
    entered_at = column(np.float64, unit="h", default=np.nan, meaning="when it entered the section")


class EpithelialCells(EpithelialCell, Population):
    """All epithelial cells of a section."""


class NaturalKillerCell(CellType):
    """A natural killer cell, patrolling."""

    population = "nk_cells"
    label = "NK cells"
    marker = "P"
    depletable = True
    activity = column(np.float64, default=1.0, meaning="cytotoxicity against that in a naive organ")
    heading = column(np.float64, unit="rad", meaning="direction of its walk")


class NaturalKillerCells(NaturalKillerCell, Population):
    """All NK cells of a section."""


class TCell(CellType):
    """A T cell, patrolling; an effector hits tumour cells."""

    population = "t_cells"
    label = "T cells"
    marker = "X"
    depletable = True
    effector = column(np.bool_, meaning="primed against the tumour in the lymph node")
    exhaustion = column(np.float64, meaning="0 fresh to 1 exhausted")
    heading = column(np.float64, unit="rad", meaning="direction of its walk")


class TCells(TCell, Population):
    """All T cells of a section."""


class TumourCell(CellType):
    """A metastasising tumour cell, from blood to colony."""

    population = "tumour_cells"
    label = "tumour cells"
    marker = "o"
    line = column(np.int8, names=TUMOUR_LINES, meaning="tumour cell line")
    state = column(
        np.int8,
        names=("circulating", "arrested", "extravasated", "dormant", "motile", "cycling"),
        meaning="how far along the way to a colony",
    )
    heading = column(np.float64, unit="rad", meaning="direction of its walk while motile")
    crowding = column(np.float64, unit="cell/um^3", meaning="tumour cells per volume of its neighbourhood")
    clone_size = column(np.int64, unit="cell", meaning="living cells of its clone in the section")
    reactivated_by = column(np.int8, names=("nobody", "arrival", "niche"), meaning="why it is not dormant")
    emt = column(np.float64, meaning="epithelial 0 to mesenchymal 1")
    hits = column(np.float64, unit="hit", meaning="damage by T cells not yet repaired")
    resistance = column(np.float64, meaning="share of a drug's effect that does not reach it")
    coopting = column(np.bool_, meaning="its clone grows along vessels and spares them")
    divisions = column(np.int64, meaning="divisions of this cell so far; numbers its daughters")
    clone = column(np.uint64, meaning="birth key of the cell that arrived from blood")
    arrived_at = column(np.float64, unit="h", default=np.nan, meaning="when its founder arrested")


class TumourCells(TumourCell, Population):
    """All tumour cells of a section."""


POPULATIONS: tuple[type[CellType], ...] = (
    Exosome,
    KupfferCell,
    ResidentRecipientCell,
    StellateCell,
    BoneMarrowDerivedCell,
    Fibroblast,
    EpithelialCell,
    NaturalKillerCell,
    TCell,
    TumourCell,
)
