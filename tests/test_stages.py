"""Stages are read out: by hand on made-up markers, and the thresholds beside each scenario."""

from types import SimpleNamespace

import numpy as np
import pytest

from niche_sim import InputError
from niche_sim.cli import main
from niche_sim.experiment import scenario
from niche_sim.model import parameters, stages
from niche_sim.model.stages import STAGES, StageWatch, highest_day, load_thresholds, threshold_of
from niche_sim.runs.thresholds import compute_thresholds


class Marker:
    """A stage whose marker is what the state says."""

    name = "priming"

    def value(self, state, p):
        return state.marker


@pytest.fixture
def onset(monkeypatch):
    monkeypatch.setattr(stages, "STAGES", (Marker(),))

    def of(values, threshold=1.0, dt=1.0):
        watch = StageWatch({"priming": threshold}, {"priming": None}, {"priming": None})
        for i, value in enumerate(values):
            watch.look(SimpleNamespace(time=i * dt, marker=value), None)
        return watch.onsets["priming"]

    return of


def test_numbers_are_compared_per_area_and_levels_as_they_are(naive, p):
    stage = {stage.name: stage for stage in STAGES}
    naive.stellate_cells.activation[:21] = 1.0
    naive.vessels[:] = 1.3
    assert stage["licensing"].value(naive, p) == pytest.approx(50.0)  # 21 in 0.6 x 0.7 mm
    assert stage["licensing"].unit == "cell/mm^2"
    assert stage["angiogenesis"].value(naive, p) == pytest.approx(1.3)
    assert stage["angiogenesis"].unit == "relative"
    assert stage["colonisation"].unit == "colony/mm^2"


def test_onset_is_the_start_of_the_first_24_h_above(onset):
    # Up for 23 h from hour 2, down, then up from hour 30.
    values = [0, 0] + [2] * 23 + [1] * 5 + [2] * 40
    assert onset(values) == 30.0
    assert onset([0] * 5 + [2] * 24) is None  # 23 h between the first and the last
    assert onset([0] * 5 + [2] * 25) == 5.0
    assert onset([0] * 10 + [2] * 49, dt=0.5) == 5.0


def test_at_the_threshold_is_not_above(onset):
    assert onset([1.0] * 100) is None


def test_highest_day_agrees_with_the_watch(onset):
    rng = np.random.default_rng(4)
    for _ in range(30):
        values = rng.integers(0, 4, 80).cumsum() % 17
        highest = highest_day(values.astype(float), 1.0)
        assert onset(values, threshold=highest) is None
        assert onset(values, threshold=highest - 1e-9) is not None


def test_the_threshold_lies_above_99_of_100_mice():
    highest = np.random.default_rng(1).permutation(1000).astype(float)
    assert np.mean(highest > threshold_of(highest)) <= 0.01


@pytest.mark.parametrize("entry", scenario.catalogue(), ids=lambda entry: entry.id)
def test_every_scenario_has_thresholds_made_with_its_register(entry):
    experiment = scenario.load(entry.id)
    thresholds = load_thresholds(experiment.path.parent)
    assert set(thresholds) == {stage.name for stage in STAGES}
    text = (experiment.path.parent / "thresholds.toml").read_text()
    changed = {name: change.text for name, change in experiment.parameters.items()}
    digest = parameters.digest(parameters.resolve(changed, organ=experiment.organ))
    assert f'register_sha256 = "{digest}"' in text, "run `niche-sim thresholds` anew"


@pytest.mark.mice
def test_thresholds_are_made_and_read_back(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    source = scenario.load("liver_growing_primary")
    text = source.text.replace('"2 mm"', '"0.6 mm"').replace('"42 day"', '"2 day"').replace("14 day", "1 day")
    (folder / "scenario.toml").write_text(text)
    keep = tmp_path / "mice"
    options = ["--mice", "3", "--workers", "1", "--keep", str(keep)]
    assert main(["thresholds", str(folder / "scenario.toml"), *options]) == 0
    made = (folder / "thresholds.toml").read_text()
    seen = []
    assert made == compute_thresholds(scenario.load(folder / "scenario.toml"), keep, mice=3, watch=seen.append)
    assert seen == [(n, 0, 0, 3) for n in range(4)]  # the mice of the command, whatever thresholds there are since
    thresholds = load_thresholds(folder)
    assert thresholds["licensing"] == 0.0
    assert thresholds["arrival"] == 0.0
    (folder / "thresholds.toml").write_text(made.replace("stellate_active", "bmdc"))
    with pytest.raises(InputError, match="licensing"):
        load_thresholds(folder)
    (folder / "thresholds.toml").write_text("[threshold")
    with pytest.raises(InputError, match="valid TOML is needed"):
        load_thresholds(folder)


@pytest.mark.parametrize(
    ("options", "found"),
    [(["--mice", "1"], "--mice"), (["--seed", "x"], "--seed"), (["-o", "/dev/null/x"], "/dev/null"), (["nowhere"], "SCENARIO")],
)
def test_bad_input_to_the_command_is_one_line(options, found, capsys):
    assert main(["thresholds", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("niche-sim: ")
    assert error.count("\n") == 1
    assert found in error
