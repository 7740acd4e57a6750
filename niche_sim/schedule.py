"""The order of a step. Read it aloud: this is what happens to the liver, hour by hour."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from niche_sim.errors import InputError
from niche_sim.process import Process
from niche_sim.processes.bmdc_arrest import BmdcArrest, BmdcCrawling, BmdcDeparture
from niche_sim.processes.bmdc_recruitment import Ccl2Release, Recruitment
from niche_sim.processes.exosome_digestion import ExosomeDigestion
from niche_sim.processes.exosome_uptake import ExosomeUptake
from niche_sim.processes.fibronectin import FibronectinDeposition
from niche_sim.processes.granulin_feedback import GranulinFeedback
from niche_sim.processes.kupffer_answer import KupfferTeaching, KupfferTgfb
from niche_sim.processes.patrol import KupfferPatrol, LymphocytePatrol, LymphocyteRenewal
from niche_sim.processes.primary_tumour import PrimaryGrowth, PrimaryShedding
from niche_sim.processes.stellate_activation import StellateActivation
from niche_sim.processes.tumour_arrival import Lodging
from niche_sim.processes.tumour_fate import (
    DormantDeath,
    Extravasation,
    MotileSearch,
    Settling,
    Waking,
    WashingOut,
)
from niche_sim.processes.tumour_growth import Crowding, Division, ExposedDeath
from niche_sim.processes.tumour_killing import KupfferKilling, NkKilling

DEFAULT: tuple[type[Process], ...] = (
    # shedding
    PrimaryGrowth,
    PrimaryShedding,
    # priming
    KupfferPatrol,
    ExosomeUptake,
    ExosomeDigestion,
    KupfferTgfb,
    KupfferTeaching,
    # licensing
    StellateActivation,
    FibronectinDeposition,
    # recruitment
    Ccl2Release,
    Recruitment,
    BmdcCrawling,
    BmdcArrest,
    BmdcDeparture,
    GranulinFeedback,
    # surveillance
    LymphocytePatrol,
    LymphocyteRenewal,
    # arrival
    Lodging,
    KupfferKilling,
    WashingOut,
    Extravasation,
    Settling,
    # colonisation
    DormantDeath,
    Waking,
    MotileSearch,
    Crowding,
    NkKilling,
    ExposedDeath,
    Division,
)


def schedule(names: str | Iterable[str] = "default", where: str = "schedule") -> tuple[Process, ...]:
    """The processes of a step, in order: "default", or a list of process names.

    Raises InputError for an unknown or repeated name; near names are offered.
    """
    if names == "default":
        return tuple(kind() for kind in DEFAULT)
    known = {kind.__name__: kind for kind in DEFAULT}
    wanted = list(names)
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or list(known)
            raise InputError(where, f"unknown process {name!r}", f"one of {', '.join(near)}")
    if len(set(wanted)) != len(wanted):
        raise InputError(where, "a process stands in it twice", "each process once")
    return tuple(known[name]() for name in wanted)
