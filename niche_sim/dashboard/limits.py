"""How much one visitor may ask of a server that others use, too; it holds whatever a browser, or a program in its place, sends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from niche_sim.engine.errors import InputError
from niche_sim.experiment.estimate import Limits

# What is read.
LINK = 8_000  # characters; browsers and servers take no more for sure
UPLOAD = 200_000  # characters of a file; the longest scenario of the library has some 10,000
TEXT = 4_000  # characters written in a field of a form
# What is run.
# A section of 10 mm by 10 mm at 20 um has 250,000 sites; 42 days in steps of a minute are 60,480.
RUN = Limits(sites=250_000, cells=1_000_000, steps=100_000, memory=1_000.0, seconds=4 * 3600.0)
HOURS = 24.0  # between two pictures
ARMS = 64
INTERVENTIONS = 200  # of an arm
DOSES = 2_000  # of an arm, all its interventions together
# Cohorts.
MICE = 40  # an arm
MICE_IN_ALL = 800
COHORTS = 3  # of one visitor: one that runs, two that wait
WAITING = 40  # cohorts of all visitors
COHORT_SECONDS = 900.0
# The session of a visitor.
COMMANDS = 500  # that wait to be done
KEYFRAMES = 800_000_000  # bytes of those of all visitors together
# A page that does not answer.
GONE = 15.0  # s without a connection; the server notices a lost network after at most 40 s
SILENT = 40.0  # s in which a picture is not drawn, or the page is hidden


def number(value: Any, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A number that came from a browser. Raises InputError if it is none, or not from low to high."""
    allowed = f"a number from {low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(where, shown(value), allowed)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or not low <= found <= high:
        raise InputError(where, f"{found:g}", allowed)
    return found


def text(value: Any, where: str, most: int = TEXT) -> str:
    """A text that came from a browser. Raises InputError if it is none, or too long."""
    if not isinstance(value, str):
        raise InputError(where, shown(value), "a text")
    if len(value) > most:
        raise InputError(where, f"{len(value):,} characters", f"at most {most:,}")
    return value


def names(value: Any, allowed: Iterable[str], where: str) -> tuple[str, ...]:
    """Some of the allowed names, each once. Raises InputError if there is anything else."""
    known = tuple(allowed)
    if not isinstance(value, list | tuple) or len(value) > len(known):
        raise InputError(where, shown(value), f"at most {len(known)} names")
    for name in value:
        if name not in known:
            listed = f"some of {', '.join(known)}" if len(known) <= 20 else f"one of {len(known)} names"
            raise InputError(where, shown(name), listed)
    return tuple(dict.fromkeys(value))


def at_most(found: float, most: float, where: str, what: str, instead: str) -> None:
    """Raises InputError if something is more than may be asked for, such as 300,000 sites."""
    if not found <= most:
        raise InputError(where, f"{found:,.0f} {what}", f"at most {most:,.0f}: {instead}")


def shown(value: Any) -> str:
    """Something unexpected in a few characters."""
    if value is None:
        return "nothing"
    short = isinstance(value, str | int | float) and len(str(value)) <= 40
    return (repr(value) if short else type(value).__name__).encode("ascii", "backslashreplace").decode()
