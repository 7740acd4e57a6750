"""What a run will need, estimated before anything of it is made: sites, cells, steps, memory and time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from niche_sim.errors import InputError
from niche_sim.parameters import Parameters
from niche_sim.protocol import GrowPrimary
from niche_sim.scenario import Scenario

# Above these a run is started only by somebody who has seen the estimate.
MOST_CELLS = 5_000_000
MOST_MEMORY = 8_000.0  # MB
MOST_SECONDS = 1_800.0  # of one mouse on one core
MOST_SECONDS_IN_ALL = 86_400.0  # of many mice

# Measured on one core of a shared virtual machine, where such figures move by a factor of two.
_SECONDS_A_STEP, _SECONDS_A_SITE, _SECONDS_A_CELL = 1e-3, 6e-8, 3e-7
_BASE_MB, _BYTES_A_SITE, _BYTES_A_CELL, _BYTES_A_ROW = 300.0, 500.0, 300.0, 2_500.0
_BYTES_A_KEPT_SITE, _BYTES_A_KEPT_CELL, _HOURS_A_SNAPSHOT = 112.0, 120.0, 168.0


@dataclass(frozen=True)
class Estimate:
    """What one run will need. cells: those at the start, injected ones that reach the section, and parcels of vesicles
    of the largest dose; growth is not foreseen. memory: MB. seconds: on one core."""

    sites: float
    cells: float
    steps: float
    memory: float
    seconds: float

    def __str__(self) -> str:
        counts = f"{self.sites:,.0f} sites, {self.cells:,.0f} cells and {self.steps:,.0f} steps"
        return f"{counts}, about {duration_text(self.seconds)} and {self.memory / 1000.0:,.1f} GB"


def estimate(experiment: Scenario, arm: str, p: Parameters) -> Estimate:
    """Estimate what a run of one arm will need.

    Parameters
    ----------
    experiment : Scenario
        With the section and the clock of the run.
    arm : str
        One of its arms.
    p : Parameters
        The register of the run.
    """
    width, height, spacing = experiment.section
    sites = width * height / spacing**2
    volume = width * height * p.organ.thickness
    share = volume / p.organ.volume
    cells = volume * (
        p.kupffer.density * p.organ.ratio_kupffer
        + p.organ.density_receivers
        + p.stellate.density * p.organ.ratio_matrix_cells
        + p.angiogenesis.density_fibroblasts
        + (p.nk.density + p.t_cells.density) * p.organ.ratio_lymphocytes
    )
    protocol = experiment.arm(arm).protocol
    doses = [
        dose.vesicles if dose.amount_ug is None else dose.amount_ug * p.exosomes.vesicles_per_ug for dose in protocol.doses
    ]
    doses += [_shed_in_a_step(one, experiment, p) for one in protocol.primaries]
    cells += max((dose or 0.0 for dose in doses), default=0.0) * share / p.exosomes.parcel_size
    cells += sum(one.count for one in protocol.tumour_challenges) * p.organ.fraction_cells * share
    steps = experiment.duration / experiment.step
    kept = experiment.duration / _HOURS_A_SNAPSHOT + 2.0
    memory = sites * (_BYTES_A_SITE + kept * _BYTES_A_KEPT_SITE) + cells * (_BYTES_A_CELL + kept * _BYTES_A_KEPT_CELL)
    memory += experiment.duration / experiment.record * _BYTES_A_ROW
    seconds = steps * (_SECONDS_A_STEP + sites * _SECONDS_A_SITE + cells * _SECONDS_A_CELL)
    return Estimate(sites, cells, steps, _BASE_MB + memory / 1e6, seconds)


def _shed_in_a_step(primary: GrowPrimary, experiment: Scenario, p: Parameters) -> float:
    """Vesicles that a primary at its largest sheds into blood in a step."""
    doublings = max(0.0, experiment.duration - primary.start) / primary.doubling
    grown = primary.cells * 2.0 ** min(doublings, 1000.0)
    largest = grown if primary.capacity is None else min(grown, primary.capacity)
    return largest * p.exosomes.secretion * p.exosomes.fraction_escaping * experiment.step


def check(one: Estimate, where: str = "run") -> None:
    """Raises InputError, which tells the estimate, if a run needs more than anybody would ask for by intention."""
    if one.cells > MOST_CELLS or one.memory > MOST_MEMORY or one.seconds > MOST_SECONDS:
        allowed = f"{MOST_CELLS:,} cells, {MOST_MEMORY / 1000.0:g} GB and {duration_text(MOST_SECONDS)}"
        raise InputError(where, f"it would take {one}", f"without --yes at most {allowed} are allowed")


def check_memory(one: Estimate, where: str = "run") -> None:
    """Raises InputError if a run does not fit into the memory of this machine."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6 if hasattr(os, "sysconf") else float("inf")
    if one.memory > there:
        found = f"it would take {one}"
        raise InputError(where, found, f"this machine has {there / 1000.0:,.1f} GB: a smaller or shorter run is needed")


def check_all(runs: Iterable[tuple[Estimate, int]], processes: int, *, yes: bool) -> float:
    """Check many runs, each estimate with the number of mice it stands for; returns the seconds they will take in all.

    Raises
    ------
    InputError
        One of them, or all together on so many processes, need more than is allowed without `yes`.
    """
    seconds = 0.0
    for one, mice in runs:
        if not yes:
            check(one, "a mouse")
        seconds += one.seconds * mice / processes
    if seconds > MOST_SECONDS_IN_ALL and not yes:
        found = f"they would take about {duration_text(seconds)} on {processes} processes"
        raise InputError("mice", found, f"without --yes at most {duration_text(MOST_SECONDS_IN_ALL)} are allowed")
    return seconds


def duration_text(seconds: float) -> str:
    """A length of time in one unit, such as "45 s", "12 min" or "3 days"."""
    for unit, length in (("years", 31_557_600.0), ("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2.0 * length:
            return f"{seconds / length:,.0f} {unit}" if seconds < 1e15 * length else f"{seconds / length:.0e} {unit}"
    return f"{seconds:.0f} s"
