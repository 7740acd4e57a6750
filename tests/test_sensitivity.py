"""Sensitivity: published indices by the same path as the model's, honest about chance and failures; and its command."""

import math

import numpy as np
import pytest
from extras import needs
from matplotlib.image import imread

from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import load
from niche_sim.figures import sensitivity_and_fit
from niche_sim.inference import active_parameters, sensitivity
from niche_sim.model.parameters import rows
from niche_sim.runs import cohort, sweeps

pytestmark = needs("SALib", "sensitivity")
EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "600 um", "section.height": "700 um", "run.duration": "2 day"}
SET = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
NAMES = ("x1", "x2", "x3")

# Ishigami and Homma 1990 with a = 7, b = 0.1: S1 and ST in closed form (Saltelli et al. 2000).
A, B = 7.0, 0.1
V1, V2, V13 = 0.5 * (1 + B * math.pi**4 / 5) ** 2, A**2 / 8, B**2 * math.pi**8 * 8 / 225
TOTAL = V1 + V2 + V13
FIRST, WHOLE = (V1 / TOTAL, V2 / TOTAL, 0.0), ((V1 + V13) / TOTAL, V2 / TOTAL, V13 / TOTAL)


def ishigami(shares):
    x = math.pi * (2.0 * shares - 1.0)
    return np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_the_closed_form_is_the_published_one():
    assert pytest.approx((0.3139, 0.4424, 0.0), abs=5e-5) == FIRST
    assert pytest.approx((0.5576, 0.4424, 0.2437), abs=5e-5) == WHOLE


@pytest.mark.parametrize("seed", [1, 2])
def test_sobol_finds_the_indices_of_ishigami(seed):
    found = sensitivity.of_function(ishigami, NAMES, "sobol", 1024, seed)
    # SALib's own regression test allows 0.05 of S1 and ST, of ten times as many samples. ST is known better than S1.
    assert [index.main for index in found.indices] == pytest.approx(WHOLE, abs=0.02)
    assert [index.second for index in found.indices] == pytest.approx(FIRST, abs=0.05)
    for index, whole, first in zip(found.indices, WHOLE, FIRST, strict=True):
        assert abs(index.main - whole) <= index.main_reach
        assert abs(index.second - first) <= index.second_reach
    assert [stage.samples for stage in found.stages] == [128, 256, 512, 768, 1024]
    assert found.settled


def test_more_samples_come_closer_and_intervals_say_so():
    few, many = (sensitivity.of_function(ishigami, NAMES, "sobol", n).indices for n in (64, 4096))
    assert all(a.main_reach > 4.0 * b.main_reach for a, b in zip(few, many, strict=True))  # 8 times, as 1 / sqrt(n)
    assert max(abs(a.main - whole) for a, whole in zip(many, WHOLE, strict=True)) < 0.005


def test_morris_of_a_plane_is_its_slopes():
    found = sensitivity.of_function(lambda x: 3.0 * x[:, 0] - 2.0 * x[:, 1] + 7.0, NAMES, "morris", 10)
    assert [index.main for index in found.indices] == pytest.approx([3.0, 2.0, 0.0], abs=1e-9)
    assert [index.signed for index in found.indices] == pytest.approx([3.0, -2.0, 0.0], abs=1e-9)
    assert [index.second for index in found.indices] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert [index.name for index in found.ranked] == ["x1", "x2", "x3"]


def test_morris_tells_interactions():
    found = sensitivity.of_function(ishigami, NAMES, "morris", 60)
    by_name = {index.name: index for index in found.indices}
    assert by_name["x3"].second > by_name["x3"].main > 1.0  # x3 acts with x1 only, up or down
    assert abs(by_name["x3"].signed) < 0.5 * by_name["x3"].main


def test_samples_with_a_failed_run_are_left_out_whole():
    points = sweeps.unit_rows("sobol", 3, 512, 1)
    y = ishigami(points)
    y[7], y[5 * 40 + 3] = np.nan, np.nan  # samples 1 and 40 of five rows each
    found = sensitivity.analyse(points, y, NAMES, "sobol")
    assert found.dropped == 2
    assert found.stages[-1].samples == 510
    assert [index.main for index in found.indices] == pytest.approx(WHOLE, abs=0.05)
    y[::15] = np.nan  # a third of all samples
    assert sensitivity.analyse(points, y, NAMES, "sobol").stages[-1].samples < 350
    y[::5] = np.nan
    with pytest.raises(InputError, match="0 whole samples of output"):
        sensitivity.analyse(points, y, NAMES, "sobol")


def test_a_constant_output_is_said_and_not_divided_by():
    found = sensitivity.of_function(lambda x: np.full(len(x), 2.0), NAMES, "sobol", 16)
    assert found.constant
    assert [index.main for index in found.indices] == [0.0, 0.0, 0.0]


def test_chance_is_what_points_and_mice_do_not_explain():
    points = sweeps.unit_rows("morris", 3, 200, 1)
    rng = np.random.default_rng(1)
    y = ishigami(points)[:, None] + rng.normal(0.0, 5.0, 4)  # mice that differ the same everywhere
    assert sensitivity.chance_share(y) == pytest.approx(0.0, abs=1e-12)
    noisy = y + rng.normal(0.0, 2.0, y.shape)
    variance = ishigami(points).var(ddof=1)
    # 800 points x 4 mice know a variance of chance to 3 %, and that of the means to 5 %.
    assert sensitivity.chance_share(noisy) == pytest.approx(1.0 / (variance + 1.0), rel=0.15)
    assert sensitivity.chance_share(rng.normal(0.0, 1.0, y.shape)) == pytest.approx(1.0, abs=0.1)
    assert math.isnan(sensitivity.chance_share(y[:, :1]))


# --- what is varied --------------------------------------------------------------------------------------------------


def test_only_numbers_that_the_arms_read_are_varied():
    experiment = load(EDUCATION)
    read = active_parameters.numbers_read(experiment, ["pbs"], {"run.duration": "1 day"})
    assert {"fibronectin.half_life", "kupffer.density", "mouse.answer"} <= read
    assert not {name for name in read if name.startswith(("b16f1.", "lung.", "drug."))}
    without = active_parameters.numbers_read(experiment, ["pbs"], {"run.duration": "1 day"}, ["BmdcArrest"])
    assert "bmdc.rate_arrest" in read - without
    assert any(
        name.startswith("pan02.") for name in active_parameters.numbers_read(experiment, ["pbs"], {"run.duration": "22 day"})
    )


def test_the_default_is_all_that_is_assumed_and_wide_ranges_are_logarithmic():
    ranges = active_parameters.assumed_ranges(rows())
    assert set(ranges) == {name for name, row in rows().items() if row.kind == "assumed" and row.low < row.high}
    for name, scale in ranges.items():
        row = rows()[name]
        assert (scale == "register log") == (row.low > 0.0 and row.high > 10.0 * row.low)
    assert len(set(ranges.values())) == 2


# --- the command -----------------------------------------------------------------------------------------------------


VARIED = "exosomes.half_life_blood,collagen.half_life"
QUICK = [
    "sensitivity",
    "--workers",
    "2",
    "--vary",
    VARIED,
    "--samples",
    "4",
    "--readout",
    "fibronectin_mean,exosomes_taken_up",
]


@pytest.mark.mice
def test_a_scenario_is_screened_and_the_runs_are_those_of_a_sweep(call, tmp_path):
    done = call(*QUICK, *SET, "-o", "mine")
    assert done.code == 0
    assert done.err == ["12 points of design morris over 2 numbers, arm educated, 2 mice each: 12 runs"]
    assert "fibronectin_mean, educated" in done.words
    assert "is chance of 2 mice" in done.words
    table = cohort.read_table(tmp_path / "mine" / "sensitivity.parquet")
    final = {(row["readout"], row["parameter"]): row for row in table if row["final"]}
    assert len(final) == 4
    assert final["exosomes_taken_up", "exosomes.half_life_blood"]["mu_star"] > 0.0
    assert final["exosomes_taken_up", "exosomes.half_life_blood"]["unit"] == rows()["exosomes.half_life_blood"].unit
    found = sensitivity.of_sweep(sweeps.load(tmp_path / "mine"), "exosomes_taken_up", "educated")
    assert found.indices[0].main == final["exosomes_taken_up", "exosomes.half_life_blood"]["mu_star"]
    assert imread(tmp_path / "mine" / "sensitivity_educated.png").shape[1] == 1417  # 180 mm at 200 dpi
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "mine" / "runs").rglob("*.parquet")}
    assert call(*QUICK, *SET, "-o", "mine").code == 0  # goes on where it was: nothing is run again
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "mine" / "runs").rglob("*.parquet")} == parts


@pytest.mark.mice
def test_a_plan_is_analysed_as_it_says(call, tmp_path):
    text = f'scenario = "{EDUCATION}"\narms = ["pbs"]\nseeds = 1\ndesign = "sobol"\nsamples = 8\nreadouts = ["bmdc"]\n'
    text += '[vary]\n"bmdc.rate_arrest" = "register"\n[overrides]\n'
    text += "".join(f'"{name}" = "{value}"\n' for name, value in SMALL.items())
    (tmp_path / "my.toml").write_text(text)
    done = call("sensitivity", "my.toml", "--workers", "2")
    assert done.code == 0
    assert (tmp_path / "runs" / "my-sobol" / "sensitivity.parquet").is_file()
    (tmp_path / "my.toml").write_text(text.replace('"sobol"', '"latin"'))
    assert call("sensitivity", "my.toml").err == ["niche-sim: my.toml: design: 'latin'; one of morris, sobol"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nope"], "PLAN|SCENARIO: 'nope'"),
        (["my.toml", "--samples", "8"], "--samples: beside a PLAN"),
        (["--method", "fast"], "--method: 'fast'"),
        (["--method", "sobol", "--samples", "10", "--vary", VARIED], "--samples: 10; a power of 2"),
        (["--samples", "2"], "--samples: 2; a whole number from 4"),
        (["--vary", "tgfb.half_lif"], "--vary tgfb.half_lif: "),
        (["--arms", "educatd"], "--arms: 'educatd'; did you mean educated?"),
        (["--readout", "colony"], "--readout: 'colony'"),
        (["--vary", VARIED, "--at", "50"], "--at: "),
        (["--seeds", "0"], "--seeds: '0'"),
        (["--vary", VARIED, "--set", "tgfb.half_lif=1 min"], "--set tgfb.half_lif: "),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(call, tmp_path, options, said):
    done = call("sensitivity", *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {said}"), done.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(call, monkeypatch):
    def stopped(plan, folder, watch, **_):
        watch(sweeps.Done(3, 0, 3, plan.total))
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "sweep", stopped)
    done = call(*QUICK, *SET, "-o", "mine")
    assert done.code == 130
    assert done.err[-1] == "niche-sim: stopped by Ctrl-C, 3 of 12 runs done; the same command with -o mine goes on"


@pytest.mark.parametrize("method", ["morris", "sobol"])
def test_the_figure_ranks_numbers_and_shows_how_they_settled(method):
    found = sensitivity.of_function(ishigami, NAMES, method, 64)
    figure = sensitivity_and_fit.sensitivity_figure([found], "a function")
    ranked, curves = figure.axes
    assert [label.get_text() for label in ranked.get_yticklabels()] == [index.name for index in found.ranked]
    looks = [(line.get_color(), line.get_marker()) for line in curves.get_lines()]  # there is no other key to the curves
    marks = [line for line in ranked.get_lines() if line.get_xdata()[0] in {index.main for index in found.ranked}]
    assert [(line.get_color(), line.get_marker()) for line in marks if line.get_marker() in "osD"] == looks
    assert len(set(looks)) == len(looks) and curves.get_legend() is None
    for line, index in zip(curves.get_lines(), found.ranked, strict=True):
        assert line.get_ydata()[-1] == index.main
        assert line.get_xdata().tolist() == [stage.samples for stage in found.stages]
