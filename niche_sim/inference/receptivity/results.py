"""Receptivity: how likely a tumour cell that arrests at a site at a time is to found a colony, and what follows for a liver."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs.expectation.backward import ARRESTED, BackwardPass
from niche_sim.runs.expectation.forward import arrest_shares
from niche_sim.runs.expectation.recording import Recording, record_hazards
from niche_sim.runs.record import Record, model_like

ARRIVALS_EVERY = 24.0  # h between the times for which a map is kept
IN_WORDS = {
    "reached_K": "its clone ever has the cells of a colony",
    "alive_at_T": "its clone has the cells of a colony at the end",
    "visible_at_T": "its clone is as wide as can be seen at the end",
    "by_T": "counted until the end of the run",
    "eventual": "as if the last day's niche went on for ever",
}


@dataclass(frozen=True)
class Receptivity:
    """The probability of meeting an end event from each site, for cells of one line that arrest there at each of some times.

    event, end: see `receptivity`. time_h: h, float64[arrival]. probability: float64[arrival, y, x], 0 in a vessel's lumen.
    mean: float64[arrival], over sites as cells arrest there. expected_colonies: in the section, for the arm's own tumour
    cells; expected_metastases_per_liver: the same in the whole organ; take_rate: share of mice with one or more, as rare
    independent clones make it (Poisson). The three are 0 in an arm without tumour cells of the line.
    """

    line: str
    arm: str
    event: str
    end: str
    time_h: NDArray[np.float64]
    probability: NDArray[np.float64]
    mean: NDArray[np.float64]
    expected_colonies: float
    expected_metastases_per_liver: float
    take_rate: float

    @property
    def window_h(self) -> tuple[float, float]:
        """From when to when (h) the organ is receptive: around its highest mean, as long as that is above halfway to its lowest.

        nan where it is the same at all times. By the end "by_T" late arrivals have less time, so "eventual" is what is meant.
        """
        low, high = float(self.mean.min()), float(self.mean.max())
        if not high > low:
            return math.nan, math.nan
        above, top = self.mean >= (low + high) / 2.0, int(self.mean.argmax())
        first = top - int(np.argmin(above[top::-1])) + 1 if not above[: top + 1].all() else 0
        last = top + int(np.argmin(above[top:])) - 1 if not above[top:].all() else len(above) - 1
        return float(self.time_h[first]), float(self.time_h[last])

    def summary(self) -> dict[str, Any]:
        """What `summary.json` says of it."""
        return {
            "line": self.line,
            "event": self.event,
            "end": self.end,
            "arrival_h": self.time_h.tolist(),
            "mean": self.mean.tolist(),
            "expected_colonies": self.expected_colonies,
            "expected_metastases_per_liver": self.expected_metastases_per_liver,
            "take_rate": self.take_rate,
        }


def receptivity(
    run: Simulation | Record | Recording,
    line: str | None = None,
    *,
    event: str = "reached_K",
    end: str = "by_T",
    detection_um: float | None = None,
    every: float = ARRIVALS_EVERY,
) -> Receptivity:
    """Compute where, when and how likely a tumour cell founds a metastasis, from one run and without its chance.

    A twin of the mouse, to which no tumour cells come, is run first; its hazards are what the rules state. A backward pass
    then gives the probability from every site at every time. Clones are independent; they do not change the niche.

    Parameters
    ----------
    run
        A model at any time of its run, a record, or a recording by `record_hazards`, which saves the twin.
    line
        The tumour line; None: that of the arm, or else of the scenario.
    event
        What is counted: "reached_K" (the clone ever had `tumour.colony_cells` cells), "alive_at_T" (it has them at the
        end), "visible_at_T" (it is `detection_um` wide at the end).
    end
        "by_T" counts until the end of the run, so that late arrivals have less time; "eventual" takes the last day's mean
        hazards to go on for ever.
    detection_um
        Diameter of what is visible, um; None: `tumour.macro_diameter`.
    every
        h between the arrivals for which a map is kept; those at the ends of the intervals of the recording, 6 h, are there.

    Returns
    -------
    Receptivity
        A map for every such time of arrival, their means, and what is expected of the arm's own tumour cells.

    Raises
    ------
    InputError
        An unknown line, event or end; a rule that changes tumour cells without a hazard; an arm that acts by T cells, which
        answer to tumour cells of the whole liver: these are not in a run without them.
    """
    if isinstance(run, Record):
        run = model_like(run.provenance, "receptivity")
    if isinstance(run, Recording) and line not in (None, run.line):
        raise InputError("receptivity: line", f"{line!r}, of a recording of {run.line}", "the line that was recorded")
    recording = run if isinstance(run, Recording) else record_hazards(run, line)
    steps = BackwardPass(recording, event, end, detection_um)
    section, edges = recording.section, recording.edges
    arriving = arrest_shares(section, recording.p)
    arrested = float(arriving.sum())
    means, times, maps = [], [], []
    tissue = ~section.lumen.ravel()
    for time, values in zip(edges[::-1].tolist(), steps.run(), strict=True):
        means.append(float(arriving @ values[ARRESTED]) / arrested)
        if abs(time / every - round(time / every)) < 1e-9:
            times.append(time)
            maps.append((values[ARRESTED] * tissue).reshape(section.shape))
    mean = np.array(means[::-1])
    # Cells in blood arrest at once; between the edges of an interval the mean is taken as a straight line.
    expected = sum(cells * arrested * float(np.interp(time, edges, mean)) for time, cells in recording.arrivals)
    per_liver = expected * recording.p.organ.volume / section.volume
    time_h = np.array(times[::-1])
    return Receptivity(
        recording.line, recording.arm, event, end, time_h, np.stack(maps[::-1]), np.interp(time_h, edges, mean), expected,
        per_liver, -math.expm1(-per_liver),
    )  # fmt: skip
