"""What a sweep runs: a scenario, arms, seeds and a design, read from PLAN.toml or given as arguments, and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, one_of, shown
from niche_sim.engine.schema import Flag, Table, Text, Told, Value, names, read, table
from niche_sim.engine.units import show, to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup, setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.experiment.targets import ONSET
from niche_sim.model.parameters import rows
from niche_sim.model.readouts import READOUTS
from niche_sim.model.stages import STAGES
from niche_sim.runs.axes import REGISTER, SCALES, Axis, parameter_axis
from niche_sim.runs.design import DESIGNS, levels_of
from niche_sim.runs.expectation.readouts import EXPECTED_BY_NAME, KNOWN
from niche_sim.runs.plan import Plan
from niche_sim.runs.protocol_axes import check_arms, protocol_axes

MOST_SEEDS = 1_000_000
_LISTED = {"type": "array", "items": {"type": "string"}}
_SPREAD = {
    "anyOf": [
        {"type": "object", "properties": {"values": {"type": "array", "minItems": 1}}, "required": ["values"]},
        {
            "type": "object",
            "properties": {"low": {}, "high": {}, "scale": {"enum": list(SCALES)}},
            "required": ["low", "high"],
        },
        {"enum": list(REGISTER)},
    ]
}


def _names(value: Any, told: Told) -> tuple[str, ...]:
    return given.names(value, "")


def _seeds(value: Any, told: Told) -> tuple[int, ...]:
    """How many, or which."""
    allowed = f"a whole number from 1 to {MOST_SEEDS:,}, or a list of whole numbers from 0, each once"
    if type(value) is int:
        if not 1 <= value <= MOST_SEEDS:
            raise InputError("", shown(value), allowed)
        return tuple(range(DEFAULT_SEED, DEFAULT_SEED + value))
    found = given.entries(value, "")
    if not found or not all(type(seed) is int and 0 <= seed < 2**63 for seed in found) or len(set(found)) < len(found):
        raise InputError("", shown(found), allowed)
    return tuple(found)


def _times(value: Any, told: Told) -> tuple[float, ...]:
    times: list[float] = []
    for number, text in enumerate(given.entries(value, "", "times")):
        time = to_model(text, "h", f"[{number}]")
        if time in times:
            raise InputError(f"[{number}]", f"{show(time, 'day')} is there twice", "each time once")
        times.append(time)
    return tuple(times)


def _table(value: Any, told: Told) -> dict[str, Any]:
    return given.table(value, "")


Names = Annotated[tuple[str, ...], Value(_names, _LISTED)]
Spreads = Annotated[dict[str, Any], Value(_table, {"type": "object", "additionalProperties": _SPREAD})]
Whole = Annotated[int, Value(lambda value, told: given.whole(value, ""), {"type": "integer", "minimum": 0})]
Count = Annotated[int | None, Value(lambda value, told: given.whole(value, "", 1), {"type": "integer", "minimum": 1})]


@table
class PlanFile(Table):
    """Runs over many numbers, arms and mice; docs/sweeps.md explains each key."""

    scenario: Text
    arms: Annotated[tuple[str, ...] | None, Value(_names, _LISTED)] = None
    seeds: Annotated[
        tuple[int, ...],
        Value(_seeds, {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer"}}]}),
    ] = (DEFAULT_SEED,)
    at: Annotated[tuple[float, ...], Value(_times, _LISTED)] = ()
    readouts: Annotated[tuple[str, ...] | None, Value(_names, _LISTED)] = None
    series: Flag = False
    design: Annotated[str, names(DESIGNS)] = "grid"
    samples: Count = None
    design_seed: Whole = DEFAULT_SEED
    vary: Spreads = field(default_factory=dict)
    vary_protocol: Annotated[
        dict[str, Any], Value(_table, {"type": "object", "additionalProperties": {"type": ["object", "array"]}})
    ] = field(default_factory=dict)
    overrides: Annotated[
        dict[str, Any], Value(_table, {"type": "object", "additionalProperties": {"type": ["string", "number"]}})
    ] = field(default_factory=dict)
    without: Names = ()


def plan(
    scenario_id: str | Path | Scenario,
    *,
    arms: Iterable[str] | None = None,
    seeds: int | Iterable[int] = 1,
    at: Iterable[str] = (),
    readouts: Iterable[str] | None = None,
    series: bool = False,
    design: str = "grid",
    samples: int | None = None,
    design_seed: int = DEFAULT_SEED,
    vary: Mapping[str, Any] | None = None,
    vary_protocol: Mapping[str, Any] | None = None,
    overrides: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> Plan:
    """A sweep from arguments, which are the keys of PLAN.toml; docs/sweeps.md explains each.

    Raises:
        InputError: anything of it is unknown, of a wrong dimension or not possible.
    """
    listed = {"arms": arms, "at": at, "readouts": readouts, "without": without}
    tables = {"vary": vary or {}, "vary_protocol": vary_protocol or {}, "overrides": overrides or {}}
    single = {"series": series, "design": design, "samples": samples, "design_seed": design_seed}
    keys: dict[str, Any] = {"seeds": seeds} | {
        name: value for name, value in (tables | single).items() if value is not None
    }
    keys |= {name: given.entries(value, name) for name, value in listed.items() if value is not None}
    keys = given.plain(keys)
    found = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id)
    return _checked(found, PlanFile(scenario=found.id, **keys), keys, "")


def read_plan(path: str | Path) -> Plan:
    """A sweep from a PLAN.toml. A path of a scenario in it counts from the folder of the file.

    Raises:
        InputError: it cannot be read, or something in it is not as it must be; names file and key.
    """
    path = Path(path)
    data = scenario.read_toml(scenario.read_text(path), str(path))
    wanted = read(PlanFile, data, f"{path}:")
    is_path = wanted.scenario.endswith(".toml") or "/" in wanted.scenario
    try:
        found = scenario.load(path.parent / wanted.scenario if is_path else wanted.scenario)
    except InputError as error:
        if error.where == "scenario":
            raise InputError(f"{path}: scenario", error.found, error.allowed) from None
        raise
    return _checked(found, wanted, {name: value for name, value in data.items() if name != "scenario"}, f"{path}: ")


def _checked(experiment: Scenario, wanted: PlanFile, keys: Mapping[str, Any], where: str) -> Plan:
    """The plan of what is wanted; `keys` is that as it was given."""
    arms = _arms(experiment, wanted.arms, where)
    overrides = {name: str(text) for name, text in wanted.overrides.items()}
    try:
        base = setup(experiment, overrides, wanted.without)
        Simulation(base, arms[0])  # whether there can be such a section is known only when it is made
    except InputError as error:
        known = error.where in overrides or error.where.startswith(("section.", "run."))
        place = "overrides." if known else ""
        raise InputError(f"{where}{place}{error.where}", error.found, error.allowed) from None
    axes = _axes(experiment, arms, wanted, overrides, where)
    levels, shares = levels_of(axes, wanted.design, wanted.samples, wanted.design_seed, where)
    _check_times(wanted.at, base, axes, where)
    content = {"scenario": _scenario_name(experiment), "arms": list(arms), **keys}
    return Plan(
        experiment=dataclasses.replace(experiment, targets=()),
        base=base,
        arms=arms,
        seeds=wanted.seeds,
        at=wanted.at,
        readouts=_readouts(wanted.readouts, base, where),
        expected=not EXPECTED_BY_NAME.keys().isdisjoint(wanted.readouts or ()),
        series=wanted.series,
        design=wanted.design,
        samples=wanted.samples,
        design_seed=wanted.design_seed,
        axes=axes,
        levels=levels,
        unit_cube=shares,
        content={key: value for key, value in content.items() if value is not False and value not in ([], {})},
    )


def _scenario_name(experiment: Scenario) -> str:
    """An id of the library, or an absolute path, so that the plan can be read again from anywhere."""
    own = experiment.path.resolve()
    library = scenario.library().resolve()
    return experiment.id if own.parent.parent == library else str(own)


def _arms(experiment: Scenario, names: tuple[str, ...] | None, where: str) -> tuple[str, ...]:
    if names is None:
        return (experiment.default_arm,)
    for name in names:
        experiment.arm(name, f"{where}arms")
        if names.count(name) > 1:
            raise InputError(f"{where}arms", f"'{name}' is there twice", "each arm once")
    if not names:
        raise InputError(f"{where}arms", "none", "at least one arm")
    return names


def _axes(
    experiment: Scenario, arms: Sequence[str], wanted: PlanFile, overrides: Mapping[str, str], where: str
) -> tuple[Axis, ...]:
    axes = []
    for name, spread in wanted.vary.items():
        place = f"{where}vary.{name}"
        if name in overrides:
            raise InputError(place, "also in [overrides]", "one of them")
        if isinstance(spread, Mapping) and spread and all(isinstance(inner, Mapping) for inner in spread.values()):
            quoted = f'"{name}.{next(iter(spread))}"'
            raise InputError(place, "a table of tables", f"the whole name in quotes, {quoted} = ...")
        axes.append(parameter_axis(name, spread, place))
        _try_ends(experiment, axes[-1], overrides, place)
    check_arms(wanted.vary_protocol, arms, f"{where}vary_protocol")
    for arm, spread in wanted.vary_protocol.items():
        axes += protocol_axes(experiment, arm, spread, f"{where}vary_protocol.{arm}")
    return tuple(axes)


def _try_ends(experiment: Scenario, axis: Axis, overrides: Mapping[str, str], where: str) -> None:
    """Refuse a value that by itself does not fit the scenario, such as a duration that is no multiple of the step."""
    if axis.choices and axis.key in rows():
        return  # each was looked at when it was read
    for level in range(len(axis.choices)) if axis.choices else (axis.low, axis.high):
        try:
            Simulation(setup(experiment, {**overrides, axis.key: str(axis.setting(level))}), experiment.default_arm)
        except InputError as error:
            raise InputError(where, error.found, error.allowed) from None


def _check_times(times: Sequence[float], base: Setup, axes: Sequence[Axis], where: str) -> None:
    end = base.experiment.duration
    for number, time in enumerate(times):
        if time < 0.0 or (time > end and not any(axis.key == "run.duration" for axis in axes)):
            raise InputError(f"{where}at[{number}]", show(time, "day"), f"within the run, 0 to {show(end, 'day')}")


def _readouts(names: tuple[str, ...] | None, base: Setup, where: str) -> tuple[str, ...]:
    onsets = [f"{ONSET}{stage.name}" for stage in STAGES]
    if names is None:
        told = [name for name in onsets if name.removeprefix(ONSET) in base.thresholds]
        return (*(readout.name for readout in READOUTS), *told)
    for number, name in enumerate(names):
        one_of(name, [*sorted(KNOWN), *onsets], f"{where}readouts[{number}]")
        if names.count(name) > 1:
            raise InputError(f"{where}readouts[{number}]", f"'{name}' is there twice", "each readout once")
    if not names:
        raise InputError(f"{where}readouts", "none", "at least one readout; left out, all")
    return names
