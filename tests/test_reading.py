"""Files are looked at before they are read, messages are short and can be shown, and a damaged file is one line."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from niche_sim.cli import main
from niche_sim.description.evidence import verdicts_of
from niche_sim.engine.errors import LONGEST_MESSAGE, InputError
from niche_sim.engine.reading import LONGEST_TEXT, MOST_DOTS, read_text, read_toml
from niche_sim.experiment import scenario
from niche_sim.experiment.editing import with_added, with_protocol
from niche_sim.experiment.protocol import (
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    Treat,
    read_entry,
    read_protocol,
)
from niche_sim.experiment.simulation import Simulation
from niche_sim.experiment.spelling import MOST_DOSES
from niche_sim.model.parameters import limits_of, rows, value_of
from niche_sim.model.stages import load_thresholds
from niche_sim.runs import record as records
from niche_sim.runs.record import Runner

EDUCATION = "liver_education_costasilva2015"
TINY = {"section.width": "0.6 mm", "section.height": "0.6 mm", "run.duration": "12 h"}


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_shows_no_control_character_and_keeps_what_matters() -> None:
    error = InputError("a\x1b[31m/\u202eb", "x\x07\n" * 5000, "y, " * 5000 + "the end")
    text = str(error)
    assert len(text) <= LONGEST_MESSAGE
    assert text.isprintable()
    assert text.startswith("a\\x1b[31m/\\u202eb: x\\x07 x")
    assert text.endswith("the end")
    assert (error.where, error.found, error.allowed) == tuple(vars(pickle.loads(pickle.dumps(error))).values())


def test_short_parts_of_a_message_are_whole_however_long_the_others_are() -> None:
    error = InputError("file: key", "f" * 1000, "a number such as 0.5")
    assert (error.where, error.allowed) == ("file: key", "a number such as 0.5")
    assert len(error.found) > 200
    assert str(InputError("a", "b", "c")) == "a: b; c"


# --- text and TOML ----------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_and_line_ends_of_any_system_are_taken(tmp_path: Path) -> None:
    original = scenario.load(EDUCATION)
    file = tmp_path / "scenario.toml"
    file.write_bytes(b"\xef\xbb\xbf" + original.text.replace("\n", "\r\n").encode())
    assert scenario.load(file).sha256 == original.sha256
    assert scenario.load(file).text == original.text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a" + ".a" * 30_000 + " = 1", "a key of 30,001 parts"),
        ("a" + " . a" * 30_000 + " = 1", "a key of 30,001 parts"),
        ("".join(f"k{n}.a.a = 1\n" for n in range(8000)), "8,000 keys of three parts"),
        ("[" * 9 + "a = " + "[" * 5000, "brackets within brackets"),
        ("a = 1\n" * LONGEST_TEXT, "characters"),
        ('a = "\\u001b[2J"', "the character '\\x1b'"),
        ('"\\u202e" = 1', "the character '\\u202e'"),
        ("a = { b = [1, 9223372036854775808] }", "64 bits"),
        ("a = 0x" + "f" * 5000, "64 bits"),
        ("dose = 0,5", "a decimal comma"),
    ],
)  # fmt: skip
def test_toml_that_costs_too_much_or_is_not_meant_is_refused(text: str, found: str) -> None:
    with pytest.raises(InputError) as caught:
        read_toml(text, "x.toml")
    assert found in caught.value.found
    assert caught.value.where.startswith("x.toml")


def test_dots_and_brackets_in_texts_and_comments_are_none() -> None:
    long = "a.b" * 50 + "[" * 50
    text = f'a = "{long}"\nb = \'{long}\'\nc = """{long}"""  # {long}\n"{long}".x = 1.5\n'
    assert read_toml(text, "x")["a"] == long
    deep = ".".join("a" * (MOST_DOTS + 1))
    assert read_toml(f"{deep} = 1", "x")


def test_a_file_cut_within_a_character_is_too_long_and_not_damaged(tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    file.write_text("𝄞" * (LONGEST_TEXT + 1), encoding="utf-8")  # four bytes each
    with pytest.raises(InputError, match="characters"):
        read_text(file)


@pytest.mark.parametrize("name", ["/dev/zero", "a\0b", "x" * 300, "."])
def test_what_is_no_text_is_one_line(name: str) -> None:
    with pytest.raises(InputError):
        read_text(Path(name))


@pytest.mark.parametrize("text", ["58 um^٣/s", "٥ um", "5 um^²٣", "5 um*mm^0"])
def test_digits_are_those_of_ascii_and_powers_are_no_zero(text: str) -> None:
    from niche_sim.engine.units import to_model

    with pytest.raises(InputError):
        to_model(text)


def test_a_decimal_comma_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--days", "2,5"], ["--set", "tgfb.half_life=0,5 min"]):
        assert main(["run", *arguments]) == 2
        assert "comma" in capsys.readouterr().err
    with pytest.raises(InputError, match="decimal point"):
        read_entry('{ do = "block", target = "mif", efficacy = 0.5, from = "0,5 day", to = "2 day" }', "--add")


# --- how much may be asked --------------------------------------------------------------------------------------------


def _with_arms(arms: str) -> str:
    text = scenario.load(EDUCATION).text
    return text[: text.index("[arms.")] + arms


def test_arms_like_each_other_are_read_once_each() -> None:
    one = '[{ do = "inject_exosomes", source = "pdac", amount = "5 ug", at = "%d h" }]'
    arms = "[arms.a0]\nprotocol = []\n" + "".join(
        f'[arms.a{n}]\nlike = "a{n - 1}"\nadd = {one % n}\n' for n in range(1, 150)
    )
    read = scenario.parse(_with_arms(arms), "x.toml")
    assert [len(arm.protocol.interventions) for arm in read.arms.values()] == list(range(150))
    with pytest.raises(InputError, match="more than 200 arms; at most 200"):
        scenario.parse(_with_arms("".join(f"[arms.a{n}]\nprotocol = []\n" for n in range(3000))), "x.toml")


def test_doses_are_counted_before_they_are_made() -> None:
    hourly = '{ do = "treat", drug = "anti_pd1", dose = 1, every = "1 h", from = "0 h", to = "8000 h" }'
    done = '{ do = "resect_primary", at = "1 h" }'
    with pytest.raises(InputError, match=f"more than {MOST_DOSES:,} doses"):
        read_protocol(f"[{', '.join([hourly] * 900)}]", "--protocol")
    with pytest.raises(InputError, match="interventions"):
        read_protocol(f"[{', '.join(2000 * [done])}]", "--protocol")


@pytest.mark.parametrize(
    "make",
    [
        lambda: GrowPrimary("kcko", 1e300, 48.0),
        lambda: GrowPrimary("kcko", 1e6, 1e-300),
        lambda: InjectTumourCells("pan02", 10**18, 0.0),
        lambda: InjectExosomes("pdac", (0.0,), vesicles=1e300),
        lambda: InjectExosomes("pdac", (1e300,), amount_ug=5.0),
        lambda: Treat("anti_pd1", 1e9, (0.0,)),
    ],
)
def test_what_no_mouse_could_bear_is_refused(make: object) -> None:
    with pytest.raises(InputError, match=r"a (whole )?(number|time)( of vesicles)? (from|above)"):
        make()  # type: ignore[operator]


def test_a_primary_that_outgrows_the_mouse_is_refused() -> None:
    entry = read_entry('{ do = "grow_primary", line = "kcko", cells = 1e6, doubling = "4 day" }', "--add")
    experiment = with_added(scenario.load(EDUCATION), "pbs", [entry])
    with pytest.raises(InputError, match=r"grow_primary.*gompertz"):
        experiment.with_(duration=100 * experiment.duration)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nk.persistence", "1e-300 min"),
        ("bmdc.speed", "1e9 um/min"),
        ("liver.volume", "1e-300 mm^3"),
        ("stellate.reach", "1 m"),
        ("stellate.steepness", "1e6"),
    ],
)
def test_numbers_that_would_fail_in_the_run_are_refused(name: str, text: str) -> None:
    with pytest.raises(InputError, match="usually"):
        value_of(name, text)


@pytest.mark.parametrize("name", rows())
def test_limits_lie_far_outside_the_range(name: str) -> None:
    row = rows()[name]
    least, most = limits_of(row)
    assert least <= (row.low or least) <= max(row.high, row.value) <= most
    for value in (row.low, row.high, row.value):
        value_of(name, f"{value!r} {row.unit}")


@pytest.mark.parametrize("name", ["stellate.reach", "tumour.neighbourhood", "stellate.steepness", "tumour.fraction_arrested"])
@pytest.mark.parametrize("end", [0, 1])
def test_the_limits_themselves_can_be_run(name: str, end: int) -> None:
    row = rows()[name]
    text = "1" if name.endswith("fraction_arrested") else f"{limits_of(row)[end]!r} {row.unit}"
    done = '[{ do = "inject_tumour_cells", line = "pan02", count = 1000000, at = "0 h" }]'
    experiment = with_protocol(scenario.load(EDUCATION), "pbs", read_protocol(done, "x"))
    model = Simulation(experiment, "pbs_edited", overrides={**TINY, name: text}, rng=1)
    model.run_to_end()
    assert model.state.counters.tumour_entered > 0


@pytest.mark.parametrize("name", ["run.duration", "run.step", "section.width", "section.spacing"])
@pytest.mark.parametrize("text", ["1e300", "1e-300"])
def test_a_section_and_a_clock_beyond_all_bounds_are_refused(name: str, text: str) -> None:
    unit = "um" if name.startswith("section") else "h"
    with pytest.raises(InputError, match=f"{name.replace('.', '[.]')}: "):
        Simulation(EDUCATION, overrides={name: f"{text} {unit}"})


# --- beside a scenario ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "threshold = 3",
        "[threshold]\npriming = 3",
        "[threshold]\npriming = []",
        "[threshold.priming]\n",
        '[threshold.priming]\nmarker = "kupffer_taught"\nunit = "cell/mm^2"\n',
        '[threshold.priming]\nmarker = "kupffer_taught"\nunit = "cell/mm^2"\nvalue = "x"',
        '[threshold.priming]\nmarker = "kupffer_taught"\nunit = "cell/mm^2"\nvalue = nan',
        '[threshold.priming]\nmarker = "kupffer_taught"\nunit = "cell/mm^2"\nvalue = true',
        "[threshold.primming]\nvalue = 1",
        "a = " + "[" * 5000,
    ],
)
def test_wrong_thresholds_are_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "thresholds.toml").write_text(text)
    with pytest.raises(InputError, match=r"thresholds\.toml"):
        load_thresholds(tmp_path)


def test_sources_of_many_broken_entries_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "sources.bib").write_text("@a{b,\n" * 40_000)
    with pytest.raises(InputError, match="cannot be read"):
        scenario.bibliography(tmp_path / "sources.bib")
    (tmp_path / "sources.bib").write_text("\n" * 250_000)
    assert scenario.bibliography(tmp_path / "sources.bib") == {}


# --- what a run left --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a run, with a checkpoint."""
    folder = tmp_path_factory.mktemp("left")
    runner = Runner(Simulation(EDUCATION, "educated", overrides=TINY, rng=1))
    runner.save(folder / "checkpoint.npz")
    runner.advance(10**6)
    runner.record().save(folder)
    return folder


FILES = ("record.parquet", "events.parquet", "snapshots.npz", "summary.json", "provenance.json")


def _other_shape(data: bytes) -> bytes:
    """The arrays of an npz, one of them cut."""
    with np.load(io.BytesIO(data)) as stored:
        arrays = dict(stored)
    name = next(name for name in arrays if name.endswith("kupffer_cells_y"))
    arrays[name] = arrays[name][:-1]
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "a bit": lambda data: data[: len(data) // 3] + bytes([data[len(data) // 3] ^ 4]) + data[len(data) // 3 + 1 :],
    "zeros": lambda data: bytes(len(data)),
    "another file": lambda data: b'["no table"]',
    "gone": None,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_one_line_that_names_the_file(left: Path, name: str, damage: str) -> None:
    file, harm = left / name, DAMAGE[damage]
    whole = file.read_bytes()
    try:
        file.unlink() if harm is None else file.write_bytes(harm(whole))
        if damage == "a bit" and name.endswith(".json"):
            file.write_bytes(whole.replace(b'"', b"", 1))
        with pytest.raises(InputError) as caught:
            records.load_record(left)
        assert caught.value.where.startswith(f"{file}")
    finally:
        file.write_bytes(whole)


def test_cells_that_do_not_fit_each_other_are_told(left: Path) -> None:
    """In a folder without digests, as an earlier version wrote it."""
    file, summary = left / "snapshots.npz", left / "summary.json"
    whole, text = file.read_bytes(), summary.read_text()
    try:
        summary.write_text(text.replace("sha256", "other"))
        assert records.load_record(left).run_hash in text
        file.write_bytes(_other_shape(whole))
        with pytest.raises(InputError, match="different lengths of kupffer_cells"):
            records.load_record(left)
    finally:
        file.write_bytes(whole)
        summary.write_text(text)


@pytest.mark.parametrize("command", [["run", "--like"], ["film"], ["replay"], ["export"]])
def test_every_command_on_a_damaged_run_ends_in_one_line(
    left: Path, command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = left / "provenance.json" if command[0] == "run" else left / "record.parquet"
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:200])
        assert main([*command, str(left)]) == 2
    finally:
        file.write_bytes(whole)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert file.name in said


def test_a_damaged_checkpoint_is_one_line(left: Path, tmp_path: Path) -> None:
    whole = (left / "checkpoint.npz").read_bytes()
    for number in range(20):
        at = number * len(whole) // 20
        (tmp_path / "checkpoint.npz").write_bytes(whole[:at] + b"\xff" * 9 + whole[at + 9 :])
        with pytest.raises(InputError, match="checkpoint"):
            Runner.resume(tmp_path / "checkpoint.npz")


def test_a_table_that_is_no_table_of_verdicts_is_one_line(left: Path, tmp_path: Path) -> None:
    (tmp_path / "verdicts.parquet").write_bytes((left / "record.parquet").read_bytes())
    with pytest.raises(InputError, match=r"verdicts\.parquet: cannot be read"):
        verdicts_of(tmp_path)


def test_an_archive_in_place_of_a_file_is_one_line(left: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "checkpoint.npz", "w") as archive:
        head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,), }"
        archive.writestr("notes.npy", b"\x93NUMPY\x01\x00" + bytes([len(head), 0]) + head)
    with pytest.raises(InputError, match="not a checkpoint"):
        Runner.resume(tmp_path / "checkpoint.npz")


# --- the terminal -----------------------------------------------------------------------------------------------------


def test_output_never_fails_for_want_of_an_encoding(tmp_path: Path) -> None:
    folder = tmp_path / "ποντίκι"
    folder.mkdir()
    (folder / "scenario.toml").write_text(scenario.load(EDUCATION).text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "niche_sim", "describe", str(folder / "scenario.toml")],
        capture_output=True, check=False, env={"PYTHONIOENCODING": "cp1252", "PATH": ""}, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert b"\\u03c0" in ran.stdout


@pytest.mark.parametrize("argument", ["\x1b[31mred", "a\u202eb", "bell\x07"])
def test_control_characters_of_an_argument_are_never_shown_raw(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-o", argument]) == 2
    said = capsys.readouterr()
    assert (said.out + said.err).replace("\n", "").isprintable()
    assert "can be seen" in said.err


def test_what_is_long_is_not_quoted_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["run", "x" * 17_000], ["run", "--set", "x" * 17_000], ["x" * 17_000], ["run", "--protocol", "[" * 17_000]):
        assert main(arguments) != 0
        assert len(capsys.readouterr().err) <= 301
