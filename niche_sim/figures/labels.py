"""Names of the vocabulary and of arms in plain words, as figures and pages write them."""

from __future__ import annotations

import re

from niche_sim.model.catalogue import LABELS

WORDS = LABELS | {"ug": "µg"}

# What arms of scenarios are called by, besides; longer names go before their parts.
_OF_ARMS = {
    "pbs": "PBS", "tgfb": "TGF-β", "pdl1": "PD-L1", "nk": "NK cells", "kupffer": "Kupffer cells", "arp23": "Arp2/3",
    "rab27a": "Rab27a", "patrolling": "patrolling monocytes", "knockout": "knock-out", "knockdown": "knock-down",
    "wild_type": "wild type", "nonmetastatic": "non-metastatic", "activated_stellate": "activated stellate cells",
    "activated_anti_cxcr4": "activated stellate cells, anti-CXCR4", "anti_pd1_no_pdl1": "anti-PD-1, no PD-L1",
    "primary_rab27a": "primary without Rab27a", "treated_no_cargo": "treated, no cargo", "edited": "(edited)",
}  # fmt: skip


def plain_words(text: str) -> str:
    """A label with the names of the vocabulary in plain words and large numbers readable."""
    return " ".join(WORDS.get(word, _number(word)) for word in text.split(" "))


def typeset(sentence: str) -> str:
    """A sentence of a scenario's file, where signs are typed as a keyboard has them: -> is an arrow, ug is µg."""
    for typed, meant in (("->", "→"), ("TGF-beta", "TGF-β"), (" ug", " µg"), (" um", " µm")):
        sentence = re.sub(rf"{typed}(?![a-z])", meant, sentence)
    return sentence


def arm_words(name: str) -> str:
    """The name of an arm as it is said: "anti_mif" is "anti-MIF", "pbs" is "PBS", "pbs_edited" is "PBS (edited)"."""
    parts, words = name.split("_"), []
    while parts:
        for many in range(len(parts), 0, -1):
            found = "_".join(parts[:many])
            word = _OF_ARMS.get(found) or WORDS.get(found)
            if word is not None or many == 1:
                words.append(found if word is None else word)
                parts = parts[many:]
                break
    return " ".join(words).replace("anti ", "anti-")


def arm_title(name: str) -> str:
    """The name of an arm at the head of something: "Anti-MIF"."""
    return capital(arm_words(name))


def capital(text: str) -> str:
    """A text that begins with a capital, unless it begins with a name that does not, as miR-21."""
    return text if text.startswith("miR") else text[:1].upper() + text[1:]


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


def day_words(time: float) -> str:
    """The same within a sentence, without the hour where it is midnight: "day 4", "day 4, 06:00"."""
    return clock(time).removesuffix(", 00:00").replace("Day", "day")
