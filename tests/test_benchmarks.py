"""The benchmarks measure what they say: the plain Mesa twin simulates the same, options are checked. No timing."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from niche_sim.experiment.protocol import Dose
from niche_sim.model.anatomy import Flow

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def script(name):
    """A benchmark as a module."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain_mesa, speed = script("plain_mesa"), script("speed")

# One lobule, two doses of some 2000 vesicles, and numbers that fill the chain in a day and keep its spread small, so
# that a wrong link shows within a few runs.
HOT = {
    "kupffer.fraction_central_uptake": "0.1",
    "kupffer.half_load_uptake": "5 vesicle",
    "kupffer.half_load_answer": "30 vesicle",
    "kupffer.half_load_speed": "10 vesicle",
    "exosomes.half_life_inside": "12 h",
    "stellate.rate_activation": "3 1/day",
    "stellate.half_signal": "0.003 nM",
    "fibronectin.rate_deposit": "2e6 um^3/day/cell",
    "ccl2.half_life": "3 h",
    "bmdc.chance_arrest_on_entry": "0.5",
    "bmdc.rate_rest": "50000 cell/mm^3/day",
    "bmdc.rate_called": "200000 cell/mm^3/day",
    "bmdc.rate_arrest": "0.2 1/h",
    "bmdc.half_fibronectin": "10",
    "bmdc.steepness_fibronectin": "3",
    "bmdc.half_life_moving": "3 h",
    "bmdc.half_life_arrested": "48 h",
}
DOSES = (Dose(0.0, "pdac", None, 2.6e8), Dose(12.0, "pdac", None, 2.6e8))


def tiny(hours):
    return plain_mesa.Case(600.0, 700.0, 20.0, hours, DOSES, tuple(HOT.items()))


@pytest.mark.parametrize("parcel_size", [1, 50])
def test_the_twin_simulates_what_niche_sim_does(parcel_size):
    case = tiny(16.0)
    plain, niche = defaultdict(list), defaultdict(list)
    for seed in range(4):
        for name, value in plain_mesa.run_plain(case, parcel_size, seed).end.items():
            plain[name].append(value)
    for seed in range(12):
        for name, value in plain_mesa.run_niche(case, parcel_size, seed).end.items():
            niche[name].append(value)
    assert set(plain) == set(niche) == set(plain_mesa.READOUTS)
    for name in plain_mesa.READOUTS:
        assert np.mean(niche[name]) > 0.0
        # Student, since a right twin varies as much. With nine readouts and two parcel sizes a right one falls below
        # in one of 500 sets of seeds.
        assert stats.ttest_ind(plain[name], niche[name]).pvalue > 1e-4, name


@pytest.mark.parametrize("parcel_size", [1, 50])
def test_the_twin_loses_no_vesicle(parcel_size):
    model = tiny(16.0).plain(parcel_size, seed=1)
    for _ in range(16):  # the last of them is one in which loads are counted
        model.step()
    held = defaultdict(int)
    for exosome in model.agents_by_type[plain_mesa.Exosome]:
        assert exosome.host is not None
        assert 1 <= exosome.vesicles <= parcel_size
        held[exosome.host] += exosome.vesicles
    assert held == {cell: cell.load for cell in model.agents_by_type[plain_mesa.KupfferCell] if cell.load}
    assert 0 < sum(held.values()) < model.taken_up


def test_sums_and_verdicts_of_the_comparison():
    agreement = plain_mesa.agreement
    equal = agreement([10.0, 10.2, 9.8, 10.1], [10.0, 9.9, 10.1, 10.2])
    assert equal.verdict == "equal"
    # Means 10.025 and 10.05, variances of means 0.0292 / 4 and 0.0167 / 4.
    assert equal.errors == pytest.approx(-0.025 / math.sqrt(0.0875 / 12 + 0.05 / 12))
    assert agreement([14.0, 14.2, 13.8], [10.0, 9.9, 10.1]).verdict == "different"
    assert agreement([14.0, 4.0, 9.0], [10.0, 9.0, 11.0]).verdict == "undecided"
    assert agreement([3.0, 3.0], [3.0, 3.0]).verdict == "equal"
    assert agreement([3.0, 3.0], [4.0, 4.0]).verdict == "different"

    def runs(cpu):
        return [plain_mesa.Run(dict.fromkeys(plain_mesa.READOUTS, 1.0), cpu, 2.0 * cpu, 7, {"uptake": cpu})] * 2

    both = {("plain", 1): runs(60.0), ("niche", 1): runs(3.0), ("plain", 9): runs(30.0), ("niche", 9): runs(0.5)}
    assert plain_mesa.ratios(both) == {(1, 1): 20.0, (1, 9): 120.0, (9, 1): 10.0, (9, 9): 60.0}
    text = plain_mesa.report(tiny(10.0), both)
    assert "| plain Mesa | 1 | 7 | 6e+03 | 1.2e+04 |" in text
    assert "| plain Mesa, 1 a parcel | 20 | 120 |" in text
    assert text.count("| exosomes_taken_up |") == len(plain_mesa.pairs([1, 9])) == 3


def test_sites_passed_follow_the_flow():
    # Three sites in a row, in from the left, half captured at each, all of the rest moving on: 1 + 1/2 + 1/4.
    route = np.zeros((3, 4))
    route[:2, 3] = 1.0
    flow = Flow(np.arange(3), route, np.array([0]), np.array([1.0]), np.array([2]), np.full((1, 3), 20.0))
    assert speed.sites_per_pass(flow, np.full(3, 0.5), 3) == 1.75
    assert speed.sites_per_pass(flow, np.zeros(3), 3) == 3.0


def test_a_dose_is_measured_with_an_agent_a_vesicle():
    result = speed.dose(1, vesicles=2000)
    assert result.figure > 0.0
    agents = int(result.detail.split("; ")[1].split(" agents")[0].replace(",", ""))
    assert abs(agents - 2000) < 4 * math.sqrt(2000)  # Poisson


def test_figures_against_their_targets():
    results = [speed.Result(name, figure, "s", 1.5, "") for name, figure in (("a", 1.5), ("b", 1.6), ("c", None))]
    assert [result.verdict for result in results] == ["met", "missed", "not measured"]
    text = speed.report(results, [("Division", 30.0), ("DormancyExit", 10.0)])
    assert "| b | 1.6 s | at most 1.5 s | missed |" in text
    assert "| Division | 30 | 75% |" in text


def test_options_of_the_benchmarks():
    chosen = plain_mesa.parser().parse_args([])
    assert (chosen.hours, chosen.seeds, chosen.parcels, chosen.side) == (72.0, 3, [1, 1000], None)
    chosen = plain_mesa.parser().parse_args(["--hours=6", "--seeds=2", "--parcels", "10", "--side=0.8 mm"])
    assert (chosen.hours, chosen.seeds, chosen.parcels, chosen.side) == (6.0, 2, [10], 800.0)
    chosen = speed.parser().parse_args(["--quick", "--repeats", "2", "--json", "out.json"])
    assert (chosen.quick, chosen.repeats, chosen.json) == (True, 2, Path("out.json"))
    assert not speed.parser().parse_args([]).quick


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("plain_mesa", "--hours", "0"),
        ("plain_mesa", "--hours", "inf"),
        ("plain_mesa", "--seeds", "1"),
        ("plain_mesa", "--parcels", "0"),
        ("plain_mesa", "--side", "-1 mm"),
        ("plain_mesa", "--side", "1 h"),
        ("speed", "--repeats", "0"),
        ("speed", "--repeats", "two"),
    ],
)
def test_options_that_make_no_sense_are_refused(name, option, value, capsys):
    with pytest.raises(SystemExit) as stopped:
        {"plain_mesa": plain_mesa, "speed": speed}[name].parser().parse_args([f"{option}={value}"])
    assert stopped.value.code == 2
    assert option in capsys.readouterr().err


def test_doses_of_the_default_case_are_those_of_the_educated_arm():
    case = plain_mesa.default_case(72.0)
    assert [dose.at for dose in case.doses] == [0.0, 48.0]
    assert (case.width, case.height, case.spacing) == (2000.0, 2000.0, 20.0)
    assert {type(process).__name__ for process in tiny(1.0).niche(1, 0).schedule} == set(plain_mesa.RULES)


def test_the_account_of_a_sweep():
    bench = script("sweep_speed")
    told = [bench.Told(None, pid, memory, 2.0, 2.01, 2.5) for pid, memory in ((1, 100.0), (2, 90.0), (1, 120.0), (1, 110.0))]
    account = bench.Account(told, wall=6.0, feeding=0.02)
    assert account.overhead() == pytest.approx(15.0)  # ms: 10 in the worker and 5 to feed it
    assert account.share(2) == pytest.approx(10.0 / 12.0)
    assert account.memory() == [(110.0, 110.0, 3), (90.0, 90.0, 1)]
    many = bench.Account([bench.Told(None, 1, float(n), 2.0, 2.0, 2.0) for n in range(1, 31)], 60.0)
    assert many.memory() == [(10.0, 30.0, 30)]


def test_a_watched_run_is_the_run_itself():
    from niche_sim.runs import sweeps

    bench = script("sweep_speed")
    small = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "1 day"}
    job = sweeps.plan("liver_education_costasilva2015", overrides=small).job("educated", 3)
    told = bench.watched(job)
    assert told.outcome.part == sweeps.run_one(job).part
    assert 0.0 < told.stepping < told.used
