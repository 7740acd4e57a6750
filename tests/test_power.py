"""Power: against closed forms and scipy's own tests; the advisor stops where it says; the command's outputs and refusals."""

import math

import numpy as np
import pytest
from matplotlib.image import imread
from scipy import stats

from niche_sim.engine.chance import Chance
from niche_sim.engine.errors import InputError
from niche_sim.figures import power_and_windows
from niche_sim.inference import power
from niche_sim.inference.effects import Effect, ratio_of_means
from niche_sim.runs import cohort
from niche_sim.runs.farm import Done

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}
SET = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]


def normal(m=120):
    """m values that lie as those of a normal distribution of standard deviation 1."""
    z = stats.norm.ppf((np.arange(m) + 0.5) / m)
    return z / z.std(ddof=1)


def made(treated, reference, test, **more):
    a, b = (np.asarray(x, np.float64) for x in (treated, reference))
    return power.Groups(more.pop("readout", "bmdc"), "treated", "reference", 24.0, a, b, test, **more)


def closed_form(n, shift):
    """Power of the two-sided t test of two groups of n, whose means differ by `shift` standard deviations."""
    freedom, away = 2 * n - 2, shift * math.sqrt(n / 2.0)
    edge = stats.t.ppf(0.975, freedom)
    return stats.nct.sf(edge, freedom, away) + stats.nct.cdf(-edge, freedom, away)


@pytest.mark.parametrize("test", ["welch", "welch-log"])
@pytest.mark.parametrize("shift", [0.5, 0.8, 1.2])
def test_normal_mice_have_the_power_that_the_noncentral_t_says(shift, test):
    first, second = normal() + shift + 10.0, normal() + 10.0
    one = made(np.exp(first), np.exp(second), test) if test == "welch-log" else made(first, second, test)
    # Welch's test loses a little against the pooled one with few mice. 10,000 draws know a power to 0.005; 120 values for
    # a normal distribution cut its tails, by less than that.
    for n in (12, 26, 50):
        assert power.power(one, n) == pytest.approx(closed_form(n, shift), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.6, 1.2])
def test_normal_mice_need_as_many_as_the_noncentral_t_says(shift):
    curve, needed = power.study(made(np.exp(normal() + shift), np.exp(normal()), "welch-log"))
    exact = next(n for n in range(3, 200) if closed_form(n, shift) >= 0.8)
    # At 0.8 the power rises by some 1.2 % for a per cent more mice, so 0.005 of it is known to 1 % of them, and one mouse.
    assert needed.n == pytest.approx(exact, abs=1 + 0.02 * exact)
    assert needed.low < needed.n < needed.high
    assert (curve.low <= curve.power).all() and (curve.power <= curve.high).all()


def test_without_an_effect_the_power_is_the_level():
    one = made(np.exp(normal()), np.exp(normal()), "welch-log")
    # Four standard errors of 10,000 draws at 0.05 are 0.009.
    assert power.power(one, 12) == pytest.approx(0.05, abs=0.009)
    assert power.power(one, 12, alpha=0.2) == pytest.approx(0.2, abs=0.016)


@pytest.mark.parametrize("n", [4, 9, 30])
def test_drawn_groups_go_through_scipys_tests(n):
    """The p of every drawn pair of groups, against scipy on the very same groups; ties and zeros among them."""
    draws = Chance(3)
    a = draws.poisson("a", np.full(12, 2.0), np.arange(12)).astype(np.float64)
    b = draws.poisson("b", np.full(12, 4.0), np.arange(12)).astype(np.float64)
    first, second = (power._draws(name, 40, n, 12) for name in ("treated", "reference"))
    counts = power._fresh_counts("treated", 40, n, 12), power._fresh_counts("reference", 40, n, 12)
    found = power._p_values(made(a, b, "mann-whitney"), *counts)
    wanted = stats.mannwhitneyu(a[first], b[second], axis=1, method="asymptotic").pvalue
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    x, y = a + 1.5 + np.arange(12), b + 2.0 + np.arange(12) ** 1.1
    found = power._p_values(made(x, y, "welch-log"), *counts)
    wide = math.sqrt(12 / 11)
    lx, ly = (np.log(v).mean() + (np.log(v) - np.log(v).mean()) * wide for v in (x, y))
    wanted = stats.ttest_ind(lx[first], ly[second], axis=1, equal_var=False).pvalue
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 3, 5, 8])
def test_small_groups_without_ties_have_the_exact_p(n):
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.0, 1.0, 12), rng.normal(0.7, 1.0, 12)
    chosen = [np.array([rng.permutation(12)[:n] for _ in range(30)]) for _ in range(2)]
    counts = [np.array([np.bincount(row, minlength=12) for row in rows]).astype(np.float64) for rows in chosen]
    found = power._p_values(made(a, b, "mann-whitney"), *counts)
    wanted = stats.mannwhitneyu(a[chosen[0]], b[chosen[1]], axis=1, method="exact").pvalue
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_groups_of_equal_values_show_nothing():
    assert power.power(made([2.0, 2.0, 2.0], [2.0, 2.0, 2.0], "mann-whitney"), 5) == 0.0
    assert power.power(made([2.0, 2.0, 2.0], [2.0, 2.0, 2.0], "welch-log"), 5) == 0.0


@pytest.mark.parametrize("n", [5, 12])
def test_fishers_test_and_its_power_are_exact(n):
    table = power._fisher(n)
    for first in range(n + 1):
        for second in range(n + 1):
            p = stats.fisher_exact([[first, n - first], [second, n - second]]).pvalue
            assert table[first, second] == pytest.approx(p, rel=1e-9)
    one = made([1.0] * 9 + [0.0], [1.0] * 2 + [0.0] * 8, "fisher", above=0.5)
    drawn = [
        table[stats.binom.ppf(u, n, 0.9).astype(int), stats.binom.ppf(v, n, 0.2).astype(int)] < 0.05
        for u, v in [Chance(5).uniform("check", np.arange(40_000), 2).T]
    ]
    # Four standard errors of 40,000 draws are at most 0.01.
    assert power.power(one, n) == pytest.approx(np.mean(drawn), abs=0.01)


def test_groups_are_drawn_unpaired():
    """Two arms that differ by a trifle in each mouse, while mice differ much: pairs would tell, groups cannot."""
    mice = np.exp(normal(30))
    one = made(1.05 * mice, mice, "welch-log")
    assert stats.ttest_rel(np.log(one.treated), np.log(one.reference + 1e-9)).pvalue < 1e-6
    assert power.power(one, 30) < 0.1


def test_an_assumed_effect_scales_means_and_keeps_the_spread():
    one = made([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], "welch-log", effect=3.0)
    treated, reference = one.values
    assert treated.mean() / reference.mean() == pytest.approx(3.0)
    assert treated.std() / treated.mean() == pytest.approx(one.treated.std() / one.treated.mean())
    shares = made([5.0, 0.0, 5.0, 0.0], [5.0, 0.0, 0.0, 0.0], "fisher", above=1.0, effect=2.5)
    assert shares.values[0].mean() == pytest.approx(2.5 * 0.25)


@pytest.mark.slow
def test_fewer_virtual_mice_know_less():
    def of(m):
        apart = 7 * np.arange(m) % m  # so that mice of one seed are not alike
        return power.study(made(np.exp(normal(m)[apart] + 1.0), np.exp(normal(m)), "welch-log"))[1]

    few, many = of(8), of(60)
    assert few.high - few.low > 2.0 * (many.high - many.low)


def test_what_no_number_of_mice_shows_is_more_than_was_looked_at():
    curve, needed = power.study(made(np.exp(normal(40) + 0.02), np.exp(normal(40)), "welch-log"))
    assert math.isinf(needed.n)
    assert math.isinf(needed.high)
    assert power.mice_of(needed.n) == "more than 200"
    assert curve.power[-1] < 0.8


def test_the_spread_of_counts_is_told_from_counting():
    counts = Chance(1).poisson("counts", np.full(4000, 3.0), np.arange(4000)).astype(np.float64)
    one = power.spread_of(counts, "colonies")
    # The variance of 4,000 Poisson numbers is known to 2.5 %, here four of its standard errors.
    assert one.counting == pytest.approx(1.0, abs=0.1)
    assert power.spread_of(counts * np.repeat([0.0, 2.0], 2000), "colonies").counting < 0.4
    assert math.isnan(power.spread_of(counts, "ccl2").counting)


# --- groups of a cohort ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mice")
    one = cohort.plan(EDUCATION, ["pbs", "educated"], mice=4, overrides=SMALL)
    assert cohort.run([one], folder, 2) == []
    return cohort.gather(one, folder)


@pytest.mark.parametrize(
    ("readout", "options", "test"),
    [
        ("bmdc", {}, "welch-log"),
        ("kupffer_loaded", {}, "mann-whitney"),  # 0 without exosomes
        ("kupffer_loaded", {"above": 1.0}, "fisher"),
        ("bmdc", {"test": "mann-whitney"}, "mann-whitney"),
    ],
)
def test_the_test_suits_the_values(found, readout, options, test):
    one = power.groups(found, "educated", readout, 48.0, **options)
    assert one.test == test
    assert one.treated.tolist() == list(found.values("educated", readout, 48.0).values())
    assert one.reference.tolist() == list(found.values("pbs", readout, 48.0).values())


@pytest.mark.parametrize(
    ("readout", "options", "where"),
    [
        ("kupffer_loaded", {"test": "welch-log"}, "--test"),
        ("ccl2", {"test": "fisher"}, "--test"),
        ("ccl2", {"test": "welch", "above": 1.0}, "--test"),
        ("kupffer_loaded", {"effect": 0.5}, "--effect"),  # the reference has none
        ("kupffer_loaded", {"above": -1.0, "effect": 2.0}, "--effect"),  # twice all mice
        ("colonies", {}, "--readout"),  # none in any mouse so soon
    ],
)
def test_what_cannot_be_studied_is_refused(found, readout, options, where):
    with pytest.raises(InputError) as caught:
        power.groups(found, "educated", readout, 48.0, **options)
    assert caught.value.where == where


# --- the advisor -----------------------------------------------------------------------------------------------------


def test_the_advisor_stops_at_the_first_interval_that_is_narrow_enough():
    asked = []

    def look(n):
        asked.append(n)
        reach = math.exp(2.0 / math.sqrt(n))
        return Effect(1.0, 1.0 / reach, reach, n, 0.95)

    looks = power.advise(look, 2.0, 200)
    assert asked == [one.n for one in looks] == [10, 13, 17, 22, 28, 35]  # exp(4 / sqrt(n)) <= 2 from 34 mice on
    assert looks[-1].width <= 2.0 < looks[-2].width
    assert [one.n for one in power.advise(look, 2.0, 20)] == [10, 13, 17, 20]  # the most allowed
    assert [one.n for one in power.advise(look, 2.0, 36, batch=12)] == [10, 22, 34]


def test_an_interval_without_an_end_is_not_narrow():
    assert power.width_of(Effect(0.0, 0.0, 0.3, 10, 0.95)) == math.inf
    assert power.width_of(Effect(1.0, 0.5, math.inf, 10, 0.95)) == math.inf
    assert power.width_of(Effect(1.0, 0.5, 1.5, 10, 0.95)) == 3.0


def test_intervals_that_end_a_sequence_cover_nearly_what_they_say():
    """1,000 sequences of log-normal mice: the ends of the last interval hold the true ratio nearly as often as 95 %."""
    chance, held = Chance(11), 0
    for number in range(1000):
        a, b = (np.exp(0.5 * chance.normal(name, np.arange(200) + 200 * number)) for name in ("a", "b"))
        looks = power.advise(lambda n, a=a, b=b: ratio_of_means(2.0 * a[:n], b[:n]), 1.6, 200)
        held += looks[-1].effect.low <= 2.0 <= looks[-1].effect.high
    # Three standard errors of 1,000 sequences are 0.02; a rule that looked at the effect would lose more.
    assert 0.915 <= held / 1000 <= 0.96


# --- the command -----------------------------------------------------------------------------------------------------


QUICK = ["power", "--workers", "1", *SET]


@pytest.mark.mice
def test_power_leaves_tables_and_a_figure_and_says_its_limits(call, tmp_path):
    done = call(*QUICK, "--arms", "pbs,educated", "--readout", "kupffer_loaded", "--mice", "3", "-o", "mine")
    assert (done.code, done.err) == (0, [])
    assert "Mice a group for 80 % power: " in done.words
    assert "Mann-Whitney" in done.words
    assert "A lower bound" in done.words
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "mice",
        "power.parquet",
        "mice.parquet",
        "power.png",
    }
    rows = cohort.read_table(tmp_path / "mine" / "power.parquet")
    assert {row["unit"] for row in rows} == {"cell"}
    assert [row["mice_a_group"] for row in rows] == power.GRID.tolist()
    assert all(row["low"] <= row["power"] <= row["high"] for row in rows)
    assert imread(tmp_path / "mine" / "power.png").shape[1] == 1417  # 180 mm at 200 dpi


@pytest.mark.mice
def test_one_arm_is_enough_for_an_assumed_effect(call, tmp_path):
    done = call(*QUICK, "--arms", "pbs", "--readout", "bmdc", "--effect", "1.5", "--mice", "3", "-o", "mine")
    assert done.code == 0
    assert "pbs against pbs, effect assumed to be x1.5" in done.words
    assert len(list((tmp_path / "mine" / "mice" / "runs").glob("*.parquet"))) == 3


@pytest.mark.mice
def test_the_advisor_adds_mice_and_says_whether_it_was_enough(call, tmp_path, monkeypatch):
    monkeypatch.setattr(power, "FIRST_MICE", 3)
    options = ["--arms", "pbs,educated", "--readout", "bmdc", "-o", "mine"]
    done = call(*QUICK, *options, "--until-width", "1.000001", "--mice", "5")
    assert done.code == 0
    assert "Not narrow enough (x1) with 5 virtual mice an arm, the most allowed (--mice)." in done.words
    assert len(list((tmp_path / "mine" / "mice" / "runs").glob("*.parquet"))) == 10
    done = call(*QUICK, *options, "--until-width", "1000", "--mice", "5")
    assert "Narrow enough (x1000) with 3 virtual mice an arm." in done.words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--readout", "ccl2"], "--arms: missing"),
        (["--arms", "pbs", "--readout", "ccl2"], "--arms: 'pbs'; two arms"),
        (["--arms", "pbs,educatd", "--readout", "ccl2"], "--arms: 'educatd'; did you mean educated?"),
        (["--arms", "pbs,educated"], "--readout: missing"),
        (["--arms", "pbs,educated", "--readout", "colony"], "--readout: 'colony'; did you mean"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--at", "43"], "--at: day 43 is after the end; up to day 42"),
        (
            ["--arms", "pbs,educated", "--readout", "ccl2", "--power", "80"],
            "--power: '80'; a number above 0 and below 1",
        ),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--alpha", "0"], "--alpha: '0'"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--effect", "1"], "--effect: 1; another ratio"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--effect", "-2"], "--effect: '-2'; a number above 0"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--until-width", "1"], "--until-width: '1'"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--test", "anova"], "--test: 'anova'"),
        (["--arms", "pbs,educated", "--readout", "ccl2", "--mice", "2"], "--mice: '2'; a whole number from 3"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, options, said):
    done = call("power", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}"), done.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(call, monkeypatch):
    def stopped(plans, folder, workers, watch, **_):
        watch(Done(3, 0, 3, 8))
        raise KeyboardInterrupt

    monkeypatch.setattr(cohort, "run", stopped)
    done = call("power", "--arms", "pbs,educated", "--readout", "ccl2", "-o", "mine")
    assert done.code == 130
    assert done.err[-1] == "niche-sim: stopped by Ctrl-C, 3 of 8 mice done; the same command with -o mine goes on"


def test_the_figure_shows_every_mouse_and_the_answer():
    one = made(np.exp(normal(20) + 1.0), np.exp(normal(20)), "welch-log")
    curve, needed = power.study(one)
    figure = power_and_windows.power_figure(one, curve, needed, 0.8)
    mice, line = figure.axes
    assert sorted(mice.get_lines()[0].get_ydata()) == sorted(one.reference)
    assert sorted(mice.get_lines()[2].get_ydata()) == sorted(one.treated)
    np.testing.assert_array_equal(line.get_lines()[0].get_ydata(), curve.power)
    assert f"{needed.n:.0f} mice a group" in line.texts[0].get_text()
    assert "cells" in mice.get_ylabel()
