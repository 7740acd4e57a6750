"""Predictions: made of mice, kept under a seal, and refused once they were changed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from niche_sim.cli import main
from niche_sim.engine.errors import InputError
from niche_sim.experiment import scenario
from niche_sim.inference import predictions
from niche_sim.inference.comparisons import Comparison
from niche_sim.model.readouts import BY_NAME
from niche_sim.runs.expectation.readouts import KNOWN

KEPT = Path(__file__).parents[1] / "predictions"
ENTRY = {
    "question": "Does it?", "scenario": "liver_growing_primary", "arm": "primary", "against": "no_primary", "readout": "bmdc",
    "at": 240.0, "mice": 8, "kind": "ratio", "effect": 2.5, "low": 2.0, "high": 3.125, "answer": "more", "made": "2026-12-01",
    "code": "0123456789abcdef",
}  # fmt: skip


def entry(**changes):
    given = {**ENTRY, **changes}
    return predictions.Prediction(**given, seal=predictions.Prediction(**given).sealed())


def test_what_is_written_is_read_again_and_not_overwritten(tmp_path):
    file = predictions.write(entry(), tmp_path / "kept")
    assert file.name == "liver_growing_primary-primary-to-no_primary-bmdc-day10.toml"
    assert predictions.load(file) == entry()
    with pytest.raises(InputError, match="is there already"):
        predictions.write(entry(effect=1.0), tmp_path / "kept")
    assert predictions.in_words(entry()) == (
        "Does it? bmdc on day 10, primary against no_primary: more, ratio × 2.5 (2 to 3.125), 8 mice an arm."
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("effect = 2.5", "effect = 2.6"), ("Does it?", "Does it not?"), ("10 day", "11 day"), ("more", "less"), ("low = 2", "low = 3"),
     ("high = 3", "high = 4"), ("mice = 8", "mice = 9"), ('kind = "ratio"', 'kind = "difference"'), ("bmdc", "mdsc"),
     ('arm = "primary"', 'arm = "other"'), ("no_primary", "none"), ("0123", "1123"), ("2026-12-01", "2026-12-02"),
     ('scenario = "liver_growing_primary"', 'scenario = "liver_other"')],
)
def test_whatever_is_changed_later_is_noticed(tmp_path, old, new):
    file = predictions.write(entry(), tmp_path)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match="was changed after it was made"):
        predictions.load(file)


def test_an_outcome_may_be_added(tmp_path):
    file = predictions.write(entry(), tmp_path)
    found = '\n[outcome]\ndate = "2027-01-01"\nsource = "Somebody 2027"\nfound = "more"\n'
    file.write_text(file.read_text(encoding="utf-8") + found, encoding="utf-8")
    read = predictions.load(file)
    assert read.outcome is not None and read.outcome.found == "more"
    assert dataclasses.replace(read, outcome=None) == entry()


@pytest.mark.parametrize("file", sorted(KEPT.glob("*.toml")), ids=lambda file: file.stem)
def test_predictions_that_are_kept_are_as_they_were_made(file):
    made = predictions.load(file)
    assert predictions.name_of(made) == file.name
    experiment = scenario.load(made.scenario, readouts=KNOWN)
    experiment.arm(made.arm), experiment.arm(made.against)
    assert made.readout in BY_NAME
    asked = {(t.readout, t.arm, t.against) for t in experiment.targets}
    assert (made.readout, made.arm, made.against) not in asked  # a target is no prediction


def test_there_are_ten():
    assert len(list(KEPT.glob("*.toml"))) >= 10


@pytest.mark.mice
def test_predict_from_mice_to_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (scenario.library() / "liver_growing_primary" / "scenario.toml").read_text(encoding="utf-8")
    (tmp_path / "small").mkdir()
    small = text.replace('"2 mm"', '"0.6 mm"')
    (tmp_path / "small" / "scenario.toml").write_text(small, encoding="utf-8")
    options = ["--scenario", "small", "--arms", "no_primary,primary", "--mice", "6", "--workers", "1", "--at", "2 day"]
    assert main(["predict", "Is it more?", *options, "--readout", "exosomes_taken_up"]) == 0
    (file,) = (tmp_path / "predictions").glob("*.toml")
    made = predictions.load(file)
    assert (made.arm, made.against, made.mice) == ("primary", "no_primary", 6)
    assert np.isfinite([made.effect, made.low, made.high]).all()
    assert predictions.in_words(made) in capsys.readouterr().out
    assert main(["predict", "Is it more?", *options, "--readout", "exosomes_taken_up"]) == 2  # it is there already


def test_an_effect_without_an_end_is_refused():
    nothing = Comparison.none("no ratio: the reference is 0", 6)
    with pytest.raises(InputError, match="bmdc tells nothing here"):
        predictions.predict("Does it?", None, "b", "a", "bmdc", 1.0, nothing)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--readout", "bmdc"], "--arms: missing; two arms"),
        (["--arms", "pbs", "--readout", "bmdc"], "--arms: 'pbs'; two arms"),
        (["--arms", "pbs,educated"], "--readout: missing; one that"),
        (["--arms", "pbs,educated", "--readout", "bmd"], "--readout: 'bmd'; did you mean bmdc"),
        (["--arms", "pbs,educated", "--readout", "bmdc", "--at", "60 day"], "--at: day 60 is after the end"),
    ],
)
def test_bad_input_is_one_line(options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "Does it?", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"niche-sim: {said}")
    assert not list(tmp_path.iterdir())
