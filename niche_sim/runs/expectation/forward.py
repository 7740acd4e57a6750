"""The forward pass: from when and where tumour cells arrest, through the recorded hazards, to the clones expected at every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.kernels.branching import change_states, wander
from niche_sim.engine.kernels.delivery import captured_share
from niche_sim.model.anatomy import Section
from niche_sim.model.parameters import Parameters
from niche_sim.model.processes.arrival.arrest import capture_chance
from niche_sim.runs.expectation.backward import BackwardPass
from niche_sim.runs.expectation.clone_chain import SINGLE
from niche_sim.runs.expectation.recording import Recording


@dataclass(frozen=True)
class ExpectedClones:
    """Clones that are expected in a section, from the tumour cells that its arm brings.

    time_h: h, float64[time]. singles: arrested, dormant and motile cells, float64[time, 3]. clones: cycling clones of each
    class of size, float64[time, classes]. sizes: cells of a clone of each class, int64[classes]. founded: colonies founded so
    far, which may have regressed since, float64[time].
    """

    time_h: NDArray[np.float64]
    singles: NDArray[np.float64]
    clones: NDArray[np.float64]
    sizes: NDArray[np.int64]
    founded: NDArray[np.float64]

    @property
    def cells(self) -> NDArray[np.float64]:
        """Tumour cells in the tissue of the section, float64[time]."""
        alive: NDArray[np.float64] = self.singles.sum(axis=1) + self.clones @ self.sizes
        return alive

    def from_cells(self, least: float) -> NDArray[np.float64]:
        """Clones of at least so many cells, float64[time]."""
        return self.clones[:, np.searchsorted(self.sizes, least) :].sum(axis=1)


def expected_clones(recording: Recording) -> ExpectedClones:
    """Step the tumour cells of a recording's arm forward: the transpose of the backward pass, so that both give one number."""
    every, ever = _stepped(recording, "alive_at_T"), _stepped(recording, "reached_K")
    return ExpectedClones(
        recording.edges, every[:, : len(SINGLE)], every[:, len(SINGLE) :], recording.clones.sizes, ever[:, -1]
    )


def _stepped(recording: Recording, event: str) -> NDArray[np.float64]:
    """Expected clones in each situation at the edges of the intervals, summed over sites, float64[edge, situation]."""
    rules, section, edges = BackwardPass(recording, event, "by_T", whole=True), recording.section, recording.edges
    arriving = arrest_shares(section, recording.p)
    numbers = np.zeros_like(rules.values)
    entering = _entering(recording)
    found = np.zeros((len(edges), len(numbers)))
    for i, cells in enumerate(entering):
        numbers[0] += cells * arriving
        found[i] = numbers.sum(axis=1)
        if i + 1 == len(edges) or not found[i].any():
            continue
        dt = float(edges[i + 1] - edges[i])
        speed = np.sqrt(recording.motility[i].astype(np.float64))
        rates = rules.rates(slice(i, i + 1))
        _walked(numbers[2], speed, section, dt / 2.0, rows_first=True)
        change_states(
            numbers, rates.leave, rates.go_on, rates.starting, rates.birth, rates.deaths, rates.factors, rates.growing,
            rates.shrinking, dt, True,
        )  # fmt: skip
        _walked(numbers[2], speed, section, dt / 2.0, rows_first=False)
    return found


def _walked(motile: NDArray[np.float64], speed: NDArray[np.float64], section: Section, dt: float, rows_first: bool) -> None:
    """Let expected motile cells walk: forward, walks of uneven speed are the backward ones between two scalings."""
    moving = speed > 0.0
    scaled = np.where(moving, motile * speed, 0.0).reshape(section.shape)
    wander(scaled, speed.reshape(section.shape), section.lumen, section.spacing, dt, rows_first)
    motile[moving] = scaled.ravel()[moving] / speed[moving]


def _entering(recording: Recording) -> NDArray[np.float64]:
    """Tumour cells that enter the section's blood, set to the edges on either side of when they do, float64[edge]."""
    edges = recording.edges
    entering = np.zeros(len(edges))
    for time, cells in recording.arrivals:
        before = int(np.clip(np.searchsorted(edges, time, side="right") - 1, 0, len(edges) - 2))
        late = float(np.clip((time - edges[before]) / (edges[before + 1] - edges[before]), 0.0, 1.0))
        entering[before] += cells * (1.0 - late)
        entering[before + 1] += cells * late
    return entering


def arrest_shares(section: Section, p: Parameters) -> NDArray[np.float64]:
    """Expected share of the tumour cells in the section's blood that arrest at each site, float64[sites]."""
    flow, capture = section.flow, capture_chance(section, p)
    shares: NDArray[np.float64] = captured_share(
        flow.order, flow.route, capture, section.shape[1], flow.source_sites, flow.source_share
    )
    return shares
