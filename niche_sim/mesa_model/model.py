"""NicheModel: state, parameters, schedule and protocol of one virtual mouse, as a Mesa model."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesa import DataCollector

from niche_sim.engine import given
from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.estimate import FITS, SMALLER, check, estimate
from niche_sim.experiment.scenario import Scenario
from niche_sim.mesa_model import cells  # noqa: F401  the classes in which the rows are seen
from niche_sim.mesa_model.agents import PopulationModel
from niche_sim.model import parameters
from niche_sim.model.actions import intervene
from niche_sim.model.catalogue import DEFAULT_SCENARIO, DEFAULT_SEED
from niche_sim.model.initial_state import between_subject_variability, naive_liver, section_of
from niche_sim.model.process import Process
from niche_sim.model.readouts import BY_NAME, READOUTS
from niche_sim.model.schedule import schedule
from niche_sim.model.stages import StageWatch, load_thresholds
from niche_sim.model.state import State

# What `overrides` may change besides the register: numbers of the scenario file.
SCENARIO_LENGTHS = ("section.width", "section.height", "section.spacing")
SCENARIO_TIMES = ("run.duration", "run.step", "run.record")
SCHEDULE = "schedule"  # by the name of a schedule, such as no_stage3


@dataclass(frozen=True)
class Setup:
    """All that decides a run but its arm and its seed, read and checked, so that many runs can be made of it.

    experiment: the scenario with the section and the clock of this run. overrides, without: as they were given.
    """

    experiment: Scenario
    parameters: parameters.Parameters
    schedule: tuple[Process, ...]
    thresholds: Mapping[str, float]
    overrides: Mapping[str, str]
    without: tuple[str, ...]


def setup(
    scenario_id: str | Path | Scenario,
    overrides: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    thresholds: Mapping[str, float] | None = None,
) -> Setup:
    """Read and check what runs have in common; arguments and errors are those of `NicheModel`.

    thresholds: those of the stages, for whoever has read them already; None reads them beside the scenario.
    """
    changes = {name: str(text) for name, text in given.table(overrides, "overrides").items()}
    experiment = experiment_of(scenario_id, changes)
    place = SCHEDULE if SCHEDULE in changes else f"{experiment.path}: schedule"
    left_out = given.names(without, "without", "names of processes")
    numbers = _parameters(experiment, changes)
    processes = _without(schedule(experiment.schedule, place), left_out)
    if thresholds is None:
        thresholds = load_thresholds(experiment.path.parent) if experiment.on_disk else {}
    return Setup(experiment, numbers, processes, thresholds, changes, left_out)


class NicheModel(PopulationModel):
    """One virtual mouse: a section of its liver, hour by hour.

    Args:
        scenario_id: id of a scenario, the path of a scenario.toml, or a scenario itself; or a `Setup`, which leaves no room
            for `overrides` and `without`.
        arm: one of its arms; None takes `educated`, or else the first.
        seed, rng: the seed, a whole number from 0, by the name that `niche_sim.run` or Mesa gives it; None is 1.
        overrides: register names (or section.width, run.duration ...) to text with a unit: {"tgfb.half_life": "5 min"};
            "schedule" to the name of a schedule.
        without: names of processes to leave out of the schedule.
        allow_large: make it even if by estimate it needs more cells or memory than a desktop computer bears.

    Raises:
        InputError: anything of this is unknown, of a wrong dimension or outside what is possible, or too large for the
            memory of this machine; or `seed` and `rng` differ.

    One `step()` is one `[run] step` of the scenario. The clock is `model.state.time` (h). `model.schedule` is a tuple of
    processes; replace it to add one of your own. `model.datacollector` holds the readouts at time 0, at every
    `[run] record` and at the end; under `mesa.batch_run`, after every step. `model.parameters` is the register of the run,
    `model.mouse` the same with the rates in which this mouse differs.
    """

    state: State

    def __init__(
        self,
        scenario_id: str | Path | Scenario | Setup = DEFAULT_SCENARIO,
        arm: str | None = None,
        *,
        seed: int | None = None,
        rng: int | None = None,
        overrides: Mapping[str, str] | None = None,
        without: Iterable[str] = (),
        allow_large: bool = False,
    ) -> None:
        self._in_batch_run = _called_by_batch_run()
        self.chance = _chance_of(seed, rng, self._in_batch_run)
        self.seed = self.chance.seed
        super().__init__(rng=self.seed)
        if isinstance(scenario_id, Setup):
            if overrides or tuple(without):
                raise InputError("overrides", "beside a setup", "a setup that is made with them")
            made = scenario_id
        else:
            made = setup(scenario_id, overrides, without)
        self.scenario_id = made.experiment.id if isinstance(scenario_id, Setup | Scenario) else str(scenario_id)
        self.without, self.overrides = made.without, dict(made.overrides)
        self.experiment, self.parameters, self.schedule = made.experiment, made.parameters, made.schedule
        self.arm = self.experiment.default_arm if arm is None else arm
        self.protocol = self.experiment.arm(self.arm).protocol
        self.mouse = between_subject_variability(self.parameters, self.chance)
        self.dt = self.experiment.step
        if not allow_large:
            check(estimate(made, self.arm), FITS, "this mouse", f"{SMALLER}, or allow_large=True")

        width, height, spacing = self.experiment.section
        section = section_of(width, height, spacing, self.parameters)
        self.state = naive_liver(section, self.parameters, self.chance)
        self.attach(*self.state.populations.values())
        self.stages = StageWatch(made.thresholds)
        # Functions with what they are called with: of the ways to name a reporter, all Mesas take this one, and it pickles.
        reporters: dict[str, Any] = {"time_h": [_time, [self]]}
        reporters |= {readout.name: [_measure, [readout.name, self]] for readout in READOUTS}
        self.datacollector = DataCollector(model_reporters=reporters)
        self.stages.look(self.state, self.mouse)
        self.datacollector.collect(self)

    @property
    def duration(self) -> float:
        """Length of the run, h."""
        return self.experiment.duration

    @property
    def steps_left(self) -> int:
        """Steps until the end of the run."""
        return max(0, math.ceil((self.duration - self.state.time) / self.dt - 1e-9))

    def step(self) -> None:
        """Advance by one `[run] step`: interventions first, then every process of the schedule in order."""
        if self._in_batch_run and not self.steps_left:
            self.running = False
            return
        state, p = self.state, self.mouse
        self.chance.step = state.step_index
        intervene(self.protocol.interventions, state, p, self.chance, self.dt)
        for process in self.schedule:
            if time := process.due(state.step_index, self.dt):
                process.step(state, p, self.chance, time)
        state.step_index += 1
        state.time = state.step_index * self.dt
        self.stages.look(state, p)
        if self._row_due():
            self.datacollector.collect(self)
        # Before 3.5, Mesa's batch_run leaves out the row of the last call, so it makes one more, which changes nothing.
        self.running = self.steps_left > 0 or self._in_batch_run

    def run_to_end(self) -> NicheModel:
        """Step until the end of the run and return the model."""
        while self.steps_left:
            self.step()
        return self

    def _row_due(self) -> bool:
        every = 1 if self._in_batch_run else round(self.experiment.record / self.dt)
        return self.state.step_index % every == 0 or self.steps_left == 0


def _called_by_batch_run() -> bool:
    """Whether Mesa's `batch_run` makes the model.

    It takes a row by the number of a step, which has to be there, and says by no argument that it is at work.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != "mesa.batchrunner":
        frame = frame.f_back
    return frame is not None


def _chance_of(seed: int | None, rng: int | None, in_batch_run: bool) -> Chance:
    given = [Chance(one) for one in (seed, rng) if one is not None]
    if len({chance.seed for chance in given}) > 1:
        raise InputError("seed", f"{seed} beside rng = {rng}", "one of the two is enough: they are the same thing")
    if not given and in_batch_run:
        warnings.warn(
            f"batch_run without rng: every run is the same mouse, seed {DEFAULT_SEED}, its iterations too; for mice that "
            'differ give "rng": [1, 2, 3] among its parameters, or from Mesa 3.4 on batch_run(..., rng=[1, 2, 3])',
            stacklevel=3,
        )
    return given[0] if given else Chance(DEFAULT_SEED)


def _time(model: NicheModel) -> float:
    return model.state.time


def _measure(name: str, model: NicheModel) -> float:
    return BY_NAME[name].measure(model.state, model.mouse)


def experiment_of(scenario_id: str | Path | Scenario, overrides: Mapping[str, str]) -> Scenario:
    """The scenario with the section, the clock and the schedule that the overrides ask for. Raises InputError."""
    experiment = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id)
    width, height, spacing = experiment.section
    lengths = {"section.width": width, "section.height": height, "section.spacing": spacing}
    times: dict[str, float | None] = dict.fromkeys(SCENARIO_TIMES)
    for name, text in overrides.items():
        if name in SCENARIO_LENGTHS:
            lengths[name] = to_model(text, like="um", where=name)
        elif name in SCENARIO_TIMES:
            times[name] = to_model(text, like="h", where=name)
    for name, value in {**lengths, **times}.items():
        if value is not None and value <= 0.0:
            raise InputError(name, f"{overrides.get(name, value)} is not positive", "more than 0")
    section = (lengths["section.width"], lengths["section.height"], lengths["section.spacing"])
    return experiment.with_(
        duration=times["run.duration"],
        step=times["run.step"],
        record=times["run.record"],
        section=section,
        schedule=overrides.get(SCHEDULE),
    )


def _parameters(experiment: Scenario, overrides: Mapping[str, str]) -> parameters.Parameters:
    """The register as the scenario and then the overrides change it."""
    changes = {name: change.text for name, change in experiment.parameters.items()}
    organ = experiment.organ
    parameters.resolve(changes, f"{experiment.path}: parameters", organ)  # so that a message names the file
    of_scenario = (*SCENARIO_LENGTHS, *SCENARIO_TIMES, SCHEDULE)
    of_register = {k: v for k, v in overrides.items() if k not in of_scenario}
    for name in of_register:
        if name.startswith(("section.", "run.")):
            raise InputError(name, "unknown number of the scenario", f"one of {', '.join(of_scenario)}")
    return parameters.resolve({**changes, **of_register}, organ=organ)


def _without(processes: tuple[Process, ...], names: tuple[str, ...]) -> tuple[Process, ...]:
    for name in names:
        if name not in {process.name for process in processes}:
            schedule([name], "without")  # an unknown name is refused with the near ones
            raise InputError("without", f"{name!r} is not in this scenario's schedule", "a process that is in it")
    return tuple(process for process in processes if process.name not in names)
