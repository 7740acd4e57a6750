"""NicheModel: a simulation whose cells are Mesa agents and whose readouts a Mesa DataCollector holds."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mesa import DataCollector

from niche_sim.experiment.defaults import DEFAULT_SCENARIO, DEFAULT_SEED
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.setup import Setup
from niche_sim.experiment.simulation import Simulation, chance_of
from niche_sim.mesa_model import cells  # noqa: F401  the classes in which the rows are seen
from niche_sim.mesa_model.population_model import PopulationModel

LAST = operator.itemgetter(-1)


class NicheModel(Simulation, PopulationModel):
    """A `Simulation` as a Mesa model, with the same arguments and the same bits.

    `model.agents` and `model.agents_by_type` show the cells. `model.datacollector` holds the readouts at time 0, at every
    `[run] record` and at the end; under `mesa.batch_run`, after every step.
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
        self._in_batch_run = _called_by_batch_run()
        if self._in_batch_run and seed is None and rng is None:
            warnings.warn(
                f"batch_run without rng: every run is the same mouse, seed {DEFAULT_SEED}, its iterations too; for mice that "
                'differ give "rng": [1, 2, 3] among its parameters, or from Mesa 3.4 on batch_run(..., rng=[1, 2, 3])',
                stacklevel=2,
            )
        PopulationModel.__init__(self, rng=chance_of(seed, rng).seed)
        Simulation.__init__(
            self, scenario_id, arm, seed=seed, rng=rng, overrides=overrides, without=without, allow_large=allow_large
        )
        self.attach(*self.state.populations.values())
        # Functions with what they are called with: of the ways to name a reporter, all Mesas take this one, and it pickles.
        reporters: dict[str, Any] = {name: [LAST, [values]] for name, values in self.rows.items()}
        self.datacollector = DataCollector(model_reporters=reporters)
        self.datacollector.collect(self)

    def step(self) -> None:
        """Advance by one `[run] step`: interventions first, then every process of the schedule in order."""
        if self._in_batch_run and not self.steps_left:
            self.running = False
            return
        super().step()
        if self.row_due():
            self.datacollector.collect(self)
        # Before 3.5, Mesa's batch_run leaves out the row of the last call, so it makes one more, which changes nothing.
        self.running = self.steps_left > 0 or self._in_batch_run

    def row_due(self) -> bool:
        """Whether the record has a row of this moment: under `mesa.batch_run`, of every moment."""
        return self._in_batch_run or super().row_due()


def _called_by_batch_run() -> bool:
    """Whether Mesa's `batch_run` makes the model.

    It takes a row by the number of a step, which has to be there, and says by no argument that it is at work.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != "mesa.batchrunner":
        frame = frame.f_back
    return frame is not None
