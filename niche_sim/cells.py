"""The agent classes: who lives on the section, what each carries, in which unit.

Each class is a Mesa agent for whoever looks and a row of columns for whoever computes. `y`, `x` (um), the birth key and
the unique id belong to every cell.
"""

from __future__ import annotations

import numpy as np

from niche_sim.population import Cell, column
from niche_sim.vocabulary import EXOSOME_SOURCES, TUMOUR_LINES


class Exosome(Cell):
    """A parcel of vesicles of one source: in blood, or inside the Kupffer cell that took it up."""

    population = "exosomes"
    source = column(np.int8, names=EXOSOME_SOURCES, meaning="the cells that shed it; decides integrins and cargo")
    place = column(np.int8, names=("blood", "inside"), meaning="where it is")
    vesicles = column(np.int64, unit="vesicle", meaning="vesicles in this parcel")
    host = column(np.int64, default=-1, meaning="unique id of the Kupffer cell that holds it, -1 in blood")


class KupfferCell(Cell):
    """The liver's resident macrophage: patrols the sinusoids, takes up exosomes, kills arriving tumour cells."""

    population = "kupffer_cells"
    heading = column(np.float64, unit="rad", meaning="direction of its walk")
    responder = column(np.bool_, meaning="able to take up particles")
    load = column(np.int64, unit="vesicle", meaning="vesicles inside, all sources")
    signal = column(np.float64, unit="vesicle", meaning="load weighted by MIF cargo still active")
    state = column(np.int8, names=("naive", "taught"), meaning="taught by MIF-bearing exosomes or not")
    taught_at = column(np.float64, unit="h", default=np.nan, meaning="when it was last taught")


class StellateCell(Cell):
    """The pericyte of the sinusoid; once active it lays matrix."""

    population = "stellate_cells"
    activation = column(np.float64, meaning="0 quiescent to 1 fully active")
    granulin = column(np.float64, meaning="response to macrophage granulin, 0 to 1")
    active_at = column(np.float64, unit="h", default=np.nan, meaning="when activation first passed the counted level")


class BoneMarrowCell(Cell):
    """A monocyte-derived cell from the bone marrow: enters with CCL2, crawls, arrests on fibronectin."""

    population = "bmdc"
    heading = column(np.float64, unit="rad", meaning="direction of its walk")
    arrested = column(np.bool_, meaning="held by fibronectin, a macrophage of the niche")
    entered_at = column(np.float64, unit="h", default=np.nan, meaning="when it entered the section")


class NaturalKillerCell(Cell):
    """A liver natural killer cell, patrolling."""

    population = "nk_cells"
    heading = column(np.float64, unit="rad", meaning="direction of its walk")


class TCell(Cell):
    """A liver T cell, patrolling."""

    population = "t_cells"
    heading = column(np.float64, unit="rad", meaning="direction of its walk")


class TumourCell(Cell):
    """A metastasising tumour cell, from blood to colony."""

    population = "tumour_cells"
    line = column(np.int8, names=TUMOUR_LINES, meaning="tumour cell line")
    state = column(
        np.int8,
        names=("circulating", "arrested", "extravasated", "dormant", "motile", "cycling"),
        meaning="how far along the way to a colony",
    )
    heading = column(np.float64, unit="rad", meaning="direction of its walk while motile")
    crowding = column(np.float64, unit="cell/um^3", meaning="tumour cells per volume of its neighbourhood")
    clone_size = column(np.int64, unit="cell", meaning="living cells of its clone in the section")
    roused_by = column(np.int8, names=("nobody", "arrival", "niche"), meaning="why it is not asleep")
    divisions = column(np.int64, meaning="divisions of this cell so far; numbers its daughters")
    clone = column(np.uint64, meaning="birth key of the cell that arrived from blood")
    arrived_at = column(np.float64, unit="h", default=np.nan, meaning="when its founder lodged")


POPULATIONS: tuple[type[Cell], ...] = (
    Exosome,
    KupfferCell,
    StellateCell,
    BoneMarrowCell,
    NaturalKillerCell,
    TCell,
    TumourCell,
)
