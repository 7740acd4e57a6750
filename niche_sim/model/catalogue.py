"""The names that users write: organs, exosome sources, tumour lines, what can be blocked, depleted, boosted, given."""

DEFAULT_SCENARIO = "liver_education_costasilva2015"  # the one that is meant if none is named
DEFAULT_SEED = 1  # the virtual mouse that runs if none is named
SCHEDULE_NAMES = ("default", "no_feedback", "additive", "no_stage3")  # keys of schedule.SCHEDULES, known without the rules
STAGE_NAMES = ("priming", "licensing", "recruitment", "angiogenesis", "arrival", "colonisation")  # of stages.STAGES
ORGANS = ("liver", "lung", "brain")
INTEGRIN_OF_ORGAN = {"liver": "integrin_avb5", "lung": "integrin_a6b4", "brain": "integrin_b3"}
EXOSOME_SOURCES = (
    "pdac",
    "normal_pancreas",
    "liposome",
    "poorly_metastatic_melanoma",
    "metastatic_melanoma",
    "metastatic_breast",
    "nonmetastatic_breast",
    "colorectal",
    "lung_tropic",
    "brain_tropic",
)
CARGO = (
    "mif",
    "integrin_avb5",
    "integrin_a6b4",
    "integrin_b3",
    "mir21",
    "mir25",
    "mir122",
    "palmitate",
    "met",
    "pedf",
    "tgfb",
    "pdl1",
    "pgp",
    "itgbl1",
    "marker",
)
# What blocks a cargo, where anything does.
BLOCK_OF_CARGO = {
    "mir21": "mir21",
    "mir25": "mir25",
    "mir122": "mir122",
    "palmitate": "palmitate",
    "met": "met",
    "pedf": "pedf",
    "tgfb": "exosomal_tgfb",
    "pdl1": "exosomal_pdl1",
    "pgp": "pgp",
    "itgbl1": "itgbl1",
}
TUMOUR_LINES = ("pan02", "b16f1", "b16f10", "kcko", "ct26", "llc", "breast_4t1")
# What a primary or a colony of a line sheds; a line without a profile sheds nothing and grows no primary.
EXOSOMES_OF_LINE = {
    "pan02": "pdac",
    "kcko": "pdac",
    "b16f10": "metastatic_melanoma",
    "ct26": "colorectal",
    "llc": "lung_tropic",
    "breast_4t1": "metastatic_breast",
}
# What can be blocked, by group -> name -> the link that it cuts.
BLOCKS_BY_GROUP = {
    "exosomes": {
        "exosome_release": "secretion of vesicles by tumours (Rab27a, neutral sphingomyelinase)",
        "exosomes_in_blood": "vesicles captured in blood before any organ takes them",
        "integrin_avb5": "the integrin that leads vesicles to the liver",
        "integrin_a6b4": "the integrins that lead vesicles to the lung",
        "integrin_b3": "the integrin that leads vesicles to the brain",
        "exosome_uptake": "uptake by the organ's recipient cells",
    },
    "cargo": {
        "mif": "exosomal MIF, which makes recipient cells answer with TGF-beta",
        "mir21": "exosomal miR-21, which makes recipient cells secrete IL-6 (TLR7)",
        "mir25": "exosomal miR-25-3p, which makes endothelium leaky",
        "mir122": "exosomal miR-122, which lowers glucose uptake of the niche",
        "palmitate": "exosomal palmitic acid, which makes recipient cells secrete TNF",
        "met": "exosomal MET, which educates the bone marrow",
        "pedf": "exosomal PEDF, which calls patrolling monocytes",
        "exosomal_tgfb": "TGF-beta on exosomes, which dampens NK cells",
        "exosomal_pdl1": "PD-L1 on exosomes, which exhausts T cells",
        "pgp": "exosomal P-gp and microRNA, which make recipient cells resistant",
        "itgbl1": "exosomal ITGBL1, which activates fibroblasts",
    },
    "signals": {
        "tgfb_receptor": "the TGF-beta receptor of stellate cells, fibroblasts, NK and tumour cells",
        "s100a8": "S100A8/A9 of loaded recipient cells",
        "il6r": "the IL-6 receptor",
        "stat3": "STAT3 of hepatocytes",
        "saa": "serum amyloid A",
        "tnf": "TNF of recipient cells",
        "ccr2": "the receptor of CCL2 on monocytes",
        "cxcr2": "the receptor that brings suppressor cells",
        "cxcl12": "CXCL12 of stellate cells",
        "cxcr4": "the receptor of CXCL12 on neutrophils and NK cells",
        "cd63": "CD63 of stellate cells, by which they sense TIMP1",
        "granulin": "granulin of macrophages",
        "periostin": "periostin of stellate cells",
        "fibronectin": "fibronectin of stellate cells",
        "lox": "lysyl oxidase, which cross-links collagen",
        "vegf": "VEGF",
        "vegfr1": "VEGFR1 of bone-marrow-derived cells",
        "hgf": "HGF of stellate cells and fibroblasts",
        "pd1": "PD-1 of T cells",
        "nets": "extracellular traps of neutrophils",
        "ifng": "interferon gamma of NK cells",
    },
    "tumour cells": {
        "talin": "talin of tumour cells, which holds them on fibronectin",
        "extravasation": "the crossing of the vessel wall",
        "motility": "crawling of tumour cells (Arp2/3), which co-option needs",
        "division": "division of tumour cells",
    },
}
BLOCK_TARGETS = tuple(name for group in BLOCKS_BY_GROUP.values() for name in group)
# Kinds of bone-marrow-derived cells, as users write them -> the word in the column `kind`.
BMDC_KINDS = {
    "macrophages": "macrophage",
    "mdsc": "mdsc",
    "neutrophils": "neutrophil",
    "patrolling_monocytes": "patrolling",
}
DEPLETABLE = (
    "kupffer_cells",
    "stellate_cells",
    "bmdc",
    "nk_cells",
    "t_cells",
    "fibroblasts",
    "epithelial_cells",
    *BMDC_KINDS,
)
BOOSTS = {
    "il15": "interleukin 15: NK cells multiply and stay active",
    "timp1": "TIMP1 in blood, which stellate cells sense by CD63",
    "il6": "interleukin 6 in blood",
    "nk_cells": "entry of NK cells",
    "t_cells": "entry of T cells",
    "patrolling_monocytes": "entry of patrolling monocytes",
}
DRUGS = {
    "gemcitabine": "kills dividing cells",
    "anti_pd1": "blocks PD-1 of T cells for as long as it lasts",
    "anti_vegf": "binds VEGF for as long as it lasts",
}
