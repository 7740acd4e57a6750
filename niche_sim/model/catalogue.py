"""The names that users write: organs, exosome sources, tumour lines, what can be blocked, depleted, boosted, given.

What can be blocked, boosted and given stands once: a line of `Blocked`, `Boosted` or `Drugs` is the name, what people call it, its
meaning, and how much of it acts now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from niche_sim.model.cells import BMDC, BMDC_KINDS, POPULATIONS
from niche_sim.model.materials import (
    CARGO,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    LINES,
    SOURCES,
    TUMOUR_LINES,
    Cargo,
)

__all__ = [
    "BLOCKS_BY_GROUP",
    "BLOCK_OF_CARGO",
    "BLOCK_TARGETS",
    "BMDC_KINDS",
    "BOOSTS",
    "CARGO",
    "DEPLETABLE",
    "DRUGS",
    "EXOSOMES_OF_LINE",
    "EXOSOME_SOURCES",
    "INTEGRIN_OF_ORGAN",
    "LABELS",
    "ORGANS",
    "TUMOUR_LINES",
    "Blocked",
    "Boosted",
    "Cargo",
    "Drugs",
    "Loss",
]

SCHEDULE_NAMES = ("default", "no_feedback", "additive", "no_stage3")  # keys of schedule.SCHEDULES, known without the rules
STAGE_NAMES = ("priming", "licensing", "recruitment", "angiogenesis", "arrival", "colonisation")  # of stages.STAGES
ORGANS = ("liver", "lung", "brain")
INTEGRIN_OF_ORGAN = {"liver": "integrin_avb5", "lung": "integrin_a6b4", "brain": "integrin_b3"}


def link(group: str, label: str, meaning: str, cargo: Cargo | None = None) -> Any:
    """A link that can be blocked, free at the start. cargo: what of exosomes it blocks in blood."""
    return field(default=0.0, metadata={"group": group, "label": label, "meaning": meaning, "cargo": cargo})


def raised(meaning: str, label: str = "") -> Any:
    """What can be boosted, normal at the start. label: none for a population, which has its own."""
    return field(default=1.0, metadata={"label": label, "meaning": meaning})


def drug(label: str, meaning: str) -> Any:
    """A drug, none of it in the body at the start."""
    return field(default=0.0, metadata={"label": label, "meaning": meaning})


@dataclass
class Blocked:
    """How much of each link is blocked now, 0 (free) to 1 (off)."""

    exosome_release: float = link(
        "exosomes", "exosome release", "secretion of vesicles by tumours (Rab27a, neutral sphingomyelinase)"
    )
    exosomes_in_blood: float = link(
        "exosomes", "exosomes in blood", "vesicles captured in blood before any organ takes them"
    )
    integrin_avb5: float = link("exosomes", "integrin αvβ5", "the integrin that leads vesicles to the liver")
    integrin_a6b4: float = link("exosomes", "integrin α6β4", "the integrins that lead vesicles to the lung")
    integrin_b3: float = link("exosomes", "integrin β3", "the integrin that leads vesicles to the brain")
    exosome_uptake: float = link("exosomes", "exosome uptake", "uptake by the organ's recipient cells")
    mif: float = link("cargo", "MIF", "exosomal MIF, which makes recipient cells answer with TGF-beta")
    mir21: float = link(
        "cargo", "miR-21", "exosomal miR-21, which makes recipient cells secrete IL-6 (TLR7)", cargo="mir21"
    )
    mir25: float = link("cargo", "miR-25", "exosomal miR-25-3p, which makes endothelium leaky", cargo="mir25")
    mir122: float = link(
        "cargo", "miR-122", "exosomal miR-122, which lowers glucose uptake of the niche", cargo="mir122"
    )
    palmitate: float = link(
        "cargo", "palmitate", "exosomal palmitic acid, which makes recipient cells secrete TNF", cargo="palmitate"
    )
    met: float = link("cargo", "MET", "exosomal MET, which educates the bone marrow", cargo="met")
    pedf: float = link("cargo", "PEDF", "exosomal PEDF, which calls patrolling monocytes", cargo="pedf")
    exosomal_tgfb: float = link("cargo", "exosomal TGF-β", "TGF-beta on exosomes, which dampens NK cells", cargo="tgfb")
    exosomal_pdl1: float = link("cargo", "exosomal PD-L1", "PD-L1 on exosomes, which exhausts T cells", cargo="pdl1")
    pgp: float = link("cargo", "P-gp", "exosomal P-gp and microRNA, which make recipient cells resistant", cargo="pgp")
    itgbl1: float = link("cargo", "ITGBL1", "exosomal ITGBL1, which activates fibroblasts", cargo="itgbl1")
    tgfb_receptor: float = link(
        "signals", "TGF-β receptor", "the TGF-beta receptor of stellate cells, fibroblasts, NK and tumour cells"
    )
    s100a8: float = link("signals", "S100A8/A9", "S100A8/A9 of loaded recipient cells")
    il6r: float = link("signals", "IL-6 receptor", "the IL-6 receptor")
    stat3: float = link("signals", "STAT3", "STAT3 of hepatocytes")
    saa: float = link("signals", "SAA", "serum amyloid A")
    tnf: float = link("signals", "TNF", "TNF of recipient cells")
    ccr2: float = link("signals", "CCR2", "the receptor of CCL2 on monocytes")
    cxcr2: float = link("signals", "CXCR2", "the receptor that brings suppressor cells")
    cxcl12: float = link("signals", "CXCL12", "CXCL12 of stellate cells")
    cxcr4: float = link("signals", "CXCR4", "the receptor of CXCL12 on neutrophils and NK cells")
    cd63: float = link("signals", "CD63", "CD63 of stellate cells, by which they sense TIMP1")
    granulin: float = link("signals", "granulin", "granulin of macrophages")
    periostin: float = link("signals", "periostin", "periostin of stellate cells")
    fibronectin: float = link("signals", "fibronectin", "fibronectin of stellate cells")
    lox: float = link("signals", "LOX", "lysyl oxidase, which cross-links collagen")
    vegf: float = link("signals", "VEGF", "VEGF")
    vegfr1: float = link("signals", "VEGFR1", "VEGFR1 of bone-marrow-derived cells")
    hgf: float = link("signals", "HGF", "HGF of stellate cells and fibroblasts")
    pd1: float = link("signals", "PD-1", "PD-1 of T cells")
    nets: float = link("signals", "neutrophil traps", "extracellular traps of neutrophils")
    ifng: float = link("signals", "interferon γ", "interferon gamma of NK cells")
    talin: float = link("tumour cells", "talin", "talin of tumour cells, which holds them on fibronectin")
    extravasation: float = link("tumour cells", "extravasation", "the crossing of the vessel wall")
    motility: float = link("tumour cells", "motility", "crawling of tumour cells (Arp2/3), which co-option needs")
    division: float = link("tumour cells", "division", "division of tumour cells")


@dataclass
class Boosted:
    """By how much each is raised now; 1 is normal."""

    il15: float = raised("interleukin 15: NK cells multiply and stay active", "IL-15")
    timp1: float = raised("TIMP1 in blood, which stellate cells sense by CD63", "TIMP1")
    il6: float = raised("interleukin 6 in blood", "IL-6")
    nk_cells: float = raised("entry of NK cells")
    t_cells: float = raised("entry of T cells")
    patrolling_monocytes: float = raised("entry of patrolling monocytes")


@dataclass
class Drugs:
    """What is in the body of each drug, in usual doses; toxicity: what the drug has done to the mouse, dose times h."""

    gemcitabine: float = drug("gemcitabine", "kills dividing cells")
    anti_pd1: float = drug("anti-PD-1", "blocks PD-1 of T cells for as long as it lasts")
    anti_vegf: float = drug("anti-VEGF", "binds VEGF for as long as it lasts")
    toxicity: float = 0.0


def _meanings(records: type) -> dict[str, str]:
    return {entry.name: entry.metadata["meaning"] for entry in fields(records) if entry.metadata}


# What can be blocked, by group -> name -> the link that it cuts.
BLOCKS_BY_GROUP: dict[str, dict[str, str]] = {}
for _link in fields(Blocked):
    BLOCKS_BY_GROUP.setdefault(_link.metadata["group"], {})[_link.name] = _link.metadata["meaning"]
BLOCK_TARGETS = tuple(_meanings(Blocked))
BLOCK_OF_CARGO = {entry.metadata["cargo"]: entry.name for entry in fields(Blocked) if entry.metadata["cargo"]}
BOOSTS, DRUGS = _meanings(Boosted), _meanings(Drugs)
DEPLETABLE = (*(kind.population for kind in POPULATIONS if kind.depletable), *BMDC_KINDS)
# What people call all that can be blocked, boosted, given or depleted, and the other cells, sources and lines.
LABELS: dict[str, str] = {
    **{name: line.label for name, line in LINES.items()},
    **SOURCES,
    **{entry.name: entry.metadata["label"] for kind in (Blocked, Drugs) for entry in fields(kind) if entry.metadata},
    **{entry.name: entry.metadata["label"] for entry in fields(Boosted) if entry.metadata["label"]},
    **{kind.population: kind.label for kind in POPULATIONS},
    **{name: bmdc.label for name, bmdc in BMDC.items()},
}


class Loss(Enum):
    """Why a rule takes tumour cells out: their line in `Counters`, and the cause in the table of events."""

    DETACHED = "tumour_detached", "detached"
    DIED_CYCLING = "tumour_died_cycling", "died while growing"
    DIED_DORMANT = "tumour_died_dormant", "died while dormant"
    DIED_HYPOXIC = "tumour_died_hypoxic", "died without oxygen"
    KILLED_BY_DRUG = "tumour_killed_by_drug", "killed by drug"
    KILLED_BY_KUPFFER_CELL = "tumour_killed_by_kupffer", "killed by Kupffer cell"
    KILLED_BY_MONOCYTE = "tumour_killed_by_patrolling", "killed by monocyte"
    KILLED_BY_NK_CELL = "tumour_killed_by_nk", "killed by NK cell"
    KILLED_BY_T_CELL = "tumour_killed_by_t", "killed by T cell"

    def __init__(self, counter: str, cause: str) -> None:
        self.counter, self.cause = counter, cause
