"""All that decides a run but its arm and its seed, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from niche_sim.engine import given
from niche_sim.engine.errors import InputError
from niche_sim.engine.units import to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.scenario import Scenario
from niche_sim.model import parameters
from niche_sim.model.process import Process
from niche_sim.model.schedule import schedule
from niche_sim.model.stages import load_thresholds

# What `overrides` may change besides the register: numbers of the scenario file.
SCENARIO_LENGTHS = ("section.width", "section.height", "section.spacing", "section.depth")
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
    """Read and check what runs have in common; arguments and errors are those of `Simulation`.

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


def experiment_of(scenario_id: str | Path | Scenario, overrides: Mapping[str, str]) -> Scenario:
    """The scenario with the section, the clock and the schedule that the overrides ask for. Raises InputError."""
    experiment = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id)
    extent = experiment.section
    times: dict[str, float | None] = dict.fromkeys(SCENARIO_TIMES)
    for name, text in overrides.items():
        if name in SCENARIO_LENGTHS:
            extent = extent._replace(**{name.removeprefix("section."): to_model(text, like="um", where=name)})
        elif name in SCENARIO_TIMES:
            times[name] = to_model(text, like="h", where=name)
    lengths = dict(zip(SCENARIO_LENGTHS, extent, strict=True))
    for name, value in {**lengths, **times}.items():
        if value is not None and value <= 0.0:
            raise InputError(name, f"{overrides.get(name, value)} is not positive", "more than 0")
    return experiment.with_(
        duration=times["run.duration"],
        step=times["run.step"],
        record=times["run.record"],
        section=extent,
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
