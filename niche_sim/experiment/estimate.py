"""What a run will ask of the computer, told before anything is made: sites, cells, steps, memory, time; and limits to it.

The numbers are those of the mean: what chance, immunity and rules that a user wrote make of them is not known beforehand.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.kernels.walk import sub_steps
from niche_sim.engine.laws import LN2, exponential_growth, gompertz_growth, rate_of
from niche_sim.model.anatomy import MOST_SITES
from niche_sim.model.catalogue import EXOSOMES_OF_LINE
from niche_sim.model.initial_state import densities_at_rest

if TYPE_CHECKING:
    from niche_sim.experiment.protocol import Protocol
    from niche_sim.experiment.scenario import Scenario

MOST_CELLS = 10_000_000  # rows of all populations, parcels of vesicles included
MOST_STEPS = 250_000
MOST_MEMORY = 8_000.0  # MB
MOST_SECONDS = 24 * 3600.0  # of one run
MOST_TOTAL = 1000 * 3600.0  # of all runs of one command
MOST_VESICLES = 2.0**52  # in a section at once: beyond it whole numbers are not exact

# Measured on one core of a cloud computer; memory as the peak of the process.
LIBRARIES = 280.0  # MB
BYTES_A_SITE, BYTES_A_CELL, BYTES_A_PARCEL, BYTES_A_DRAW = 600.0, 250.0, 200.0, 8.0
KEPT_A_SITE, KEPT_A_CELL = 112.0, 70.0  # bytes of a snapshot
SNAPSHOT_EVERY = 7 * 24.0  # h, as in record
BYTES_A_ROW = 3000.0  # of the table of readouts
A_STEP, AN_HOUR = 2e-4, 1e-4  # s, of any section
SITE_A_STEP, SITE_AN_HOUR = 5e-9, 6e-8  # s
CELL_A_STEP, PARCEL_A_STEP, SUB_STEP, OFFSET_AN_HOUR = 4e-8, 3e-8, 2.5e-9, 3e-10  # s; an offset is one of a neighbourhood
SURVIVING = 0.5  # of lodged tumour cells, about, that leave the vessel alive
MOMENTS = 100  # at which the growth of a primary is looked at


@dataclass(frozen=True)
class Estimate:
    """What one run, or several, will ask of the computer. All but `runs` are floats, and may be infinite.

    founders: cells of the naive organ. cells: the largest number of rows to be expected at any time, parcels of vesicles
    included. vesicles: the most that are in the section at once. memory: MB, of one process. seconds: on one core.
    """

    sites: float
    founders: float
    cells: float
    vesicles: float
    steps: float
    memory: float
    seconds: float
    runs: int = 1

    def __str__(self) -> str:
        """All of it in a line."""
        many = f"{self.runs:,} runs, the largest with " if self.runs > 1 else ""
        return (
            f"{many}{_count(self.sites)} sites, {_count(self.founders)} to {_count(self.cells)} cells, "
            f"{_count(self.steps)} steps, {_memory(self.memory)} of memory: {duration(self.seconds)} on one core"
        )

    @property
    def each(self) -> float:
        """Seconds of one run, the mean over them."""
        return self.seconds / self.runs


@dataclass(frozen=True)
class Limits:
    """The most that is begun without being asked for twice; the defaults suit a desktop computer."""

    sites: float = MOST_SITES
    cells: float = MOST_CELLS
    vesicles: float = MOST_VESICLES
    steps: float = MOST_STEPS
    memory: float = MOST_MEMORY
    seconds: float = MOST_SECONDS
    total: float = MOST_TOTAL

    def exceeded(self, wanted: Estimate) -> list[str]:
        """The names of what is above its limit, in the order of this class."""
        values = dataclasses.asdict(wanted) | {"seconds": wanted.each, "total": wanted.seconds if wanted.runs > 1 else 0.0}
        return [name for name, most in dataclasses.asdict(self).items() if not values[name] <= most]


LIMITS = Limits()
# What decides whether a run can begin at all: how long it then takes is another matter.
FITS = Limits(steps=math.inf, seconds=math.inf, total=math.inf)
SMALLER = "a smaller section, a shorter run, longer steps, fewer cells or larger parcels"


def estimate(setup: Any, arm: str | None = None, *, snapshots: bool = True) -> Estimate:
    """What a run of one arm will ask of the computer, from a `model.Setup`, within a millisecond or so.

    Parameters
    ----------
    setup
        As `niche_sim.experiment.setup.setup` makes it.
    arm
        One of its arms; None takes the one that runs if none is named.
    snapshots
        Whether the run keeps its fields and cells every week, as single runs do and mice of a study do not.

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        There is no such arm.
    """
    experiment = setup.experiment
    protocol = experiment.arm(experiment.default_arm if arm is None else arm).protocol
    with np.errstate(all="ignore"):
        return _of(experiment, protocol, setup.parameters, snapshots)


def check(
    wanted: Estimate,
    limits: Limits = LIMITS,
    where: str = "this run",
    allowed: str = SMALLER,
) -> None:
    """Refuse what is over a limit.

    Parameters
    ----------
    wanted
        What `estimate` or `total` gave.
    limits
        Those of who computes: a server has lower ones.
    where, allowed
        The first and last part of the message.

    Raises
    ------
    InputError
        Names the estimate and the limits it is over.
    """
    if over := limits.exceeded(wanted):
        texts = {"memory": _memory, "seconds": duration, "total": duration}
        most = [f"{texts.get(name, _count)(getattr(limits, name))}{UNITS.get(name, '')}" for name in over]
        raise InputError(where, f"asks for {wanted}", f"at most {', '.join(most)}: {allowed}")


UNITS = {
    "sites": " sites", "cells": " cells", "vesicles": " vesicles", "steps": " steps", "memory": " of memory",
    "seconds": " a run", "total": " in all",
}  # fmt: skip


def total(parts: list[tuple[Estimate, int]]) -> Estimate:
    """One estimate for many runs: the largest of each number, and the seconds of all. parts: with how many runs of it each."""
    largest = {field.name: max(getattr(one, field.name) for one, _ in parts) for field in dataclasses.fields(Estimate)}
    seconds = sum(one.each * number for one, number in parts)
    return Estimate(**largest | {"seconds": seconds, "runs": sum(number for _, number in parts)})


def duration(seconds: float) -> str:
    """A time as people say it: 40 s, 5 min, 3 h, 12 days, 3 years."""
    for most, size, unit in ((100.0, 1.0, "s"), (6e3, 60.0, "min"), (2e5, 3600.0, "h"), (6e7, 86400.0, "days")):
        if seconds < most:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10.0 else f"{seconds / size:.0f} {unit}"
    return f"{_count(seconds / 3.156e7)} years"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e8 else f"{number:.1g}".replace("e+", "e")


def _whole(number: float) -> float:
    return float(round(number)) if math.isfinite(number) else number


def _memory(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 1000.0 else f"{_count(megabytes / 1000.0)} GB"


def _of(experiment: Scenario, protocol: Protocol, p: Any, snapshots: bool) -> Estimate:
    width, height, spacing, depth = experiment.section
    sites = round(width / spacing) * round(height / spacing) * float(1 if depth is None else round(depth / spacing))
    volume = width * height * (p.organ.thickness if depth is None else depth)
    founders = {name: _whole(density * volume) for name, density in densities_at_rest(p).items()}
    steps, dt, hours = math.ceil(experiment.duration / experiment.step - 1e-9), experiment.step, experiment.duration
    residents = _residents(founders, protocol, p, volume, hours)
    arriving, growing = _tumour_cells(protocol, p, volume, hours)
    recipients = (founders["kupffer_cells"] or founders["resident_recipient_cells"]) * p.kupffer.fraction_responders
    vesicles, parcels = _parcels(protocol, p, volume, hours, dt, recipients, growing)
    cells = sum(residents.values()) + arriving + growing
    # Sub-steps of walks: their random numbers are drawn for all cells of a population at once.
    walks = {"kupffer_cells": p.kupffer, "nk_cells": p.nk, "t_cells": p.t_cells, "bmdc": p.bmdc}
    moves = {name: residents[name] * _sub_steps(numbers, dt, spacing) for name, numbers in walks.items()}
    reach = max(p.stellate.reach, p.granulin.reach, p.tumour.neighbourhood) / spacing + 2.0
    kept = 2.0 + hours / SNAPSHOT_EVERY if snapshots else 0.0
    rows = hours / experiment.record + 2.0
    memory = LIBRARIES + 1e-6 * (
        sites * (BYTES_A_SITE + kept * KEPT_A_SITE)
        + cells * (BYTES_A_CELL + kept * KEPT_A_CELL)
        + parcels * (BYTES_A_PARCEL + kept * KEPT_A_CELL)
        + max(moves.values()) * BYTES_A_DRAW
        + rows * BYTES_A_ROW
        + 256.0 * (2.0 * reach) ** 2
    )
    a_step = A_STEP + SITE_A_STEP * sites + CELL_A_STEP * cells + PARCEL_A_STEP * parcels + SUB_STEP * sum(moves.values())
    an_hour = AN_HOUR + SITE_AN_HOUR * sites + OFFSET_AN_HOUR * math.pi * reach**2 * cells
    seconds = steps * a_step + hours * an_hour
    return Estimate(sites, float(sum(founders.values())), cells + parcels, vesicles, float(steps), memory, seconds)


def _sub_steps(numbers: Any, dt: float, spacing: float) -> float:
    most = max(numbers.speed * dt / spacing, dt / numbers.persistence)
    return sub_steps(numbers.speed, numbers.persistence, dt, spacing) if math.isfinite(most) else math.inf


def _residents(founders: dict[str, float], protocol: Protocol, p: Any, volume: float, hours: float) -> dict[str, float]:
    """The most of each population but tumour cells and parcels: lymphocytes as boosted, marrow cells as called."""
    boosts = {boost.target: 1.0 for boost in protocol.boosts}
    for boost in protocol.boosts:
        boosts[boost.target] *= boost.factor
    educated = bool(protocol.doses or protocol.primaries)
    with_tumour = bool(protocol.tumour_challenges or protocol.primaries)
    called = 1.0 if educated else 0.0
    stay = p.bmdc.half_life_arrested if educated else p.bmdc.half_life_moving
    monocytes = p.bmdc.rate_rest + called * (p.bmdc.rate_called + p.bmdc.rate_mdsc)
    marrow = (
        monocytes * min(stay / LN2, hours)
        + (p.bmdc.rate_neutrophils_rest + 0.2 * called * p.bmdc.rate_neutrophils) * p.bmdc.half_life_neutrophils / LN2
        + p.bmdc.rate_patrolling_rest * boosts.get("patrolling_monocytes", 1.0) * p.bmdc.half_life_patrolling / LN2
    )
    return founders | {
        "nk_cells": founders["nk_cells"] * boosts.get("il15", 1.0) * boosts.get("nk_cells", 1.0),
        "t_cells": founders["t_cells"] * boosts.get("t_cells", 1.0) * (1.0 + with_tumour * p.t_cells.fold_expansion / 2.0),
        "bmdc": marrow * volume,
    }


def _tumour_cells(protocol: Protocol, p: Any, volume: float, hours: float) -> tuple[float, float]:
    """Tumour cells that reach the section, and those that grow of them, each colony to the depth of the growing rim."""
    arrivals = [(one.line, one.at, float(one.count)) for one in protocol.tumour_challenges]
    for primary in protocol.primaries:
        if primary.sheds_cells:
            times, cells = _growth(primary, protocol, hours)
            shed = cells * p.primary.rate_shedding * p.primary.fraction_viable * (times[1] - times[0])
            arrivals += [(primary.line, at, number) for at, number in zip(times.tolist(), shed.tolist(), strict=True)]
    share, colony = volume / p.organ.volume, math.pi * p.tumour.rim**2 * p.organ.thickness * p.tumour.packing
    reaching = growing = 0.0
    for line, at, count in arrivals:
        numbers, here = getattr(p, line), count * p.organ.fraction_cells * share
        net = LN2 / numbers.doubling - numbers.rate_death_exposed
        reaching += here if at < hours else 0.0
        size = min(math.exp(min(net * max(hours - at, 0.0), 50.0)), colony)
        growing += here * p.tumour.fraction_arrested * SURVIVING * numbers.chance_start * size if at < hours else 0.0
    return reaching, min(growing, p.tumour.packing * volume)


def _growth(primary: Any, protocol: Protocol, hours: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times, h, and cells of a primary tumour, at even steps from its start until it is taken out or the run ends."""
    until = min([hours, *(resection.at for resection in protocol.resections)])
    times = np.linspace(primary.start, max(until, primary.start), MOMENTS)

    def cells(age: float) -> float:
        try:
            if primary.law == "gompertz":
                return gompertz_growth(primary.cells, primary.doubling, primary.capacity, age)
            return exponential_growth(primary.cells, primary.doubling, age)
        except OverflowError:
            return math.inf

    return times, np.array([cells(age) for age in (times - primary.start).tolist()])


def _parcels(
    protocol: Protocol, p: Any, volume: float, hours: float, dt: float, recipients: float, growing: float
) -> tuple[float, float]:
    """The most vesicles of one moment, and of parcels: those in blood, and those inside recipients until they are empty."""
    share, size, vesicles = volume / p.organ.volume, max(1, int(p.exosomes.parcel_size)), p.exosomes
    escaping = vesicles.secretion * vesicles.fraction_escaping  # 1/h of a tumour cell
    doses = [dose for dose in protocol.doses if dose.at < hours]
    amounts = [d.amount_ug * vesicles.vesicles_per_ug if d.vesicles is None else d.vesicles for d in doses]
    times, given = np.array([dose.at for dose in doses]), np.array(amounts, float) * share
    at_once = given.copy()
    sources = {dose.source for dose in doses}
    for primary in protocol.primaries:
        moments, cells = _growth(primary, protocol, hours)
        shed = cells * escaping * share
        times, given = np.append(times, moments), np.append(given, shed * (moments[1] - moments[0]))
        at_once = np.append(at_once, shed * max(dt, vesicles.half_life_blood / LN2))
        sources.add(EXOSOMES_OF_LINE[primary.line])
    of_colonies = growing * escaping
    most = max([*at_once.tolist(), of_colonies * 6.0])
    order = np.argsort(times, kind="stable")
    times, given, at_once = times[order], given[order], at_once[order]
    life = (1.0 + math.log(size)) / rate_of(vesicles.half_life_inside)  # h, until the last vesicle of a parcel is digested
    taken = np.append(0.0, np.cumsum(given * p.organ.fraction_exosomes))
    inside = taken[1:] - taken[np.searchsorted(times, times - life)]
    held = np.minimum(recipients * len(sources), inside)  # each recipient cell has a parcel that is not full
    earlier = inside - given * p.organ.fraction_exosomes
    parcels = max(((at_once + earlier) / size + held).tolist(), default=0.0)
    return most, parcels + of_colonies * p.organ.fraction_exosomes * min(life, hours) / size
