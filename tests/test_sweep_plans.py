"""Plans: what they ask for is what is run, each run once and under a name of its own, and mistakes are one line."""

import dataclasses
import itertools

import numpy as np
import pytest
from small_sweeps import EDUCATION, TINY, TOML, planned, swept

from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.experiment.protocol import make_protocol, read_intervention
from niche_sim.experiment.simulation import Simulation
from niche_sim.model.parameters import rows
from niche_sim.runs import identity, sweeps
from niche_sim.runs.protocol_axes import entries

EXAMPLES = sorted((scenario.library() / "plans").glob("*.toml"))


@pytest.fixture
def written(tmp_path):
    """Write a PLAN.toml and return its path."""

    def write(text):
        path = tmp_path / "PLAN.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def points_of(plan):
    return [tuple(plan.values_at(point, plan.arms[0])) for point in range(plan.points)]


# --- designs ---------------------------------------------------------------------------------------------------------


def test_a_grid_is_all_combinations_the_last_first():
    plan = planned(
        vary={"tgfb.half_life": {"values": ["3 min", "0.1 h"]}, "ccl2.half_life": {"values": ["2 h", "4 h", "6 h"]}}
    )
    assert points_of(plan) == list(itertools.product([3.0, 6.0], [2.0, 4.0, 6.0]))
    assert plan.unit_cube.tolist() == [[a, b] for a in (0.0, 1.0) for b in (0.0, 0.5, 1.0)]


def test_a_list_is_one_after_the_other():
    plan = planned(
        design="list",
        vary={"tgfb.half_life": {"values": ["3 min", "6 min"]}, "schedule": {"values": ["default", "no_stage3"]}},
    )
    assert points_of(plan) == [(3.0, "default"), (6.0, "no_stage3")]


def test_a_latin_hypercube_has_one_point_in_every_slice():
    plan = planned(design="latin", samples=20, vary={"tgfb.half_life": "register", "ccl2.half_life": "register log"})
    shares = plan.unit_cube
    assert shares.shape == (20, 2)
    for column in shares.T:
        assert sorted(np.floor(column * 20)) == list(range(20))
    row, ccl2 = rows()["tgfb.half_life"], rows()["ccl2.half_life"]
    np.testing.assert_allclose(plan.numbers[:, 0], row.low + shares[:, 0] * (row.high - row.low))
    np.testing.assert_allclose(plan.numbers[:, 1], ccl2.low * (ccl2.high / ccl2.low) ** shares[:, 1])


def test_sobol_and_morris_are_as_salib_makes_them():
    from SALib.sample import morris, sobol

    vary = {"tgfb.half_life": "register", "ccl2.half_life": "register", "bmdc.speed": "register"}
    plan = planned(design="sobol", samples=8, vary=vary)
    np.testing.assert_array_equal(plan.unit_cube, sobol.sample(plan.problem, 8, calc_second_order=False, seed=1))
    assert plan.points == 8 * 5
    plan = planned(design="morris", samples=4, design_seed=3, vary=vary)
    np.testing.assert_array_equal(plan.unit_cube, morris.sample(plan.problem, 4, num_levels=4, seed=3))
    assert plan.points == 4 * 4


def test_designs_repeat_and_another_seed_is_another_sample():
    vary = {"tgfb.half_life": "register"}
    first, again, other = (planned(design="latin", samples=5, design_seed=s, vary=vary).levels for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_choices_in_a_sample_fall_into_equal_parts():
    plan = planned(design="latin", samples=9, vary={"tgfb.half_life": {"values": ["3 min", "4 min", "5 min"]}})
    assert sorted(value for (value,) in points_of(plan)) == [3.0] * 3 + [4.0] * 3 + [5.0] * 3


def test_without_axes_there_is_one_point():
    plan = planned()
    assert plan.points == 1
    assert plan.total == len(list(plan.runs())) == 6


# --- runs ------------------------------------------------------------------------------------------------------------


def test_each_run_is_there_once_and_an_axis_of_one_arm_leaves_the_others_alone():
    plan = planned(
        arms=["educated", "anti_mif"],
        vary={"tgfb.half_life": {"values": ["3 min", "6 min"]}},
        vary_protocol={"anti_mif": {"from": {"values": ["0 day", "1 day", "2 day"]}}},
    )
    runs = list(plan.runs())
    assert plan.total == len(runs) == len({run.name for run in runs}) == 3 * (2 + 6)
    assert [run.point for run in runs if run.arm == "educated"] == [0] * 3 + [3] * 3
    assert plan.stands_for("educated").tolist() == [0, 0, 0, 3, 3, 3]
    assert plan.values_at(1, "educated") == [3.0, None]
    assert plan.values_at(1, "anti_mif") == [3.0, 1.0]


def test_what_is_run_is_what_was_asked_for():
    plan = planned(
        arms=["anti_mif"],
        vary={"tgfb.half_life": {"low": "3 min", "high": "30 min"}},
        vary_protocol={"anti_mif": {"efficacy": {"low": 0.5, "high": 1.0}, "to": {"low": "1 day", "high": "9 day"}}},
        design="latin",
        samples=3,
    )
    for run in plan.runs():
        half_life, efficacy, end = plan.values_at(run.point, run.arm)
        model = run.job.model()
        (block,) = model.protocol.blocks
        assert model.parameters.tgfb.half_life * 60.0 == pytest.approx(half_life, rel=1e-12)  # min; text and back
        assert (block.efficacy, block.start, block.end) == (efficacy, 0.0, pytest.approx(24.0 * end, rel=1e-12))
        assert (model.arm, model.seed, model.duration) == ("anti_mif", run.seed, 24.0)


def test_a_run_is_the_mouse_of_the_same_options():
    plan = planned(seeds=[4], arms=["educated"], vary={"tgfb.half_life": {"values": ["7 min"]}})
    (run,) = plan.runs()
    part = sweeps.read_part(sweeps.run_one(run.job).part, run.name)
    model = Simulation(EDUCATION, "educated", overrides={**TINY, "tgfb.half_life": "7 min"}, rng=4).run_to_end()
    for name, values in model.rows.items():
        np.testing.assert_array_equal(part.table[name], values, err_msg=name)
    assert {k: None if np.isnan(v) else v for k, v in part.onsets.items()} == model.stages.onsets


def name(**changes):
    (run,) = planned(**{"arms": ["educated"], "seeds": [1], **changes}).runs()
    return run.name


def test_names_hang_on_all_that_decides_and_on_nothing_else(monkeypatch):
    plain = name()
    others = [
        name(seeds=[2]),
        name(arms=["pbs"]),
        name(overrides={**TINY, "run.duration": "2 day"}),
        name(overrides={**TINY, "tgfb.half_life": "11 min"}),
        name(without=["CollagenLinking"]),
        name(vary_protocol={"educated": {"amount": {"values": ["4 ug"]}}}),
        name(overrides={**TINY, "schedule": "no_stage3"}),
    ]
    assert len({plain, *others}) == 8
    half_life = f"{rows()['tgfb.half_life'].value} min"
    assert name(overrides={**TINY, "tgfb.half_life": half_life}) == plain  # what it is anyway
    assert name(at=["6 h"], readouts=["colonies"], series=True) == plain  # which only look
    assert name(vary_protocol={"educated": {"amount": {"values": ["5 ug"]}}}) == plain
    monkeypatch.setattr(identity, "code_digest", lambda: "other")
    assert name() != plain


def test_another_threshold_is_another_run():
    """Onsets hang on it, and a worker has no need of the file: the run carries it."""
    plan = planned(arms=["educated"], seeds=[1], overrides={**TINY, "run.duration": "2 day"})
    (run,) = plan.runs()
    base = dataclasses.replace(plan.base, thresholds={**plan.base.thresholds, "priming": 1e9})
    (other,) = dataclasses.replace(plan, base=base).runs()
    assert other.name != run.name
    assert sweeps.read_part(sweeps.run_one(run.job).part, run.name).onsets["priming"] > 0
    assert np.isnan(sweeps.read_part(sweeps.run_one(other.job).part, other.name).onsets["priming"])


def test_a_worker_with_other_code_refuses():
    (run, *_) = planned().runs()
    outcome = sweeps.run_one(dataclasses.replace(run.job, engine={**run.job.engine, "code": "another"}))
    assert outcome.part == b""
    assert "another niche_sim (code differ)" in outcome.why


@pytest.mark.parametrize("scenario_id", [entry.id for entry in scenario.catalogue()])
def test_interventions_as_written_are_those_of_the_arm(scenario_id):
    experiment = scenario.load(scenario_id)
    for arm in experiment.arms.values():
        read = [read_intervention(entry, "test") for entry, _ in entries(experiment, arm.name)]
        assert make_protocol(read, "test") == arm.protocol


def test_an_arms_own_intervention_goes_before_what_it_inherits():
    plan = planned(arms=["anti_mif"], vary_protocol={"anti_mif": {"from": {"values": ["3 day"]}}})
    (axis,) = plan.axes
    (run, *_) = plan.runs()
    assert (axis.name, axis.unit) == ("anti_mif.from", "day")
    assert run.job.model().protocol.blocks[0].start == 72.0
    assert run.job.model().protocol.doses[0].at == 0.0
    inherited = planned(arms=["anti_mif"], vary_protocol={"anti_mif": {"amount": {"values": ["2 ug"]}}})
    (run, *_) = inherited.runs()
    assert {dose.amount_ug for dose in run.job.model().protocol.doses} == {2.0}


def test_which_chooses_among_several():
    which = {"which": {"do": "inject_exosomes"}, "from": {"values": ["1 day"]}}
    block = {"which": {"target": "mif"}, "from": {"values": ["2 day"]}}
    plan = planned(arms=["anti_mif"], vary_protocol={"anti_mif": [which, block]})
    (run, *_) = plan.runs()
    assert [axis.name for axis in plan.axes] == ["anti_mif.pdac.from", "anti_mif.mif.from"]
    protocol = run.job.model().protocol
    assert (protocol.doses[0].at, protocol.blocks[0].start) == (24.0, 48.0)


def test_numbers_of_cells_are_whole():
    plan = planned(vary_protocol={"pbs": {"count": {"low": 1000, "high": 2000}}}, arms=["pbs"], design="latin", samples=5)
    for run in plan.runs():
        (count,) = plan.values_at(run.point, "pbs")
        assert count == round(count)
        assert run.job.model().protocol.tumour_challenges[0].count == count


def test_a_combination_that_is_not_possible_is_a_failure_of_its_own():
    plan = planned(arms=["anti_mif"], vary_protocol={"anti_mif": {"from": {"values": ["0 day", "30 day"]}}})
    failed = [run for run in plan.runs() if run.job is None]
    assert [run.point for run in failed] == [1, 1, 1]
    assert "later than from" in failed[0].why
    assert len({run.name for run in plan.runs()}) == 6


# --- plans as files --------------------------------------------------------------------------------------------------


def test_a_plan_is_read_and_written_alike(written, tmp_path):
    plan = sweeps.read_plan(written(TOML))
    found = swept(plan, tmp_path / "out")
    again = sweeps.plan_of(tmp_path / "out")
    assert again.content == plan.content
    assert [run.name for run in again.runs()] == [run.name for run in plan.runs()]
    assert found.plan is plan


def test_a_plan_of_numpy_is_the_plan_of_python_and_is_read_back(tmp_path):
    """Numbers, arrays and strings of NumPy; and one name by itself where a list is meant."""
    plan = planned(
        arms="anti_mif", seeds=np.arange(1, 3), at=np.array(["6 h", "12 h"]), readouts=np.array(["tgfb_mean"]),
        series=np.bool_(True), design="latin", samples=np.int64(3), design_seed=np.uint8(4), without="CollagenLinking",
        vary={"tgfb.half_life": {"values": np.array(["3 min", "6 min"])}},
        vary_protocol={"anti_mif": {"efficacy": {"low": np.float64(0.5), "high": np.float32(1.0)}}},
        overrides={**TINY, "run.record": np.str_("6 h")},
    )  # fmt: skip
    python = planned(
        arms=["anti_mif"], seeds=[1, 2], at=["6 h", "12 h"], readouts=["tgfb_mean"], series=True, design="latin",
        samples=3, design_seed=4, without=["CollagenLinking"], vary={"tgfb.half_life": {"values": ["3 min", "6 min"]}},
        vary_protocol={"anti_mif": {"efficacy": {"low": 0.5, "high": 1.0}}}, overrides={**TINY, "run.record": "6 h"},
    )  # fmt: skip
    assert plan.content == python.content
    swept(plan, tmp_path)
    again = sweeps.plan_of(tmp_path)
    assert again.content == plan.content
    assert [run.name for run in again.runs()] == [run.name for run in python.runs()]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": "3"}, "seeds: ['3']; a whole number from 1"),
        ({"seeds": 2.0}, "seeds: [2.0]; a whole number from 1"),
        ({"seeds": np.array([0.5])}, "seeds: [0.5]; a whole number from 1"),
        ({"seeds": None}, "seeds: None; a list of values"),
        ({"arms": {"pbs": 1}}, "arms: {'pbs': 1}; a list of values"),
        ({"arms": [np.int64(1)]}, "arms: [1]; a list of names, each of them text in quotes"),
        ({"at": 12}, "at[0]: '12' is a plain number; a time such as '1 h'"),
        ({"at": [None]}, "at[0]: None is not text"),
        ({"readouts": 5}, "readouts: [5]; a list of names"),
        ({"without": "CollagenLinkin"}, "without: unknown process 'CollagenLinkin'; did you mean CollagenLinking?"),
        ({"samples": "8", "design": "latin", "vary": {"tgfb.half_life": "register"}}, "samples: '8'; a whole number from 1"),
        ({"samples": 8.0, "design": "latin", "vary": {"tgfb.half_life": "register"}}, "samples: 8.0; a whole number from 1"),
        ({"vary": ["tgfb.half_life"]}, "vary: ['tgfb.half_life']; a table of names and values"),
        ({"vary": {"tgfb.half_life": {"values": "3 min"}}}, "values: '3 min'; a list in brackets"),
        ({"overrides": "run.duration"}, "overrides: 'run.duration'; a table of names and values"),
        ({"overrides": {"run.duration": None}}, "overrides.run.duration: 'None' is not a number"),
    ],
)
def test_what_is_no_list_or_number_is_refused_in_words(changes, message):
    with pytest.raises(InputError) as caught:
        planned(**changes)
    assert message in str(caught.value)


def test_a_folder_whose_name_is_no_unicode_is_refused(tmp_path):
    plan = planned()
    named = dataclasses.replace(plan, content={**plan.content, "scenario": "/data/\udcff/scenario.toml"})
    with pytest.raises(InputError, match=r"scenario: '/data/\\udcff/scenario.toml' is no Unicode; a folder whose name is"):
        swept(named, tmp_path)


def test_a_scenario_of_ones_own_is_found_from_the_plan_and_from_its_copy(written, tmp_path):
    own = tmp_path / "liver_own"
    own.mkdir()
    text = (scenario.library() / EDUCATION / "scenario.toml").read_text(encoding="utf-8")
    (own / "scenario.toml").write_text(text, encoding="utf-8")
    plan = sweeps.read_plan(written(TOML.replace(EDUCATION, "liver_own/scenario.toml")))
    swept(dataclasses.replace(plan, seeds=(1,)), tmp_path / "elsewhere" / "out")
    assert sweeps.plan_of(tmp_path / "elsewhere" / "out").experiment.path == own / "scenario.toml"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_at_reduced_size(path, tmp_path):
    plan = sweeps.read_plan(path)
    content = {key: value for key, value in plan.content.items() if key != "scenario"}
    content |= {"seeds": 1, "overrides": TINY, "at": []} | ({"samples": 3} if "samples" in content else {})
    found = swept(sweeps.plan(plan.experiment, **content), tmp_path)
    assert (found.count.failed, found.count.missing) == (0, 0)
    assert found.runs.num_rows == found.count.done >= 3


def test_examples_are_no_scenarios():
    assert len(EXAMPLES) == 3
    assert "plans" not in [entry.id for entry in scenario.catalogue()]


WRONG = {
    "scenario": ('"liver_education_costasilva2015"', '"liver_educatio"', "PLAN.toml: scenario: 'liver_educatio'; did you"),
    "arm": ('"pbs", ', '"pbss", ', "PLAN.toml: arms: 'pbss'; did you mean pbs?"),
    "arm twice": ('"pbs", ', '"pbs", "pbs", ', "PLAN.toml: arms: 'pbs' is there twice; each arm once"),
    "key": ("seeds = 2", "seed = 2", "PLAN.toml: seed: unknown key; did you mean seeds"),
    "seeds": ("seeds = 2", "seeds = 0", "PLAN.toml: seeds: 0; a whole number from 1"),
    "seed twice": ("seeds = 2", "seeds = [1, 1]", "PLAN.toml: seeds: [1, 1]; a whole number"),
    "seed of text": ("seeds = 2", 'seeds = ["1"]', "PLAN.toml: seeds: ['1']; a whole number"),
    "at": ('"12 h"', '"12 um"', "PLAN.toml: at[0]: '12 um' is a length; a time"),
    "at late": ('"12 h"', '"2 day"', "PLAN.toml: at[0]: 2 day; within the run, 0 to 1 day"),
    "readout": ('"tgfb_mean"', '"tgfb_meen"', "PLAN.toml: readouts[1]: 'tgfb_meen'; did you mean tgfb_"),
    "series": ("series = true", "series = 1", "PLAN.toml: series: 1; true or false"),
    "design": ("series", 'design = "gird"\nseries', "PLAN.toml: design: 'gird'; did you mean grid?"),
    "samples": ("series", "samples = 8\nseries", "PLAN.toml: samples: beside design 'grid'; one of latin, sobol, morris"),
    "no samples": ("series", 'design = "latin"\nseries', "PLAN.toml: samples: missing; a whole number"),
    "power of 2": ("series", 'design = "sobol"\nsamples = 12\nseries', "PLAN.toml: samples: 12; a power of 2"),
    "morris": ("series", 'design = "morris"\nsamples = 4\nseries', "PLAN.toml: design: 'morris' and values of tgfb"),
    "list": ("series", 'design = "list"\nseries', "PLAN.toml: design: 'list' with lists of unlike length: tgfb.half_life 2"),
    "override": ('"run.duration" = "1 day"', '"run.duration" = "1 mm"', "PLAN.toml: overrides.run.duration: '1 mm' is"),
    "too small": ('"section.width" = "0.6 mm"', '"section.width" = "0.4 mm"', "overrides.section.width: 400 um; at least one"),
    "number": ('"tgfb.half_life"', '"tgfb.half_lif"', "vary.tgfb.half_lif: unknown parameter 'tgfb.half_lif'; did you mean"),
    "unquoted": ('"tgfb.half_life" =', "tgfb.half_life =", 'vary.tgfb: a table of tables; the whole name in quotes, "tgfb.half'),
    "unit": ('"30 min"', '"30 nM"', "vary.tgfb.half_life.values[1]: '30 nM' is a concentration; a time"),
    "negative": ('"30 min"', '"-30 min"', "vary.tgfb.half_life.values[1]: -30 min is negative"),
    "empty": ('["3 min", "30 min"]', "[]", "vary.tgfb.half_life.values: []; a list in brackets, not empty"),
    "no form": ('{ values = ["3 min", "30 min"] }', '"3 min"', "vary.tgfb.half_life: '3 min'; allowed are register, register log"),
    "low over high": ('values = ["3 min", "30 min"]', 'low = "3 min", high = "1 min"', "half_life.high: 1 min; more than low, 3"),
    "range in grid": ('values = ["3 min", "30 min"]', 'low = "3 min", high = "9 min"', "design: 'grid' and a range of tgfb.half"),
    "scale": ('values = ["3 min", "30 min"]', 'low = "3 min", high = "9 min", scale = "lgo"', "scale: 'lgo'; did you mean log?"),
    "log of 0": ('values = ["3 min", "30 min"]', 'low = "0 min", high = "9 min", scale = "log"', "0 min is zero"),
    "not varied here": ('"tgfb.half_life"', '"run.durations"', "vary.run.durations: unknown number of the scenario; one of"),
    "also fixed": ('"tgfb.half_life"', '"run.duration"', "vary.run.duration: also in [overrides]; one of them"),
    "no multiple": ('"tgfb.half_life" = { values = ["3 min", "30 min"] }', '"run.step" = { values = ["7 h"] }', "vary.run.step: "),
    "other arm": ("vary_protocol.anti_mif", "vary_protocol.anti_mi", "vary_protocol.anti_mi: unknown key; did you mean anti_mif"),
    "arm not run": ("vary_protocol.anti_mif", "vary_protocol.tgfb_inhibitor", "vary_protocol.tgfb_inhibitor: unknown key"),
    "key of protocol": ("from = {", "form = {", "vary_protocol.anti_mif.form: 'form'; did you mean from?"),
    "verb": ("from = {", "do = {", "vary_protocol.anti_mif.do: 'do'; "),
    "name": ("from = {", "target = {", "vary_protocol.anti_mif.target: '0 day'; "),
    "efficacy": ('from = { values = ["0 day", "6 h", "30 day"] }', "efficacy = { values = [1.5] }", "efficacy: 1.5; a"),
    "efficacy of text": ('from = { values = ["0 day", "6 h", "30 day"] }', 'efficacy = { values = ["1"] }', "efficacy: '1'; a"),
    "window": ('"30 day"', '"30 um"', "vary_protocol.anti_mif.from.values[2]: '30 um' is a length; a time"),
    "which": ("from = {", 'which = { do = "blocks" }\nfrom = {', "which: no such intervention in arm anti_mif; one of"),
    "toml": ("seeds = 2", "seeds = ", "PLAN.toml: line 4: Invalid value; valid TOML"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_line(case, written):
    old, new, message = WRONG[case]
    assert old in TOML
    with pytest.raises(InputError) as caught:
        sweeps.read_plan(written(TOML.replace(old, new, 1)))
    assert message in str(caught.value)
    assert "PLAN.toml" in caught.value.where
    assert "\n" not in str(caught.value)


def test_several_that_fit_are_refused_and_named(tmp_path):
    own = tmp_path / "liver_own" / "scenario.toml"
    own.parent.mkdir()
    text = (scenario.library() / EDUCATION / "scenario.toml").read_text(encoding="utf-8")
    block = '{ do = "block", target = "mif", efficacy = 0.95, from = "0 day", to = "28 day" }'
    assert block in text
    own.write_text(text.replace(block, f"{block}, {block.replace('mif', 'ccr2')}"), encoding="utf-8")
    late = {"values": ["1 day"]}
    with pytest.raises(InputError) as caught:
        sweeps.plan(own, arms=["anti_mif"], overrides=TINY, vary_protocol={"anti_mif": {"from": late}})
    assert str(caught.value) == (
        "vary_protocol.anti_mif.from: 2 interventions of arm anti_mif have it; "
        "`which` that names one of block mif; block ccr2"
    )
    which = {"which": {"target": "ccr2"}, "from": late}
    (run,) = sweeps.plan(own, arms=["anti_mif"], overrides=TINY, vary_protocol={"anti_mif": which}).runs()
    assert [(block.target, block.start) for block in run.job.model().protocol.blocks] == [("mif", 0.0), ("ccr2", 24.0)]


def test_a_plan_that_is_not_there_is_said():
    with pytest.raises(InputError, match="nowhere.toml: No such file"):
        sweeps.read_plan("nowhere.toml")
