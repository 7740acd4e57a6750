"""`niche-sim run --protocol` and `--add`: another protocol from the command line, repeated and resumed as any run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from niche_sim.cli import main
from niche_sim.experiment import scenario as library
from niche_sim.experiment.editing import with_protocol
from niche_sim.experiment.protocol import Block, InjectExosomes, entry_text, protocol_text
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs.record import Runner, load_record, run

SIZE = {"section.width": "0.6 mm", "section.height": "0.6 mm"}
QUICK = ["run", "--no-figures", "--no-progress", "--days", "2"]
QUICK += [word for name, text in SIZE.items() for word in ("--set", f"{name}={text}")]
EDUCATION = "liver_education_costasilva2015"
EDITED = f"{EDUCATION}-educated_edited-1"
MIF = Block("mif", 0.95, 0.0, 504.0)
DOSE = InjectExosomes("pdac", (6.0,), amount_ug=20.0)

Call = Callable[..., SimpleNamespace]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs one command in an empty folder; gives its exit code, output and error lines."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> SimpleNamespace:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err.splitlines())

    return run


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("record.parquet", "events.parquet", "snapshots.npz")}


def hash_of(folder: Path) -> str:
    return str(json.loads((folder / "summary.json").read_text())["run_hash"])


def test_a_protocol_is_done_instead(call: Call, tmp_path: Path) -> None:
    done = call(*QUICK, "--protocol", protocol_text([DOSE, MIF]))
    assert (done.code, done.err) == (0, [])
    record = load_record(tmp_path / "runs" / EDITED)
    assert [mark[1] for mark in record.provenance["marks"]] == ["block", "inject_exosomes", "block_end"]
    # The same as in Python, and as the same under another name of the arm but for the hash.
    experiment = with_protocol(library.load(EDUCATION), "educated", [DOSE, MIF])
    overrides = {**SIZE, "run.duration": "2.0 day"}
    same = run(experiment, "educated_edited", overrides=overrides)  # type: ignore[arg-type]
    assert same.run_hash == record.run_hash
    assert {name: values.tobytes() for name, values in same.table.items()} == {
        name: values.tobytes() for name, values in record.table.items()
    }
    assert call(*QUICK, "-o", "plain").code == 0
    assert written(tmp_path / "plain")["record.parquet"] != written(tmp_path / "runs" / EDITED)["record.parquet"]


def test_a_file_and_a_list_are_the_same_protocol(call: Call, tmp_path: Path) -> None:
    (tmp_path / "edit.toml").write_text(f"protocol = [\n  {entry_text(DOSE)},\n  {entry_text(MIF)},\n]\n")
    assert call(*QUICK, "--protocol", "edit.toml", "-o", "file").code == 0
    assert call(*QUICK, "--protocol", protocol_text([DOSE, MIF]), "-o", "list").code == 0
    assert hash_of(tmp_path / "file") == hash_of(tmp_path / "list")
    assert written(tmp_path / "file") == written(tmp_path / "list")


def test_add_comes_after_what_the_arm_has(call: Call, tmp_path: Path) -> None:
    own = library.load(EDUCATION).arms["pbs"].protocol.interventions
    options = ["--arm", "pbs", "--seed", "3"]
    assert call(*QUICK, *options, "--add", entry_text(DOSE), "--add", entry_text(MIF), "-o", "added").code == 0
    assert call(*QUICK, *options, "--protocol", protocol_text([*own, DOSE, MIF]), "-o", "whole").code == 0
    given = ["--protocol", protocol_text([*own, DOSE]), "--add", entry_text(MIF)]
    assert call(*QUICK, *options, *given, "-o", "both").code == 0
    assert hash_of(tmp_path / "added") == hash_of(tmp_path / "whole") == hash_of(tmp_path / "both")
    assert load_record(tmp_path / "added").provenance["arm"] == "pbs_edited"


def test_nothing_at_all_may_be_done(call: Call, tmp_path: Path) -> None:
    assert call(*QUICK, "--protocol", "[]").code == 0
    assert load_record(tmp_path / "runs" / EDITED).provenance["marks"] == []


def test_something_late_in_a_longer_run(call: Call, tmp_path: Path) -> None:
    late = entry_text(Block("mif", 0.5, 45 * 24.0, 50 * 24.0))
    longer = ["46" if word == "2" else word for word in QUICK]
    assert call(*longer, "--set", "run.step=6 h", "--protocol", f"[{late}]").code == 0
    assert load_record(tmp_path / "runs" / EDITED).table["time_h"][-1] == 46 * 24.0
    (line,) = call(*QUICK, "--protocol", f"[{late}]").err
    assert line == "niche-sim: --protocol (block): begins on day 45; the run ends on day 2: an earlier time is needed"


def test_like_repeats_it(call: Call, tmp_path: Path) -> None:
    assert call(*QUICK, "--add", entry_text(MIF), "--seed", "5", "-o", "first").code == 0
    done = call("run", "--like", "first", "-o", "again", "--no-figures", "--no-progress")
    assert (done.code, done.err) == (0, [])
    assert written(tmp_path / "first") == written(tmp_path / "again")
    first, again = (json.loads((tmp_path / name / "provenance.json").read_text()) for name in ("first", "again"))
    assert first == again
    # The arm is in the scenario that the run carries with it.
    assert library.parse(first["scenario_text"], "x").arms["educated_edited"].protocol.interventions[-1] == MIF


def test_resume_goes_on_with_it(call: Call, tmp_path: Path) -> None:
    assert call(*QUICK, "--add", entry_text(DOSE), "-o", "calm").code == 0
    educated = library.load(EDUCATION)
    experiment = with_protocol(educated, "educated", [*educated.arms["educated"].protocol.interventions, DOSE])
    model = Simulation(experiment, "educated_edited", overrides={**SIZE, "run.duration": "2.0 day"})
    runner = Runner(model)
    runner.advance(5)  # the dose comes at 6 h
    runner.save(tmp_path / "cut" / "checkpoint.npz")
    done = call("run", "--resume", "cut", "--no-figures", "--no-progress")
    assert (done.code, done.err) == (0, [])
    assert hash_of(tmp_path / "cut") == hash_of(tmp_path / "calm")
    assert written(tmp_path / "cut") == written(tmp_path / "calm")


RESECT = '{ do = "resect_primary", at = "1 day" }'


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--protocol", RESECT], "--protocol: '{ do ="),
        (["--protocol", f"[{RESECT}]"], "--protocol: resect_primary at 1 day finds no primary"),
        (["--protocol", "[{ do = 'blok' }]"], "--protocol[0].do: 'blok'; did you mean block?"),
        (["--protocol", "[{ do = 'blok' }"], "--protocol: line 1: "),
        (["--protocol", "none.toml"], "--protocol none.toml: No such file"),
        (["--protocol", "[]", "--add", RESECT], "--add: resect_primary at 1 day finds no primary"),
        (["--add", f"[{RESECT}]"], "--add: '[{ do ="),
        (["--add", "{ do = 'resect_primary', at = '3 um' }"], "--add.at: '3 um' is a length"),
        (["--add", entry_text(MIF), "--add", "{ do = 3 }"], "--add[1].do: 3; allowed are"),
        (["--add", entry_text(MIF), "--add", entry_text(MIF)], "--add: block:mif:0.0:504.0 is there twice"),
        (["--add", entry_text(MIF), "--arm", "educatd"], "--arm: 'educatd'; did you mean educated?"),
        (["--add", entry_text(MIF), "--set", "run.duration=no"], "--set run.duration: 'no' is not a number"),
        (
            ["--like", "runs", "--protocol", "[]", "--add", RESECT],
            "--like: together with --days, --set, --protocol, --add",
        ),
    ],
    ids=str,
)
def test_every_mistake_is_one_line(call: Call, tmp_path: Path, options: list[str], start: str) -> None:
    quick = [word for word in QUICK if word not in ("--days", "2")] if "run.duration=no" in options else QUICK
    done = call(*quick, *options)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(f"niche-sim: {start}")
    assert list(tmp_path.iterdir()) == []


def test_help_shows_both(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = call("run", "--help").out
    assert "--protocol" in out
    assert "--add" in out
    assert "instead of the arm's protocol" in out
