"""The stages in words that a first-year student understands, from the standings that the model tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from niche_sim.experiment.simulation import Simulation
from niche_sim.model.stages import Limit, Stage, Standing, limiting

SHEDDING = ("inject_exosomes", "grow_primary")  # what brings tumour exosomes
MARKERS = {
    "priming": "educated cells",
    "licensing": "active stellate cells",
    "recruitment": "bone-marrow-derived cells held by fibronectin",
    "angiogenesis": "perfused vessels",
    "arrival": "living tumour cells",
    "colonisation": "colonies",
}
AWAITED = {
    "priming": "no cell is educated by the tumour's exosomes yet.",
    "licensing": "no stellate cell is active yet, so that none lays fibronectin.",
    "recruitment": "no bone-marrow-derived cell is held by fibronectin yet.",
    "arrival": "no living tumour cell is in the section.",
    "colonisation": "no tumour cell has grown into a colony.",
}
SLOW = {
    "priming": "educating the cells that take up exosomes",
    "licensing": "activating the stellate cells",
    "recruitment": "bringing and holding the bone-marrow-derived cells",
    "colonisation": "growing a colony",
}


def strip_of(model: Simulation, name: str = "") -> dict[str, Any]:
    """What the time line shows of a model as it stands: the sentence about the limiting stage, and each stage.

    name: of the run, where there are several.
    """
    sheds = any(one.verb in SHEDDING for one in model.protocol.interventions)
    return told(model.stages.standings(model.state, model.mouse), sheds, name)


def told(standings: Sequence[Standing], sheds: bool, name: str = "") -> dict[str, Any]:
    """The same of standings. sheds: whether anything that is done brings tumour exosomes."""
    limit = limiting(standings)
    sentence = limit_in_words(limit, standings)
    if limit is not None and limit.stage.name == "priming" and limit.awaited and not sheds:
        sentence = "No tumour exosomes are given in this arm. Only a colony that grows could shed some."
    return {"name": name, "limit": sentence, "stages": [_stage(one, limit) for one in standings]}


def limit_in_words(limit: Limit | None, standings: Sequence[Standing]) -> str:
    """The stage that limits the rate, as a sentence that is true of what the stages show."""
    if limit is None:
        return "This scenario has no thresholds: stages cannot be shown. `niche-sim thresholds` makes them."
    name = limit.stage.name
    if not limit.awaited:
        return f"Slowest step: {SLOW[name]}, {limit.took / 24.0:.1f} days."
    stands = {one.stage.name: one for one in standings}
    one, marker = stands[name], MARKERS[name]
    if one.value > one.threshold:
        return f"Bottleneck now: {marker}, just reached (confirmed after 24 h)."
    if one.value > 0.0:
        return f"Bottleneck now: {marker}, {_short(one.value)} of {_short(one.threshold)} {_unit(one.stage)}."
    if name == "colonisation" and stands["arrival"].onset is not None and stands["arrival"].value == 0.0:
        return "Bottleneck now: all tumour cells that arrived have died."
    return f"Bottleneck now: {AWAITED[name]}"


def _stage(one: Standing, limit: Limit | None) -> dict[str, Any]:
    known = not math.isnan(one.threshold)
    state = "unknown" if not known else "lit" if one.lit else "waiting" if one.onset is None else "faded"
    if not known:
        short = when = "no threshold"
    elif one.onset is None:
        reached = one.value > one.threshold
        short, when = ("just reached", "just reached (confirmed after 24 h)") if reached else ("not yet", "not yet")
    else:
        short = when = f"since day {one.onset / 24.0:.1f}"
        if not one.lit:
            short, when = f"day {one.onset / 24.0:.1f}, now below", f"{when}, now below its threshold"
    stage = one.stage
    begins = "begins with the first one" if one.threshold == 0.0 else f"begins above {_short(one.threshold)}"
    limit_text = f", {begins}" if known else ""
    # The threshold may be 0, as for tumour cells where there were none: then any value is twice as much.
    share = None if not known else one.value / one.threshold if one.threshold > 0.0 else 2.0 * (one.value > 0.0)
    return {
        "title": stage.name.capitalize(),
        "story": stage.story,
        "marker": f"{MARKERS[stage.name]}: {_short(one.value)} {_unit(stage)}{limit_text}",
        "share": share,
        "state": state,
        "when": when,
        "short": short,
        "onset": one.onset,
        "hypothesis": stage.hypothesis,
        "limiting": limit is not None and limit.stage is stage,
    }


def _unit(stage: Stage) -> str:
    return "per mm²" if stage.per_area else "× naive"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"
