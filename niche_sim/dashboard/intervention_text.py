"""What an experimenter does, in plain words: sentences for interventions, and explanations of verbs and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from niche_sim.engine.units import show
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    ResectPrimary,
    Treat,
)
from niche_sim.figures.labels import capital, clock, plain_words
from niche_sim.model.catalogue import (
    BLOCKS_BY_GROUP,
    BMDC_KINDS,
    BOOSTS,
    DEPLETABLE,
    DRUGS,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    TUMOUR_LINES,
)

_MICRO = re.compile(r"\bu(?=(m|g|L|M)\b)")

_VERBS_IN_REFUSALS = (
    ("one grow_primary", "one primary tumour"),
    ("a grow_primary", "a primary tumour"),
    ("one resect_primary", "one operation"),
    ("resect_primary at", "the operation at"),
)

# Verb -> what a list offers, and what it means.
VERBS_EXPLAINED: Mapping[str, tuple[str, str]] = {
    "block": ("Block a molecule or a step", "A drug, an antibody or a knock-out cuts one link, wholly or in part, for a time."),
    "inject_exosomes": ("Inject exosomes", "Vesicles of one source go into the blood, once or again and again."),
    "inject_tumour_cells": ("Inject tumour cells", "Cells of one line go into the blood upstream of the organ."),
    "grow_primary": ("Grow a primary tumour", "A tumour grows in another organ and sheds exosomes into the blood."),
    "resect_primary": ("Take the primary tumour out", "Surgery ends the shedding; what was shed before stays."),
    "deplete": ("Deplete cells", "A part of one kind of cell is taken away, once or for as long as the window lasts."),
    "boost": ("Boost a signal or an entry of cells", "There is more of it for a time: twofold, threefold, ..."),
    "treat": ("Treat with a drug", "Doses, relative to a usual one, that wear off by themselves."),
}  # fmt: skip


def sentence_of(intervention: Intervention) -> str:
    """An intervention with its dates: "Block MIF by 95 % from day 0 to day 28"."""
    text = _SENTENCES[intervention.verb](intervention)
    return capital(text)


def refusal(found: str, allowed: str) -> str:
    """Why something cannot be done, as one sentence without the names of verbs."""
    text = f"{found}; {allowed.rstrip('.')}."
    for name, words in _VERBS_IN_REFUSALS:
        text = text.replace(name, words)
    return " ".join(text.split())


def moment(time: float) -> str:
    """A time of a run (h): "day 12", or "day 12, 06:00" within a day."""
    return clock(time).removesuffix(", 00:00").lower()


def plain_unit(text: str) -> str:
    """A text with units as people write them: "24000 cell/mm³", "5 µg"; `units.to_model` reads it back."""
    return _MICRO.sub("µ", text).replace("^2", "²").replace("^3", "³").replace("*", "·")


def names_of(verb: str) -> dict[str, str | dict[str, str]]:
    """What the verb may act on, name -> words and explanation, by heading where there are parts; empty for a resection."""
    names: dict[str, dict[str, str | dict[str, str]]] = {
        "block": {
            heading.capitalize(): {name: f"{plain_words(name)}: {link}" for name, link in links.items()}
            for heading, links in BLOCKS_BY_GROUP.items()
        },
        "inject_exosomes": {name: capital(plain_words(name)) for name in EXOSOME_SOURCES},
        "inject_tumour_cells": {name: plain_words(name) for name in TUMOUR_LINES},
        "grow_primary": {
            line: f"{plain_words(line)}: sheds {plain_words(source)} exosomes"
            for line, source in EXOSOMES_OF_LINE.items()
        },
        "resect_primary": {},
        "deplete": {
            "Cells of the organ": {n: capital(plain_words(n)) for n in DEPLETABLE if n not in (*BMDC_KINDS, "bmdc")},
            "Cells from the bone marrow": {
                "bmdc": "All bone-marrow-derived cells",
                **{name: capital(plain_words(name)) for name in BMDC_KINDS},
            },
        },
        "boost": {name: f"{capital(plain_words(name))}: {meaning}" for name, meaning in BOOSTS.items()},
        "treat": {name: f"{capital(plain_words(name))}: {meaning}" for name, meaning in DRUGS.items()},
    }
    return names[verb]


def _percent(fraction: float) -> str:
    return f"{100.0 * fraction:.6g} %"


def _window(start: float, end: float) -> str:
    return f"from {moment(start)} to {moment(end)}"


def _series(times: tuple[float, ...]) -> str:
    """When doses are given: once, evenly, or at each date."""
    if len(times) == 1:
        return f"on {moment(times[0])}"
    every = (times[-1] - times[0]) / (len(times) - 1)
    # Dates are written in hours and days, so a millionth of an hour is rounding.
    if all(abs(times[0] + every * number - time) < 1e-6 for number, time in enumerate(times)):
        interval = show(every, "day" if every % 24.0 == 0.0 else "h").replace(" h", " hours")
        interval = "day" if interval == "1 day" else interval.replace(" day", " days")
        return f"every {interval} {_window(times[0], times[-1])}, {len(times)} doses"
    dates = [moment(time) for time in times]
    listed = ", ".join(dates) if len(dates) <= 4 else f"{dates[0]}, {dates[1]} ... {dates[-1]}"
    return f"{len(times)} doses: {listed}"


def _inject_exosomes(one: InjectExosomes) -> str:
    amount = f"{one.vesicles:g} vesicles" if one.amount_ug is None else show(one.amount_ug, "ug")
    return f"{plain_words(one.source)} exosomes, {plain_words(amount)}, {_series(one.times)}"


def _grow_primary(one: GrowPrimary) -> str:
    text = f"a {plain_words(one.line)} primary tumour of {plain_words(f'{one.cells:g}')} cells from {moment(one.start)}"
    text += f", which doubles in {_length(one.doubling)}"
    if one.capacity is not None:
        text += f" at first and grows to {plain_words(f'{one.capacity:g}')} cells"
    return f"{text} and sheds tumour cells, too" if one.sheds_cells else text


def _length(time: float) -> str:
    text = show(time, "day" if time >= 24.0 else "h").replace(" h", " hours")
    return text if text == "1 day" else text.replace(" day", " days")


def _resect_primary(one: ResectPrimary) -> str:
    return f"take the primary tumour out on {moment(one.at)}"


def _inject_tumour_cells(one: InjectTumourCells) -> str:
    return f"{one.count:,} {plain_words(one.line)} cells into the blood on {moment(one.at)}"


def _block(one: Block) -> str:
    return f"block {plain_words(one.target)} by {_percent(one.efficacy)} {_window(one.start, one.end)}"


def _deplete(one: Deplete) -> str:
    when = f"on {moment(one.start)}" if one.start == one.end else _window(one.start, one.end)
    return f"deplete {plain_words(one.population)} by {_percent(one.fraction)} {when}"


def _boost(one: Boost) -> str:
    return f"boost {plain_words(one.target)} {one.factor:g}-fold {_window(one.start, one.end)}"


def _treat(one: Treat) -> str:
    dose = "usual dose" if one.dose == 1.0 else f"{one.dose:g} times the usual dose"
    return f"{plain_words(one.drug)}, {dose}, {_series(one.times)}"


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "inject_exosomes": _inject_exosomes,
    "grow_primary": _grow_primary,
    "resect_primary": _resect_primary,
    "inject_tumour_cells": _inject_tumour_cells,
    "block": _block,
    "deplete": _deplete,
    "boost": _boost,
    "treat": _treat,
}
