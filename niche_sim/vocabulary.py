"""The names that users write: exosome sources, tumour lines, block targets, populations, organs, tumour stages."""

DEFAULT_SEED = 1  # the virtual mouse that runs if none is named
EXOSOME_SOURCES = ("pdac", "normal_pancreas")
TUMOUR_LINES = ("pan02", "b16f1")
EXOSOMES_OF_LINE = {"pan02": "pdac"}  # what a primary tumour of a line sheds; a line without a profile grows no primary
BLOCK_TARGETS = (
    "mif",
    "tgfb_receptor",
    "fibronectin",
    "integrin_avb5",
    "exosome_release",
    "exosome_uptake",
    "granulin",
    "ccr2",
)
DEPLETABLE = ("kupffer_cells", "nk_cells", "bmdc", "stellate_cells", "t_cells")
