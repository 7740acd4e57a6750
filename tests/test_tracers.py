"""Tracers: so many times the dose, unseen by all else, each counted by its weight."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import niche_sim
from niche_sim import InputError
from niche_sim.engine.kernels.neighbourhood import disc, gather, gather_own
from niche_sim.experiment.protocol import InjectTumourCells, Protocol, entry_text, read_entry
from niche_sim.figures.single_run import _rare
from niche_sim.model.process import Process
from niche_sim.model.readouts import BY_NAME
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT
from niche_sim.model.tracers import follows_tumour_cells
from niche_sim.runs import cohort
from niche_sim.runs.expectation.forward import expected_clones
from niche_sim.runs.expectation.recording import Recorder

SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "10 day"}
LINE = "pan02"


def mouse(*given, seed=3, arm="educated", **changes):
    model = niche_sim.Simulation(arm=arm, seed=seed, overrides={**SMALL, **changes})
    others = tuple(one for one in model.protocol.interventions if not isinstance(one, InjectTumourCells))
    model.protocol = Protocol((*others, *given))
    return model


def traced(times, at=96.0, count=500_000, **more):
    return InjectTumourCells(LINE, count, at, oversample=times, **more)


def frozen(model, without=()):
    arrays = model.state.freeze()
    return {
        k: v.tobytes() for k, v in arrays.items() if k not in ("compartments", *without) and not k.startswith("tracer")
    }


def test_nothing_senses_them():
    """The mouse is bit for bit the one without tumour cells."""
    alone, one = mouse().run_to_end(), mouse(traced(1000.0)).run_to_end()
    assert frozen(alone) == frozen(one)
    assert one.state.tracers.counters.tumour_arrived > 1000 and len(one.state.tracers.colonies) > 20
    assert alone.state.counters == one.state.counters
    assert {rule.__name__ for rule in (*DEFAULT, *ALTERNATIVES) if follows_tumour_cells(rule.writes)} >= {
        "Arrest", "KupfferKilling", "Detachment", "Extravasation", "PostExtravasationFate", "MotileSearch", "Emt", "Crowding",
        "NkKilling", "TCellKilling", "ExposedDeath", "Division", "DrugKilling", "Resistance",
    }  # fmt: skip


def test_a_lone_clone_lives_as_a_real_one():
    """One cell that is the only one, as a tracer and as a real cell: the same fate and the same daughters, draw by draw."""
    quiet = dict.fromkeys(("pan02.rate_detachment",), "0 1/h") | {
        "nk.chance_kill": "0",
        "pan02.rate_death_exposed": "0 1/h",
        "pan02.chance_start": "1",
    }
    quiet |= {"tumour.secretion_tgfb": "0 molecule/s/cell", "tumour.secretion_ccl2": "0 molecule/s/cell",
              "angiogenesis.ratio_tumour_uptake": "1", "tumour.colony_cells": "500 cell"}  # fmt: skip
    for seed in range(1, 30):  # until a mouse gets one cell that grows
        given = {"count": 100_000, "at": 6.0}
        real = mouse(InjectTumourCells(LINE, **given), seed=seed, arm="pbs", **quiet, **{"run.duration": "5 day"})
        tracer = mouse(traced(1.0, **given), seed=seed, arm="pbs", **quiet, **{"run.duration": "5 day"})
        if real.run_to_end().state.counters.tumour_entered == 1 and len(real.state.tumour_cells) > 2:
            break
    cells, others = real.state.tumour_cells, tracer.run_to_end().state.tracers.cells
    assert len(cells) > 2
    for name in ("key", "y", "x", "crowding", "clone_size", "state"):
        np.testing.assert_allclose(getattr(others, name), getattr(cells, name), rtol=1e-12)


def test_crowding_of_a_clone_is_that_of_a_field_with_nothing_else():
    u = niche_sim.engine.chance.Chance(4).uniform("test", np.arange(40), 2)
    shape = (9, 12)
    members = (u[:, 0] * shape[0]).astype(int) * shape[1] + (u[:, 1] * shape[1]).astype(int)
    clone = np.sort((u[:, 1] * 5).astype(int))
    reach = disc(40.0, 20.0)
    first, after = (np.searchsorted(clone, clone, side=side) for side in ("left", "right"))
    found = gather_own(first, after - first, members, members, (1, *shape), *reach)
    for one in range(5):
        field = np.bincount(members[clone == one], minlength=108).reshape(shape).astype(float)
        np.testing.assert_allclose(found[clone == one], gather(field, members[clone == one], *reach), rtol=1e-12)


def test_counts_do_not_hang_on_how_many_they_are():
    """Colonies by weight against expectation, 10 and 300 times the dose; both within their chance."""
    for times in (30.0, 300.0):
        model = mouse(traced(times, count=5_000_000), **{"run.duration": "18 day"})
        recorder = Recorder(model)
        while model.steps_left:
            model.step()
            recorder.look()
        expected, tracers = expected_clones(recorder.recording()), model.state.tracers
        arrived = tracers.counters.tumour_arrived
        share = expected.founded[-1] / expected.singles[:, 0].max()
        found = len(tracers.colonies)
        assert found > 40
        assert abs(found - arrived * share) < 4.0 * np.sqrt(found) + 0.05 * found  # five per cent: see limits
        assert BY_NAME["tracer_colonies"].measure(model.state, model.mouse) == pytest.approx(found / times)
        liver = found / times * model.mouse.organ.volume / model.state.section.volume
        assert BY_NAME["metastases_per_liver"].measure(model.state, model.mouse) == pytest.approx(liver)
        assert not np.isin(tracers.cells.clone, np.array(sorted(tracers.colonies), np.uint64)).any()
        assert len(model.state.tumour_cells) == 0 and not model.state.colonies


def test_shown_colonies_become_real_and_act():
    counted = mouse(traced(1000.0), **{"run.duration": "12 day"}).run_to_end()
    shown = mouse(traced(1000.0, show_colonies=True), **{"run.duration": "12 day"}).run_to_end()
    assert len(counted.state.tumour_cells) == 0
    assert len(shown.state.tumour_cells) > 100
    assert (
        set(np.unique(shown.state.tumour_cells.clone).tolist()) <= shown.state.tracers.colonies == shown.state.colonies
    )
    kinds = shown.state.events.table()["kind"].tolist()
    assert kinds.count("colony") == len(shown.state.colonies)
    assert (shown.state.oxygen != counted.state.oxygen).any()
    assert 0.0 < BY_NAME["tracer_colonies"].measure(shown.state, shown.mouse) < 1.0


def test_the_niche_is_recorded_without_colonies_that_are_shown():
    model = mouse(traced(1000.0, show_colonies=True))
    recorder = Recorder(model)
    while model.steps_left:
        model.step()
        recorder.look()
    assert len(model.state.tumour_cells) > 0
    found, whole = recorder.recording(), Recorder(mouse()).recording()
    assert {k: v.tobytes() for k, v in found.rates.items()} == {k: v.tobytes() for k, v in whole.rates.items()}


def test_a_picture_says_how_rare_it_is():
    record = niche_sim.run(arm="educated", seed=3, overrides={**SMALL, "run.duration": "1 day"})
    rows = len(record.table["time_h"])
    for colonies, traced_colonies, said in ((3.0, 0.025, ", one such section in 40"), (0.0, 0.025, ""), (3.0, 0.0, ""),
                                            (51.0, 5.1, ", colonies of tracers: 5.1 expected")):  # fmt: skip
        table = {**record.table, "colonies": np.full(rows, colonies), "tracer_colonies": np.full(rows, traced_colonies)}
        assert _rare(dataclasses.replace(record, table=table), 24.0) == said


@pytest.mark.parametrize("show", [False, True])
def test_a_run_with_tracers_goes_on_bit_for_bit(show):
    whole, first = (mouse(traced(300.0, show_colonies=show)) for _ in range(2))
    whole.run_to_end()
    for _ in range(180):
        first.step()
    again = mouse(traced(300.0, show_colonies=show))
    again.state.thaw(first.state.freeze())
    again.run_to_end()
    assert {k: v.tobytes() for k, v in whole.state.freeze().items()} == {
        k: v.tobytes() for k, v in again.state.freeze().items()
    }


def test_in_a_protocol():
    text = 'do = "inject_tumour_cells", line = "pan02", count = 1000, at = "3 day"'
    one = read_entry(f"{{ {text}, oversample = 500 }}", "here")
    assert (one.oversample, one.show_colonies) == (500.0, False)
    assert read_entry(entry_text(one), "here") == one
    assert "500 tracers for each" in one.marks()[0].label
    assert read_entry(f"{{ {text} }}", "here").event == one.event
    for wrong, said in (
        ("oversample = 0.5", "oversample"),
        ("show_colonies = true", "show_colonies"),
        ("oversample = 1e9", "1e"),
    ):
        with pytest.raises(InputError, match=said):
            read_entry(f"{{ {text}, {wrong} }}", "here")
    with pytest.raises(InputError, match="the same oversample"):
        Protocol((one, InjectTumourCells(LINE, 10, 1.0)))


def test_arms_that_show_colonies_are_not_averaged():
    experiment = niche_sim.load_scenario("liver_education_costasilva2015")
    arm = experiment.arms["educated"]
    shown = tuple(dataclasses.replace(one, oversample=500.0, show_colonies=True) if isinstance(one, InjectTumourCells) else one
                  for one in arm.protocol.interventions)  # fmt: skip
    arms = {**experiment.arms, "educated": dataclasses.replace(arm, protocol=Protocol(shown))}
    with pytest.raises(InputError, match="show_colonies in single mice only"):
        cohort.plan(dataclasses.replace(experiment, arms=arms), ["educated"], mice=2)


def test_a_rule_that_changes_more_than_tumour_cells_leaves_tracers_alone():
    class Digging(Process):
        writes = ("tumour_cells", "fibronectin")

    assert not follows_tumour_cells(Digging.writes)
