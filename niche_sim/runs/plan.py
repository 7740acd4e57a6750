"""What is run: every arm and seed of a scenario at every point of what is varied. Without axes that is a cohort."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup, setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs import identity
from niche_sim.runs.axes import WORDS, Axis, Float
from niche_sim.runs.design import problem_of
from niche_sim.runs.protocol_axes import varied


@dataclass(frozen=True)
class Job:
    """One run, whole and ready to be sent to a worker: what is run is the very thing that was named."""

    name: str
    setup: Setup
    arm: str
    seed: int
    engine: Mapping[str, object]
    picture: bool = False  # whether it leaves a picture of its section
    expected: bool = False  # whether it leaves what is expected of its tumour cells

    def model(self) -> Simulation:
        """The virtual mouse at time 0."""
        return Simulation(self.setup, self.arm, rng=self.seed, allow_large=True)


class Run(NamedTuple):
    """One run of a plan. point: number of the first point that it stands for. job: None, if `why` says what is wrong."""

    name: str
    scenario: str
    point: int
    arm: str
    seed: int
    job: Job | None
    why: str


@dataclass(frozen=True, eq=False)
class Plan:
    """Runs that are wanted, checked. Make it with `cohort.plan`, `sweeps.plan` or `sweeps.read_plan`.

    experiment: the scenario as it was given. base: its setup with what all runs have in common. pictures: whether the first
    mouse of each arm leaves a picture of its section. expected: whether all leave what is expected of tumour cells, which takes
    a run without them besides. levels, unit_cube: float64[points, axes], as in `levels_of`. at: h,
    besides the end. readouts: names of readouts, and onset_<stage>. content: the plan of a sweep as plain data, as it is
    written to plan.toml.
    """

    experiment: Scenario
    base: Setup
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    pictures: bool = False
    expected: bool = False
    axes: tuple[Axis, ...] = ()
    levels: Float = field(default_factory=lambda: np.zeros((1, 0)))
    unit_cube: Float = field(default_factory=lambda: np.zeros((1, 0)))
    design: str = "grid"
    samples: int | None = None
    design_seed: int = DEFAULT_SEED
    at: tuple[float, ...] = ()
    readouts: tuple[str, ...] = ()
    series: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The arm that the others are compared with: the first."""
        return self.arms[0]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages with a threshold, whose onsets can be told."""
        return tuple(self.base.thresholds)

    @property
    def points(self) -> int:
        """Number of points of the design."""
        return len(self.levels)

    @property
    def numbers(self) -> Float:
        """The points in the units of the axes, float64[points, axes]; nan for words."""
        columns = [
            [np.nan if axis.unit is WORDS else axis.value(level) for level in self.levels[:, n]]
            for n, axis in enumerate(self.axes)
        ]
        return np.array(columns, float).reshape(len(self.axes), self.points).T

    @property
    def problem(self) -> dict[str, Any]:
        """What SALib calls the problem, for `unit_cube`."""
        return problem_of([axis.name for axis in self.axes])

    @property
    def total(self) -> int:
        """Number of runs."""
        return sum(len(np.unique(self.stands_for(arm))) for arm in self.arms) * len(self.seeds)

    def stands_for(self, arm: str) -> NDArray[np.int64]:
        """For every point the first point that is the same to an arm, int64[points]: an axis may be of another arm."""
        return self._first_points[arm]

    @functools.cached_property
    def _first_points(self) -> dict[str, NDArray[np.int64]]:
        found = {}
        for arm in self.arms:
            felt = self.levels[:, [axis.arm in (None, arm) for axis in self.axes]]
            _, first, which = np.unique(felt, axis=0, return_index=True, return_inverse=True)
            found[arm] = first[which.ravel()] if felt.shape[1] else np.zeros(self.points, np.int64)
        return found

    def values_at(self, point: int, arm: str) -> list[Any]:
        """What each axis is at a point, as a reader sees it; None where it does not touch the arm."""
        return [
            axis.value(level) if axis.arm in (None, arm) else None
            for axis, level in zip(self.axes, self.levels[point], strict=True)
        ]

    def described(self, point: int, arm: str) -> str:
        """A point in a few words: "tgfb.half_life 3 min, anti_mif.from 7 day"; "" without axes that touch the arm."""
        pairs = zip(self.axes, self.values_at(point, arm), strict=True)
        return ", ".join(f"{axis.name} {axis.shown(value)}" for axis, value in pairs if value is not None)

    def runs(self) -> Iterator[Run]:
        """Every point, arm and seed that can differ: point by point, of these arm by arm, of these seed by seed. Made as they
        are asked for. Runs of one name are one mouse, such as those of a value that is there twice, or of two like arms."""
        for point in range(self.points):
            yield from self.runs_of(point, [arm for arm in self.arms if self.stands_for(arm)[point] == point])

    def runs_of(self, point: int, arms: Sequence[str], seeds: Sequence[int] | None = None) -> Iterator[Run]:
        """Some arms at a point, in every mouse or in those of some seeds."""
        seeds = self.seeds if seeds is None else seeds
        settings = [(axis, axis.setting(level)) for axis, level in zip(self.axes, self.levels[point], strict=True)]
        shared = {axis.key: setting for axis, setting in settings if axis.arm is None}
        for arm in arms:
            try:
                made = self._setup(arm, shared, [(axis, setting) for axis, setting in settings if axis.arm == arm])
            except InputError as error:
                text = json.dumps([self.experiment.id, dict(self.base.overrides), arm, self.values_at(point, arm)])
                for seed in seeds:
                    yield Run(identity.name_of_run(text, seed), self.experiment.id, point, arm, seed, None, str(error))
                continue
            key = identity.name_of_arm(made, arm)
            for seed in seeds:
                job = self._job(key, made, arm, seed)
                yield Run(job.name, self.experiment.id, point, arm, seed, job, "")

    def job(self, arm: str, seed: int, overrides: Mapping[str, str] | None = None) -> Job:
        """A run of the scenario with further overrides, whether it is in the plan or not. Raises InputError."""
        made = self._setup(arm, overrides or {}, [])
        return self._job(identity.name_of_arm(made, arm), made, arm, seed)

    def _job(self, key: str, made: Setup, arm: str, seed: int) -> Job:
        picture = self.pictures and seed == self.seeds[0]
        return Job(identity.name_of_run(key, seed), made, arm, seed, identity.engine(), picture, self.expected)

    def _setup(self, arm: str, overrides: Mapping[str, Any], settings: Sequence[tuple[Axis, Any]]) -> Setup:
        made = self.base
        if overrides:
            changes = {**made.overrides, **{name: str(text) for name, text in overrides.items()}}
            made = setup(self.experiment, changes, made.without, made.thresholds)
        protocol = varied(self.experiment, arm, settings, "vary_protocol") if settings else None
        return dataclasses.replace(made, experiment=made.experiment.only(arm, protocol))
