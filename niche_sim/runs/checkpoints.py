"""One mouse's run that can be looked at on any hour so far, and go on from there another way: keyframes and branches.

A keyframe is kept for each simulated day; what lies between is computed anew, bit for bit, since random numbers hang on
nothing but seed, rule, cell and step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.units import show
from niche_sim.experiment.protocol import (
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Intervention,
    Protocol,
    ResectPrimary,
    Treat,
)
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.simulation import Simulation
from niche_sim.model import parameters
from niche_sim.model.actions import SOON
from niche_sim.model.stages import WINDOW
from niche_sim.runs.record import GROWING, Record, Runner, Snapshots, freeze, snapshot, snapshot_due, thaw

BUDGET = 96_000_000  # bytes of keyframes; a day of the usual section takes about 1.1 million
DAY = 24.0  # h
CODEC = "zstd"

Arrays = Mapping[str, NDArray[Any]]


class Timeline:
    """The run of one mouse, computed up to the frontier, of which `model` shows one moment.

    model: the mouse at time 0, as it was made; it stays the same object wherever the timeline goes. budget: bytes that
    keyframes may take. When they take more, every second one is dropped and new ones are made half as often, so that
    memory stays flat however long the run is, and a look back takes longer. Start and frontier are kept in any case.

    Raises InputError if the model has run already.
    """

    def __init__(self, model: Simulation, budget: int = BUDGET) -> None:
        if model.state.step_index:
            found = f"a mouse at {show(model.state.time, 'day')}"
            raise InputError("timeline", found, "a mouse at time 0, as it was made")
        self.model, self.budget = model, budget
        self._every = max(1, round(DAY / model.dt))  # steps from keyframe to keyframe
        self._frontier = 0  # in steps, as are the keys of the keyframes
        self._keyframes = {0: _Keyframe.of(model)}
        self._ahead: _Ahead | None = None  # the frontier, since the model left it

    @property
    def time(self) -> float:
        """The moment that the model shows, h."""
        return self.model.state.time

    @property
    def frontier(self) -> float:
        """How far the run is computed, h."""
        return self._frontier * self.model.dt

    @property
    def duration(self) -> float:
        """Length of the run, h."""
        return self.model.duration

    @property
    def memory(self) -> int:
        """Bytes that the keyframes take, that of the frontier included."""
        ahead = self._ahead.keyframe.size if self._ahead else 0
        return ahead + sum(keyframe.size for keyframe in self._keyframes.values())

    @property
    def table(self) -> dict[str, NDArray[np.float64]]:
        """`time_h` and every readout, one row a record time from 0 to the frontier, whatever the model shows."""
        name = "table_"
        return {k.removeprefix(name): np.array(v, np.float64) for k, v in self._grown().items() if k.startswith(name)}

    @property
    def onsets(self) -> dict[str, float | None]:
        """Stage -> h, or None if it has not been reached up to the frontier."""
        return dict(self.model.stages.onsets if self._ahead is None else self._ahead.onsets)

    def onsets_by(self, time: float) -> dict[str, float | None]:
        """The onsets as they were known at `time` (h): a stage is known to have begun a day after it did."""
        return {k: v if v is not None and time - v >= WINDOW - SOON else None for k, v in self.onsets.items()}

    def advance(self, steps: int = 1) -> int:
        """Take at most that many steps from where the model is; returns how many were taken."""
        taken = max(0, min(steps, self.model.steps_left))
        for _ in range(taken):
            self.model.step()
            step = self.model.state.step_index
            if step > self._frontier:
                self._frontier, self._ahead = step, None
                if step % self._every == 0:
                    self._keyframes[step] = _Keyframe.of(self.model)
                    self._thin()
        return taken

    def seek(self, time: float) -> None:
        """Show the step nearest to `time` (h), by way of the keyframe before it.

        Raises InputError if it is not from 0 to the frontier.
        """
        self._go(round(self._checked(time, "time") / self.model.dt))

    def branch(self, experiment: Scenario, arm: str, at: float) -> Timeline:
        """The same mouse up to `at` (h) and from there as in an arm of `experiment`; this timeline stays as it is.

        It is what a whole run of that arm would be at `at`, bit for bit. A time within a step counts as its start.

        Raises:
            InputError: `at` is not from 0 to the frontier; the mouse would be another in anything but its protocol; or
                the protocols differ before `at`.
        """
        old = self.model
        step = math.floor(self._checked(at, "at") / old.dt + SOON)
        new = Simulation(experiment, arm, overrides=old.overrides, rng=old.seed, without=old.without)
        _refuse_another_mouse(new, old)
        differ = first_difference(old.protocol, new.protocol)
        if differ is not None and differ < step * old.dt - SOON:
            found = f"'{arm}' differs from {show(differ, 'day')} on, before {show(at, 'day')}"
            raise InputError("branch", found, "a protocol that is the same up to then, or an earlier branch")
        timeline = Timeline(new, self.budget)
        timeline._every, timeline._frontier = self._every, step
        timeline._keyframes = {number: one for number, one in self._keyframes.items() if number <= step}
        if old.state.step_index == step:
            thaw(new, freeze(old))
        else:
            thaw(new, self._nearest(step).arrays(self._grown()))
            timeline._step_to(step)
        return timeline

    def record(self) -> Record:
        """What the run has left up to the frontier, with fields and cells of each week and of the frontier.

        The weeks are computed anew from keyframes, so that they take no memory while nobody asks. Once the run is at its
        end this is what `niche_sim.run` returns. The model shows the same moment afterwards.
        """
        present = _Keyframe.of(self.model)
        steps = [step for step in range(self._frontier) if snapshot_due(step * self.model.dt)]
        snapshots: Snapshots = {}
        try:
            for step in (*steps, self._frontier):
                self._go(step)
                snapshots[self.time] = snapshot(self.model)
            return Runner(self.model, snapshots).record()
        finally:
            thaw(self.model, present.arrays(self._grown()))

    def _checked(self, time: float, where: str) -> float:
        if not -SOON <= time <= self.frontier + SOON:
            raise InputError(where, f"{time:g} h", f"a time from 0 to {self.frontier:g} h, which is how far the run is")
        return time

    def _go(self, step: int) -> None:
        """Show a step up to the frontier."""
        here = self.model.state.step_index
        if here == self._frontier and step < here and self._ahead is None:
            self._ahead = _Ahead(_Keyframe.of(self.model), self._grown(), dict(self.model.stages.onsets))
            self._thin()
        nearest = self._nearest(step)
        if not nearest.step <= here <= step:
            thaw(self.model, nearest.arrays(self._grown()))
        self._step_to(step)

    def _step_to(self, step: int) -> None:
        while self.model.state.step_index < step:
            self.model.step()

    def _nearest(self, step: int) -> _Keyframe:
        """The last keyframe up to a step."""
        if self._ahead is not None and step == self._frontier:
            return self._ahead.keyframe
        return self._keyframes[max(number for number in self._keyframes if number <= step)]

    def _grown(self) -> Arrays:
        """The rows of all that only grows, up to the frontier."""
        if self._ahead is not None:
            return self._ahead.grown
        return {name: array for name, array in freeze(self.model).items() if name.startswith(GROWING)}

    def _thin(self) -> None:
        """Keep to the budget; the start stays in any case."""
        while self.memory > self.budget and len(self._keyframes) > 1:
            self._every *= 2
            self._keyframes = {step: one for step, one in self._keyframes.items() if step % self._every == 0}


class _Packed(NamedTuple):
    """An array, compressed."""

    content: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: NDArray[Any]) -> _Packed:
        import pyarrow as pa

        return cls(pa.compress(array.tobytes(), codec=CODEC, asbytes=True), array.dtype, array.shape)

    def array(self) -> NDArray[Any]:
        """The array again, not writable."""
        import pyarrow as pa

        size = math.prod(self.shape) * self.dtype.itemsize
        content = pa.decompress(self.content, decompressed_size=size, codec=CODEC, asbytes=True)
        return np.ndarray(self.shape, self.dtype, content)


@dataclass(frozen=True)
class _Keyframe:
    """A frozen model but for the rows of what only grows, of which it tells how many there were by then."""

    step: int
    packed: Mapping[str, _Packed]
    rows: Mapping[str, int]  # by the beginning of the name
    size: int  # bytes

    @classmethod
    def of(cls, model: Simulation) -> _Keyframe:
        frozen = freeze(model)
        packed = {name: _Packed.of(array) for name, array in frozen.items() if not name.startswith(GROWING)}
        rows = {name: len(next(a for k, a in frozen.items() if k.startswith(name))) for name in GROWING}
        return cls(model.state.step_index, packed, rows, sum(len(one.content) for one in packed.values()))

    def arrays(self, grown: Arrays) -> dict[str, NDArray[Any]]:
        """The frozen model, with the rows that it had of all that came since."""
        known = {k: v[: self.rows[name]] for k, v in grown.items() for name in GROWING if k.startswith(name)}
        return known | {name: one.array() for name, one in self.packed.items()}


class _Ahead(NamedTuple):
    """What is known of the frontier while the model is elsewhere."""

    keyframe: _Keyframe
    grown: Arrays
    onsets: dict[str, float | None]


# --- branches --------------------------------------------------------------------------------------------------------


class _Act(NamedTuple):
    """Something done to a mouse: at one time (h), where `end` is `start`, or from `start` on, up to `end`.

    on: what it acts on. Acts on one thing follow each other in the order of the protocol; others do not meet.
    """

    on: str
    start: float
    end: float
    what: object


def first_difference(a: Protocol, b: Protocol) -> float | None:
    """The first time, h, from which two protocols act differently; None if they never do.

    A window cut short differs from its new end on, since up to there nothing tells how long it will be. A depletion differs
    from its start, since its whole window decides whom it hits.
    """
    mine, theirs = _by_thing(a), _by_thing(b)
    found = (_first(mine.get(on, []), theirs.get(on, [])) for on in {*mine, *theirs})
    return min((time for time in found if time is not None), default=None)


def _first(mine: list[_Act], theirs: list[_Act]) -> float | None:
    """The first time at which acts on one thing differ."""
    times = sorted({time for act in (*mine, *theirs) for time in (act.start, act.end)})
    here, there = _at_work(mine, times), _at_work(theirs, times)
    return next((time for time in times if here[time] != there[time]), None)


def _at_work(acts: list[_Act], times: list[float]) -> dict[float, list[object]]:
    """What acts at each of the times, and until the next, in order."""
    found: dict[float, list[object]] = {time: [] for time in times}
    for act in acts:
        for time in (act.start,) if act.end == act.start else (t for t in times if act.start <= t < act.end):
            found[time].append(act.what)
    return found


def _by_thing(protocol: Protocol) -> dict[str, list[_Act]]:
    """What is done to each thing, in the order of the protocol."""
    found: dict[str, list[_Act]] = {}
    for intervention in protocol.interventions:
        for act in _acts(intervention):
            found.setdefault(act.on, []).append(act)
    return found


def _acts(intervention: Intervention) -> list[_Act]:
    verb = intervention.verb
    match intervention:
        case Block() | Boost():
            start, end = intervention.start, intervention.end
            strength = intervention.efficacy if isinstance(intervention, Block) else intervention.factor
            return [_Act(f"{verb} {intervention.target}", start, end, (start, strength))]
        case InjectExosomes():
            # All newcomers draw on one row of unique ids.
            amount = (verb, intervention.source, intervention.amount_ug, intervention.vesicles)
            return [_Act("newcomers", time, time, amount) for time in intervention.times]
        case InjectTumourCells():
            return [_Act("newcomers", intervention.at, intervention.at, intervention)]
        case Treat():
            return [_Act(f"{verb} {intervention.drug}", time, time, intervention.dose) for time in intervention.times]
        case Deplete():
            return [_Act(f"{verb} {intervention.population}", intervention.start, intervention.start, intervention)]
        case GrowPrimary() | ResectPrimary():
            (time,) = intervention.starts
            return [_Act("primary", time, time, intervention)]


def _refuse_another_mouse(new: Simulation, old: Simulation) -> None:
    """Raises InputError if anything but the protocol tells two mice apart; it names the first such thing."""
    now, before = _decides(new), _decides(old)
    for name in (*before, *now):
        found, wanted = now.get(name, "none"), before.get(name, "none")
        if found != wanted:
            short = len(found) + len(wanted) < 100
            same = "as in the run that is left"
            where = f"branch: {name}"
            raise InputError(where, found if short else "another", f"{wanted}, {same}" if short else f"the same {same}")


def _decides(model: Simulation) -> dict[str, str]:
    """All that decides a run but its protocol, as text."""
    experiment = model.experiment
    extent = experiment.section
    clock = {"step": experiment.step, "record": experiment.record, "duration": experiment.duration}
    return {
        "organ": experiment.organ,
        "section": " x ".join(f"{length:g}" for length in (extent.depth, extent.height, extent.width) if length)
        + f" um in sites of {extent.spacing:g} um",
        **{f"run.{name}": f"{time:g} h" for name, time in clock.items()},
        "schedule": ", ".join(process.name for process in model.schedule),
        **{f"threshold.{name}": repr(value) for name, value in model.stages.thresholds.items()},
        **parameters.as_text(model.parameters),
    }
