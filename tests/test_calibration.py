"""Calibration: known numbers are found again and intervals hold them; fit targets only; resumed, refused, and the command."""

import dataclasses
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from extras import needs
from matplotlib.image import imread
from synthetic import AXES, Growth, apart, truth_of

from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import load
from niche_sim.figures import sensitivity_and_fit
from niche_sim.inference import calibration, fitting
from niche_sim.inference.comparisons import Comparison
from niche_sim.inference.effects import Effect
from niche_sim.runs import cohort, sweeps

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import calibration_coverage

pytestmark = needs("pyabc", "calibration")
EDUCATION, FUNNEL = "liver_education_costasilva2015", "liver_funnel_luzzi1998"
TRUTH = {"rate": 0.6, "start": 0.4, "nothing": 0.5}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A calibration to what a known truth would give without error, in five populations, and how it went on."""
    folder, seen = tmp_path_factory.mktemp("growth"), []
    rate, start = truth_of(TRUTH)
    observed = {f"day_{day}": math.log(start) + rate * day for day in (5, 15)}
    np.random.seed(4)  # noqa: NPY002 - pyABC draws from it
    made = calibration.calibrate(
        Growth(), apart, observed, AXES, folder, particles=80, populations=5, watch=seen.append
    )
    return SimpleNamespace(posterior=made, folder=folder, seen=seen, observed=observed)


@pytest.mark.mice
def test_known_numbers_are_found_again(found):
    rate, start, nothing = calibration.marginals(found.posterior)
    truth = truth_of(TRUTH)
    # The posterior's median lies within the errors that two means of six mice allow, some 0.03 a day and a factor of 1.6.
    assert rate.low < truth[0] < rate.high and rate.median == pytest.approx(truth[0], abs=0.05)
    assert start.low < truth[1] < start.high and math.log(start.median / truth[1]) == pytest.approx(0.0, abs=0.6)
    assert (rate.word, start.word) == ("held", "held")
    assert (rate.unit, start.unit) == ("1/day", "cell")
    assert max(rate.width, start.width) < 0.45
    assert nothing.word == "not identified"
    assert nothing.width > 0.7


def test_numbers_that_trade_off_are_seen_to(found):
    ties = calibration.correlations(found.posterior)
    assert ties[0, 1] < -0.5  # a slower growth from more cells gives the same
    assert abs(ties[0, 2]) < 0.5
    np.testing.assert_allclose(np.diag(ties), 1.0)


def test_limits_fall_and_particles_are_weighted(found):
    made = found.posterior
    assert len(made.limits) == 5
    assert (np.diff(made.limits) < 0.0).all()
    assert made.weights.sum() == pytest.approx(1.0)
    assert 10.0 < made.effective <= len(made.shares) == 80
    stored = [apart({name: values[n] for name, values in made.stored.items()}, found.observed) for n in range(80)]
    assert max(stored) <= made.limits[-1]
    assert [(done.population, done.of) for done in found.seen] == [(n, 5) for n in range(1, 6)]
    assert found.seen[-1].all_simulations == made.simulations > 5 * 80


def test_what_is_there_goes_on_and_is_the_same(found):
    seen = []
    again = calibration.calibrate(
        Growth(), apart, found.observed, AXES, found.folder, particles=80, populations=5, watch=seen.append
    )
    assert [done.population for done in seen] == [5]  # nothing was simulated anew
    np.testing.assert_array_equal(again.shares, found.posterior.shares)
    with pytest.raises(InputError, match="a calibration of nothing, rate, start; another folder"):
        calibration.calibrate(Growth(), apart, found.observed, AXES[:2], found.folder)


@pytest.mark.mice
def test_an_interrupted_calibration_goes_on_where_its_last_population_ended(tmp_path):
    observed, left = {"day_5": 3.0, "day_15": 5.0}, [130]

    def stopping(point):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return Growth()(point)

    np.random.seed(1)  # noqa: NPY002
    with pytest.raises(KeyboardInterrupt):
        calibration.calibrate(stopping, apart, observed, AXES, tmp_path, particles=20, populations=4)
    kept = calibration.posterior(tmp_path, AXES)
    done = len(kept.limits)
    assert 1 <= done < 4
    seen = []
    again = calibration.calibrate(
        Growth(), apart, observed, AXES, tmp_path, particles=20, populations=4, watch=seen.append
    )
    assert [one.population for one in seen] == list(range(done, 5))
    assert again.limits[:done] == kept.limits


def test_one_that_was_stopped_before_its_first_population_begins_anew(tmp_path):
    def stopping(point):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibration.calibrate(stopping, apart, {"day_5": 3.0, "day_15": 5.0}, AXES, tmp_path, particles=20)
    with pytest.raises(InputError, match="no whole population in it yet"):
        calibration.posterior(tmp_path, AXES)
    observed = {"day_5": 3.0, "day_15": 5.0}
    assert (
        len(calibration.calibrate(Growth(), apart, observed, AXES, tmp_path, particles=20, populations=1).limits) == 1
    )


@pytest.mark.mice
def test_a_history_with_a_flipped_bit_is_said_and_begun_anew(tmp_path):
    observed = {"day_5": 3.0, "day_15": 5.0}
    calibration.calibrate(Growth(), apart, observed, AXES, tmp_path, particles=20, populations=1)
    file = tmp_path / calibration.HISTORY
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"history.db: its digest does not fit its name and content; a history as"):
        calibration.posterior(tmp_path, AXES)
    for left in ("history.work.db", "history.work.db-journal"):
        (tmp_path / left).write_bytes(b"what a killed process leaves")
    said, seen = [], []
    again = calibration.calibrate(
        Growth(), apart, observed, AXES, tmp_path, particles=20, populations=2, watch=seen.append, report=said.append
    )
    assert [done.population for done in seen] == [1, 2]
    assert len(again.limits) == 2
    assert said == [
        f"{tmp_path}: 1 kept file was damaged, another run's or of an earlier niche_sim, and begun anew: history.db"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["history.db"]


@pytest.mark.mice
def test_it_stops_at_the_limit(tmp_path):
    observed = {"day_5": 3.0, "day_15": 5.0}
    made = calibration.calibrate(Growth(), apart, observed, AXES, tmp_path, particles=30, populations=20, limit=9.0)
    assert made.limits[-1] <= 9.0 < made.limits[-2]
    assert len(made.limits) < 8


@pytest.mark.slow
def test_intervals_hold_the_truth_over_repeated_studies():
    """A short form of benchmarks/calibration_coverage.py, which says how often over many more."""
    studies = [calibration_coverage.study(seed, 40, 4, 0.8) for seed in range(10)]
    held = sum(
        low <= truth <= high for one in studies for truth, low, high in zip(one.truth, one.low, one.high, strict=True)
    )
    # Of 30 intervals that hold with a chance of 0.9 fewer than 23 do in one of a hundred such tests; seeds are fixed.
    assert held >= 23
    # They are not wide for want of fit: two of three numbers are held to well below their prior's width.
    assert np.median([one.width[:2] for one in studies]) < 0.5


def test_weighted_quantiles_are_those_of_repeated_values():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.25, 0.5, 0.25])
    assert calibration.weighted_quantiles(values, weights, [0.25, 0.625, 0.875]).tolist() == [1.0, 2.0, 3.0]
    many = np.linspace(0.0, 1.0, 1001)
    np.testing.assert_allclose(
        calibration.weighted_quantiles(many, np.ones(1001), [0.05, 0.5, 0.95]), [0.05, 0.5, 0.95], atol=1e-3
    )


@pytest.mark.parametrize(
    ("shares", "word"),
    [((0.3, 0.5), "held"), ((0.0, 1.0), "not identified"), ((0.6, 1.0), "open above"), ((0.0, 0.3), "open below")],
)
def test_what_the_targets_hold_is_said(shares, word):
    places = np.linspace(*shares, 200)[:, None]
    made = calibration.Posterior(AXES[:1], places, np.full(200, 1 / 200), (1.0,), 200, {})
    assert calibration.marginals(made)[0].word == word


def test_drawn_particles_follow_their_weights():
    shares = np.array([[0.1], [0.2], [0.3]])
    made = calibration.Posterior(AXES[:1], shares, np.array([0.5, 0.0, 0.5]), (1.0,), 3, {})
    assert made.drawn(4).ravel().tolist() == [0.1, 0.1, 0.3, 0.3]
    assert made.effective == pytest.approx(2.0)


# --- the fit targets of a scenario ------------------------------------------------------------------------------------


def of(kind, estimate, **more):
    effect = Effect(estimate, math.nan, math.nan, 5, 0.95)
    return Comparison(kind, effect, effect, **more)


def target(**changes):
    base = next(one for one in load(FUNNEL).targets if one.id == "started")
    return dataclasses.replace(base, **{"value": None, "spread": None, "within": None, "expect": None, **changes})


@pytest.mark.parametrize(
    ("wanted", "found", "far"),
    [
        (target(value=10.0, spread=2.0), of("mean", 13.0), 1.5),
        (target(value=10.0, within=3.0), of("mean", 30.0), 1.0),
        (target(value=10.0, within=3.0), of("mean", 10.0 / 9.0), 2.0),
        (target(value=10.0, within=3.0), of("mean", 0.0), calibration.WORST),
        (target(expect="more"), of("ratio", 1.25), 0.0),
        (target(expect="more"), of("ratio", 1.0), 1.0),
        (target(expect="more"), of("ratio", 0.8), 2.0),
        (target(expect="less"), of("ratio", 0.8), 0.0),
        (target(expect="less"), of("ratio", 0.0), 0.0),
        (target(expect="same"), of("ratio", 1.2), 0.0),
        (target(expect="same"), of("ratio", 1.25**2), 1.0),
        (target(expect="less"), of("fraction before", 1.0), 0.0),
        (target(expect="less"), of("fraction before", 0.5), 1.0),
        (target(expect="more"), of("difference of fractions", 0.1), 0.5),
        (target(expect="more"), of("difference", 3.0, bounds=(-6.0, 6.0)), 0.5),
        (target(expect="more"), of("ratio", math.nan), calibration.WORST),
    ],
)
def test_how_far_a_target_is_missed(wanted, found, far):
    assert fitting.missed(wanted, found) == pytest.approx(far)


def test_the_distance_is_over_targets_and_only_over_how_far_they_are_missed():
    simulated = {"a": 5.0, "missed_a": 3.0, "b": math.nan, "missed_b": 4.0}
    assert fitting.distance(simulated, {"a": 1.0, "missed_a": 0.0, "b": 1.0, "missed_b": 0.0}) == math.sqrt(12.5)


def test_targets_to_validate_never_enter():
    experiment = load(EDUCATION)
    made = fitting.fit(experiment, {"tgfb.half_life": "register"}, mice=2)
    assert {one.id for one in made.targets} == {one.id for one in experiment.targets if one.use == "fit"}
    assert {one.use for one in experiment.targets} == {"fit", "validate"}
    assert set(made.observed) == {name for one in made.targets for name in (one.id, f"missed_{one.id}")}
    with pytest.raises(InputError, match="has no fit targets"):
        fitting.fit(load("liver_nk_gorelik1982"), {"nk.chance_kill": "register"}, mice=2)


VARY = "exosomes.half_life_blood,kupffer.fraction_responders"
SCENARIO = """
title = "Two days of education"
question = "How many vesicles are taken up?"
organ = "liver"
schedule = "default"
section = { width = "600 um", height = "700 um", spacing = "20 um" }
run = { duration = "2 day", step = "1 h" }
[arms.pbs]
note = "Nothing is done."
protocol = []
[arms.educated]
note = "Two doses."
like = "pbs"
add = [{ do = "inject_exosomes", source = "pdac", amount = "5 ug", every = "1 day", from = "0 day", to = "2 day" }]
"""
TARGETS = """
[[target]]
id = "loaded"
class = "S"
readout = "kupffer_loaded"
arm = "educated"
at = "2 day"
value = 12.0
within = 2
use = "fit"
source = "CostaSilva2015"
where = "made up for this test"
[[target]]
id = "more_fibronectin"
class = "D"
readout = "fibronectin_mean"
arm = "educated"
against = "pbs"
at = "1 day"
expect = "more"
use = "validate"
source = "CostaSilva2015"
where = "made up for this test"
[[target]]
id = "load_rises"
class = "D"
readout = "kupffer_load_mean"
arm = "educated"
against_readout = "kupffer_loaded"
at = "2 day"
expect = "more"
use = "fit"
source = "CostaSilva2015"
where = "made up for this test"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """The path of a short scenario on one lobule, with two targets to fit to and one to validate."""
    folder = tmp_path_factory.mktemp("scenarios") / "liver_short_test2000"
    folder.mkdir()
    (folder / "scenario.toml").write_text(SCENARIO)
    (folder / "targets.toml").write_text(TARGETS)
    return folder / "scenario.toml"


@pytest.fixture(scope="module")
def small(scenario):
    return fitting.fit(load(scenario), dict.fromkeys(VARY.split(","), "register"), mice=2)


POINT = {"exosomes.half_life_blood": 0.4, "kupffer.fraction_responders": 0.2}


def test_a_particle_is_simulated_as_mice_of_its_own(small):
    told = small(POINT)
    assert small(POINT) == told  # the same particle is the same mice
    assert set(told) == set(small.observed) == {"loaded", "load_rises", "missed_loaded", "missed_load_rises"}
    assert told["loaded"] > 0.0
    assert told["missed_loaded"] == pytest.approx(abs(math.log(told["loaded"] / 12.0)) / math.log(2.0))
    many = small({**POINT, "kupffer.fraction_responders": 1.0})
    assert many["loaded"] > told["loaded"]


def test_other_salt_and_other_numbers_are_other_mice(small, monkeypatch):
    jobs = []

    def seen(job):
        jobs.append(job)
        raise InputError("x", "y", "z")

    monkeypatch.setattr(fitting, "run_one", seen)
    other = {**POINT, "kupffer.fraction_responders": 0.3}
    for fit, point in ((small, POINT), (dataclasses.replace(small, salt=1), POINT), (small, other)):
        assert fit(point)["missed_loaded"] == calibration.WORST  # refused: as bad as can be
    assert len({job.seed for job in jobs}) == 3
    axis = next(axis for axis in small.axes if axis.name == "kupffer.fraction_responders")
    assert jobs[0].setup.overrides[axis.name] == axis.setting(float(axis.levels(np.array([0.2]))[0]))


def test_runs_that_end_before_a_target_are_refused(scenario):
    with pytest.raises(InputError, match="ends before loaded, load_rises; at least 2 day"):
        fitting.fit(load(scenario), {"tgfb.half_life": "register"}, mice=2, overrides={"run.duration": "1 day"})


def test_a_mouse_that_fails_is_no_bad_fit(small, monkeypatch):
    monkeypatch.setattr(fitting, "run_one", lambda job: sweeps.Outcome(job.name, b"", "out of luck", 0.0))
    with pytest.raises(fitting.Failed, match="a mouse of the calibration failed: out of luck"):
        small(POINT)


def test_the_check_tells_what_the_posterior_gives(small):
    rows = [{"loaded": value, "missed_loaded": abs(value - 10.0)} for value in (9.0, 10.0, 12.0)]
    (made,) = fitting.check([one for one in small.targets if one.id == "loaded"], rows)
    assert (made.median, made.n, made.missed) == (10.0, 3, 1.0)
    assert 9.0 <= made.low < 10.0 < made.high <= 12.0


# --- the command -----------------------------------------------------------------------------------------------------


QUICK = ["calibrate", "--vary", VARY, "--mice", "2", "--particles", "10", "--workers", "2", "-o", "mine"]


@pytest.mark.slow
def test_calibrate_leaves_a_posterior_a_check_and_figures_and_goes_on(call, scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["niche_sim.cli.calibrate"], "CHECKS", 3)
    done = call(*QUICK, scenario, "--populations", "1")
    assert done.code == 0, done.err
    start = "2 fit targets, 2 numbers; 10 particles or more a population, 1 arms x 2 mice"
    assert done.err[0].startswith(start)
    assert "Posterior predictive check" in done.words
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "calibration.json", "history.db", "posterior.parquet", "check.parquet", "posterior.png", "check.png",
    }  # fmt: skip
    particles = cohort.read_table(tmp_path / "mine" / "posterior.parquet")
    assert len(particles) == 10
    assert sum(row["weight"] for row in particles) == pytest.approx(1.0)
    checked = {row["target"]: row for row in cohort.read_table(tmp_path / "mine" / "check.parquet")}
    assert set(checked) == {"loaded", "load_rises"}
    assert checked["loaded"]["n"] == 3
    assert imread(tmp_path / "mine" / "posterior.png").shape[1] == 1417  # 180 mm at 200 dpi
    again = call(*QUICK, scenario, "--populations", "1")
    assert again.code == 0
    assert cohort.read_table(tmp_path / "mine" / "posterior.parquet") == particles
    other = call(*QUICK, scenario, "--populations", "1", "--mice", "3")
    assert other.code == 2
    assert other.err[0].startswith("niche-sim: -o mine: holds a calibration with another mice; another folder")
    assert json.loads((tmp_path / "mine" / "calibration.json").read_text())["mice"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nope", "--vary", VARY], "SCENARIO: 'nope'"),
        ([EDUCATION], "--vary: missing"),
        ([EDUCATION, "--vary", "tgfb.half_lif"], "--vary tgfb.half_lif: "),
        ([EDUCATION, "--vary", "run.duration"], "--vary run.duration: "),
        (["liver_nk_gorelik1982", "--vary", VARY], "SCENARIO: liver_nk_gorelik1982 has no fit targets"),
        ([EDUCATION, "--vary", VARY, "--particles", "2"], "--particles: '2'; a whole number from 10"),
        ([EDUCATION, "--vary", VARY, "--limit", "0"], "--limit: '0'"),
        ([EDUCATION, "--vary", VARY, "--workers", "1", "--scheduler", "x"], "--workers: together with --scheduler"),
        ([EDUCATION, "--vary", VARY, "--set", "tgfb.half_lif=1 min"], "--set tgfb.half_lif: "),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, options, said):
    done = call("calibrate", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}"), done.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(call, scenario, monkeypatch):
    def stopped(*_, watch, **__):
        watch(calibration.Progress(2, 6, 1.5, 40, 90))
        raise KeyboardInterrupt

    monkeypatch.setattr(calibration, "calibrate", stopped)
    done = call(*QUICK, scenario)
    assert done.code == 130
    assert (
        done.err[-1] == "niche-sim: stopped by Ctrl-C, 2 of 6 populations done; the same command with -o mine goes on"
    )


def test_figures_show_each_number_and_each_target(found, small):
    made = calibration.marginals(found.posterior)
    corner = sensitivity_and_fit.posterior_figure(found.posterior, made, "growth")
    assert len(corner.axes) == 6
    titles = [ax.get_title() for ax in corner.axes if ax.get_title()]
    assert titles == [f"{one.name}\n{one.word}" for one in made]
    checked = [fitting.Checked(one, 0.9, 0.7, 1.0, 20, 0.2) for one in small.targets]
    assert len(sensitivity_and_fit.check_figure(checked, "growth").axes) == len(checked)
