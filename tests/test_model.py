"""The model as Mesa users meet it."""

import inspect
import pickle
import warnings

import mesa
import numpy as np
import pytest
from mesa import DataCollector

import niche_sim
from niche_sim import InputError, NicheModel
from niche_sim.engine.chance import Chance
from niche_sim.experiment.setup import setup
from niche_sim.mesa_model.cells import KupfferCell, StellateCell, TumourCell
from niche_sim.model.initial_state import between_subject_variability
from niche_sim.model.parameters import resolve
from niche_sim.model.process import Process
from niche_sim.model.readouts import READOUTS
from niche_sim.model.schedule import SCHEDULES

SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}


@pytest.fixture
def model():
    return NicheModel(overrides=SMALL, rng=1)


def test_cells_are_mesa_agents(model):
    kupffer = model.agents_by_type[KupfferCell]
    # 1.8e4 per mm3 in 0.6 x 0.7 x 0.02 mm.
    assert len(kupffer) == round(1.8e4 * 0.6 * 0.7 * 0.02)
    model.step()
    model.step()  # what a cell holds is counted every other hour
    loaded = kupffer.select(lambda cell: cell.load > 0)
    assert 0 < len(loaded) < len(kupffer)
    assert set(kupffer.groupby("state").groups) <= {"naive", "educated"}
    cell = loaded[0]
    assert isinstance(cell, mesa.Agent)
    assert cell.model is model
    cell.load = 7
    assert model.state.kupffer_cells.load[model.state.kupffer_cells.unique_id == cell.unique_id].item() == 7
    assert model.agents.agg("unique_id", len) == len(model.agents)


def test_all_populations_share_unique_ids(model):
    model.step()
    ids = model.agents.get("unique_id")
    assert len(ids) == len(set(ids)) > 300


def test_a_removed_cell_is_gone_for_the_engine(model):
    before = len(model.state.stellate_cells)
    model.agents_by_type[StellateCell][0].remove()
    assert len(model.state.stellate_cells) == before - 1
    model.step()


def test_an_ordinary_agent_lives_beside_them(model):
    class Pathologist(mesa.Agent):
        looks = 0

        def step(self):
            self.looks += len(self.model.agents_by_type[KupfferCell])

    watcher = Pathologist(model)
    model.agents_by_type[Pathologist].do("step")
    assert watcher.looks > 100
    assert watcher in model.agents


def test_readouts_are_collected_at_the_beat_and_the_end():
    model = NicheModel(overrides={**SMALL, "run.duration": "27 h", "run.record": "6 h"}, rng=1).run_to_end()
    table = model.datacollector.get_model_vars_dataframe()
    assert table.time_h.tolist() == [0.0, 6.0, 12.0, 18.0, 24.0, 27.0]
    assert list(table.columns) == ["time_h", *(readout.name for readout in READOUTS)]
    assert np.isfinite(table.to_numpy()).all()
    for readout in READOUTS:
        if readout.cumulative:
            assert table[readout.name].is_monotonic_increasing, readout.name
    assert not model.running


def test_a_collector_of_ones_own(model):
    collector = DataCollector(
        model_reporters={"loaded": lambda m: int((m.state.kupffer_cells.load > 0).sum())},
        agenttype_reporters={KupfferCell: {"load": "load"}},
    )
    model.step()
    model.step()
    collector.collect(model)
    assert collector.model_vars["loaded"][0] > 0
    assert len(collector.get_agenttype_vars_dataframe(KupfferCell)) == len(model.state.kupffer_cells)


APART = "rng" in inspect.signature(mesa.batch_run).parameters  # newer versions take the seeds apart from the parameters


def batch(kind, parameters, seeds=(3,), **more):
    """Rows of Mesa's `batch_run`."""
    apart = {"rng": list(seeds)} if APART else {}
    among = {} if APART else {"rng": list(seeds)}
    return mesa.batch_run(kind, parameters | among, number_processes=1, display_progress=False, **apart, **more)


def test_batch_run():
    parameters = {"arm": ["pbs", "educated"], "overrides": [SMALL, {**SMALL, "tgfb.half_life": "5 min"}]}
    rows = batch(NicheModel, parameters, data_collection_period=-1)
    assert {row["time_h"] for row in rows} == {48.0}
    assert len(rows) == 4
    tgfb = {(row["arm"], row["overrides"].get("tgfb.half_life")): row["tgfb_mean"] for row in rows}
    assert tgfb["pbs", None] == 0.0
    assert tgfb["educated", None] > tgfb["educated", "5 min"] > 0.0


@pytest.mark.parametrize(
    ("asked", "steps"),
    [
        ({"data_collection_period": 1}, [*range(8)]),
        ({"data_collection_period": 3}, [0, 3, 6]),
        ({"data_collection_period": -1}, [7]),
        ({"data_collection_period": 1, "max_steps": 4}, [*range(5)]),
        ({"data_collection_period": -1, "max_steps": 4}, [4]),
    ],
)
def test_a_row_of_batch_run_is_of_its_step(asked, steps):
    size = SMALL | {"run.duration": "7 h"}  # a row in 6 h is kept by itself
    rows = batch(NicheModel, {"overrides": [size], "arm": ["educated"]}, **asked)
    # Before 3.5, Mesa adds the last step to whatever period was asked for.
    assert [row["Step"] for row in rows] in (steps, [*steps, 7])
    alone = NicheModel(overrides={**size, "run.record": "1 h"}, rng=3).run_to_end().datacollector.model_vars
    for row in rows:
        assert row["time_h"] == row["Step"]
        assert {name: row[name] for name in alone} == {name: values[int(row["Step"])] for name, values in alone.items()}


class WithCells(NicheModel):
    """A model with reporters of a user's own, of agents, too."""

    def __init__(self, *, rng=None):
        super().__init__(overrides=SMALL | {"run.duration": "3 h"}, rng=rng)
        self.datacollector = DataCollector(
            {"hour": lambda model: model.state.time}, {"hour_of_cell": lambda cell: cell.model.state.time}
        )
        self.datacollector.collect(self)


def test_cells_in_batch_run_are_of_their_step():
    rows = batch(WithCells, {}, data_collection_period=1)
    assert {row["Step"] for row in rows} == {0, 1, 2, 3}
    assert all(row["hour"] == row["hour_of_cell"] == row["Step"] for row in rows)
    assert len(rows) > 4 * 300


def test_batch_run_says_that_iterations_without_seeds_are_one_mouse():
    parameters = {"overrides": [SMALL | {"run.duration": "3 h"}]}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        mesa.batch_run(NicheModel, parameters, iterations=3, display_progress=False)
    assert len([one for one in said if "every run is the same mouse, seed 1" in str(one.message)]) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = batch(NicheModel, parameters, seeds=(1, 2, 3))
    assert len({row["kupffer_educated"] for row in rows}) == 3


def test_pickles(model):
    model.step()
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        each.run_to_end()
    assert copy.datacollector.model_vars["tgfb_mean"] == model.datacollector.model_vars["tgfb_mean"]


def test_the_seed_is_the_command_lines():
    assert NicheModel(overrides=SMALL, rng=7).seed == 7
    assert NicheModel(overrides=SMALL).seed == 1


def test_the_model_and_run_take_the_same_names():
    models, runs = (inspect.signature(one).parameters for one in (NicheModel, niche_sim.run))
    assert models == inspect.signature(niche_sim.Simulation).parameters
    assert [*models] == [name for name in runs if name != "watch"]
    assert all(models[name].default == runs[name].default for name in models)
    one_hour = SMALL | {"run.duration": "1 h"}
    for names in ({"seed": 3}, {"rng": 3}, {"seed": 3, "rng": np.int64(3)}):
        assert NicheModel("liver_day10_kcko", overrides=one_hour, **names).seed == 3
        record = niche_sim.run("liver_day10_kcko", overrides=one_hour, **names)
        assert record.provenance["seed"] == 3
    first = next(iter(niche_sim.load_scenario("liver_day10_kcko").arms))
    assert record.provenance["arm"] == NicheModel("liver_day10_kcko", overrides=one_hour).arm == first
    assert niche_sim.run(setup("liver_day10_kcko", one_hour), seed=3).run_hash == record.run_hash


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"scenario_id": "liver_educated"}, "liver_education_costasilva2015"),
        ({"arm": "education"}, "educated"),
        ({"overrides": {"tgfb.halflife": "5 min"}}, "tgfb.half_life"),
        ({"overrides": {"tgfb.half_life": "5 um"}}, "length"),
        ({"overrides": {"section.width": "-2 mm"}}, "section.width"),
        ({"overrides": {"section.widht": "2 mm"}}, "section.width"),
        ({"overrides": {"run.duration": "nan day"}}, "run.duration"),
        ({"without": ["Divisions"]}, "Division"),
        (
            {"overrides": {"schedule": "no_stage_3"}},
            "schedule: unknown schedule 'no_stage_3'; one of default, no_feedback",
        ),
        ({"rng": -1}, "seed"),
        ({"seed": "3"}, "seed"),
        ({"seed": 3, "rng": 4}, "seed: 3 beside rng = 4"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, found):
    with pytest.raises(InputError) as caught:
        NicheModel(**arguments)
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_schedule_is_chosen_by_name_and_what_it_lacks_cannot_be_left_out():
    for name, kinds in SCHEDULES.items():
        model = NicheModel(overrides={**SMALL, "schedule": name}, rng=1)
        assert [type(process) for process in model.schedule] == list(kinds)
        assert model.experiment.schedule == name
    assert NicheModel(overrides=SMALL).experiment.schedule == "default"
    hashes = {NicheModel(overrides={**SMALL, "schedule": name}).experiment.sha256 for name in SCHEDULES}
    assert len(hashes) == len(SCHEDULES)
    with pytest.raises(InputError, match="'NicheSprouting' is not in this scenario's schedule"):
        NicheModel(overrides={**SMALL, "schedule": "no_stage3"}, without=["NicheSprouting"])


def test_the_same_mouse_goes_another_way_under_another_schedule():
    tables = {}
    for name in ("default", "no_stage3", "additive"):
        model = NicheModel(overrides={**SMALL, "run.duration": "4 day", "schedule": name}, rng=1)
        model.run_to_end()
        tables[name] = model.datacollector.get_model_vars_dataframe()
    assert tables["additive"].fibronectin_mean.iloc[-1] != tables["default"].fibronectin_mean.iloc[-1]
    # The hypothesis layer is downstream of uptake, which has the same chance events with and without it.
    assert tables["no_stage3"].exosomes_taken_up.tolist() == tables["default"].exosomes_taken_up.tolist()
    assert tables["no_stage3"].vessel_density.iloc[-1] < tables["default"].vessel_density.iloc[-1]


class Notes(Process):
    """Notes when it acts, and over how long."""

    def __init__(self, period):
        self.period, self.acted = period, []

    def step(self, state, p, chance, dt):
        self.acted.append((state.time, dt, chance.step))


@pytest.mark.parametrize(
    ("step", "period", "acted"),
    [
        ("1 h", 0.0, [(float(t), 1.0, t) for t in range(12)]),
        ("1 h", 3.0, [(2.0, 3.0, 2), (5.0, 3.0, 5), (8.0, 3.0, 8), (11.0, 3.0, 11)]),
        ("30 min", 3.0, [(2.5, 3.0, 5), (5.5, 3.0, 11), (8.5, 3.0, 17), (11.5, 3.0, 23)]),
        ("4 h", 3.0, [(0.0, 4.0, 0), (4.0, 4.0, 1), (8.0, 4.0, 2)]),  # no oftener than the model steps
        ("1 h", 24.0, []),
    ],
)
def test_a_slow_rule_acts_once_in_its_period_over_all_of_it(step, period, acted):
    size = SMALL | {"run.duration": "12 h", "run.step": step, "run.record": "12 h"}
    model, notes = NicheModel(overrides=size, rng=1), Notes(period)
    model.schedule = (notes,)
    model.run_to_end()
    assert notes.acted == acted


SPREAD = ("answer", "matrix", "recruitment", "immunity", "uptake", "vessels")


def test_mice_differ_by_their_seed_and_not_by_their_arm():
    mice = [NicheModel(arm=arm, overrides=SMALL, rng=seed).mouse for seed in (1, 2) for arm in ("pbs", "educated")]
    assert mice[0] == mice[1]
    assert mice[2] == mice[3]
    rates = [(m.kupffer.secretion_tgfb, m.fibronectin.rate_deposit, m.bmdc.rate_called, m.nk.chance_kill,
              m.exosomes.vesicles_per_ug) for m in mice[::2]]  # fmt: skip
    assert all(one != other for one, other in zip(*rates, strict=True))


def test_without_spread_every_mouse_is_the_register():
    model = NicheModel(overrides=SMALL | {f"mouse.{name}": "0" for name in SPREAD}, rng=1)
    assert model.mouse == model.parameters


def test_rates_of_mice_are_log_normal_about_the_register():
    p = resolve({"mouse.answer": "0.3", "mouse.uptake": "0.2"})
    mice = [between_subject_variability(p, Chance(seed)) for seed in range(2000)]
    for spread, rates, median in (
        (0.3, [mouse.kupffer.secretion_tgfb for mouse in mice], p.kupffer.secretion_tgfb),
        (0.2, [mouse.exosomes.vesicles_per_ug for mouse in mice], p.exosomes.vesicles_per_ug),
        (0.2, [mouse.exosomes.fraction_escaping for mouse in mice], p.exosomes.fraction_escaping),
    ):
        logs = np.log(np.array(rates) / median)
        # Four standard errors of the mean and of the standard deviation of normal variates.
        assert abs(logs.mean()) < 4 * spread / np.sqrt(2000)
        assert logs.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * 2000))


def test_no_cell_stands_in_a_lumen_at_rest(model):
    for name in ("kupffer_cells", "stellate_cells", "nk_cells", "t_cells", "fibroblasts"):
        population = model.state.populations[name]
        assert not model.state.at(model.state.section.lumen, population).any()


def test_tumour_cells_have_their_line():
    model = NicheModel(arm="pbs", overrides={**SMALL, "run.duration": "23 day"}, rng=2)
    while model.state.time < 22 * 24:
        model.step()
    cells = model.agents_by_type[TumourCell]
    assert {cell.line for cell in cells} <= {"pan02"}
