"""One virtual mouse, stepped: the state, parameters, rules and protocol of one run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.experiment.defaults import DEFAULT_SCENARIO, DEFAULT_SEED
from niche_sim.experiment.estimate import FITS, SMALLER, check, estimate
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup, setup
from niche_sim.model.initial_state import between_subject_variability, naive_liver, section_of
from niche_sim.model.readouts import READOUTS
from niche_sim.model.stages import StageWatch
from niche_sim.model.step import advance


class Simulation:
    """One virtual mouse: a section of its liver, hour by hour.

    One `step()` is one `[run] step` of the scenario. The clock is `state.time` (h). `schedule` is a tuple of processes;
    replace it to add one of your own. `rows` holds `time_h` and every readout at time 0, at every `[run] record` and at
    the end. `parameters` is the register of the run, `mouse` the same with the rates in which this mouse differs.

    Parameters
    ----------
    scenario_id
        Id of a scenario, the path of a scenario.toml, or a scenario itself; or a `Setup`, which leaves no room for
        `overrides` and `without`.
    arm
        One of its arms; None takes `educated`, or else the first.
    seed, rng
        The seed, a whole number from 0, by the name that `niche_sim.run` or Mesa gives it; None is 1.
    overrides
        Register names (or section.width, run.duration ...) to text with a unit: {"tgfb.half_life": "5 min"}; "schedule"
        to the name of a schedule.
    without
        Names of processes to leave out of the schedule.
    allow_large
        Make it even if by estimate it needs more cells or memory than a desktop computer bears.

    Raises
    ------
    InputError
        Anything of this is unknown, of a wrong dimension or outside what is possible, or too large for the memory of
        this machine; or `seed` and `rng` differ.
    """

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
        self.chance = chance_of(seed, rng)
        self.seed = self.chance.seed
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
        extent, p = self.experiment.section, self.parameters
        self.state = naive_liver(section_of(*extent[:3], p, extent.depth), p, self.chance)
        self.stages = StageWatch(made.thresholds)
        self.stages.look(self.state, self.mouse)
        self.rows: dict[str, list[float]] = {"time_h": [], **{readout.name: [] for readout in READOUTS}}
        self.collect()

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
        advance(self.state, self.mouse, self.chance, self.dt, self.protocol.interventions, self.schedule)
        self.stages.look(self.state, self.mouse)
        if self.row_due():
            self.collect()

    def run_to_end(self) -> Self:
        """Step until the end of the run and return the simulation."""
        while self.steps_left:
            self.step()
        return self

    def row_due(self) -> bool:
        """Whether the record has a row of this moment."""
        return self.state.step_index % round(self.experiment.record / self.dt) == 0 or self.steps_left == 0

    def collect(self) -> None:
        """Add a row of readouts."""
        self.rows["time_h"].append(self.state.time)
        for readout in READOUTS:
            self.rows[readout.name].append(readout.measure(self.state, self.mouse))


def chance_of(seed: int | None, rng: int | None) -> Chance:
    """The chance of a mouse from its seed, by either name. InputError if the two differ."""
    given = [Chance(one) for one in (seed, rng) if one is not None]
    if len({chance.seed for chance in given}) > 1:
        raise InputError("seed", f"{seed} beside rng = {rng}", "one of the two is enough: they are the same thing")
    return given[0] if given else Chance(DEFAULT_SEED)
