"""Names of the vocabulary in plain words, as figures write them."""

from __future__ import annotations

import re

WORDS = {
    # sources of exosomes and tumour lines
    "pdac": "PDAC", "normal_pancreas": "normal pancreas", "poorly_metastatic_melanoma": "poorly metastatic melanoma",
    "metastatic_melanoma": "metastatic melanoma", "metastatic_breast": "metastatic breast cancer",
    "nonmetastatic_breast": "non-metastatic breast cancer", "colorectal": "colorectal cancer",
    "lung_tropic": "lung-tropic", "brain_tropic": "brain-tropic", "liposome": "liposome",
    "pan02": "Pan02", "b16f1": "B16F1", "b16f10": "B16-F10", "kcko": "KCKO", "ct26": "CT26", "llc": "LLC",
    "breast_4t1": "4T1",
    # what can be blocked
    "exosome_release": "exosome release", "exosomes_in_blood": "exosomes in blood", "integrin_avb5": "integrin αvβ5",
    "integrin_a6b4": "integrin α6β4", "integrin_b3": "integrin β3", "exosome_uptake": "exosome uptake", "mif": "MIF",
    "mir21": "miR-21", "mir25": "miR-25", "mir122": "miR-122", "palmitate": "palmitate", "met": "MET", "pedf": "PEDF",
    "exosomal_tgfb": "exosomal TGF-β", "exosomal_pdl1": "exosomal PD-L1", "pgp": "P-gp", "itgbl1": "ITGBL1",
    "tgfb_receptor": "TGF-β receptor", "s100a8": "S100A8/A9", "il6r": "IL-6 receptor", "stat3": "STAT3", "saa": "SAA",
    "tnf": "TNF", "ccr2": "CCR2", "cxcr2": "CXCR2", "cxcl12": "CXCL12", "cxcr4": "CXCR4", "cd63": "CD63",
    "granulin": "granulin", "periostin": "periostin", "fibronectin": "fibronectin", "lox": "LOX", "vegf": "VEGF",
    "vegfr1": "VEGFR1", "hgf": "HGF", "pd1": "PD-1", "nets": "neutrophil traps", "ifng": "interferon γ",
    "talin": "talin", "extravasation": "extravasation", "motility": "motility", "division": "division",
    # what can be depleted or boosted
    "kupffer_cells": "Kupffer cells", "stellate_cells": "stellate cells", "bmdc": "bone-marrow cells",
    "nk_cells": "NK cells", "t_cells": "T cells", "fibroblasts": "fibroblasts", "epithelial_cells": "epithelial cells",
    "macrophages": "macrophages", "mdsc": "suppressor cells", "neutrophils": "neutrophils",
    "patrolling_monocytes": "patrolling monocytes", "il15": "IL-15", "il6": "IL-6", "timp1": "TIMP1",
    # drugs and units
    "gemcitabine": "gemcitabine", "anti_pd1": "anti-PD-1", "anti_vegf": "anti-VEGF", "ug": "µg",
}  # fmt: skip


def plain_words(text: str) -> str:
    """A label with the names of the vocabulary in plain words and large numbers readable."""
    return " ".join(WORDS.get(word, _number(word)) for word in text.split(" "))


def _number(word: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", word) or float(word) < 10_000:
        return word
    if float(word) < 1e7:
        return f"{float(word):,.0f}"
    digits, power = f"{float(word):.2e}".split("e")
    exponent = str(int(power)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(digits):g} × 10{exponent}"


def clock(time: float) -> str:
    """A time of a run (h) as people say it: "Day 12, 06:00"; it begins with day 0."""
    minutes = round(60.0 * time)
    return f"Day {minutes // 1440}, {minutes % 1440 // 60:02d}:{minutes % 60:02d}"
