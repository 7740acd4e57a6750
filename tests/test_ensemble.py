"""The ensemble: what varies, what is fitted to, how sets are ruled out, and what its members say to a claim."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from test_targets import target

import niche_sim
from niche_sim.cli import main
from niche_sim.engine.errors import InputError
from niche_sim.experiment.scenario import library
from niche_sim.inference import ensemble as ensembles
from niche_sim.inference.comparisons import Comparison, compare_as_ratio
from niche_sim.inference.effects import Effect
from niche_sim.inference.ensemble import claims, emulator, making, panel, space, waves
from niche_sim.inference.ensemble.waves import Settings, Simulated, implausibility, plausible
from niche_sim.model.parameters import resolve, rows
from niche_sim.runs import cohort

BANDS = panel.fit_bands()


# --- the space -------------------------------------------------------------------------------------------------------


def test_definitions_and_settings_never_vary_and_all_else_does():
    fixed = "tumour.colony_cells tumour.macro_diameter tumour.neighbourhood nk.fraction_counted exosomes.parcel_size"
    for name in [*fixed.split(), "assay.field_area", "liver.thickness"]:
        assert space.held(name), name
        assert name not in space.names()
    kinds = {rows()[name].kind for name in space.names()}
    assert kinds == {"assumed", "recalled", "derived", "fitted", "measured"}
    assert len(space.names()) == sum(not space.held(name) for name in rows())


def test_shares_span_the_registers_ranges_and_back():
    low, high = (space.values_of(np.full((1, len(space.axes())), end))[0] for end in (0.0, 1.0))
    for n, name in enumerate(space.names()):
        assert (low[n], high[n]) == (pytest.approx(rows()[name].low), pytest.approx(rows()[name].high))
    again = space.values_of(space.default_point()[None, :])[0]
    assert again == pytest.approx([rows()[name].value for name in space.names()])
    made = resolve(space.overrides_of(dict(zip(space.names(), again, strict=True))), organ="liver")
    assert made.tgfb.half_life == pytest.approx(resolve({}, organ="liver").tgfb.half_life)


# --- what may be fitted to -------------------------------------------------------------------------------------------


def test_the_panel_reads_every_band_but_those_left_out_with_a_reason():
    known = {band.id for band in panel.read_bands()}
    assert {band.id for band in BANDS} == {*panel.READ, *panel.STATED} == known - set(panel.LEFT_OUT)
    assert (
        len(
            {
                name
                for run in panel.runs_of(space.values_of(space.default_point()[None, :])[0], (1,))
                for name in [run.arm]
            }
        )
        <= 8
    )
    assert all(panel.LEFT_OUT.values())


def test_a_target_that_tests_the_model_cannot_be_loaded_for_a_fit(tmp_path):
    for file in library().glob("*/targets.toml"):
        with pytest.raises(InputError):
            panel.read_bands(file)
    file = tmp_path / "bands.toml"
    text = (library() / "fit_bands.toml").read_text(encoding="utf-8")
    file.write_text(text.replace('id       = "arrested"', 'id       = "arrested"\nuse = "validate"'), encoding="utf-8")
    with pytest.raises(InputError, match="use"):
        panel.read_bands(file)


def test_what_a_set_states_itself_is_read_from_its_numbers():
    values = space.values_of(space.default_point()[None, :])
    found = {name: float(panel.stated(name, values)[0]) for name in panel.STATED}
    p = resolve({}, organ="liver")
    assert found["tgfb_half_life"] == pytest.approx(p.tgfb.half_life * 60.0)  # min
    assert found["fibronectin_half_life"] == pytest.approx(p.fibronectin.half_life / 24.0)  # day
    assert found["kupffer_density"] == pytest.approx(300.0)
    assert found["nk_density"] == pytest.approx(13.7)


# --- ruling out ------------------------------------------------------------------------------------------------------


def test_implausibility_by_hand():
    band = dataclasses.replace(BANDS[0], value=1.0, low=math.exp(-0.8), high=math.exp(0.8), strength="moderate")
    assert band.error == pytest.approx(0.4)
    assert band.discrepancy == pytest.approx(math.log(1.5))
    found = implausibility(np.array([[1.0]]), np.array([[0.09]]), [band])
    assert found[0, 0] == pytest.approx(1.0 / math.sqrt(0.09 + 0.16 + math.log(1.5) ** 2))
    half = implausibility(np.array([[1.0]]), np.array([[0.09]]), [band], discrepancy=0.5)
    assert half[0, 0] == pytest.approx(1.0 / math.sqrt(0.09 + 0.16 + (0.5 * math.log(1.5)) ** 2))


def test_the_second_largest_decides():
    table = np.array([[0.0, 9.0, 3.0], [0.0, 9.0, 3.1], [np.nan, 0.0, 0.0], [np.nan, np.nan, 0.0]])
    assert plausible(table).tolist() == [True, False, True, False]


def test_an_emulators_intervals_hold_what_was_left_out():
    rng = np.random.default_rng(3)
    shares = rng.random((200, 4))
    errors = np.full(200, 0.01)
    truth = np.sin(3.0 * shares[:, 0]) + 2.0 * shares[:, 1]
    found = emulator.fitted(shares, truth + 0.1 * rng.standard_normal(200), errors)
    assert 0.90 <= found.coverage <= 0.98
    new = rng.random((100, 4))
    mean, variance = found(new)
    wanted = np.sin(3.0 * new[:, 0]) + 2.0 * new[:, 1]
    assert np.abs(mean - wanted).mean() < 0.08
    assert (np.abs(mean - wanted) <= 2.5 * np.sqrt(variance)).mean() > 0.9


@pytest.fixture
def toy(monkeypatch):
    """A panel of formulas: two quantities that hang on a number each, all others as measured, in mice with a little spread."""
    names = list(space.names())
    first, second = (names.index(name) for name in (names[5], names[40]))
    runs = []

    def simulated(shares, first_seed, *_):
        runs.append(first_seed)
        rng = np.random.default_rng(first_seed)
        values = np.tile(np.log([band.value for band in BANDS]), (len(shares), 1))
        values[:, 0] += 6.0 * (shares[:, first] - 0.3)
        values[:, 5] += 12.0 * (shares[:, second] - 0.6)
        values[:, 6] += 12.0 * (shares[:, second] - 0.6)
        stated = [n for n, band in enumerate(BANDS) if band.id in panel.STATED]
        points = space.values_of(shares)
        values[:, stated] = np.log(np.column_stack([panel.stated(BANDS[n].id, points) for n in stated]))
        noise = 0.02 * rng.standard_normal(values.shape)
        noise[:, stated] = 0.0
        return Simulated(shares, values + noise, np.where(noise != 0.0, 0.0004, 0.0))

    monkeypatch.setattr(making, "simulated", simulated)
    return names[5], names[40], runs


SMALL = Settings(sets=60, waves=2, members=25, seed=4)


def test_waves_come_nearer_and_members_were_all_run_and_passed(tmp_path, toy):
    first, second, _ = toy
    made = making.make(tmp_path, SMALL)
    told = made.about["waves"]
    assert set(told[0]["active"]) == {first, second}
    assert told[1]["plausible"] / told[1]["sets"] > max(0.5, told[0]["plausible"] / told[0]["sets"])
    assert told[1]["space_left"] < 0.9
    chosen = made.known.values[made.chosen], made.known.errors[made.chosen]
    assert plausible(implausibility(*chosen, BANDS)).all()
    assert len(made.members) == min(SMALL.members, made.about["plausible"])
    assert made.about["half_discrepancy"] <= made.about["plausible"] <= made.about["double_discrepancy"]
    assert made.about["truths"]["held"] >= 0.8


def test_an_interrupted_ensemble_ends_as_one_that_was_not(tmp_path, toy):
    whole = making.make(tmp_path / "whole", SMALL)
    making.make(tmp_path / "parts", dataclasses.replace(SMALL, waves=1))
    parts = making.make(tmp_path / "parts", SMALL)
    assert np.array_equal(whole.members, parts.members)
    assert making.settings_of(tmp_path / "parts") == SMALL
    with pytest.raises(InputError, match="another sets"):
        making.make(tmp_path / "parts", dataclasses.replace(SMALL, sets=61))


def test_where_little_is_left_a_walk_finds_sets_and_says_the_share(toy, monkeypatch, tmp_path):
    monkeypatch.setattr(waves, "LEAST_SHARE", 2.0)  # so that it always walks
    made = making.make(tmp_path, SMALL)
    assert made.about["waves"][1]["plausible"] > 0.5 * SMALL.sets


def test_what_is_written_is_read_again(tmp_path, toy, capsys):
    found = ensembles.write(making.make(tmp_path / "made", SMALL), tmp_path / "kept")
    assert niche_sim.ensemble(tmp_path / "kept").digest == found.digest
    assert found.members.index.name == "member"
    assert list(found.members.columns) == list(space.names())
    assert len(set(found.some(5))) == 5
    assert resolve(found.overrides(3), organ="liver")
    with pytest.raises(InputError, match="--member: 999; one of 0 to"):
        found.overrides(999)
    assert main(["ensemble", "status", str(tmp_path / "kept")]) == 0
    assert f"members: {len(found.members)}" in capsys.readouterr().out
    assert main(["ensemble", "describe", str(tmp_path / "kept")]) == 0
    assert "Not fitted to: seen_day_10" in capsys.readouterr().out
    file = tmp_path / "kept" / ensembles.MEMBERS
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    ensembles._loaded.cache_clear()
    with pytest.raises(InputError):
        niche_sim.ensemble(tmp_path / "kept")
    assert main(["ensemble", "status", str(tmp_path / "nowhere")]) == 2
    assert "\n" not in capsys.readouterr().err.strip()


# --- claims ----------------------------------------------------------------------------------------------------------


def comparison(estimate, kind="ratio", bounds=(0.8, 1.25)):
    effect = Effect(estimate, estimate, estimate, 2, 0.95)
    return Comparison(kind, effect, effect, bounds)


@pytest.mark.parametrize(
    ("asked", "found", "holds"),
    [
        ({"expect": "more"}, comparison(1.3), True),
        ({"expect": "more"}, comparison(1.2), False),
        ({"expect": "less"}, comparison(0.7), True),
        ({"expect": "less"}, comparison(0.9), False),
        ({"expect": "same"}, comparison(1.2), True),
        ({"expect": "same"}, comparison(1.3), False),
        ({"expect": "more"}, comparison(math.nan), None),
        ({"expect": None, "value": 2.0, "within": 1.5}, comparison(2.9), True),
        ({"expect": None, "value": 2.0, "within": 1.5}, comparison(3.1), False),
        ({"expect": "less", "readout": "onset_arrival"}, comparison(0.8, "fraction before"), True),
        ({"expect": "more", "readout": "onset_arrival"}, comparison(0.8, "fraction before"), False),
    ],
)
def test_a_claim_holds_in_a_member(asked, found, holds):
    assert claims.holds(target(**asked), found) is holds


def made_up(members=40):
    rng = np.random.default_rng(2)
    numbers = pd.DataFrame(rng.random((members, 30)), columns=[f"n{k}" for k in range(30)])
    return ensembles.Ensemble(numbers, pd.DataFrame(), "x", {"code": "y"})


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "robust"), (0.95, "robust"), (0.9, "contingent"), (0.5, "contingent"),
                                                (0.1, "contingent"), (0.05, "refuted"), (0.0, "refuted")])  # fmt: skip
def test_verdicts_over_members(share, verdict):
    found = made_up()
    held = {member: member < share * 40 for member in range(40)}
    claim = claims._claim(dict.fromkeys(range(40), 1.0), held, found)
    assert (claim.verdict, claim.share) == (verdict, pytest.approx(share))
    assert claim.low <= share <= claim.high
    few = claims._claim(dict.fromkeys(range(9), 1.0), dict.fromkeys(range(9), True), found)
    assert few.verdict == "not told"


def test_a_contingent_claim_names_the_number_on_which_it_hangs_and_no_other():
    found = made_up(200)
    effects = np.exp(found.members["n7"].to_numpy() + 0.1 * np.random.default_rng(5).random(200))
    assert claims.hangs_on(effects, found.members) == ("n7",)
    rng = np.random.default_rng(6)
    by_chance = sum(bool(claims.hangs_on(rng.random(200), found.members)) for _ in range(100))
    assert by_chance <= 12  # 5 of 100


def test_the_measurement_that_tells_most_comes_first():
    rng = np.random.default_rng(1)
    answer = rng.random(100)
    told = claims.narrows(
        {"noise": rng.random(100), "close": answer**3, "loose": answer + rng.random(100), "same": np.ones(100)}, answer
    )
    assert [name for name, _ in told] == ["close", "loose", "noise"]
    assert told[0][1] == pytest.approx(1.0)


def test_the_headline_counts_verdicts():
    assert claims.headline(["robust", "refuted", "robust"]) == "2 robust, 0 contingent, 1 refuted"
    assert claims.headline(["robust", "not told"]).endswith("1 not told")


# --- the panel in mice -----------------------------------------------------------------------------------------------


@pytest.mark.mice
def test_the_registers_own_values_are_plausible_and_the_number_of_processes_changes_no_bit(tmp_path):
    point = space.default_point()[None, :]
    one, two = (waves.simulated(point, 1, tmp_path / f"{n}", n) for n in (1, 2))
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.errors, two.errors)
    far = implausibility(one.values, one.errors, BANDS)
    assert plausible(far).all()
    assert (far < 3.5).all()  # and nothing is far off


@pytest.mark.mice
def test_the_shipped_members_are_of_the_model_as_it_is(tmp_path):
    """Else `niche-sim ensemble make` has to make them anew: the register's own values, in the same mice, give what they gave."""
    about = niche_sim.ensemble().about
    again = waves.simulated(space.default_point()[None, :], 1, tmp_path, 2)
    assert np.exp(again.values[0]) == pytest.approx(list(about["default"].values()), rel=1e-9)
    assert list(about["default"]) == [band.id for band in BANDS]


@pytest.mark.mice
def test_a_set_that_the_model_refuses_is_ruled_out(tmp_path, monkeypatch):
    monkeypatch.setattr(panel, "runs_of", lambda *_: iter(()))
    monkeypatch.setattr(waves, "results_of", lambda *_: None)
    monkeypatch.setattr(waves, "runs_of", lambda point, seeds: iter(list(REAL_RUNS(point, seeds))[:1]))
    found = waves.simulated(space.default_point()[None, :], 1, tmp_path, 1)
    assert not found.told.any()
    assert not plausible(implausibility(found.values, found.errors, BANDS)).any()


REAL_RUNS = panel.runs_of


# --- the one that comes with the package -----------------------------------------------------------------------------


def test_the_shipped_members_lie_in_the_ranges_and_the_registers_own_is_the_first():
    found = niche_sim.ensemble()
    assert len(found.members) >= 30
    assert list(found.members.columns) == list(space.names())
    for name in found.members:
        inside = found.members[name].between(rows()[name].low * (1 - 1e-12), rows()[name].high * (1 + 1e-12))
        assert inside.all(), name
    if found.about["default_is_member"]:
        assert found.members.loc[0].tolist() == [rows()[name].value for name in found.members]
    assert set(found.targets.index) == {band.id for band in BANDS}
    assert json.dumps(dict(found.about))


def test_a_ratio_of_two_mice_is_enough_for_a_member():
    assert compare_as_ratio([2.0, 4.0], [1.0, 2.0]).effect.estimate == 2.0


@pytest.mark.mice
def test_a_member_is_run_and_its_folder_named_by_its_number(call, tmp_path):
    small = (
        "--set",
        "section.width=1.2 mm",
        "--set",
        "section.height=1.2 mm",
        "--days",
        "1",
        "--no-figures",
        "--no-receptivity",
    )
    done = call("run", "--member", "7", *small)
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "liver_education_costasilva2015-educated-1-member-7"
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert niche_sim.ensemble().overrides(7).items() <= told["overrides"].items()
    wrong = call("run", "--member", "99999", *small)
    assert (wrong.code, len(wrong.err)) == (2, 1)


SMALL_MICE = (
    "--set",
    "section.width=1.2 mm",
    "--set",
    "section.height=1.2 mm",
    "--set",
    "run.duration=2 day",
    "--workers",
    "2",
)


@pytest.mark.mice
def test_commands_tell_what_members_say_beside_mice(call, tmp_path):
    asked = ("--mice", "3", "--ensemble", "10", *SMALL_MICE)
    done = call(
        "compare", "--arms", "pbs,educated", "--readout", "kupffer_loaded", *asked, "-o", str(tmp_path / "compare")
    )
    assert done.code == 0, done.err
    assert "Over 10 plausible parameter sets, against pbs, day 2" in done.out
    assert "robust" in done.out
    rows = cohort.read_table(tmp_path / "compare" / "members.parquet")
    assert len({row["member"] for row in rows}) == 10 == len(rows)
    assert (tmp_path / "compare" / "members.png").read_bytes().startswith(b"\x89PNG")

    done = call("power", "--arms", "pbs,educated", "--readout", "tgfb_mean", *asked, "-o", str(tmp_path / "power"))
    assert done.code == 0, done.err
    assert "Over 10 plausible parameter sets the effect is x" in " ".join(done.out.split())
    both = call("power", "--arms", "pbs,educated", "--readout", "tgfb_mean", "--effect", "2", *asked)
    assert (both.code, both.err) == (
        2,
        ["niche-sim: --ensemble: beside --effect or --above; an effect that is simulated"],
    )

    done = call("window", "--arm", "anti_mif", "--by", "0..1", "--step", "1", "--readout", "kupffer_educated", *asked,
                "-o", str(tmp_path / "window"))  # fmt: skip
    assert done.code == 0, done.err
    assert "members: 90 %" in done.out
    assert (tmp_path / "window" / "windows.png").is_file()
