"""A cohort of mice in the background of the page: some arms, many seeds, with progress and cancel."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter

from niche_sim.dashboard import limits
from niche_sim.dashboard.link import Setup, within_limits
from niche_sim.dashboard.presence import Presence
from niche_sim.dashboard.turns import Turns
from niche_sim.engine.errors import InputError
from niche_sim.experiment.editing import with_protocol
from niche_sim.inference.verdicts import Row, effects
from niche_sim.runs import cohort
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.executors import Cancelled
from niche_sim.runs.farm import Done
from niche_sim.runs.plan import Plan

log = logging.getLogger(__name__)

_ONE_AT_A_TIME = Turns(1)  # cohorts of several visitors share the processors one after the other
_ASKED: Counter[str] = Counter()  # visitor -> cohorts that run or wait
_ASKING = threading.Lock()


@dataclass(frozen=True)
class Report:
    """How a study stands. arms and names: the visitor's own, then what it is compared with. seconds_left: nan while it
    cannot be told. rows: the effect of each arm against the last.

    state: "waiting" (for another visitor's), "running", "done", "cancelled" or "failed"; why: a sentence if it failed.
    """

    state: str
    arms: tuple[str, ...]
    names: tuple[str, ...]
    mice: int
    done: int = 0
    total: int = 0
    seconds_left: float = float("nan")
    cohort: Cohort | None = None
    rows: tuple[Row, ...] = ()
    why: str = ""

    @property
    def share(self) -> float:
        """Mice done of all, 0 to 1."""
        return self.done / self.total if self.total else float(self.state == "done")


def plan_of(ours: Setup, theirs: Setup, mice: int) -> Plan:
    """Many mice of two setups that differ in their protocol alone; theirs is the reference. Raises InputError."""
    limits.number(mice, "mice an arm", 2, limits.MICE)  # before their seeds are made
    arm, experiment = theirs.arm_name(), theirs.experiment()
    own = ours.arm_name()
    if ours.protocol is not None:
        # Both may have been edited, and be called the same.
        experiment = with_protocol(experiment, ours.arm or ours.base().default_arm, ours.interventions())
        own = list(experiment.arms)[-1]
    return cohort.plan(
        experiment, (arm, own), mice=mice, seed=ours.seed, overrides=dict(ours.overrides), without=ours.without
    )


def check_plan(plan: Plan) -> None:
    """Raises InputError if these are more or larger mice than a visitor may ask for."""
    limits.at_most(len(plan.seeds), limits.MICE, "cohort", "mice an arm", "fewer mice")
    limits.at_most(len(plan.seeds) * len(plan.arms), limits.MICE_IN_ALL, "cohort", "mice", "fewer arms or mice")
    for arm in plan.arms:
        within_limits(plan.experiment, arm, dict(plan.base.overrides), plan.base.without)


class Study:
    """Runs a plan in worker processes; `on_report` is called from a thread of its own.

    It is given up when its page is gone, as `presence` says, and when it has run for `seconds`; the mice that are finished are
    kept. Raises InputError if it is more than a visitor may ask for.
    """

    def __init__(
        self,
        plan: Plan,
        names: tuple[str, ...],
        on_report: Callable[[Report], None],
        presence: Presence | None = None,
        seconds: float = limits.COHORT_SECONDS,
    ) -> None:
        check_plan(plan)
        self._plan, self._on_report = plan, on_report
        self._presence, self._seconds = presence or Presence(), seconds
        self._until = float("inf")
        self._stop = threading.Event()
        reference, *treated = plan.arms
        self._report = Report("waiting", (*treated, reference), names, len(plan.seeds))
        self._thread = threading.Thread(target=self._work, name="study", daemon=True)

    def start(self) -> None:
        """Begin, as soon as no other study runs. Raises InputError if too many wait already."""
        visitor = self._presence.visitor
        with _ASKING:
            if _ASKED[visitor] >= limits.COHORTS:
                raise InputError("cohort", f"{_ASKED[visitor]} of yours run or wait", "a new one when one of them is done")
            if _ASKED.total() >= limits.WAITING:
                raise InputError("cohort", f"{_ASKED.total()} of other visitors wait", "another try in a few minutes")
            _ASKED[visitor] += 1
        self._on_report(self._report)
        self._thread.start()

    def cancel(self) -> None:
        """Give up; mice that are finished are kept for the next time."""
        self._stop.set()

    def _tell(self, **changes: object) -> None:
        self._report = replace(self._report, **changes)  # type: ignore[arg-type]
        self._on_report(self._report)

    def _given_up(self) -> bool:
        return self._stop.is_set() or self._presence.gone() or perf_counter() > self._until

    def _work(self) -> None:
        try:
            with _ONE_AT_A_TIME.turn(self._given_up) as mine:
                if not mine:
                    raise Cancelled
                self._until = perf_counter() + self._seconds
                self._run()
        except Cancelled:
            if perf_counter() > self._until:
                minutes = f"{self._seconds / 60.0:.2g} minutes"
                why = f"{minutes} are over, which a cohort may take here. Its finished mice are kept: run it again to go on."
                self._tell(state="failed", why=why)
            else:
                self._tell(state="cancelled")
        except InputError as error:
            self._tell(state="failed", why=str(error))
        except Exception as error:
            log.exception("a study failed")
            self._tell(state="failed", why=f"Something went wrong here ({type(error).__name__}: {error}).")
        finally:
            with _ASKING:
                _ASKED[self._presence.visitor] -= 1

    def _run(self) -> None:
        folder, began = mice_folder(), perf_counter()

        def watch(done: Done) -> None:
            left = done.seconds_left(perf_counter() - began)
            self._tell(state="running", done=done.done, total=done.total, seconds_left=left)

        failures = cohort.run([self._plan], folder, _workers(), watch, stop=self._given_up)
        if failures:
            first = failures[0]
            raise InputError(f"{len(failures)} mice failed", f"seed {first.seed} of {first.arm}", first.why)
        mice = cohort.gather(self._plan, folder)
        if self._given_up():
            raise Cancelled
        self._tell(state="done", cohort=mice, rows=tuple(effects(mice)))


@cache
def mice_folder() -> Path:
    """Where the mice of this server are kept: a folder that goes when the machine tidies up."""
    return Path(tempfile.mkdtemp(prefix="niche-sim-mice-"))


def _workers() -> int:
    """All processors but one, which the pages need."""
    return max(1, (os.cpu_count() or 2) - 1)
