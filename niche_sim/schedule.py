"""The order of a step. Read it aloud: this is what happens to the organ, hour by hour."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from niche_sim.errors import InputError
from niche_sim.process import Process
from niche_sim.processes.angiogenesis import (
    ColonyVessels,
    EpithelialRecruitment,
    FibroblastActivation,
    NicheSprouting,
    Perfusion,
)
from niche_sim.processes.bmdc_arrest import BmdcArrest, BmdcCrawling, BmdcDeparture
from niche_sim.processes.bmdc_recruitment import Ccl2Release, Recruitment
from niche_sim.processes.collagen import CollagenLinking, CollagenPeptides
from niche_sim.processes.exosome_digestion import ExosomeDigestion
from niche_sim.processes.exosome_exposure import ExosomeExposure, GlucoseSparing, Loosening, MarrowEducation
from niche_sim.processes.exosome_uptake import ExosomeUptake
from niche_sim.processes.fibronectin import FibronectinDeposition
from niche_sim.processes.granulin_feedback import GranulinFeedback
from niche_sim.processes.immune_modulation import Exhaustion, LateKupffer, LymphNodePriming, NkModulation
from niche_sim.processes.inflammation import AcutePhase, Inflammation, Steatosis
from niche_sim.processes.kupffer_answer import Teaching, TgfbRelease
from niche_sim.processes.parallel import ParallelArrest, ParallelDeposition, ParallelRecruitment
from niche_sim.processes.patrol import KupfferPatrol, KupfferRenewal, LymphocytePatrol, LymphocyteRenewal
from niche_sim.processes.primary_tumour import PrimaryGrowth, PrimaryShedding
from niche_sim.processes.stellate_activation import StellateActivation
from niche_sim.processes.stroma_signals import Cxcl12Release, HgfRelease, Netting, VegfRelease
from niche_sim.processes.therapy import BloodSample, DrugFading, DrugKilling
from niche_sim.processes.tumour_arrival import Lodging
from niche_sim.processes.tumour_fate import (
    DormantDeath,
    Extravasation,
    MotileSearch,
    Settling,
    Waking,
    WashingOut,
)
from niche_sim.processes.tumour_growth import Crowding, Division, ExposedDeath, HypoxicDeath
from niche_sim.processes.tumour_killing import KupfferKilling, NkKilling, PatrolKilling, TCellKilling
from niche_sim.processes.tumour_state import ColonyShedding, Emt, Resistance

DEFAULT: tuple[type[Process], ...] = (
    # shedding
    PrimaryGrowth,
    PrimaryShedding,
    ColonyShedding,
    # priming
    KupfferPatrol,
    KupfferRenewal,
    ExosomeUptake,
    ExosomeDigestion,
    ExosomeExposure,
    TgfbRelease,
    Teaching,
    Inflammation,
    AcutePhase,
    Steatosis,
    MarrowEducation,
    Loosening,
    GlucoseSparing,
    # licensing
    StellateActivation,
    FibronectinDeposition,
    CollagenLinking,
    Cxcl12Release,
    HgfRelease,
    # recruitment
    Ccl2Release,
    Recruitment,
    BmdcCrawling,
    BmdcArrest,
    BmdcDeparture,
    GranulinFeedback,
    CollagenPeptides,
    Netting,
    # angiogenesis
    EpithelialRecruitment,
    FibroblastActivation,
    VegfRelease,
    NicheSprouting,
    ColonyVessels,
    Perfusion,
    # surveillance
    LymphocytePatrol,
    LymphocyteRenewal,
    NkModulation,
    LymphNodePriming,
    Exhaustion,
    LateKupffer,
    # arrival
    Lodging,
    KupfferKilling,
    PatrolKilling,
    WashingOut,
    Extravasation,
    Settling,
    # colonisation
    DormantDeath,
    Waking,
    MotileSearch,
    Emt,
    Crowding,
    NkKilling,
    TCellKilling,
    ExposedDeath,
    HypoxicDeath,
    Division,
    # therapy
    DrugFading,
    Resistance,
    DrugKilling,
    BloodSample,
)

STAGE_3: tuple[type[Process], ...] = (EpithelialRecruitment, NicheSprouting)  # the hypothesis layer
FEEDBACKS: tuple[type[Process], ...] = (GranulinFeedback, CollagenPeptides)
PARALLEL: dict[type[Process], type[Process]] = {  # what a schedule of additive paths has in their place
    FibronectinDeposition: ParallelDeposition,
    Recruitment: ParallelRecruitment,
    BmdcArrest: ParallelArrest,
}
SCHEDULES: dict[str, tuple[type[Process], ...]] = {
    "default": DEFAULT,
    "no_feedback": tuple(kind for kind in DEFAULT if kind not in FEEDBACKS),
    "additive": tuple(PARALLEL.get(kind, kind) for kind in DEFAULT),
    "no_stage3": tuple(kind for kind in DEFAULT if kind not in STAGE_3),
}
ALTERNATIVES: tuple[type[Process], ...] = tuple(PARALLEL.values())
KNOWN: dict[str, type[Process]] = {kind.__name__: kind for kind in (*DEFAULT, *ALTERNATIVES)}


def schedule(names: str | Iterable[str] = "default", where: str = "schedule") -> tuple[Process, ...]:
    """The processes of a step, in order: the name of a schedule (`SCHEDULES`), or a list of process names.

    Raises InputError for an unknown or repeated name; near names are offered.
    """
    if isinstance(names, str):
        if names not in SCHEDULES:
            raise InputError(where, f"unknown schedule {names!r}", f"one of {', '.join(SCHEDULES)}, or a list of names")
        return tuple(kind() for kind in SCHEDULES[names])
    wanted = list(names)
    for name in wanted:
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=3) or list(KNOWN)
            raise InputError(where, f"unknown process {name!r}", f"one of {', '.join(near)}")
    if len(set(wanted)) != len(wanted):
        raise InputError(where, "a process stands in it twice", "each process once")
    return tuple(KNOWN[name]() for name in wanted)
