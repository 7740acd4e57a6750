"""The cells as Mesa agents: each class shows the rows of one kind of cell of :mod:`niche_sim.model.cells`."""

from __future__ import annotations

from niche_sim.mesa_model.cell import Cell, shows
from niche_sim.model import cells


@shows(cells.Exosome)
class Exosome(Cell, cells.Exosome):
    """A parcel of vesicles as an agent."""


@shows(cells.KupfferCell)
class KupfferCell(Cell, cells.KupfferCell):
    """A Kupffer cell as an agent."""


@shows(cells.ResidentRecipientCell)
class ResidentRecipientCell(Cell, cells.ResidentRecipientCell):
    """A resident recipient cell of lung or brain as an agent."""


@shows(cells.StellateCell)
class StellateCell(Cell, cells.StellateCell):
    """A stellate cell as an agent."""


@shows(cells.BoneMarrowDerivedCell)
class BoneMarrowDerivedCell(Cell, cells.BoneMarrowDerivedCell):
    """A bone-marrow-derived cell as an agent."""


@shows(cells.Fibroblast)
class Fibroblast(Cell, cells.Fibroblast):
    """A fibroblast as an agent."""


@shows(cells.EpithelialCell)
class EpithelialCell(Cell, cells.EpithelialCell):
    """A recruited epithelial cell as an agent."""


@shows(cells.NaturalKillerCell)
class NaturalKillerCell(Cell, cells.NaturalKillerCell):
    """A natural killer cell as an agent."""


@shows(cells.TCell)
class TCell(Cell, cells.TCell):
    """A T cell as an agent."""


@shows(cells.TumourCell)
class TumourCell(Cell, cells.TumourCell):
    """A tumour cell as an agent."""
