"""Windows: what is moved, that mice are paired, that a window after the end does nothing; and the command."""

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Block, Deplete, InjectExosomes, Treat
from niche_sim.experiment.scenario import load
from niche_sim.figures import power_and_windows
from niche_sim.inference import windows
from niche_sim.inference.comparisons import compare
from niche_sim.runs import cohort
from niche_sim.runs.farm import Done

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "6 day"}
SET = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
DAY = 24.0


def planned(arm="tgfb_inhibitor", days=(0.0, 3.0, 30.0), **options):
    return windows.windows(load(EDUCATION), arm, days, **{"mice": 3, "overrides": SMALL, **options})


def added(made, number):
    """What the arm of one start does beyond the reference."""
    arms = made.plan.experiment.arms
    common = arms[made.plan.reference].protocol.interventions
    return tuple(one for one in arms[made.arms[number]].protocol.interventions if one not in common)


def test_an_arm_is_compared_with_the_one_it_builds_on():
    made = planned()
    assert made.plan.reference == "educated"
    assert made.moved == (Block("tgfb_receptor", 0.95, 0.0, 21 * DAY),)
    assert planned("educated").plan.reference == "pbs"
    assert isinstance(planned("educated").moved[0], InjectExosomes)


def test_a_day_that_is_there_twice_is_one_start_and_near_days_are_two():
    made = planned(days=np.array([3, 0, 3]))
    assert made.days == (3.0, 0.0)
    assert len(planned(days=[1.0, 1.0 + 1e-9]).arms) == 2
    assert planned(days=2).days == (2.0,)
    for wrong in ("abc", [None], [math.nan], [], {"day": 1}):
        with pytest.raises(InputError, match="--by: "):
            planned(days=wrong)


def test_a_fixed_end_shortens_and_a_fixed_length_shifts():
    made = planned(days=(0.0, 5.0, 21.0, 40.0))
    assert added(made, 1) == (Block("tgfb_receptor", 0.95, 5 * DAY, 21 * DAY),)
    assert added(made, 2) == added(made, 3) == ()  # nothing is left of it
    made = planned(days=(0.0, 5.0), fixed="length")
    assert added(made, 0) == made.moved
    assert added(made, 1) == (Block("tgfb_receptor", 0.95, 5 * DAY, 26 * DAY),)


@pytest.mark.parametrize(
    ("one", "fixed", "moved"),
    [
        (Treat("gemcitabine", 1.0, (0.0, 48.0, 96.0)), "end", Treat("gemcitabine", 1.0, (48.0, 96.0))),
        (Treat("gemcitabine", 1.0, (0.0, 48.0, 96.0)), "length", Treat("gemcitabine", 1.0, (48.0, 96.0, 144.0))),
        (Treat("gemcitabine", 1.0, (0.0,)), "end", Treat("gemcitabine", 1.0, (48.0,))),
        (Deplete("nk_cells", 0.9, 0.0, 0.0), "end", Deplete("nk_cells", 0.9, 48.0, 48.0)),
        (Deplete("nk_cells", 0.9, 0.0, 96.0), "end", Deplete("nk_cells", 0.9, 48.0, 96.0)),
        (Deplete("nk_cells", 0.9, 0.0, 24.0), "end", None),
        (InjectExosomes("pdac", (0.0, 48.0), 5.0), "end", InjectExosomes("pdac", (48.0,), 5.0)),
    ],
)
def test_each_kind_is_moved_in_its_own_way(one, fixed, moved):
    assert windows._later(one, 48.0, fixed) == moved


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mice")
    made = planned(fixed="length")
    assert cohort.run([made.plan], folder, 2) == []
    return made, cohort.gather(made.plan, folder)


def test_a_window_after_the_end_does_nothing_to_any_mouse(found):
    made, mice = found
    for name, values in mice.lives["educated"][2].table.items():
        np.testing.assert_array_equal(mice.lives[made.arms[2]][2].table[name], values, err_msg=name)
    late = windows.effects(made, mice, "fibronectin_mean", 144.0)[2]
    assert late.comparison.effect.estimate == 1.0
    assert late.comparison.identical
    assert late.word == "undecided"  # with so few mice, whatever they say


def test_later_is_weaker_and_paired_by_seed(found):
    made, mice = found
    points = windows.effects(made, mice, "fibronectin_mean", 144.0)
    effects = [point.comparison.effect.estimate for point in points]
    assert effects[0] < effects[1] < effects[2] == 1.0
    assert [point.day for point in points] == [0.0, 3.0, 30.0]
    treated, reference = (
        list(mice.values(arm, "fibronectin_mean", 144.0).values()) for arm in (made.arms[0], "educated")
    )
    assert effects[0] == pytest.approx(np.mean(treated) / np.mean(reference))


def test_effects_of_all_starts_are_of_one_kind(found):
    """A ratio beside a difference on one axis would say nothing."""
    made, mice = found
    held = {"educated": (10.0, 11.0, 12.0), made.arms[0]: (0.0, 0.0, 5.0), made.arms[1]: (4.0, 5.0, 6.0),
            made.arms[2]: (10.0, 11.0, 12.0)}  # fmt: skip
    lives = {
        arm: {
            seed: replace(life, table=life.table | {"bmdc_arrested": np.full_like(life.table["time_h"], value)})
            for value, (seed, life) in zip(held[arm], mice.lives[arm].items(), strict=True)
        }
        for arm in mice.lives
    }
    points = windows.effects(made, replace(mice, lives=lives), "bmdc_arrested", 144.0)
    assert compare(held[made.arms[1]], held["educated"]).kind == "ratio"  # by itself
    assert [point.comparison.kind for point in points] == ["difference"] * 3  # of the first one mouse holds all
    assert [point.comparison.effect.estimate for point in points] == pytest.approx([5 / 3 - 11, -6.0, 0.0])


def test_each_start_can_be_looked_at_as_long_after_it(found):
    made, mice = found
    points = windows.effects(made, mice, "fibronectin_mean", after=48.0)
    assert [(point.day, point.at, point.arm) for point in points] == [(0.0, 48.0, made.arms[0]), (3.0, 120.0, made.arms[1])]
    for point in points:  # the one on day 30 has no such time
        (same,) = (one for one in windows.effects(made, mice, "fibronectin_mean", point.at) if one.day == point.day)
        assert same.comparison.effect == point.comparison.effect
    assert windows.when(points) == "2 days after the start"
    assert windows.when(windows.effects(made, mice, "fibronectin_mean", 144.0)) == "day 6"
    assert windows.when(points[:1]) == "day 2"
    assert [row["at_h"] for row in windows.table(made, points, "fibronectin_mean")] == [48.0, 120.0]
    with pytest.raises(InputError, match="at most 144 h"):
        windows.effects(made, mice, "fibronectin_mean", after=150.0)
    for both in ({}, {"at": 3.0, "after": 3.0}):
        with pytest.raises(ValueError, match="either"):
            windows.effects(made, mice, "fibronectin_mean", **both)


def test_before_it_starts_a_window_has_done_nothing(found):
    made, mice = found
    early = mice.values(made.arms[1], "fibronectin_mean", 72.0)
    assert early == mice.values("educated", "fibronectin_mean", 72.0)


def test_onsets_are_those_of_most_mice_of_the_reference(found):
    made, mice = found
    for number, life in enumerate(mice.lives["educated"].values()):
        life.onsets.update(priming=24.0 + 24.0 * number, licensing=np.nan if number else 48.0, recruitment=np.nan)
    told = {onset.stage: onset for onset in windows.onsets(made, mice)}
    assert set(told) <= {"priming", "angiogenesis"}
    assert (told["priming"].median, told["priming"].low, told["priming"].high) == (2.0, 1.0, 3.0) or told[
        "priming"
    ].median == 2.0


@pytest.mark.parametrize(
    ("arm", "options", "where"),
    [
        ("nobody", {}, "--arm"),
        ("pbs", {}, "--arm"),  # adds to no other arm
        ("educated", {"against": "educated"}, "--arm"),
        ("educated", {"against": "tgfb_inhibitor"}, "--arm"),
        ("tgfb_inhibitor", {"against": "anti_mif"}, "--against"),
        ("tgfb_inhibitor", {"against": "nobody"}, "--against"),
        ("tgfb_inhibitor", {"fixed": "start"}, "--fixed"),
        ("tgfb_inhibitor", {"days": (-1.0, 2.0)}, "--by"),
    ],
)
def test_what_cannot_be_moved_is_refused(arm, options, where):
    with pytest.raises(InputError) as caught:
        planned(arm, **options)
    assert caught.value.where == where


# --- the command -----------------------------------------------------------------------------------------------------


def test_window_leaves_a_table_and_a_figure(call, tmp_path):
    options = ["--arm", "tgfb_inhibitor", "--by", "0..4", "--step", "2", "--mice", "2", "--workers", "2"]
    done = call("window", *options, *SET, "-o", "mine")
    assert (done.code, done.err) == (0, [])
    assert "fibronectin_mean, day 6: tgfb_inhibitor against educated, end fixed" in done.words
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"mice", "windows.parquet", "windows.png"}
    rows = cohort.read_table(tmp_path / "mine" / "windows.parquet")
    assert [row["start_day"] for row in rows if row["readout"] == "fibronectin_mean"] == [0.0, 2.0, 4.0]
    assert {row["readout"] for row in rows} == {"fibronectin_mean", "bmdc_arrested"}  # of the arm's targets
    assert imread(tmp_path / "mine" / "windows.png").shape[1] == 1417  # 180 mm at 200 dpi
    done = call("window", *options, *SET, "--after", "3", "-o", "mine")
    assert "fibronectin_mean, 3 days after the start: tgfb_inhibitor" in done.words
    rows = cohort.read_table(tmp_path / "mine" / "windows.parquet")
    assert [row["at_h"] for row in rows if row["readout"] == "fibronectin_mean"] == [72.0, 120.0]
    assert "Left out, since the run ends sooner: 1 of 3 starts." in done.words
    assert "undecided: " in done.words, "two mice are too few, and it says so"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--by: missing; two days, such as 0..21"),
        (["--by", "0..21"], "--arm: missing"),
        (["--by", "5..5"], "--by: '5..5'; an earlier and a later day"),
        (["--by", "0..x"], "--by: "),
        (["--by", "0..21", "--step", "0.1"], "--step: 0.1 days; a step for at most 60 starts"),
        (["--by", "0..21", "--arm", "educatd"], "--arm: 'educatd'; did you mean educated?"),
        (["--by", "0..21", "--arm", "tgfb_inhibitor", "--readout", "colony"], "--readout: 'colony'"),
        (["--by", "0..21", "--arm", "tgfb_inhibitor", "--fixed", "x"], "--fixed: 'x'"),
        (["--by", "0..21", "--arm", "tgfb_inhibitor", "--at", "50"], "--at: day 50 is after the end"),
        (["--by", "1..21", "--arm", "tgfb_inhibitor", "--after", "42"], "--after: 42 days; at most 41 days: the run ends then"),
        (["--by", "0..21", "--arm", "tgfb_inhibitor", "--after", "4", "--at", "9"], "--after: beside --at; one of the two"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, options, said):
    done = call("window", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}"), done.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(call, monkeypatch):
    def stopped(plans, folder, workers, watch, **_):
        watch(Done(3, 0, 3, 8))
        raise KeyboardInterrupt

    monkeypatch.setattr(cohort, "run", stopped)
    done = call("window", "--arm", "tgfb_inhibitor", "--by", "0..21", "-o", "mine")
    assert done.code == 130
    assert done.err[-1] == "niche-sim: stopped by Ctrl-C, 3 of 8 mice done; the same command with -o mine goes on"


def test_the_figure_marks_onsets_and_the_published_start(found):
    made, mice = found
    points = windows.effects(made, mice, "fibronectin_mean", 144.0)
    onsets = [windows.Onset("priming", 1.0, 0.5, 1.5, 1.0), windows.Onset("arrival", 90.0, 90.0, 90.0, 1.0)]
    figure = power_and_windows.windows_figure(made, [("fibronectin_mean", points)], onsets)
    (ax,) = figure.axes
    assert {text.get_text() for text in ax.texts} == {"priming", "as in the scenario", "tumour cells injected"}
    drawn = [line for line in ax.get_lines() if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(drawn[0].get_ydata(), [point.comparison.effect.estimate for point in points])
