"""A mouse without Mesa: the same bits as with it, and memory that comes back at once."""

import gc
import weakref

import numpy as np
import pytest

from niche_sim import NicheModel, Simulation
from niche_sim.model.readouts import READOUTS
from niche_sim.runs.checkpoints import Timeline
from niche_sim.runs.record import Runner

SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}


def test_mesa_changes_no_bit():
    alone, seen = Simulation(overrides=SMALL, rng=4).run_to_end(), NicheModel(overrides=SMALL, rng=4).run_to_end()
    assert alone.rows == seen.rows == seen.datacollector.model_vars
    assert [*alone.rows] == ["time_h", *(readout.name for readout in READOUTS)]
    first, second = alone.state.freeze(), seen.state.freeze()
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("around", [lambda model: model, Runner, Timeline], ids=["simulation", "runner", "timeline"])
def test_the_memory_of_a_mouse_comes_back_without_a_search_for_circles(around):
    model = Simulation(overrides=SMALL, rng=4)
    holder = around(model)
    model.step()
    parts = [weakref.ref(part) for part in (model, model.state, model.state.tgfb, model.state.tumour_cells)]
    gc.disable()
    try:
        del model, holder
        assert [part() for part in parts] == [None] * 4
    finally:
        gc.enable()


def test_steps_left_are_counted_in_steps_and_not_in_hours() -> None:
    small = {"section.width": "1 mm", "section.height": "1 mm", "run.step": "2 h", "run.duration": "8 h"}
    mouse = Simulation("liver_education_costasilva2015", "pbs", overrides=small)
    assert mouse.steps_left == 4
    mouse.step()
    assert mouse.steps_left == 3
