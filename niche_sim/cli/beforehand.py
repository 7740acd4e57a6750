"""What a command will ask of the computer, said before it begins, and refused over a limit unless --yes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from niche_sim.cli.usage import say

if TYPE_CHECKING:
    from niche_sim.experiment.estimate import Estimate
    from niche_sim.runs.plan import Plan

LONG = 60.0  # s; what takes longer is told

Yes = Annotated[bool, typer.Option("--yes", help="Begin even if it asks for more than a computer usually has.")]


def agree(wanted: Estimate, yes: bool, cores: int = 1, tell: bool = False) -> None:
    """Say the estimate if the work is long, or `tell` asks for it. Raises InputError over a limit, unless `yes`."""
    from niche_sim.experiment.estimate import LIMITS, SMALLER, Limits, check, duration

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6 if hasattr(os, "sysconf") else math.inf
    more = math.inf
    here = Limits(more, more, more, more, memory, more, more)  # what no consent changes
    check(wanted, here if yes else LIMITS, "this command", SMALLER if yes else f"{SMALLER}, or --yes")
    if tell or wanted.seconds / cores > LONG:
        say(f"{wanted}" + (f", about {duration(wanted.seconds / cores)} on {cores}" if cores > 1 else ""))


def agree_runs(plans: Sequence[Plan], store: Path, yes: bool, cores: int) -> None:
    """The same for the runs of plans that are not in the store yet."""
    from niche_sim.experiment.estimate import total
    from niche_sim.runs.farm import missing
    from niche_sim.runs.store import Store

    if parts := missing(plans, Store(store)):
        agree(total(parts), yes, cores)
