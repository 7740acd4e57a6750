"""One seed, one result: again, elsewhere, after a pause, watched or not; and arms differ only by what is done."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import InjectTumourCells, Protocol
from niche_sim.experiment.simulation import Simulation
from niche_sim.mesa_model.cells import KupfferCell
from niche_sim.mesa_model.model import NicheModel
from niche_sim.model.process import Process
from niche_sim.runs.record import Runner, load_record, model_like, provenance_of, run
from niche_sim.runs.sealed import npz, read_npz

# Exosomes, tumour cells on day 2 and a few days of their life, on a section of a few lobules.
SMALL = {"section.width": "800 um", "section.height": "800 um", "run.duration": "6 day"}


def small(arm="educated", seed=7, kind=Simulation, **more):
    model = kind(arm=arm, overrides={**SMALL, **more}, rng=seed)
    others = [i for i in model.protocol.interventions if not isinstance(i, InjectTumourCells)]
    model.protocol = Protocol((*others, InjectTumourCells("pan02", 3_000_000, 48.0)))
    return model


def frozen(model):
    return {name: array.copy() for name, array in model.state.freeze().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed():
    return frozen(small().run_to_end())


def test_again(undisturbed):
    assert undisturbed["rows_tumour_cells_y"].size > 5  # or the comparisons below say little
    assert_same(frozen(small().run_to_end()), undisturbed)


def test_another_seed_differs(undisturbed):
    assert not np.array_equal(frozen(small(seed=6).run_to_end())["field_fibronectin"], undisturbed["field_fibronectin"])


def test_saved_and_resumed_in_the_middle(tmp_path):
    whole = Runner(Simulation(overrides={**SMALL, "run.duration": "3 day"}, rng=5))
    whole.advance(1000)
    halves = Runner(Simulation(overrides={**SMALL, "run.duration": "3 day"}, rng=5))
    halves.advance(31)
    halves.save(tmp_path / "checkpoint.npz")
    resumed = Runner.resume(tmp_path / "checkpoint.npz")
    resumed.advance(1000)
    assert_same(frozen(resumed.model), frozen(whole.model))
    first, second = whole.record(), resumed.record()
    assert_same(first.table, second.table)
    assert_same(first.events, second.events)
    assert first.snapshots.keys() == second.snapshots.keys()
    for time in first.snapshots:
        assert_same(first.snapshots[time], second.snapshots[time])
    assert first.provenance == second.provenance
    assert first.onsets == second.onsets


@pytest.mark.parametrize("part", ["stages", "table_time_h", "state_field_tgfb", "notes"])
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path, part):
    file = tmp_path / "checkpoint.npz"
    Runner(Simulation(overrides=SMALL, rng=5)).save(file)
    arrays = {name: array for name, array in read_npz(file.read_bytes(), "checkpoint").items() if name != part}
    file.write_bytes(npz(arrays, "checkpoint"))
    with pytest.raises(InputError, match=f"not a checkpoint .*{part.removeprefix('state_')}"):
        Runner.resume(file)


def test_pickled_in_the_middle(undisturbed):
    model = small()
    for _ in range(60):
        model.step()
    assert_same(frozen(pickle.loads(pickle.dumps(model)).run_to_end()), undisturbed)


def test_watched_or_not(undisturbed):
    model = small(kind=NicheModel)
    while model.steps_left:
        model.step()
        len(model.agents)
        model.agents_by_type[KupfferCell].select(lambda cell: cell.load > 0).agg("load", np.sum)
        model.random.random()  # Mesa's own stream is nobody's here
        model.rng.random()
    assert_same(frozen(model), undisturbed)


class Onlooker(Process):
    """Reads and draws, and changes nothing."""

    def step(self, state, p, chance, dt):
        chance.uniform(self, state.kupffer_cells.key)
        float(state.tgfb.sum() + state.fibronectin.sum())


def test_a_process_that_only_reads_changes_nothing(undisturbed):
    model = small()
    model.schedule = (Onlooker(), *model.schedule, Onlooker())
    assert_same(frozen(model.run_to_end()), undisturbed)


@pytest.mark.mice
def test_another_interpreter_makes_the_same_record(tmp_path):
    overrides = {**SMALL, "run.duration": "3 day"}
    here = run(arm="educated", seed=11, overrides=overrides)
    here.save(tmp_path / "here")
    code = (
        "from niche_sim import run; "
        f"run(arm='educated', seed=11, overrides={overrides!r}).save({str(tmp_path / 'there')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for name in ("record.parquet", "events.parquet"):
        first, second = pq.read_table(tmp_path / "here" / name), pq.read_table(tmp_path / "there" / name)
        assert first.equals(second)
        assert first.schema.equals(second.schema, check_metadata=True)
    there = load_record(tmp_path / "there")
    assert there.run_hash == here.run_hash
    assert_same(there.snapshots[72.0], here.snapshots[72.0])


def test_a_run_like_another():
    first = run(arm="anti_mif", seed=3, overrides={**SMALL, "run.duration": "1 day"}, without=("Division",))
    model = model_like(first.provenance, "here")
    assert_same({name: np.array(values) for name, values in model.run_to_end().rows.items()}, first.table)


def test_a_run_like_another_has_its_rules_in_their_order_or_is_refused():
    """Whatever was done to `schedule`, which a scenario does not know."""
    model = Simulation(overrides=SMALL | {"run.duration": "3 day"}, rng=5)
    model.schedule = model.schedule[:20] + model.schedule[:19:-1]
    again = model_like(provenance_of(model), "here")
    assert [process.name for process in again.schedule] == [process.name for process in model.schedule]
    assert_same(frozen(again.run_to_end()), frozen(model.run_to_end()))
    model.schedule = (Onlooker(), *model.schedule)
    with pytest.raises(InputError, match=r"^here: .*rules that niche_sim does not have \(Onlooker\)"):
        model_like(provenance_of(model), "here")


def test_a_run_like_one_whose_protocol_was_replaced_by_hand_is_refused():
    """Only the scenario is kept: to do something else, edit that."""
    with pytest.raises(InputError, match=r"^here: .*not what its scenario says"):
        model_like(provenance_of(small()), "here")


def test_a_checkpoint_of_a_rule_of_its_own_is_refused(tmp_path):
    model = Simulation(overrides=SMALL, rng=5)
    model.schedule = (*model.schedule, Onlooker())
    Runner(model).save(tmp_path / "half")
    with pytest.raises(InputError, match="Onlooker"):
        Runner.resume(tmp_path / "half")


def test_units_stand_in_the_record(tmp_path):
    run(overrides={**SMALL, "run.duration": "1 day"}).save(tmp_path)
    schema = pq.read_schema(tmp_path / "record.parquet")
    assert schema.field("time_h").metadata[b"unit"] == b"h"
    assert schema.field("tgfb_mean").metadata[b"unit"] == b"nM"


@pytest.mark.mice
def test_tumour_cells_arrest_on_identical_sites_in_every_arm():
    places = {}
    for arm in ("pbs", "educated", "fibronectin_knockout"):
        model = Simulation(arm=arm, rng=8, overrides={"run.duration": "22 day"})
        while model.state.time < 21 * 24.0:
            model.step()
        model.step()
        events = model.state.events.table()
        arrived = events["kind"] == "arrived"
        assert arrived.sum() > 20
        places[arm] = (events["clone"][arrived], events["y_um"][arrived], events["x_um"][arrived])
    for arm in places:
        for first, second in zip(places["pbs"], places[arm], strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_process_left_out_shifts_nobody_elses_draws():
    with_division, without = small(), small()
    without.schedule = tuple(process for process in without.schedule if process.name != "LymphocytePatrol")
    for model in (with_division, without):
        for _ in range(47):
            model.step()
    # No tumour cell has come yet, so nothing but the lymphocytes' places may differ.
    first, second = frozen(with_division), frozen(without)
    differing = {name for name in first if not np.array_equal(first[name], second[name], equal_nan=first[name].dtype.kind == "f")}
    assert differing
    assert all(name.startswith(("rows_nk_cells", "rows_t_cells")) for name in differing), differing


