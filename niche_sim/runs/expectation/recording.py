"""Hazards of tumour cells that are not there, written down at every site while a mouse runs: the niche as they would meet it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import GrowPrimary, InjectTumourCells, Protocol
from niche_sim.experiment.setup import Setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.actions import SOON, cells_reaching
from niche_sim.model.anatomy import Section
from niche_sim.model.catalogue import TUMOUR_LINES
from niche_sim.model.cells import POPULATIONS, TumourCell
from niche_sim.model.parameters import Parameters
from niche_sim.model.process import Process
from niche_sim.model.processes.arrival.arrest import Arrest
from niche_sim.model.processes.arrival.post_extravasation_fate import PostExtravasationFate
from niche_sim.model.processes.colonisation.crowding import Crowding
from niche_sim.model.processes.colonisation.motile_search import MotileSearch
from niche_sim.model.processes.shedding.primary_shedding import PrimaryShedding
from niche_sim.model.processes.shedding.primary_shedding import cells_reaching as shed_cells_reaching
from niche_sim.model.sensing import Supposed, all_sites
from niche_sim.model.state import LymphNode
from niche_sim.model.step import advance
from niche_sim.runs.expectation.clone_chain import Clones, clones_of

INTERVAL = 6.0  # h over which hazards are averaged
MOST_MEMORY = 4e9  # bytes of all maps
PROBES = 12  # sites at which it is seen how a hazard depends on state and clone size
SEPARATE = 1e-6  # relative; a product of place and situation leaves rounding alone
TRAITS = ("emt", "resistance")
# h since a cell's arrest at which its traits are taken, 0 when it came: about when its clone grows (a day to cross the wall, one to
# condense, then divisions). Cells that were dormant are older. With traits of cells that were there for ever, colonies of educated
# mice are 5 % too few.
AGE = 72.0
ACCOUNTED_FOR = (PrimaryShedding, Arrest, PostExtravasationFate, Crowding)  # they bring, place and count tumour cells
PATROLLING = {kind.population for kind in POPULATIONS if "heading" in kind.declared()} - {"tumour_cells"}
# What acts by T cells alone, which only tumour cells of the whole liver prime: that is not in a run without tumour cells.
BY_T_CELLS = {
    ("block", "pd1"), ("block", "exosomal_pdl1"), ("treat", "anti_pd1"), ("boost", "t_cells"), ("deplete", "t_cells"),
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """What a tumour cell of one line would meet at each site in each interval of a run without tumour cells.

    edges: h, float64[intervals + 1]. rates: rule -> mean hazard (1/h) in the first situation that it befalls, float32[intervals,
    sites], or [intervals, 1] where it is the same everywhere. factors: rule -> its hazard in each situation of `clones`
    against that one, float64[situations], 0 where it does not act. rules: rule -> states it befalls and what they become.
    patrolled: the rules whose rates are meetings with patrolling cells.
    motility: um2/h of motile cells, float32[intervals, sites]. starting: share of extravasated cells that become motile at
    once. arrivals: (h, tumour cells that then enter the blood of the section on average).
    """

    section: Section
    p: Parameters
    line: str
    arm: str
    clones: Clones
    edges: NDArray[np.float64]
    rates: dict[str, NDArray[np.float32]]
    factors: dict[str, NDArray[np.float64]]
    rules: dict[str, tuple[tuple[str, ...], str]]
    patrolled: frozenset[str]
    motility: NDArray[np.float32]
    starting: float
    arrivals: tuple[tuple[float, float], ...]

    @property
    def bytes(self) -> int:
        """Memory of the maps."""
        return self.motility.nbytes + sum(rates.nbytes for rates in self.rates.values())


class Recorder:
    """Looks at a mouse after each of its steps and changes nothing in it.

    The niche that tumour cells meet is that of a mouse without any. Up to the step in which the first enter, that is the
    mouse itself. From there on it is its twin, which parts from it and goes on without them; `recording` steps it to its end.

    Parameters
    ----------
    model
        At the beginning of its run; else the twin begins there, too.
    line
        The tumour line whose cells are supposed; None: that of the arm, or else of the scenario.
    from_now
        Of a mouse that is on its way: the twin parts now, with what tumour cells have made of the niche so far, but without
        the T cells that they primed.

    Raises
    ------
    InputError
        A rule of the schedule takes or moves tumour cells and states no hazard; the arm acts by T cells; the line is not
        known, or the arm has several; the maps would need more than `MOST_MEMORY`.
    """

    def __init__(self, model: Simulation, line: str | None = None, from_now: bool = False) -> None:
        self.model = model
        refuse(model)
        self.line = line_of(model, line)
        section, steps = model.state.section, model.steps_left if from_now else math.ceil(model.duration / model.dt - 1e-9)
        self.fates = [rule for rule in model.schedule if rule.befalls]
        self.steps = max(1, round(INTERVAL / model.dt))
        if not steps:
            raise _refused("the run has ended", "a run that goes on")
        needed = 4.0 * (1 + len(self.fates)) * math.ceil(steps / self.steps) * section.zone.size
        if needed > MOST_MEMORY:
            raise _refused(
                f"the maps of this section and duration need {needed / 1e9:.1f} GB",
                f"a section or a duration for which {MOST_MEMORY / 1e9:g} GB are enough",
            )
        self.clones = clones_of(section, model.mouse)
        self.shifts = {rule.writes[0].removeprefix("tumour_cells."): rule for rule in model.schedule if _is_trait(rule)}
        self.traits = {name: np.zeros(section.zone.size) for name in TRAITS}
        self._ever = {name: [(np.zeros(section.zone.size), np.zeros(section.zone.size))] for name in TRAITS}
        self._line = np.full(section.zone.size, TUMOUR_LINES.index(self.line))
        self.edges = [model.state.time if from_now else 0.0]
        self.arrivals = [*self._injected()]
        self.rates: dict[str, list[NDArray[np.float32]]] = {rule.name: [] for rule in self.fates}
        self.factors: dict[str, NDArray[np.float64]] = {}
        self.motility: list[NDArray[np.float32]] = []
        self.state = model.state  # of the mouse or, later, of its twin
        self._twin: Simulation | None = None
        self._refused: InputError | None = None
        self._sums: dict[str, Any] = {}
        self._since = 0
        self._sheds = any(one.sheds_cells and one.line == self.line for one in model.protocol.primaries)
        self._watching = {rule.name for rule in self.fates if _watches_patrols(rule)}
        if model.state.step_index and not from_now:
            self._part(from_now=False)

    def look(self) -> None:
        """Take in the step that the model has just made; nothing is left to do once tumour cells have entered."""
        if self._twin is None and self._refused is None:
            if self.model.state.counters.tumour_entered or len(self.model.state.tumour_cells):  # tracers become real
                self._part()
            try:
                self._take()
            except InputError as error:
                self._refused = error

    def recording(self, watch: Callable[[Simulation], None] = lambda twin: None) -> Recording:
        """What was seen and, stepped now, what is left to the end of the run: the mouse is not touched.

        watch: called with the twin after each of its steps. Raises InputError if a hazard is of no kind that can be kept.
        """
        if self._refused is not None:
            raise self._refused
        if self._twin is None and self.model.steps_left:
            self._part()
        if (twin := self._twin) is not None:
            while twin.steps_left:  # neither its stages nor its readouts are wanted
                advance(twin.state, twin.mouse, twin.chance, twin.dt, twin.protocol.interventions, twin.schedule)
                self._take()
                watch(twin)
        for rule in self.fates:
            self._factors_of(rule)  # once more, as the niche is now
        rules = {rule.name: (rule.befalls, rule.becomes) for rule in self.fates}
        patrolled = frozenset(rule.name for rule in self.fates if PATROLLING & set(rule.reads))
        rates = {name: np.stack(_narrow(of_rule)) for name, of_rule in self.rates.items()}
        return Recording(
            self.state.section, self.model.mouse, self.line, self.model.arm, self.clones, np.array(self.edges), rates,
            self.factors, rules, patrolled, np.stack(self.motility), self._starting(), tuple(self.arrivals),
        )  # fmt: skip

    def _part(self, from_now: bool = True) -> None:
        """Make the twin: the mouse as it is now (or at its beginning), but for its tumour cells and what brings more of them.

        Cells that entered within the last step have met the niche and not yet changed it: what answers to them acts before
        they arrest.
        """
        model = self.model
        made = Setup(
            model.experiment, model.parameters, model.schedule, model.stages.thresholds, model.overrides, model.without
        )
        twin = Simulation(made, model.arm, seed=model.seed, allow_large=True)
        twin.protocol = without_tumour_cells(model.protocol)
        if from_now:
            twin.state.thaw(model.state.freeze())
            twin.state.tumour_cells.remove(slice(None))
            twin.state.primary.sheds_cells, twin.state.tracers = False, None
            # These answer to the tumour cells of the whole liver; they are left out, as in a run from the beginning.
            twin.state.t_cells.effector[:] = False
            twin.state.lymph_node = LymphNode()
        self._twin, self.state = twin, twin.state

    def _take(self) -> None:
        """Take in a step of the state."""
        model, state, p = self.model, self.state, self.model.mouse
        self._since += 1
        ends = state.time >= model.duration - 0.5 * model.dt
        middle, last = (self.steps + 1) // 2, self._since == self.steps or ends
        for rule in self.fates:
            if rule.name in self._watching or self._since == middle or (last and self._since < middle):
                rate = rule.hazard(state, p, self._everywhere(rule.befalls[0]))
                sums, times = self._sums.get(rule.name, (0.0, 0))
                self._sums[rule.name] = (sums + rate if times else rate, times + 1)
        if self._sheds and state.primary.cells > 0.0:
            share = state.section.volume / p.organ.volume
            self.arrivals.append((state.time - model.dt, shed_cells_reaching(state.primary, p) * model.dt * share))
        if last:
            self._close()

    def _close(self) -> None:
        """End an interval: keep its means, and let the traits of cells that stay at a site go on."""
        model = self.model
        state, p, dt = self.state, model.mouse, self._since * model.dt
        for rule in self.fates:
            sums, times = self._sums[rule.name]
            mean = (sums / times).astype(np.float32)
            mean = mean[:1] if (mean == mean[0]).all() else mean
            if rule.becomes == "engaged" and mean.any():
                raise _refused(
                    f"T cells engage tumour cells by {rule.name} without any being there", "a naive T-cell pool"
                )
            self.rates[rule.name].append(mean)
            if rule.name not in self.factors and mean.any():
                self._factors_of(rule)
        motile = self._everywhere("motile")
        speed = next(
            (rule.speed(state, p, motile) for rule in model.schedule if isinstance(rule, MotileSearch)),
            0.0 * motile.emt,
        )
        self.motility.append((speed**2 * p.tumour.persistence / 2.0).astype(np.float32))
        for name, rule in self.shifts.items():
            self._age(name, rule, rule.hazard(state, p, motile), dt)
        self.edges.append(state.time)
        self._sums, self._since = {}, 0

    def _age(self, name: str, rule: Any, gain: NDArray[np.float64], dt: float) -> None:
        """Let a trait go on for dt (h): that of cells that have been at a site for `AGE`, which began at 0.

        A trait is what it was times some share, and something more. So it is that of cells that were always there, less what
        these had `AGE` ago times the shares since. `_ever` holds that trait and the log of all shares so far, time by time.
        """
        p, kept = self.model.mouse, self._ever[name]
        always, log_shares = kept[-1]
        grown = rule.after(p, always, gain, dt)
        share = rule.after(p, np.ones(1), gain, dt) - rule.after(p, np.zeros(1), gain, dt)
        kept.append((grown, log_shares + np.log(np.maximum(share, 1e-300))))
        del kept[: max(0, len(kept) - 1 - round(AGE / INTERVAL))]
        then, log_then = kept[0]
        self.traits[name] = grown - then * np.exp(kept[-1][1] - log_then)

    def _factors_of(self, rule: Process) -> None:
        """See at some sites how a rule's hazard depends on the situation, and that it does so alike at all of them."""
        model, clones = self.model, self.clones
        befallen = np.isin(clones.states, [TumourCell.state.code(name) for name in rule.befalls])
        situations = np.flatnonzero(befallen)
        reference = int(np.argmax(clones.states[situations] == TumourCell.state.code(rule.befalls[0])))
        now = rule.hazard(self.state, model.mouse, self._everywhere(rule.befalls[0]))
        sites = np.argsort(-now, kind="stable")[:: max(1, len(now) // PROBES)]
        where = self._at(np.repeat(sites, len(situations)), np.tile(situations, len(sites)))
        found = rule.hazard(self.state, model.mouse, where).reshape(len(sites), len(situations))
        base = found[:, reference]
        known = self.factors.get(rule.name)
        if not found.any():
            return
        factors = np.zeros(len(clones.states))
        factors[situations] = found[np.argmax(base)] / base.max() if base.max() > 0.0 else np.inf
        expected = base[:, None] * factors[situations] if base.max() > 0.0 else np.zeros_like(found)
        same = known is None or np.allclose(known, factors, rtol=SEPARATE, atol=0.0)
        if not (same and np.allclose(found, expected, rtol=SEPARATE, atol=0.0)):
            raise _refused(
                f"the hazard of {rule.name} is no product of the place and of state and clone size",
                "a rule whose hazard is",
            )
        self.factors[rule.name] = factors

    def _everywhere(self, name: str) -> Supposed:
        """A lone cell in a state at every site."""
        situation = np.flatnonzero(self.clones.states == TumourCell.state.code(name))[:1]
        emt, resistance = (self.traits[name] for name in TRAITS)
        sites, clones = all_sites(len(self._line)), self.clones
        return Supposed(sites, self._line, clones.states[situation], clones.crowding[situation], emt, resistance)

    def _at(self, sites: NDArray[np.int64], situations: NDArray[np.int64]) -> Supposed:
        line = np.full(len(sites), TUMOUR_LINES.index(self.line))
        emt, resistance = (self.traits[name][sites] for name in TRAITS)
        return Supposed(sites, line, self.clones.states[situations], self.clones.crowding[situations], emt, resistance)

    def _starting(self) -> float:
        """Share of extravasated cells that are motile at once."""
        model, where = self.model, self._everywhere("motile")
        rule = next((one for one in model.schedule if isinstance(one, PostExtravasationFate)), None)
        return np.nan if rule is None else float(rule.share(self.state, model.mouse, where)[0])

    def _injected(self) -> list[tuple[float, float]]:
        p, section = self.model.mouse, self.model.state.section
        share = section.volume / p.organ.volume
        given = [one for one in self.model.protocol.tumour_challenges if one.line == self.line]
        return [(one.at, cells_reaching(one, p) * share) for one in given if one.at >= self.edges[0] - SOON]


def record_hazards(
    model: Simulation,
    line: str | None = None,
    watch: Callable[[Simulation], None] = lambda twin: None,
    *,
    from_now: bool = False,
) -> Recording:
    """Run the twin of a mouse to its end: the same mouse, to which no tumour cells come, and record their hazards.

    Parameters
    ----------
    model
        A mouse at any time of its run; it is not touched.
    line
        The tumour line whose cells are supposed; None: that of the arm, or else of the scenario.
    watch
        Called with the twin after every step.
    from_now
        The twin parts now, with what tumour cells have made of the niche so far but without the T cells that they primed, and
        not at the beginning of the run.

    Returns
    -------
    Recording
        Over the whole duration of the run, or from now on.

    Raises
    ------
    InputError
        As for `Recorder`.
    """
    return Recorder(model, line, from_now).recording(watch)


def without_tumour_cells(protocol: Protocol) -> Protocol:
    """The same protocol, but no tumour cells come to the organ."""
    return Protocol(
        tuple(
            dataclasses.replace(one, sheds_cells=False) if isinstance(one, GrowPrimary) else one
            for one in protocol.interventions
            if not isinstance(one, InjectTumourCells)
        )
    )


def refuse(model: Simulation) -> None:
    """Raise InputError, by name, for what receptivity does not hold: a rule without a hazard, an arm that acts by T cells."""
    if model.state.section.is_block:
        raise _refused("a block of tissue", "a section, one site deep: chances in a block are not computed yet")
    for rule in model.schedule:
        touches = any(name.split(".")[0] == "tumour_cells" for name in rule.writes)
        accounted_for = isinstance(rule, ACCOUNTED_FOR) or _is_trait(rule)
        if touches and not accounted_for and not (rule.befalls and rule.has_hazard()):
            raise _refused(
                f"{rule.name} changes tumour cells and states no hazard with the states it befalls",
                "rules that do, or without this one",
            )
    for one in model.protocol.interventions:
        done = (one.verb, getattr(one, "target", getattr(one, "drug", getattr(one, "population", ""))))
        if done in BY_T_CELLS:
            raise _refused(
                f"arm {model.arm} has {' '.join(done)}, which acts by T cells, and these answer to the tumour cells of the "
                "whole liver",
                "an arm without it",
            )


def line_of(model: Simulation, line: str | None) -> str:
    """The tumour line that is meant. Raises InputError if it is unknown or there are several."""
    if line is not None:
        if line not in TUMOUR_LINES:
            raise InputError("receptivity: line", f"{line!r}", f"one of {', '.join(TUMOUR_LINES)}")
        return line
    others = [arm.protocol for arm in model.experiment.arms.values()]
    for group in ([model.protocol], others):
        injected = [one.line for each in group for one in each.tumour_challenges]
        shed = [one.line for each in group for one in each.primaries if one.sheds_cells]
        found = list(dict.fromkeys(injected + shed))
        if len(found) > 1:
            raise InputError("receptivity: line", f"several ({', '.join(found)})", "one of them by its name")
        if found:
            return found[0]
    raise InputError("receptivity: line", "the scenario has no tumour cells", f"one of {', '.join(TUMOUR_LINES)}")


def _refused(found: str, allowed: str) -> InputError:
    return InputError("receptivity", found, allowed)


def _is_trait(rule: Process) -> bool:
    """Whether a rule only shifts a trait of tumour cells that hazards depend on, and can say how."""
    return (
        rule.has_hazard() and hasattr(rule, "after") and rule.writes in [(f"tumour_cells.{name}",) for name in TRAITS]
    )


def _watches_patrols(rule: Process) -> bool:
    """Whether its hazard hangs on where patrolling cells are, which changes within a step, or on more than fields."""
    return bool(PATROLLING & set(rule.reads)) or any(name.startswith("drugs.") for name in rule.reads)


def _narrow(maps: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """All of one width: one number an interval if each is even, else whole maps."""
    width = max(len(one) for one in maps)
    return [np.broadcast_to(one, (width,)) for one in maps]
