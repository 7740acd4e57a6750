"""What a run asks of the computer, told beforehand: right within a factor of three, and refused where it is too much."""

import dataclasses
import math
import re
import tracemalloc

import pytest

from niche_sim.cli import beforehand, main
from niche_sim.engine.errors import InputError
from niche_sim.experiment import estimate as estimates
from niche_sim.experiment import simulation
from niche_sim.experiment.estimate import FITS, Estimate, Limits, check, estimate, total
from niche_sim.experiment.protocol import GrowPrimary, InjectExosomes, Protocol
from niche_sim.experiment.scenario import catalogue, load
from niche_sim.experiment.setup import setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs.record import run

EDUCATION = "liver_education_costasilva2015"
SMALL = {"section.width": "1 mm", "section.height": "1 mm"}
# Few and many sites, lymphocytes, parcels, tumour cells, steps; doses, a primary; liver and lung.
EXPERIMENTS = {
    "fine sites": (EDUCATION, "educated", {"section.spacing": "5 um", "run.duration": "8 h"}),
    "many lymphocytes": (EDUCATION, "pbs", {**SMALL, "nk.density": "1e6 cell/mm^3", "run.duration": "12 h"}),
    "single vesicles": (EDUCATION, "educated", {"exosomes.parcel_size": "1 vesicle", "run.duration": "12 h"}),
    "a primary": ("liver_growing_primary", "primary", {**SMALL, "run.duration": "25 day", "run.step": "2 h"}),
    "tumour cells": ("liver_funnel_luzzi1998", None, {"run.duration": "2 day"}),
    "short steps in the lung": (
        "lung_marrow_peinado2012",
        None,
        {**SMALL, "run.step": "0.1 h", "run.duration": "6 day"},
    ),
}


def test_marrow_cells_are_told_in_proportion_to_the_tissue():
    def marrow(width):
        made = setup(EDUCATION, {**SMALL, "section.width": width})
        p, protocol = made.parameters, made.experiment.arm("educated").protocol
        volume = made.experiment.section.width * 1e-9
        founders = dict.fromkeys(("nk_cells", "t_cells"), 0.0)
        return estimates._residents(founders, protocol, p, volume, 24.0)["bmdc"]

    assert marrow("2 mm") == pytest.approx(2.0 * marrow("1 mm"), rel=1e-12)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_estimate_is_right_within_a_factor_of_three(name):
    scenario, arm, overrides = EXPERIMENTS[name]
    made = setup(scenario, overrides)
    told = estimate(made, arm, snapshots=False)
    Simulation(made, arm).step()  # what is compiled and kept for all models is not of this one
    tracemalloc.start()
    try:
        mouse = Simulation(made, arm)
        founders = sum(map(len, mouse.state.populations.values()))
        most = founders
        while mouse.steps_left:
            mouse.step()
            most = max(most, sum(map(len, mouse.state.populations.values())))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert (told.sites, told.steps) == (math.prod(mouse.state.section.shape), mouse.state.step_index)
    assert told.founders == founders
    assert most / 3.0 < told.cells < most * 3.0
    assert peak / 3.0 < told.memory - estimates.LIBRARIES < peak * 3.0


TOO_MUCH = {
    "run.step": ({"run.step": "0.01 s"}, "250,000 steps"),
    "run.duration": ({"run.duration": "36500 day"}, "250,000 steps"),
    "nk.density": ({"nk.density": "1e11 cell/mm^3"}, "10,000,000 cells, 8 GB of memory"),
    "section.width": ({"section.width": "1 m"}, "4,000,000 sites"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_refused_with_the_estimate(name):
    overrides, most = TOO_MUCH[name]
    wanted = estimate(setup(EDUCATION, overrides), "educated")
    with pytest.raises(InputError) as refused:
        check(wanted)
    assert str(wanted) in str(refused.value) and f"at most {most}" in str(refused.value)
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("amount", [{"vesicles": 1e12}, {"vesicles": 1e14}, {"amount_ug": 1e5}])
def test_a_dose_in_parcels_of_one_vesicle_is_refused(amount):
    experiment = load(EDUCATION)
    protocol = Protocol((InjectExosomes("pdac", (0.0,), **amount),))
    made = setup(experiment.only("educated", protocol), {"exosomes.parcel_size": "1 vesicle"})
    with pytest.raises(InputError, match="at most 10,000,000 cells"):
        check(estimate(made))


def test_an_immense_primary_is_refused():
    protocol = Protocol((GrowPrimary("pan02", 1e11, 60.0, "gompertz", 1e12, sheds_cells=True),))
    with pytest.raises(InputError, match="cells"):
        check(estimate(setup(load(EDUCATION).only("educated", protocol))))


def test_every_arm_of_every_scenario_may_run():
    for entry in catalogue():
        made = setup(entry.id)
        for arm in entry.arms:
            check(estimate(made, arm))


def test_many_runs_are_told_together():
    one, other = (estimate(setup(EDUCATION, {"run.duration": f"{days} day"}), "pbs") for days in (2, 4))
    both = total([(one, 3), (other, 2)])
    assert (both.runs, both.steps) == (5, other.steps)
    assert both.seconds == pytest.approx(3 * one.seconds + 2 * other.seconds)
    assert str(both).startswith("5 runs, the largest with 10,000 sites, ")


def test_limits_are_those_of_who_computes():
    wanted = Estimate(1e6, 1e5, 2e5, 1e6, 1e3, 900.0, 50.0)
    check(wanted)
    with pytest.raises(InputError, match=r"^section: asks for .*; at most 500 MB of memory, 30 s a run: smaller$"):
        check(wanted, Limits(memory=500.0, seconds=30.0), "section", "smaller")
    assert not FITS.exceeded(dataclasses.replace(wanted, steps=math.inf, seconds=math.inf))
    assert FITS.exceeded(dataclasses.replace(wanted, cells=math.nan)) == ["cells"]


def test_python_refuses_what_does_not_fit_unless_it_is_allowed(monkeypatch):
    with pytest.raises(
        InputError, match=r"^this mouse: asks for .*; at most 10,000,000 cells, 8 GB .* or allow_large=True$"
    ):
        Simulation(EDUCATION, overrides={"nk.density": "1e11 cell/mm^3"})
    tiny = {**SMALL, "run.duration": "2 h", "run.record": "1 h"}
    monkeypatch.setattr(simulation, "FITS", Limits(cells=10.0))
    with pytest.raises(InputError, match="at most 10 cells"):
        Simulation(EDUCATION, overrides=tiny)
    assert len(run(EDUCATION, overrides=tiny, allow_large=True).table["time_h"]) == 3
    assert Simulation(EDUCATION, overrides=tiny, allow_large=True).steps_left == 2


HUGE = ["--set", "nk.density=1e11 cell/mm^3"]
LONG = ["--set", "run.step=1 min", "--set", "run.duration=400 day"]
COMMANDS = {
    "run": ["run", *HUGE],
    "run, long": ["run", "--days", "36500"],
    "compare": ["compare", "--mice", "2", *HUGE],
    "compare, many": ["compare", "--mice", "1000000"],
    "evidence": ["evidence", "--scenarios", EDUCATION, "--mice", "2", *HUGE],
    "power": ["power", "--arms", "pbs,educated", "--readout", "tgfb_mean", *HUGE],
    "window": ["window", "--arm", "anti_mif", "--by", "0..21", *HUGE],
    "sensitivity": ["sensitivity", "--vary", "tgfb.half_life", "--samples", "4", *LONG],
    "thresholds": ["thresholds", EDUCATION, "--mice", "10000000", "-o", "t.toml"],
    "sweep": ["sweep", "plan.toml"],
    "sweep, one axis": ["sweep", "axis.toml"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_runs_mice_refuses_what_is_too_much(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    start = f'scenario = "{EDUCATION}"\narms = ["pbs"]\nseeds = 2\n'
    (tmp_path / "plan.toml").write_text(start + '[overrides]\n"run.step" = "1 min"\n"run.duration" = "400 day"\n')
    (tmp_path / "axis.toml").write_text(
        start + '[vary]\n"nk.density" = { values = ["1e3 cell/mm^3", "1e11 cell/mm^3"] }\n'
    )
    before = sorted(tmp_path.rglob("*"))
    assert main(COMMANDS[name]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("niche-sim: this command: asks for ") and line.endswith(", or --yes"), line
    assert len(line) <= 300
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.name != "runs"] == []


def test_yes_begins_and_long_work_is_told(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimates, "MOST_CELLS", 10.0)
    monkeypatch.setattr(estimates, "LIMITS", Limits(cells=10.0))
    monkeypatch.setattr("niche_sim.experiment.estimate.check.__defaults__", (Limits(cells=10.0), "this run", estimates.SMALLER))
    monkeypatch.setattr(beforehand, "LONG", 0.0)
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")] + ["--days", "0.25"]
    assert main(["run", *small, "-o", "out", "--no-figures"]) == 2
    assert "at most 10 cells" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["run", *small, "-o", "out", "--no-figures", "--yes"]) == 0
    assert re.fullmatch(
        r"niche-sim: 2,500 sites, .* cells, 6 steps, .* MB of memory: .* s on one core\n", capfd.readouterr().err
    )
    compare = [
        "compare",
        "--arms",
        "pbs,educated",
        "--mice",
        "2",
        "--workers",
        "1",
        *small[:4],
        "--set",
        "run.duration=6 h",
    ]
    assert main([*compare, "-o", "mice"]) == 2
    assert not (tmp_path / "mice").exists()
    assert main([*compare, "-o", "mice", "--yes"]) == 0
    assert "4 runs, the largest with 2,500 sites" in capfd.readouterr().err
