"""Paired effects: points by hand, coverage of the intervals, verdicts, and targets as they are read and judged."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Protocol
from niche_sim.experiment.scenario import load
from niche_sim.experiment.setup import setup
from niche_sim.experiment.targets import NO_EFFECT, Band, Target
from niche_sim.inference import comparisons, verdicts
from niche_sim.inference.comparisons import NUMERICS, Comparison, compare_as_ratio, events_of
from niche_sim.inference.effects import (
    Effect,
    difference_of_means,
    difference_of_shares,
    k_of,
    mean_of,
    median_of,
    prevented_gain,
    ratio_of_means,
    share_of,
)
from niche_sim.inference.verdicts import (
    BY_CONSTRUCTION,
    MET,
    NOT_ASKED,
    NOT_MET,
    UNDECIDED,
    judge,
    judge_direction,
    judge_value,
    questions,
)
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.cohort import Cohort
from niche_sim.runs.expectation.readouts import KNOWN
from niche_sim.runs.store import Part


def test_a_constant_ratio_has_no_width():
    effect = ratio_of_means([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert effect.estimate == pytest.approx(2.0)
    assert effect.low == pytest.approx(2.0)
    assert effect.high == pytest.approx(2.0)
    assert effect.n == 3


def test_intervals_cover_as_often_as_they_say():
    # 1000 cohorts of 8 pairs about a true ratio of 1.5: 95 % +- 3 x 0.7 % by counting; the jackknife is approximate.
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        reference = rng.gamma(20.0, 1.0, 8)
        treated = 1.5 * reference * rng.gamma(50.0, 1.0 / 50.0, 8)
        effect = ratio_of_means(treated, reference)
        covered += effect.low <= 1.5 <= effect.high
    assert 0.91 <= covered / 1000 <= 0.98


def test_k_by_hand():
    # Mean 4, variance 16: (16 - 4) / 16 = 0.75.
    effect = k_of([0.0, 4.0, 8.0])
    assert effect.estimate == pytest.approx(4.0 / 3.0)
    assert effect.low < effect.estimate < effect.high
    assert k_of([4.0, 4.0, 4.0]).estimate == math.inf  # less spread than chance gives
    with pytest.raises(ValueError, match="two of them with a count"):
        k_of([0.0, 5.0, 0.0])


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_k_of_a_section_is_that_of_the_organ(share):
    # 200 cohorts of 40 mice, mean 30 and k 3 in the organ: moments are skewed, so that coverage is a little below 95 %.
    rng = np.random.default_rng(4)
    covered, middle = 0, []
    for _ in range(200):
        organ = rng.poisson(rng.gamma(3.0, 10.0, 40))
        effect = k_of(rng.binomial(organ, share))
        covered += effect.low <= 3.0 <= effect.high
        middle.append(effect.estimate)
    assert 0.85 <= covered / 200 <= 1.0
    assert np.median(middle) == pytest.approx(3.0, rel=0.25)


def test_nothing_left_is_zero_with_an_upper_end():
    effect = ratio_of_means([0.0, 0.0, 0.0], [10.0, 12.0, 8.0], one=1.0)
    assert effect.estimate == effect.low == 0.0
    assert effect.high == pytest.approx(np.log(40.0) / 30.0)  # 2.5 % of a Poisson count being 0
    scaled = ratio_of_means([0.0, 0.0, 0.0], [1e4, 1.2e4, 8e3], one=1e3)  # of counts that are multiplied by 1000
    assert scaled.high == pytest.approx(effect.high)
    assert ratio_of_means([0.0, 0.0, 0.0], [10.0, 12.0, 8.0]).high == 0.0  # a concentration, say


def test_one_mouse_that_holds_everything_decides_nothing():
    effect = ratio_of_means([5.0, 0.0, 0.0], [4.0, 4.0, 4.0])
    assert effect.high == np.inf
    assert effect.equivalent(NUMERICS) == "undecided"


def test_prevented_gain_by_hand():
    effect = prevented_gain([2.0, 3.0], [11.0, 12.0], [1.0, 2.0])
    assert effect.estimate == pytest.approx(0.9)
    assert effect.low == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.95, 1.05, "equivalent"), (1.2, 1.4, "different"), (0.5, 0.8, "different"), (0.85, 1.05, "undecided")],
)
def test_verdicts(low, high, verdict):
    assert Effect((low + high) / 2, low, high, 10, 0.90).equivalent(NUMERICS) == verdict


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="pairs"):
        ratio_of_means([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no ratio"):
        ratio_of_means([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="no gain"):
        prevented_gain([1.0, 2.0], [1.0, 1.0], [2.0, 2.0])


# --- further effects -------------------------------------------------------------------------------------------------


def test_a_mouse_that_holds_all_of_both_bounds_nothing():
    effect = ratio_of_means([5.0, 0.0, 0.0], [4.0, 0.0, 0.0])
    assert (effect.low, effect.high) == (0.0, np.inf)


def test_difference_is_students_paired_interval():
    effect = difference_of_means([3.0, 5.0, 10.0], [1.0, 2.0, 3.0])
    assert effect.estimate == pytest.approx(4.0)
    # differences 2, 3, 7: standard deviation sqrt(7), t of 2 degrees of freedom 4.3027
    assert effect.high - 4.0 == pytest.approx(4.3027 * math.sqrt(7.0 / 3.0), rel=1e-4)


def test_mean_of_no_event_has_poissons_upper_end():
    assert mean_of([0.0] * 10).high == 0.0
    assert mean_of([0.0] * 10, one=1.0).high == pytest.approx(math.log(40.0) / 10)
    assert mean_of([0.0] * 10, one=1e4).high == pytest.approx(1e4 * math.log(40.0) / 10)


def test_mean_of_few_events_is_no_surer_than_poisson():
    # Garwood's table: of 5 events 1.623 to 11.668. Ten mice that share them evenly seem surer than they are.
    even = mean_of([1.0, 0.0] * 5, one=1.0)
    assert (even.low, even.high) == (
        pytest.approx(0.5 - 2.262 * math.sqrt(5 / 18) / math.sqrt(10), abs=1e-3),
        pytest.approx(1.1668, abs=1e-4),
    )  # Student's low end is the lower of the two
    same = mean_of([1.0] * 10, one=1.0)  # Student's interval has no width; of 10 events 4.795 to 18.390
    assert (same.low, same.high) == (pytest.approx(0.4795, abs=1e-4), pytest.approx(1.8390, abs=1e-4))
    apart = mean_of([0.0] * 9 + [50.0], one=1.0)
    assert (apart.low, apart.high) == (0.0, pytest.approx(mean_of([0.0] * 9 + [50.0]).high))


def test_wilsons_interval_by_hand():
    # 8 of 10, z = 1.96: (0.8 + 0.19207 -+ 1.96 sqrt(0.016 + 0.009604)) / 1.38415
    effect = share_of([1.0] * 8 + [0.0] * 2)
    assert (effect.low, effect.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert share_of([0.0] * 10).low == 0.0
    assert share_of([0.0] * 10).high == pytest.approx(0.2775, abs=1e-4)


def test_medians_interval_is_between_ordered_values():
    values = np.arange(1.0, 31.0)
    effect = median_of(values)
    # Of 30 the 10th and the 21st: the chance of fewer than 10 below the median is 2.1 %, of fewer than 11 4.9 %.
    assert (effect.estimate, effect.low, effect.high) == (15.5, 10.0, 21.0)
    assert median_of([1.0, np.inf, np.inf]).estimate == np.inf
    assert (median_of([1.0, 2.0, 3.0]).low, median_of([1.0, 2.0, 3.0]).high) == (-np.inf, np.inf)


def test_newcombes_interval_as_published():
    # Newcombe 1998, table II of paired differences: 36 mice with both, 12 and 2 with one, none with neither; method 10.
    a = np.repeat([1.0, 1.0, 0.0], [36, 12, 2])
    b = np.repeat([1.0, 0.0, 1.0], [36, 12, 2])
    effect = difference_of_shares(a, b)
    assert effect.estimate == pytest.approx(0.2)
    assert effect.low == pytest.approx(0.0569, abs=5e-4)
    assert effect.high == pytest.approx(0.3404, abs=5e-4)


def test_intervals_of_shares_cover_as_often_as_they_say():
    # 1000 cohorts of 20 pairs; 95 % +- 3 x 0.7 % by counting, and Newcombe's is known to be a little wide.
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(1000):
        shared = rng.random(20)
        b = (shared < 0.4).astype(float)
        a = ((shared < 0.4) ^ (rng.random(20) < 0.2)).astype(float)  # 0.4 * 0.8 + 0.6 * 0.2 = 0.44
        effect = difference_of_shares(a, b)
        covered += effect.low <= 0.04 <= effect.high
    assert 0.93 <= covered / 1000 <= 1.0


# --- verdicts --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def two_rules_between(monkeypatch):
    """The arms of made-up mice have no protocols from which a way through the rules could be told."""
    monkeypatch.setattr(verdicts, "path_length", lambda *_: 2)


def told(low, high, narrow=None, kind="ratio", events=math.inf, bounds=NO_EFFECT, n=30):
    middle = (low + high) / 2
    inner = (middle - 0.42 * (high - low), middle + 0.42 * (high - low)) if narrow is None else narrow
    return Comparison(kind, Effect(middle, low, high, n, 0.95), Effect(middle, *inner, n, 0.90), bounds, events)


@pytest.mark.parametrize(
    ("found", "less", "more", "same"),
    [
        (told(0.3, 0.6), MET, NOT_MET, NOT_MET),
        (told(1.5, 3.0), NOT_MET, MET, NOT_MET),
        (told(0.95, 1.05), NOT_MET, NOT_MET, MET),
        (told(1.00001, 1.00002), NOT_MET, NOT_MET, MET),  # sure, and nothing
        (told(0.75, 1.3, narrow=(0.81, 1.24)), NOT_MET, NOT_MET, MET),  # it is the 90 % interval that lies within
        (told(0.5, 2.0), UNDECIDED, UNDECIDED, UNDECIDED),
        (told(0.7, 0.95), MET, NOT_MET, UNDECIDED),
        (told(0.3, 0.6, events=19), UNDECIDED, UNDECIDED, UNDECIDED),
        (told(0.3, 0.6, events=20), MET, NOT_MET, NOT_MET),
        (told(1.2, 1.6, narrow=(1.26, 1.54)), NOT_MET, MET, UNDECIDED),  # it is the 95 % interval that lies outside
        (told(0.95, 1.05, n=5), UNDECIDED, UNDECIDED, UNDECIDED),  # mice are counted before all else
        (told(0.3, 0.6, n=5), UNDECIDED, UNDECIDED, UNDECIDED),
        (told(0.3, 0.6, n=6), MET, NOT_MET, NOT_MET),
        (told(0.95, 1.05, events=3), NOT_MET, NOT_MET, UNDECIDED),  # no effect, however few the events
        (told(0.1, 0.15, kind="difference", bounds=(-0.2, 0.2)), NOT_MET, NOT_MET, MET),
        (told(0.8, 1.0, kind="fraction before", bounds=(math.nan, math.nan)), MET, NOT_MET, UNDECIDED),
        (Comparison.none("nothing there"), UNDECIDED, UNDECIDED, UNDECIDED),
    ],
)
def test_directions(found, less, more, same):
    assert [judge_direction(found, expect).verdict for expect in ("less", "more", "same")] == [less, more, same]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(2.0, 4.0, MET), (1.0, 2.9, UNDECIDED), (1.5, 3.5, MET), (0.5, 7.0, UNDECIDED), (0.2, 0.9, NOT_MET), (6.0, 7.0, NOT_MET),
     (3.0, 3.0, MET), (-math.inf, math.inf, UNDECIDED), (math.inf, math.inf, NOT_MET)],
)  # fmt: skip
def test_values(low, high, verdict):
    effect = Effect(np.nan_to_num((low + high) / 2, nan=3.0), low, high, 30, 0.95)
    assert judge_value(Comparison("mean", effect, effect), 2.0, 5.0).verdict == verdict
    few = Effect(effect.estimate, low, high, 5, 0.95)
    assert judge_value(Comparison("mean", few, few), 2.0, 5.0).verdict == UNDECIDED
    assert judge_value(Comparison("ratio", effect, effect, events=19.0), 2.0, 5.0).verdict == UNDECIDED


def test_most_of_an_interval_within_a_band_is_not_enough_if_the_estimate_is_outside():
    skewed = Effect(5.1, 2.0, 6.0, 30, 0.95)
    assert judge_value(Comparison("mean", skewed, skewed), 2.0, 5.0).verdict == UNDECIDED


def test_a_ratio_without_an_upper_end_becomes_a_difference():
    found = comparisons.compare([4.0] * 10, [0.0] * 9 + [8.0], most=4.0)
    assert (found.kind, found.effect.estimate) == ("difference", pytest.approx(3.2))


def test_a_reason_is_given_for_what_is_undecided():
    why = judge_direction(told(0.3, 0.6, events=7), "less").why
    assert why == "7 events in the arm that has more, fewer than 20"
    assert judge_direction(told(0.5, 2.0), "more").why == "the interval leaves both open"


# --- targets and cohorts ---------------------------------------------------------------------------------------------


def target(**changes):
    given = {"id": "t", "readout": "bmdc", "arm": "b", "against": "a", "at": 48.0, "expect": "more", "value": None,
             "spread": None, "within": None, "use": "fit", "source": "X", "where": "y", "grade": "D"}  # fmt: skip
    return Target(**{**given, **changes})


def cohort_of(arms, onsets=None):
    """arm -> readout -> values of mice at 24 h and 48 h: at 24 h half of it."""
    lives = {}
    for arm, columns in arms.items():
        mice = len(next(iter(columns.values())))
        lives[arm] = {
            seed: Part(
                {"time_h": np.array([0.0, 24.0, 48.0])}
                | {name: np.array([0.0, 0.5, 1.0]) * values[seed] for name, values in columns.items()},
                {stage: values[seed] for stage, values in (onsets or {}).get(arm, {}).items()},
            )
            for seed in range(mice)
        }
    experiment = SimpleNamespace(targets=(), id="mine")
    stages = ("priming", "recruitment", "arrival")
    return Cohort(
        SimpleNamespace(experiment=experiment, arms=tuple(arms), reference=next(iter(arms)), stages=stages, base=None),
        lives,
    )


UP = {"a": {"bmdc": np.arange(10.0, 20.0)}, "b": {"bmdc": np.arange(30.0, 40.0)}, "c": {"bmdc": np.zeros(10)}}


def test_a_direction_of_two_arms():
    judged = judge(target(), cohort_of(UP))
    assert judged.direction == MET
    assert judged.comparison.effect.estimate == pytest.approx(34.5 / 14.5)
    assert judge(target(expect="less"), cohort_of(UP)).direction == NOT_MET


def test_a_reference_of_zero_is_compared_by_difference_on_the_scale_of_the_arm_that_has_most():
    found = judge(target(against="c"), cohort_of(UP))
    assert (found.comparison.kind, found.direction) == ("difference", MET)
    assert found.comparison.bounds == (pytest.approx(-0.2 * 34.5), pytest.approx(0.2 * 34.5))
    trace = {**UP, "b": {"bmdc": np.full(10, 1e-6)}, "d": UP["b"]}
    assert judge(target(against="c"), cohort_of(trace)).direction == NOT_MET
    assert judge(target(against="c", expect="same"), cohort_of(trace)).direction == MET
    sized = target(against="c", size=BAND)
    assert judge(sized, cohort_of(UP)).size == UNDECIDED  # a difference is no ratio


def test_what_is_the_same_in_every_mouse_is_so_by_construction():
    nothing = {arm: {"tgfb_mean": np.zeros(10), "colonies": np.zeros(10)} for arm in "ab"}
    for readout in ("tgfb_mean", "colonies"):
        same = judge(target(readout=readout, expect="same"), cohort_of(nothing))
        assert (same.direction, same.why) == (BY_CONSTRUCTION, "every mouse has the same value in both arms")
        assert not same.counts
        none = judge(target(readout=readout), cohort_of(nothing))
        assert (none.direction, none.why) == (NOT_MET, "no effect")  # before events are counted
    nearly = {"a": {"bmdc": np.full(10, 5.0)}, "b": {"bmdc": np.full(10, 5.0) + 1e-9}}
    assert judge(target(expect="same", use="validate"), cohort_of(nearly)).counts


def test_what_can_count_is_known_before_any_mouse_runs(monkeypatch):
    alone = {"against": None, "expect": None, "value": 1.0, "spread": 1.0}
    for path, counts in ((None, False), (1, False), (2, True)):
        monkeypatch.setattr(verdicts, "path_length", lambda *_, path=path: path)
        assert verdicts.may_count(target(use="validate"), None) is counts
        assert verdicts.may_count(target(use="validate", **alone), None)
        assert not verdicts.may_count(target(use="fit"), None)
        assert not verdicts.may_count(target(use="validate", by_construction="put in"), None)


def test_what_no_rule_leads_to_is_so_by_construction_and_what_one_rule_does_is_not_counted(monkeypatch):
    validate = target(use="validate")
    for path, direction, counts in ((None, BY_CONSTRUCTION, False), (0, MET, False), (1, MET, False), (2, MET, True)):
        monkeypatch.setattr(verdicts, "path_length", lambda *_, path=path: path)
        judged = judge(validate, cohort_of(UP))
        assert (judged.direction, judged.counts) == (direction, counts)
    alone = target(use="validate", by_construction="put in", against=None, expect=None, value=34.0, spread=3.0)
    assert judge(alone, cohort_of(UP)).direction == BY_CONSTRUCTION
    put_in = judge(target(use="validate", by_construction="its number was put in"), cohort_of(UP))
    assert (put_in.direction, put_in.why, put_in.counts) == (BY_CONSTRUCTION, "its number was put in", False)
    assert not judge(target(use="fit"), cohort_of(UP)).counts


BAND = Band(2.0, 3.0, "weak", "X", "y")


@pytest.mark.parametrize(
    ("low", "high", "size"), [(2.0, 3.0, MET), (2.6, 9.0, NOT_MET), (0.5, 2.0, NOT_MET), (2.37, 2.39, MET)]
)
def test_the_size_of_a_ratio_is_judged_beside_its_direction(low, high, size):
    judged = judge(target(size=Band(low, high, "weak", "X", "y")), cohort_of(UP))  # 2.38 (2.2 to 2.6)
    assert (judged.direction, judged.size) == (MET, size if high - low > 0.1 else UNDECIDED)
    assert judge(target(), cohort_of(UP)).size == NOT_ASKED


def test_of_a_value_against_another_arm_the_direction_is_judged_too():
    judged = judge(target(expect=None, value=3.0, within=1.1), cohort_of(UP))
    assert (judged.direction, judged.size) == (MET, NOT_MET)
    assert judge(target(expect=None, value=0.5, within=1.1), cohort_of(UP)).direction == NOT_MET


def test_the_spread_of_a_count_is_judged_by_its_k():
    wanted = target(readout="colonies", against=None, expect=None, value=3.0, within=3.0, statistic="k")
    rng = np.random.default_rng(2)
    wide = rng.poisson(rng.gamma(3.0, 10.0, 300)).astype(float)
    spread = cohort_of({"b": {"colonies": wide}})
    alike = cohort_of({"b": {"colonies": rng.poisson(30.0, 300).astype(float)}})
    assert (judge(wanted, spread).comparison.kind, judge(wanted, spread).size) == ("k", MET)
    assert (judge(wanted, alike).size, judge(wanted, alike).why) == (NOT_MET, "too high")
    none = judge(wanted, cohort_of({"b": {"colonies": np.array([0.0, 9.0, 0.0])}}))
    assert (none.size, none.comparison.note) == (UNDECIDED, "too few mice")
    few = judge(wanted, cohort_of({"b": {"colonies": np.array([0.0, 1.0, 3.0, 0.0])}}))
    assert few.size == UNDECIDED


def test_targets_on_one_question_are_counted_once():
    judged = judge(target(use="validate", size=BAND, comparison="c"), cohort_of(UP))
    other = judged._replace(direction=UNDECIDED, size=NOT_MET)
    (one,) = questions([("s", judged), ("t", other)])
    assert (one.name, one.direction, one.size, len(one.judged)) == ("c", UNDECIDED, NOT_MET, 2)
    alone = judged._replace(target=target(use="validate"), size=NOT_ASKED)
    assert [found.name for found in questions([("s", alone), ("t", alone)])] == ["s: t", "t: t"]
    assert [found.size for found in questions([("s", alone)])] == [NOT_ASKED]
    assert (one.deciding, one.sized) == (other, other)
    assert questions([("s", judged._replace(path=1)), ("s", judged._replace(direction=BY_CONSTRUCTION))]) == []


def test_events_are_counted_in_the_arm_that_has_more():
    colonies = {"a": {"colonies": np.repeat([2.0, 3.0], 5)}, "b": {"colonies": np.zeros(10)}}
    assert judge(target(readout="colonies", expect="less"), cohort_of(colonies)).comparison.events == 25.0
    swapped = {"a": colonies["b"], "b": colonies["a"]}
    assert judge(target(readout="colonies"), cohort_of(swapped)).comparison.events == 25.0
    share = {"b": {"tumour_present": np.full(10, 10.0), "tumour_arrived": np.full(10, 1.0)}}
    two = target(readout="tumour_present", against_readout="tumour_arrived", against=None)
    assert judge(two, cohort_of(share)).comparison.events == 100.0
    assert comparisons.is_event("tumour_arrived")
    assert not comparisons.is_event("tumour_area_fraction")
    assert not comparisons.is_event("bmdc")


def test_a_count_that_is_scaled_to_the_organ_is_counted_in_colonies():
    experiment = load("liver_education_costasilva2015")
    of_arm = {"pbs": np.repeat([2.0, 3.0], 5), "educated": np.zeros(10)}
    cohort = cohort_of({arm: {"colonies": found, "metastases_per_liver": found} for arm, found in of_arm.items()})
    cohort.plan.experiment, cohort.plan.base = experiment, setup(experiment)
    one = comparisons.value_of_one(cohort, "pbs", "metastases_per_liver")
    assert 1e3 < one < 1e6  # sections of 2 x 2 x 0.02 mm in a liver
    for mice in cohort.lives.values():
        for life in mice.values():
            life.table["metastases_per_liver"] *= one
    sides = ("educated", "metastases_per_liver", 48.0), ("pbs", "metastases_per_liver", 48.0)
    assert events_of(cohort, *sides) == (pytest.approx(25.0), one)
    asked = target(readout="metastases_per_liver", arm="educated", against="pbs", expect="less")
    scaled, plain = (
        judge(replace(asked, readout=name), cohort).comparison for name in ("metastases_per_liver", "colonies")
    )
    assert scaled.effect.high == pytest.approx(plain.effect.high)
    alone = judge(replace(asked, against=None, expect=None, value=1.0, spread=one), cohort).comparison
    assert alone.effect.high == pytest.approx(one * math.log(40.0) / 10)
    traced = replace(experiment.arms["pbs"].protocol.tumour_challenges[0], oversample=500.0)
    arm = replace(experiment.arms["pbs"], protocol=Protocol((traced,)))
    cohort.plan.experiment = replace(experiment, arms={**experiment.arms, "pbs": arm})
    assert comparisons.value_of_one(cohort, "pbs", "metastases_per_liver") == pytest.approx(one / 500.0)
    assert comparisons.value_of_one(cohort, "pbs", "tracer_colonies") == 1.0 / 500.0


def test_nothing_left_of_what_is_no_count_has_no_upper_end_by_counting():
    assert compare_as_ratio(np.zeros(6), np.full(6, 1e-3)).effect.high == 0.0


def test_a_ratio_that_may_be_on_either_side_of_1_has_no_direction():
    wide, narrow = (target(expect=None, value=1.1, within=within) for within in (1.5, 1.1))
    assert (wide.direction, narrow.direction) == (None, "same")
    assert target(expect=None, value=1.1, within=1.3).direction is None  # up to 1.43
    mice = {"a": {"bmdc": np.arange(10.0, 20.0)}, "b": {"bmdc": 1.4 * np.arange(10.0, 20.0)}}
    judged = judge(wide, cohort_of(mice))  # 1.4 is in the band, and no equality
    assert (judged.direction, judged.size) == (MET, MET)


def test_a_fraction_that_is_the_same_is_so_by_construction_only_if_the_readout_is():
    mice = {"a": {"colonies": np.arange(1.0, 41.0)}, "b": {"colonies": np.arange(2.0, 42.0)}}
    asked = target(readout="colonies", above=0.0, expect="same")
    assert judge(asked, cohort_of(mice)).direction == MET
    assert judge(asked, cohort_of({"a": mice["a"], "b": mice["a"]})).direction == BY_CONSTRUCTION


def test_five_mice_are_not_the_same_by_construction():
    mice = {arm: {"bmdc": np.ones(5)} for arm in "ab"}
    assert judge(target(expect="same"), cohort_of(mice)).direction == UNDECIDED


@pytest.mark.parametrize(("true", "readout"), [(1.0, "bmdc"), (1.0, "colonies"), (1.6, "bmdc"), (1.6, "colonies")])
def test_verdicts_are_wrong_as_seldom_as_they_say(true, readout):
    """400 made-up studies of 10 mice: a direction that is not there is met in at most 2.5 %, 4 standard errors allowed."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(400):
        mice = rng.gamma(8.0, 1.0 / 8.0, 10)
        scale = 6.0 if readout == "colonies" else 200.0
        arms = {"a": {readout: rng.poisson(scale * mice).astype(float)}}
        arms["b"] = {readout: rng.poisson(true * scale * mice).astype(float)}
        wrong += judge(target(readout=readout, expect="less"), cohort_of(arms)).direction == MET
    assert wrong / 400 <= 0.025 + 4.0 * math.sqrt(0.025 * 0.975 / 400)


def test_incidence_is_the_fraction_of_mice_above():
    found = {"a": {"colonies": np.repeat([0.0, 1.0], [18, 2])}, "b": {"colonies": np.repeat([0.0, 4.0], [5, 15])}}
    judged = judge(target(readout="colonies", above=0.0), cohort_of(found))
    assert (judged.comparison.kind, judged.direction) == ("difference of fractions", MET)
    assert judged.comparison.effect.estimate == pytest.approx(0.65)
    alone = target(readout="colonies", above=0.0, against=None, expect=None, value=0.7, spread=0.2)
    judged = judge(alone, cohort_of(found))
    assert (judged.comparison.kind, judged.comparison.effect.estimate, judged.direction) == ("fraction", 0.75, MET)


def test_a_value_is_a_mean_or_a_ratio():
    alone = judge(target(against=None, expect=None, value=34.0, spread=3.0), cohort_of(UP))
    assert (alone.comparison.kind, alone.comparison.effect.estimate, alone.direction) == ("mean", 34.5, MET)
    ratio = judge(target(expect=None, value=1.5, within=1.1), cohort_of(UP))
    assert (ratio.comparison.kind, ratio.direction, ratio.size) == ("ratio", MET, NOT_MET)
    none = judge(target(expect=None, value=2.0, within=1.1, against="c"), cohort_of(UP))
    assert none.direction == UNDECIDED
    assert "no ratio" in none.why


def test_a_window_is_averaged_and_another_readout_may_be_the_reference():
    windowed = judge(target(window=48.0, against=None, expect=None, value=1.0, spread=1.0), cohort_of(UP))
    assert windowed.comparison.effect.estimate == pytest.approx(0.75 * 34.5)  # rows at 24 and 48 h
    both = judge(target(window=48.0), cohort_of(UP))  # a mean of the same rows in both arms
    assert both.comparison.effect.estimate == pytest.approx(34.5 / 14.5)
    two = {"b": {"bmdc": np.arange(2.0, 12.0), "mdsc": np.arange(1.0, 11.0)}}
    share = judge(target(readout="mdsc", against_readout="bmdc", against=None, expect="less"), cohort_of(two))
    assert share.comparison.effect.estimate == pytest.approx(5.5 / 6.5)


def test_order_of_onsets():
    onsets = {"b": {"recruitment": np.repeat([24.0, 40.0, np.nan], [8, 1, 1]), "arrival": np.full(10, 30.0)}}
    onsets["b"]["arrival"][7] = np.nan  # never: after all
    order = target(readout="onset_recruitment", against_readout="onset_arrival", against=None, expect="less")
    judged = judge(order, cohort_of({"b": UP["b"]}, onsets))
    assert (judged.comparison.kind, judged.comparison.effect.estimate) == ("fraction before", 0.8)
    assert judged.direction == UNDECIDED
    onsets["b"]["recruitment"] = np.full(10, 1.0)
    assert judge(order, cohort_of({"b": UP["b"]}, onsets)).direction == MET
    never = {"b": {"recruitment": np.full(10, np.nan), "arrival": np.full(10, np.nan)}}
    assert judge(order, cohort_of({"b": UP["b"]}, never)).why == "neither is reached in any mouse"
    median = target(readout="onset_arrival", against=None, expect=None, value=30.0, spread=5.0)
    collected = cohort_of({"b": UP["b"]}, onsets)
    collected.plan.stages = ("arrival",)
    assert judge(order, collected).why == "no threshold of recruitment, which `niche-sim thresholds` makes"
    assert judge(median, cohort_of({"b": UP["b"]}, onsets)).comparison.kind == "median"


def test_what_the_mice_cannot_tell_is_undecided():
    assert judge(target(against="z"), cohort_of(UP)).why == "no mice of z"
    assert judge(target(at=72.0), cohort_of(UP)).why == "the runs end on day 2"
    one = {"a": {"bmdc": np.ones(1)}, "b": {"bmdc": np.ones(1)}}
    assert judge(target(), cohort_of(one)).why == "fewer than two mice with a value"
    gaps = {"a": {"bmdc": np.array([1.0, np.nan, 3.0])}, "b": {"bmdc": np.array([2.0, 2.0, 6.0])}}
    assert judge(target(), cohort_of(gaps)).comparison.effect.n == 2


def test_effects_of_all_readouts_against_the_first_arm(monkeypatch):
    monkeypatch.setattr(verdicts, "BY_NAME", {"bmdc": BY_NAME["bmdc"]})
    onsets = {arm: {"priming": np.full(10, 12.0 if arm == "b" else 36.0)} for arm in "abc"}
    rows = verdicts.effects(cohort_of(UP, onsets))
    words = {(row.readout, row.arm, row.at): row.word for row in rows}
    assert words == {
        ("bmdc", "b", 48.0): "more",
        ("bmdc", "c", 48.0): "less",
        ("onset_priming", "b", 48.0): "earlier",
        ("onset_priming", "c", 48.0): UNDECIDED,
    }


# --- targets.toml ----------------------------------------------------------------------------------------------------

SCENARIO = """\
title = "t"
question = "q"
organ = "liver"
schedule = "default"
[section]
width = "1 mm"
height = "1 mm"
spacing = "20 um"
[run]
duration = "42 day"
step = "1 h"
[arms.control]
protocol = []
[arms.educated]
protocol = []
"""
HEAD = (
    '[[target]]\nid = "{}"\nclass = "D"\narm = "educated"\nuse = "validate"\nsource = "Luzzi1998"\nwhere = "recalled"\n'
)


def read(tmp_path, *bodies):
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    text = "".join(HEAD.format(f"t{n}") + body.replace("; ", "\n") + "\n" for n, body in enumerate(bodies))
    (tmp_path / "targets.toml").write_text(text)
    return load(tmp_path, readouts=KNOWN).targets


def test_every_form_of_target_is_read(tmp_path):
    incidence, order, window, share, share_of_two, between = read(
        tmp_path,
        'readout = "colonies"; against = "control"; at = "42 day"; expect = "less"; above = 0; headline = true',
        'readout = "onset_recruitment"; against_readout = "onset_arrival"; expect = "less"',
        'readout = "bmdc"; against = "control"; at = "21 day"; expect = "more"; whole_window = "2 day"',
        'readout = "colonies"; at = "42 day"; above = 0; value = 0.8; spread = 0.1',
        'readout = "tumour_extravasated"; against_readout = "tumour_arrived"; at = "42 day"; value = 0.8; within = 2',
        'readout = "onset_colonisation"; against = "control"; at = "30 day"; expect = "less"',
    )
    assert (incidence.above, incidence.headline, incidence.grade) == (0.0, True, "D")
    assert (order.is_onset, order.against_readout, order.against, order.at) == (True, "onset_arrival", None, 1008.0)
    assert (window.window, window.headline) == (48.0, False)
    assert share.tolerance == (pytest.approx(0.7), pytest.approx(0.9))
    assert share_of_two.tolerance == (0.4, 1.6)
    assert between.at == 720.0


SIZE = 'size = {low = 1, high = 2, strength = "weak", source = "Luzzi1998", where = "y"}'
GOOD = 'readout = "bmdc"; against = "control"; at = "21 day"; expect = "more"'
ONSET = 'readout = "onset_arrival"; against = "control"; expect = "less"'
VALUE = 'readout = "colonies"; at = "42 day"; value = 0.8; spread = 0.1'


@pytest.mark.parametrize(
    ("body", "key", "found", "allowed"),
    [
        (ONSET.replace("arrival", "arival"), ".readout", "'onset_arival'", "onset_arrival"),
        (GOOD.replace("bmdc", "bmd"), ".readout", "'bmd'", "bmdc"),
        (ONSET.replace("less", "same"), ".expect", "'same' of an onset", "less (before)"),
        (f'{ONSET}; whole_window = "1 day"', ".whole_window", "of an onset", "one time"),
        (f'{ONSET}; against_readout = "bmdc"', ".against_readout", "'bmdc'", "onset_<stage>"),
        (f'{GOOD}; against_readout = "onset_arrival"', ".against_readout", "'onset_arrival'", "two readouts"),
        (f'{GOOD}; against_readout = "bmdc_arrested"; above = 1', ".above", "beside", "one of them"),
        (GOOD.replace('against = "control"', 'against_readout = "bmdc"'), ".against_readout", "itself", "another"),
        (ONSET.replace('expect = "less"', "value = 3; spread = 1"), "", "an onset with 'value'", "a value in h"),
        (f'{GOOD}; whole_window = "22 day"', ".whole_window", "22 day", "up to 'at', 21 day"),
        (f'{GOOD}; whole_window = "0 day"', ".whole_window", "0 day", "above 0"),
        (f'{VALUE.replace("colonies", "bmdc")}; statistic = "k"', ".statistic", "'k' of bmdc", "colonies or macrometastases"),
        (f'{VALUE}; statistic = "K"', ".statistic", "'K'", "k"),
        (f'{VALUE}; against = "control"; statistic = "k"', ".statistic", "beside", "one arm"),
        (f"{GOOD}; above = 1; {SIZE}", ".size", "of a fraction of mice", "ratio of means"),
        (f"{ONSET}; {SIZE}", ".size", "of an onset", "ratio of means"),
        (f"{GOOD}; above = nan", ".above", "nan", "a finite number"),
        (f'{GOOD}; headline = "yes"', ".headline", "'yes'", "true or false"),
        (f"{VALUE.replace('0.8', '1.8')}; above = 0", ".value", "1.8", "0 to 1"),
        (VALUE.replace("0.8", "0").replace("spread = 0.1", "within = 2"), ".within", "of the value 0", "'spread'"),
        ('readout = "bmdc"; at = "21 day"; expect = "more"', ".against", "missing", "needed are"),
        ('readout = "bmdc"; against = "control"; expect = "more"', ".at", "missing", "needed are"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_target_is_one_line(tmp_path, body, key, found, allowed):
    with pytest.raises(InputError) as caught:
        read(tmp_path, body)
    assert caught.value.where == f"{tmp_path / 'targets.toml'}: target[0]{key}"
    assert found in caught.value.found
    assert allowed in caught.value.allowed
    assert "\n" not in str(caught.value)


def test_class_is_needed_and_one_target_is_the_headline(tmp_path):
    with pytest.raises(InputError, match="headline: true of a second target; one target a scenario"):
        read(tmp_path, f"{GOOD}; headline = true", f"{GOOD}; headline = true")
    file = tmp_path / "targets.toml"
    read(tmp_path, GOOD)
    text = file.read_text()
    file.write_text(text.replace('class = "D"', 'class = "E"'))
    with pytest.raises(InputError, match="class: 'E'; allowed are Q, S, D"):
        load(tmp_path)
    file.write_text(text.replace('class = "D"\n', ""))
    with pytest.raises(InputError, match="class: missing"):
        load(tmp_path)
