"""What a command will ask of the computer, said before it begins, and refused over a limit unless --yes."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli.usage import say
from niche_sim.engine.errors import InputError

if TYPE_CHECKING:
    from niche_sim.experiment.estimate import Estimate
    from niche_sim.runs.sweeps import Plan

LONG = 60.0  # s; what takes longer is told
MOST_POINTS = 64  # of a sweep, evenly among all, that its estimate rests on

Yes = Annotated[bool, typer.Option("--yes", help="Begin even if it asks for more than a computer usually has.")]


def agree(wanted: Estimate, yes: bool, cores: int = 1) -> None:
    """Say the estimate if the work is long. Raises InputError over a limit, unless `yes`."""
    from niche_sim.experiment.estimate import LIMITS, SMALLER, Limits, check, duration

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6 if hasattr(os, "sysconf") else math.inf
    more = math.inf
    here = Limits(more, more, more, more, memory, more, more)  # what no consent changes
    check(wanted, here if yes else LIMITS, "this command", SMALLER if yes else f"{SMALLER}, or --yes")
    if wanted.seconds / cores > LONG:
        say(f"{wanted}" + (f", about {duration(wanted.seconds / cores)} on {cores}" if cores > 1 else ""))


def agree_sweep(plan: Plan, yes: bool, cores: int = 1) -> None:
    """The same for the runs of a sweep, from some of its points."""
    from niche_sim.experiment.estimate import estimate, total

    parts = []
    for point in range(0, plan.points, -(-plan.points // MOST_POINTS)):
        levels = zip(plan.axes, plan.levels[point], strict=True)
        overrides = {axis.key: axis.setting(level) for axis, level in levels if axis.arm is None}
        for arm in plan.arms:
            try:
                made = plan.job(arm, plan.seeds[0], overrides).setup
            except InputError:  # a point that cannot be run; the sweep says so itself
                continue
            parts.append((estimate(made, arm, snapshots=False), 1))
    if parts:
        wanted = total(parts)
        agree(dataclasses.replace(wanted, runs=plan.total, seconds=wanted.each * plan.total), yes, cores)
