"""The order of a step. Read it aloud: this is what happens to the organ, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable

from niche_sim.engine.errors import InputError, near
from niche_sim.model.process import Process
from niche_sim.model.processes.angiogenesis.colony_vessels import ColonyVessels
from niche_sim.model.processes.angiogenesis.epithelial_recruitment import EpithelialRecruitment
from niche_sim.model.processes.angiogenesis.fibroblast_activation import FibroblastActivation
from niche_sim.model.processes.angiogenesis.niche_sprouting import NicheSprouting
from niche_sim.model.processes.angiogenesis.perfusion import Perfusion
from niche_sim.model.processes.angiogenesis.vegf_release import VegfRelease
from niche_sim.model.processes.arrival.arrest import Arrest
from niche_sim.model.processes.arrival.detachment import Detachment
from niche_sim.model.processes.arrival.extravasation import Extravasation
from niche_sim.model.processes.arrival.kupffer_killing import KupfferKilling
from niche_sim.model.processes.arrival.patrol_killing import PatrolKilling
from niche_sim.model.processes.arrival.post_extravasation_fate import PostExtravasationFate
from niche_sim.model.processes.colonisation.crowding import Crowding
from niche_sim.model.processes.colonisation.division import Division
from niche_sim.model.processes.colonisation.dormancy_exit import DormancyExit
from niche_sim.model.processes.colonisation.dormant_death import DormantDeath
from niche_sim.model.processes.colonisation.emt import Emt
from niche_sim.model.processes.colonisation.exposed_death import ExposedDeath
from niche_sim.model.processes.colonisation.hypoxic_death import HypoxicDeath
from niche_sim.model.processes.colonisation.motile_search import MotileSearch
from niche_sim.model.processes.colonisation.nk_killing import NkKilling
from niche_sim.model.processes.colonisation.t_cell_killing import TCellKilling
from niche_sim.model.processes.licensing.collagen_linking import CollagenLinking
from niche_sim.model.processes.licensing.cxcl12_release import Cxcl12Release
from niche_sim.model.processes.licensing.fibronectin_deposition import FibronectinDeposition
from niche_sim.model.processes.licensing.hgf_release import HgfRelease
from niche_sim.model.processes.licensing.parallel_deposition import ParallelDeposition
from niche_sim.model.processes.licensing.stellate_activation import StellateActivation
from niche_sim.model.processes.priming.acute_phase import AcutePhase
from niche_sim.model.processes.priming.endothelial_permeability import EndothelialPermeability
from niche_sim.model.processes.priming.exosome_digestion import ExosomeDigestion
from niche_sim.model.processes.priming.exosome_exposure import ExosomeExposure
from niche_sim.model.processes.priming.exosome_uptake import ExosomeUptake
from niche_sim.model.processes.priming.glucose_sparing import GlucoseSparing
from niche_sim.model.processes.priming.inflammation import Inflammation
from niche_sim.model.processes.priming.kupffer_education import KupfferEducation
from niche_sim.model.processes.priming.kupffer_patrol import KupfferPatrol
from niche_sim.model.processes.priming.kupffer_renewal import KupfferRenewal
from niche_sim.model.processes.priming.marrow_education import MarrowEducation
from niche_sim.model.processes.priming.steatosis import Steatosis
from niche_sim.model.processes.priming.tgfb_release import TgfbRelease
from niche_sim.model.processes.recruitment.bmdc_arrest import BmdcArrest
from niche_sim.model.processes.recruitment.bmdc_crawling import BmdcCrawling
from niche_sim.model.processes.recruitment.bmdc_departure import BmdcDeparture
from niche_sim.model.processes.recruitment.ccl2_release import Ccl2Release
from niche_sim.model.processes.recruitment.collagen_peptides import CollagenPeptides
from niche_sim.model.processes.recruitment.granulin_feedback import GranulinFeedback
from niche_sim.model.processes.recruitment.netosis import NETosis
from niche_sim.model.processes.recruitment.parallel_arrest import ParallelArrest
from niche_sim.model.processes.recruitment.parallel_recruitment import ParallelRecruitment
from niche_sim.model.processes.recruitment.recruitment import Recruitment
from niche_sim.model.processes.shedding.colony_shedding import ColonyShedding
from niche_sim.model.processes.shedding.primary_growth import PrimaryGrowth
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.processes.surveillance.exhaustion import Exhaustion
from niche_sim.model.processes.surveillance.lymph_node_priming import LymphNodePriming
from niche_sim.model.processes.surveillance.lymphocyte_patrol import LymphocytePatrol
from niche_sim.model.processes.surveillance.lymphocyte_renewal import LymphocyteRenewal
from niche_sim.model.processes.surveillance.nk_modulation import NkModulation
from niche_sim.model.processes.surveillance.tumour_associated_kupffer import TumourAssociatedKupffer
from niche_sim.model.processes.therapy.blood_sample import BloodSample
from niche_sim.model.processes.therapy.drug_fading import DrugFading
from niche_sim.model.processes.therapy.drug_killing import DrugKilling
from niche_sim.model.processes.therapy.resistance import Resistance

# The chapters of a step, in the order in which they act. The tree of `niche_sim.model.processes` has the same names.
CHAPTERS: dict[str, tuple[type[Process], ...]] = {
    "shedding": (
        PrimaryGrowth,
        PrimaryShedding,
        ColonyShedding,
    ),
    "priming": (
        KupfferPatrol,
        KupfferRenewal,
        ExosomeUptake,
        ExosomeDigestion,
        ExosomeExposure,
        TgfbRelease,
        KupfferEducation,
        Inflammation,
        AcutePhase,
        Steatosis,
        MarrowEducation,
        EndothelialPermeability,
        GlucoseSparing,
    ),
    "licensing": (
        StellateActivation,
        FibronectinDeposition,
        CollagenLinking,
        Cxcl12Release,
        HgfRelease,
    ),
    "recruitment": (
        Ccl2Release,
        Recruitment,
        BmdcCrawling,
        BmdcArrest,
        BmdcDeparture,
        GranulinFeedback,
        CollagenPeptides,
        NETosis,
    ),
    "angiogenesis": (
        EpithelialRecruitment,
        FibroblastActivation,
        VegfRelease,
        NicheSprouting,
        ColonyVessels,
        Perfusion,
    ),
    "surveillance": (
        LymphocytePatrol,
        LymphocyteRenewal,
        NkModulation,
        LymphNodePriming,
        Exhaustion,
        TumourAssociatedKupffer,
    ),
    "arrival": (
        Arrest,
        KupfferKilling,
        PatrolKilling,
        Detachment,
        Extravasation,
        PostExtravasationFate,
    ),
    "colonisation": (
        DormantDeath,
        DormancyExit,
        MotileSearch,
        Emt,
        Crowding,
        NkKilling,
        TCellKilling,
        ExposedDeath,
        HypoxicDeath,
        Division,
    ),
    "therapy": (
        DrugFading,
        Resistance,
        DrugKilling,
        BloodSample,
    ),
}
DEFAULT: tuple[type[Process], ...] = tuple(kind for kinds in CHAPTERS.values() for kind in kinds)
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
CHAPTER_OF: dict[type[Process], str] = {kind: chapter for chapter, kinds in CHAPTERS.items() for kind in kinds}
CHAPTER_OF |= {other: CHAPTER_OF[kind] for kind, other in PARALLEL.items()}
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
            hint = " or ".join(near(name, KNOWN))
            allowed = f"did you mean {hint}? `niche-sim describe` lists all" if hint else "`niche-sim describe` lists all"
            raise InputError(where, f"unknown process {name!r}", allowed)
    if len(set(wanted)) != len(wanted):
        raise InputError(where, "a process stands in it twice", "each process once")
    return tuple(KNOWN[name]() for name in wanted)
