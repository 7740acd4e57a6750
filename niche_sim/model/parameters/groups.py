"""Where the groups of the register stand among the six stages, and which of them matter to a scenario."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from niche_sim.model.catalogue import EXOSOME_SOURCES, ORGANS, TUMOUR_LINES


@dataclass(frozen=True)
class Chapter:
    """Groups of the register that belong together: those of one stage, or of what is beside the stages."""

    key: str
    title: str
    groups: tuple[str, ...]


# A group stands where its first effect is; the stages stand in the order of the sequence.
CHAPTERS = (
    Chapter("shedding", "Shedding: exosomes and their cargo", ("exosomes", "primary", *EXOSOME_SOURCES)),
    Chapter("priming", "Priming: recipient cells and vessel wall", ("kupffer", "inflammation", "endothelium")),
    Chapter("licensing", "Licensing: stroma and matrix", ("tgfb", "stellate", "fibronectin", "collagen", "stroma")),
    Chapter("recruitment", "Recruitment: cells of the bone marrow", ("marrow", "ccl2", "bmdc", "granulin")),
    Chapter("angiogenesis", "Angiogenesis (hypothesis)", ("angiogenesis",)),
    Chapter("arrival", "Arrival: the lines of tumour cells", TUMOUR_LINES),
    Chapter("colonisation", "Colonisation: all tumour cells", ("tumour",)),
    Chapter("immunity", "Immunity: NK and T cells", ("nk", "t_cells")),
    Chapter("therapy", "Therapy: drugs", ("drug",)),
    Chapter("biomarkers", "Biomarkers: a blood sample", ("biomarker",)),
    Chapter("assays", "Assays: how metastases are counted", ("assay",)),
    Chapter("mouse", "The mouse and its organ", (*ORGANS, "mouse")),
)


def groups_that_matter(organ: str, sources: Collection[str], lines: Collection[str]) -> frozenset[str]:
    """Groups of the register that a run can read: no other organ, no source or tumour line that it does not have.

    sources, lines: names of `vocabulary.EXOSOME_SOURCES` and `TUMOUR_LINES` that occur in the run.
    """
    foreign = (set(ORGANS) - {organ}) | (set(EXOSOME_SOURCES) - set(sources)) | (set(TUMOUR_LINES) - set(lines))
    return frozenset(group for chapter in CHAPTERS for group in chapter.groups if group not in foreign)
