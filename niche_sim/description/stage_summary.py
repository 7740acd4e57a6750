"""The stages in words that a first-year student understands, from the standings that the model tells."""

from __future__ import annotations

import math
from typing import Any

from niche_sim.experiment.simulation import Simulation
from niche_sim.model.stages import Limit, Standing, limiting

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
    "priming": "Waiting for cells of the organ (in the liver, Kupffer cells) to be educated by the tumour's exosomes.",
    "licensing": "Waiting for stellate cells to become active and lay fibronectin.",
    "recruitment": "Waiting for cells of the bone marrow to settle on the fibronectin.",
    "arrival": "The niche is set. Waiting for tumour cells to arrive.",
    "colonisation": "Tumour cells are here. Waiting for one of them to grow into a colony.",
}
SLOW = {
    "priming": "educating the cells that take up exosomes",
    "licensing": "activating the stellate cells",
    "recruitment": "bringing and holding the bone-marrow-derived cells",
    "colonisation": "growing a colony",
}


def strip_of(model: Simulation, name: str = "") -> dict[str, Any]:
    """What the stage strip shows of a model as it stands: the sentence about the limiting stage, and each stage.

    name: of the run, where there are several.
    """
    standings = model.stages.standings(model.state, model.mouse)
    limit = limiting(standings)
    sentence = limit_in_words(limit)
    if limit is not None and limit.stage.name == "priming" and limit.awaited and not any(
        one.verb in SHEDDING for one in model.protocol.interventions
    ):
        sentence = "No tumour exosomes are given in this arm. Only a colony that grows could shed some."
    return {"name": name, "limit": sentence, "stages": [_stage(one, limit) for one in standings]}


def limit_in_words(limit: Limit | None) -> str:
    """The stage that limits the rate, as a sentence."""
    if limit is None:
        return "This scenario has no thresholds, so that no stage can be told. `niche-sim thresholds` makes them."
    if limit.awaited:
        return f"Limits the rate now: {AWAITED[limit.stage.name]}"
    took = f"{limit.took / 24.0:.1f} days after the stage before it"
    return f"All stages have begun. Of the steps that the biology sets, the slowest was {SLOW[limit.stage.name]}: {took}."


def _stage(one: Standing, limit: Limit | None) -> dict[str, Any]:
    known = not math.isnan(one.threshold)
    state = "unknown" if not known else "lit" if one.lit else "waiting" if one.onset is None else "faded"
    if not known:
        when = "no threshold"
    elif one.onset is None:
        when = "above, for less than a day so far" if one.value > one.threshold else "not yet"
    else:
        when = f"since day {one.onset / 24.0:.1f}" + ("" if one.lit else ", now below its threshold")
    stage = one.stage
    unit = "per mm²" if stage.per_area else "× naive"
    limit_text = f", begins above {_short(one.threshold)}" if known else ""
    # The threshold may be 0, as for tumour cells where there were none: then any value is twice as much.
    share = None if not known else one.value / one.threshold if one.threshold > 0.0 else 2.0 * (one.value > 0.0)
    return {
        "title": stage.name.capitalize(),
        "story": stage.story,
        "marker": f"{MARKERS[stage.name]}: {_short(one.value)} {unit}{limit_text}",
        "share": share,
        "state": state,
        "when": when,
        "hypothesis": stage.hypothesis,
        "limiting": limit is not None and limit.stage is stage,
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"
