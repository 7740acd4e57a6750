"""Why here: what each rule's change by the niche does to receptivity, place by place, and what remains as their interaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.inference.receptivity.results import Receptivity, receptivity
from niche_sim.model.schedule import KNOWN
from niche_sim.runs.expectation.backward import LAST_PATROLS
from niche_sim.runs.expectation.recording import Recording

INTERACTION = "interaction"
TINY = 1e-12  # a probability below which no ratio is told
SMALLEST = 0.01  # of a log ratio anywhere; a rule that changes less has no row
MODES = ("niche", "hazard")


@dataclass(frozen=True)
class Why:
    """What makes a site receptive, for each time of arrival.

    found: receptivity as it is. base: as it would be without all that has a row. parts: rule -> log of the ratio of
    receptivity to that without it, float64[arrival, y, x]; nan in lumens and where one of the two is 0. `interaction` is
    what the product of all ratios leaves of found / base, since removals do not add up.
    mode: "niche" (a rule's hazards as they were at the beginning) or "hazard" (the rule does not act).
    """

    found: Receptivity
    base: Receptivity
    parts: dict[str, NDArray[np.float64]]
    mode: str

    def at(self, time_h: float, y: int, x: int) -> dict[str, float]:
        """Ratio by each part at a site (row, column) for the arrival next to a time (h), the largest change first.

        Raises InputError if the site is outside the section.
        """
        shape = self.found.probability.shape[1:]
        if not (0 <= y < shape[0] and 0 <= x < shape[1]):
            raise InputError("why: site", f"({y}, {x})", f"within {shape[0]} x {shape[1]} sites")
        when = int(np.argmin(np.abs(self.found.time_h - time_h)))
        ratios = {name: float(np.exp(part[when, y, x])) for name, part in self.parts.items()}
        told = {name: ratio for name, ratio in ratios.items() if name != INTERACTION and np.isfinite(ratio)}
        rows = dict(sorted(told.items(), key=lambda row: -abs(np.log(row[1]))))
        return rows | ({INTERACTION: ratios[INTERACTION]} if np.isfinite(ratios[INTERACTION]) else {})

    def in_words(self, time_h: float, y: int, x: int) -> list[str]:
        """The same as sentences, the first of them the probability itself."""
        rows = self.at(time_h, y, x)
        when = int(np.argmin(np.abs(self.found.time_h - time_h)))
        now, then = (float(one.probability[when, y, x]) for one in (self.found, self.base))
        day = self.found.time_h[when] / 24.0
        said = [f"A {self.found.line} cell that arrests here on day {day:.4g} founds a colony with a probability of {now:.2g}."]
        if then > TINY and rows:
            without = "in the organ as it was at the beginning" if self.mode == "niche" else "without these rules"
            said.append(f"That is {now / then:.3g} times as likely as {without}.")
        for name, ratio in rows.items():
            if abs(np.log(ratio)) < np.log(1.05):
                continue
            if name == INTERACTION:
                said.append(f"× {ratio:.3g}: these together make {'more' if ratio > 1.0 else 'less'} than their product.")
            else:
                sentence = KNOWN[name].sentence() if name in KNOWN else ""
                said.append(f"× {ratio:.3g} by {name}{': ' if sentence else '.'}{sentence}")
        return said


def why(recording: Recording, mode: str = "niche", **options: Any) -> Why:
    """Take one rule after the other back and see what receptivity is without it: a backward pass each.

    Parameters
    ----------
    recording
        Of `record_hazards` or a `Recorder`, from the beginning of a run for mode "niche".
    mode
        "niche": the rule's hazards stay as in the first interval (of patrolling cells, over the first six days), so that the
        rows say what the niche has changed. "hazard": a rule by which cells are lost does not act at all.
    options
        Of `receptivity`: event, end (here "eventual" unless given), detection_um, every.

    Raises
    ------
    InputError
        The mode is unknown; as for `receptivity`.
    """
    if mode not in MODES:
        raise InputError("why: mode", f"{mode!r}", f"one of {', '.join(MODES)}")
    options = {"end": "eventual", **options}
    taken: Callable[[Recording, str], Recording] = _as_at_first if mode == "niche" else _left_out
    lost = [name for name in recording.factors if mode == "niche" or recording.rules[name][1] == "lost"]
    found = receptivity(recording, **options)
    logs = _log(found)
    parts, base = {}, recording
    for name in lost:
        without = taken(recording, name)
        ratio = logs - _log(receptivity(without, **options))
        if np.nanmax(np.abs(ratio), initial=0.0) >= SMALLEST:
            parts[name], base = ratio, taken(base, name)
    all_gone = receptivity(base, **options)
    parts[INTERACTION] = logs - _log(all_gone) - sum(parts.values(), np.zeros_like(logs))
    return Why(found, all_gone, parts, mode)


def for_page(recording: Recording, every: float = 6.0) -> dict[str, Any]:
    """What a page needs that follows the clock: the map by time of arrival, its curve, the window, and why at each site.

    Returns
    -------
    dict
        time_h: h, float64[arrival]. map: float32[arrival, y, x], in the end. mean: float64[arrival]. receptive_h: see
        `Receptivity.window_h`. why: a `Why` of daily arrivals, whose `in_words(time_h, y, x)` answers a click.
    """
    found = receptivity(recording, end="eventual", every=every)
    return {
        "time_h": found.time_h, "map": found.probability.astype(np.float32), "mean": found.mean,
        "receptive_h": found.window_h, "why": why(recording),
    }  # fmt: skip


def _as_at_first(recording: Recording, name: str) -> Recording:
    rates = recording.rates[name]
    intervals = int(np.searchsorted(recording.edges, recording.edges[0] + LAST_PATROLS)) if name in recording.patrolled else 1
    first = rates[: max(1, intervals)].mean(axis=0, dtype=np.float64).astype(rates.dtype)
    return dataclasses.replace(recording, rates={**recording.rates, name: np.broadcast_to(first, rates.shape)})


def _left_out(recording: Recording, name: str) -> Recording:
    left = {one: factors for one, factors in recording.factors.items() if one != name}
    return dataclasses.replace(recording, factors=left)


def _log(found: Receptivity) -> NDArray[np.float64]:
    """The log of a map, nan where nothing takes root."""
    probability = found.probability
    log: NDArray[np.float64] = np.log(np.where(probability > TINY, probability, np.nan))
    return log
