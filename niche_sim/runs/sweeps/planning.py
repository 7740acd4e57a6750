"""What a sweep runs: a scenario, arms, seeds and a design, read from PLAN.toml or given as arguments, and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.engine.units import show, to_model
from niche_sim.experiment import scenario
from niche_sim.experiment.defaults import DEFAULT_SEED
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup, setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.experiment.targets import ONSET
from niche_sim.model.parameters import rows
from niche_sim.model.readouts import BY_NAME, READOUTS
from niche_sim.model.stages import STAGES
from niche_sim.runs.axes import Axis, parameter_axis
from niche_sim.runs.design import DESIGNS, levels_of
from niche_sim.runs.plan import Plan
from niche_sim.runs.protocol_axes import check_arms, protocol_axes

KEYS: tuple[str, ...] = (
    "arms",
    "seeds",
    "at",
    "readouts",
    "series",
    "design",
    "samples",
    "design_seed",
    "vary",
    "vary_protocol",
)
KEYS += ("overrides", "without")
MOST_SEEDS = 1_000_000


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
    seeds = given.plain(seeds)
    keys: dict[str, Any] = {"seeds": seeds if isinstance(seeds, int) else given.entries(seeds, "seeds")}
    keys |= {"design": design, "at": given.entries(at, "at"), "series": series, "design_seed": design_seed}
    keys |= {"without": given.entries(without, "without"), "overrides": given.table(overrides, "overrides")}
    keys |= {"vary": given.table(vary, "vary"), "vary_protocol": given.table(vary_protocol, "vary_protocol")}
    keys |= {} if arms is None else {"arms": given.entries(arms, "arms")}
    keys |= {} if readouts is None else {"readouts": given.entries(readouts, "readouts")}
    keys |= {} if samples is None else {"samples": samples}
    found = scenario_id if isinstance(scenario_id, Scenario) else scenario.load(scenario_id)
    return _checked(found, given.plain(keys), "")


def read_plan(path: str | Path) -> Plan:
    """A sweep from a PLAN.toml. A path of a scenario in it counts from the folder of the file.

    Raises:
        InputError: it cannot be read, or something in it is not as it must be; names file and key.
    """
    path = Path(path)
    data = scenario.read_toml(scenario.read_text(path), str(path))
    file = f"{path}: "
    check_keys(data, f"{path}:", required=("scenario",), optional=KEYS)
    named = data["scenario"]
    if not isinstance(named, str) or not named:
        raise InputError(f"{file}scenario", f"{named!r}", "an id, or a path to a scenario.toml, in quotes")
    is_path = named.endswith(".toml") or "/" in named
    try:
        found = scenario.load(path.parent / named if is_path else named)
    except InputError as error:
        if error.where == "scenario":
            raise InputError(f"{file}scenario", error.found, error.allowed) from None
        raise
    return _checked(found, {name: value for name, value in data.items() if name != "scenario"}, file)


def _checked(experiment: Scenario, keys: Mapping[str, Any], where: str) -> Plan:
    arms = _arms(experiment, keys.get("arms"), where)
    overrides = {name: str(text) for name, text in _table(keys, "overrides", where).items()}
    without = given.names(keys.get("without", ()), f"{where}without")
    try:
        base = setup(experiment, overrides, without)
        Simulation(base, arms[0])  # whether there can be such a section is known only when it is made
    except InputError as error:
        known = error.where in overrides or error.where.startswith(("section.", "run."))
        place = "overrides." if known else ""
        raise InputError(f"{where}{place}{error.where}", error.found, error.allowed) from None
    axes = _axes(experiment, arms, keys, overrides, where)
    design = one_of(keys.get("design", "grid"), DESIGNS, f"{where}design")
    samples = given.whole(keys["samples"], f"{where}samples", 1) if "samples" in keys else None
    number = given.whole(keys.get("design_seed", DEFAULT_SEED), f"{where}design_seed")
    levels, shares = levels_of(axes, design, samples, number, where)
    readouts = _readouts(keys, base, where)
    content = {"scenario": _scenario_name(experiment), "arms": list(arms), **keys}
    return Plan(
        experiment=dataclasses.replace(experiment, targets=()),
        base=base,
        arms=arms,
        seeds=_seeds(keys, where),
        at=_at(keys, base, axes, where),
        readouts=readouts,
        series=_flag(keys, "series", where),
        design=design,
        samples=samples,
        design_seed=number,
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


def _arms(experiment: Scenario, arms: object, where: str) -> tuple[str, ...]:
    if arms is None:
        return (experiment.default_arm,)
    names = given.names(arms, f"{where}arms")
    for name in names:
        experiment.arm(name, f"{where}arms")
        if names.count(name) > 1:
            raise InputError(f"{where}arms", f"'{name}' is there twice", "each arm once")
    if not names:
        raise InputError(f"{where}arms", "none", "at least one arm")
    return names


def _axes(
    experiment: Scenario, arms: Sequence[str], keys: Mapping[str, Any], overrides: Mapping[str, str], where: str
) -> tuple[Axis, ...]:
    axes = []
    for name, spread in _table(keys, "vary", where).items():
        place = f"{where}vary.{name}"
        if name in overrides:
            raise InputError(place, "also in [overrides]", "one of them")
        if isinstance(spread, Mapping) and spread and all(isinstance(inner, Mapping) for inner in spread.values()):
            quoted = f'"{name}.{next(iter(spread))}"'
            raise InputError(place, "a table of tables", f"the whole name in quotes, {quoted} = ...")
        axes.append(parameter_axis(name, spread, place))
        _try_ends(experiment, axes[-1], overrides, place)
    tables = _table(keys, "vary_protocol", where)
    check_arms(tables, arms, f"{where}vary_protocol")
    for arm, spread in tables.items():
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


def _seeds(keys: Mapping[str, Any], where: str) -> tuple[int, ...]:
    seeds = keys.get("seeds", 1)
    allowed = f"a whole number from 1 to {MOST_SEEDS:,}, or a list of whole numbers from 0, each once"
    if isinstance(seeds, int) and not isinstance(seeds, bool) and 1 <= seeds <= MOST_SEEDS:
        return tuple(range(DEFAULT_SEED, DEFAULT_SEED + seeds))
    listed = isinstance(seeds, list | tuple) and all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
    if listed and seeds and len(set(seeds)) == len(seeds):
        return tuple(seeds)
    raise InputError(f"{where}seeds", f"{seeds!r}"[:60], allowed)


def _at(keys: Mapping[str, Any], base: Setup, axes: Sequence[Axis], where: str) -> tuple[float, ...]:
    end = base.experiment.duration
    times = []
    for number, text in enumerate(given.entries(keys.get("at", ()), f"{where}at", "times")):
        place = f"{where}at[{number}]"
        time = to_model(text, "h", place)
        if time < 0.0 or (time > end and not any(axis.key == "run.duration" for axis in axes)):
            raise InputError(place, show(time, "day"), f"within the run, 0 to {show(end, 'day')}")
        if time in times:
            raise InputError(place, f"{show(time, 'day')} is there twice", "each time once")
        times.append(time)
    return tuple(times)


def _readouts(keys: Mapping[str, Any], base: Setup, where: str) -> tuple[str, ...]:
    onsets = [f"{ONSET}{stage.name}" for stage in STAGES]
    if "readouts" not in keys:
        told = [name for name in onsets if name.removeprefix(ONSET) in base.thresholds]
        return (*(readout.name for readout in READOUTS), *told)
    names = given.names(keys["readouts"], f"{where}readouts")
    for number, name in enumerate(names):
        one_of(name, [*sorted(BY_NAME), *onsets], f"{where}readouts[{number}]")
        if names.count(name) > 1:
            raise InputError(f"{where}readouts[{number}]", f"'{name}' is there twice", "each readout once")
    if not names:
        raise InputError(f"{where}readouts", "none", "at least one readout; left out, all")
    return names


def _table(keys: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    return given.table(keys.get(key), f"{where}{key}")


def _flag(keys: Mapping[str, Any], key: str, where: str) -> bool:
    value = keys.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{where}{key}", f"{value!r}", "true or false")
    return value
