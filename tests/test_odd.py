"""The model in the ODD protocol: complete, in the order of the protocol, well formed, and as the file in docs/ says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from niche_sim.cli import main
from niche_sim.description import describe, odd
from niche_sim.engine import templates
from niche_sim.experiment.scenario import bibliography, catalogue, load
from niche_sim.model.catalogue import BLOCK_TARGETS
from niche_sim.model.cells import POPULATIONS
from niche_sim.model.parameters import rows
from niche_sim.model.readouts import READOUTS
from niche_sim.model.schedule import ALTERNATIVES, DEFAULT, SCHEDULES, STAGE_3
from niche_sim.model.stages import STAGES
from niche_sim.model.state import COMPARTMENTS, FIELDS

FILE = Path(__file__).parents[1] / "docs" / "odd.md"
CONCEPTS = [
    "Basic principles", "Emergence", "Adaptation", "Objectives", "Learning", "Prediction", "Sensing", "Interaction",
    "Stochasticity", "Collectives", "Observation",
]  # fmt: skip


@pytest.fixture(scope="module")
def text() -> str:
    return odd.document()


@pytest.fixture(scope="module")
def elements(text: str) -> dict[str, str]:
    """Heading of each of the seven elements, without its number -> what stands below it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"^\d\. ", "", title): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}


def headings(body: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", body, re.MULTILINE)


def below(body: str, heading: str, level: str = "#+") -> str:
    """What stands below a heading, up to the next of any level."""
    found = re.search(rf"^{level} {re.escape(heading)}\n(.*?)(?=^#|\Z)", body, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def test_the_file_in_docs_is_fresh(text: str) -> None:
    """But for the version, which is another in every copy under development."""
    kept = FILE.read_text(encoding="utf-8") if FILE.is_file() else ""
    without = [re.sub(r"(?<=This describes version )\S+", "", one) for one in (kept, text)]
    assert without[0] == without[1], f"docs/odd.md is old; run: {odd.COMMAND}"


def test_headings_are_the_seven_elements_and_eleven_concepts(text: str, elements: dict[str, str]) -> None:
    assert headings(text, 2) == [
        "1. Purpose and patterns",
        "2. Entities, state variables and scales",
        "3. Process overview and scheduling",
        "4. Design concepts",
        "5. Initialization",
        "6. Input data",
        "7. Submodels",
        "Sources",
    ]
    assert headings(elements["Design concepts"], 3) == CONCEPTS
    for concept in CONCEPTS:
        assert below(elements["Design concepts"], concept).strip()
    for title, link in re.findall(r"^- \[(.+)\]\(#(.+)\)$", text, re.MULTILINE):
        assert title in headings(text, 2)
        assert link == re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def test_every_process_is_there_in_order_with_all_it_says(elements: dict[str, str]) -> None:
    overview = re.findall(r"^\| \d+ \| \w+ \| `(\w+)` \| (.+?) \|", elements["Process overview and scheduling"], re.M)
    assert [name for name, _ in overview] == [kind.__name__ for kind in DEFAULT]
    body = elements["Submodels"]
    places = [body.index(f"\n#### {kind.__name__}") for kind in (*DEFAULT, *ALTERNATIVES)]
    assert places == sorted(places)
    acts = dict(overview)
    for kind in (*DEFAULT, *ALTERNATIVES):
        heading = kind.__name__ + (" (hypothesis layer)" if kind in STAGE_3 else "")
        said = below(body, heading, "####")  # a chapter may be called the same
        assert "".join((kind.__doc__ or "").split()) in "".join(said.split()), kind.__name__
        period = f"every {kind.period:g} h" if kind.period else "every step"
        assert f"\n- Acts: {period}.\n" in said
        assert acts.get(kind.__name__, period) == period
        for word, names in (("Reads", kind.reads), ("Writes", kind.writes)):
            assert f"\n- {word}: {', '.join(f'`{name}`' for name in names)}." in said


def test_describe_shows_how_seldom_a_slow_process_acts() -> None:
    experiment = load("liver_growing_primary")
    shown = {name: text.splitlines() for _, name, text in describe.steps(experiment).rows}
    for kind in DEFAULT:
        slow = [f"every {kind.period:g} h"] if kind.period > experiment.step else []
        assert shown[kind.__name__][1:-2] == slow
    hourly = describe.steps(experiment.with_(step=12.0, record=12.0)).rows
    assert not [text for _, name, text in hourly if name == "VegfRelease" and "every" in text]
    assert [text for _, name, text in hourly if name == "BloodSample" and "\nevery 24 h\n" in text]


def test_schedules_say_how_they_differ(elements: dict[str, str]) -> None:
    body = elements["Process overview and scheduling"]
    for name in SCHEDULES:
        assert f"| `{name}` |" in body
    for kind in STAGE_3:
        assert re.search(rf"\| `no_stage3` \|.*`{kind.__name__}`", body)
    for kind in ALTERNATIVES:
        assert re.search(rf"\| `additive` \|.*`{kind.__name__}` in place of", body)


def test_the_wiring_holds_every_write_and_its_readers(elements: dict[str, str]) -> None:
    body = below(elements["Process overview and scheduling"], "Who writes what others read")
    wiring = {name: (by, read) for name, by, read in re.findall(r"^\| `(\S+)` \| (.*) \| (.*) \|$", body, re.M)}
    for kind in DEFAULT:
        for name in kind.writes:
            whole = name.partition(".")[0]
            if whole not in odd.NOT_WIRING:
                assert f"`{kind.__name__}`" in wiring[name if whole in COMPARTMENTS else whole][0], (kind, name)
        for name in kind.reads:
            quantity = name if name.partition(".")[0] in COMPARTMENTS else name.partition(".")[0]
            if quantity in wiring:
                assert f"`{kind.__name__}`" in wiring[quantity][1], (kind, name)
    assert set(FIELDS) <= set(wiring)
    assert "`Detachment`" not in wiring["tgfb"][1]  # it reads no TGF-beta


def test_entities_are_whole(elements: dict[str, str]) -> None:
    body = elements["Entities, state variables and scales"]
    for kind in POPULATIONS:
        said = below(body, f"{kind.__name__}: `{kind.population}`")
        for name, column in kind.declared().items():
            assert f"\n| `{name}` | {column.dtype.name} | {column.unit} | {column.meaning}" in said, (kind, name)
            assert all(word in said for word in column.names)
    fields = below(body, "Fields")
    for name, (unit, meaning) in FIELDS.items():
        assert re.search(
            rf"^\| `{name}` \| {'' if unit == '1' else unit} \| [01] \| {re.escape(meaning)} \|$", fields, re.M
        )
    for name, book in COMPARTMENTS.items():
        said = below(body, f"{book.__name__}: `{name}`")
        assert all(f"`{entry}`" in said for entry in book.__dataclass_fields__)
    assert "| `ccl2` | float | 0 | nM |" in below(body, "Blood: `blood`")


def test_every_parameter_is_there_whole(elements: dict[str, str]) -> None:
    body = elements["Submodels"].partition("### Parameters")[2]
    found = {
        cells[0].strip("`"): cells[1:]
        for line in body.splitlines()
        if line.startswith("| `") and len(cells := line.strip("| ").split(" | ")) >= 4
    }
    assert list(found) == list(rows())
    for name, row in rows().items():
        value, span, kind, *rest = found[name]
        assert (float(value.split(" ")[0]), value.partition(" ")[2]) == (row.value, row.unit)
        assert [float(end) for end in span.split(" to ")] == [row.low, row.high]
        assert kind == row.kind
        assert (row.source in rest, " ".join(row.note.split()) in rest) == (True, True), name
        assert row.group in body


def test_readouts_and_stages_are_there(elements: dict[str, str]) -> None:
    body = below(elements["Design concepts"], "Observation")
    for readout in READOUTS:
        unit = "" if readout.unit == "1" else readout.unit
        counts = "since start" if readout.cumulative else "now"
        assert f"| `{readout.name}` | {unit} | {counts} | {readout.meaning} |" in body
    for stage in STAGES:
        assert f"| `{stage.name}` | `{stage.marker}` | {stage.unit} | {stage.meaning} |" in body


def test_every_scenario_is_there_with_arms_and_targets(elements: dict[str, str]) -> None:
    patterns, given = elements["Purpose and patterns"], elements["Input data"]
    for entry in catalogue():
        experiment = load(entry.id)
        said = below(given, experiment.id)
        assert experiment.title in said
        assert experiment.question in said
        uses = [target.use for target in experiment.targets]
        fit, validate = uses.count("fit"), uses.count("validate")
        assert f"Targets: {fit} to fit, {validate} to validate." in said
        assert f"| `{experiment.id}` | {fit} | {validate} | {experiment.title} |" in patterns
        for arm in experiment.arms.values():
            assert f"| `{arm.name}` | {arm.note} |" in said
        targets = below(patterns, f"Targets of {experiment.id}") if uses else ""
        assert re.findall(r"^\| `(.+?)` \|", targets, re.M) == [target.id for target in experiment.targets]
        for name in experiment.parameters:
            assert f"| `{name}` |" in said


def test_blocks_say_where_they_act(elements: dict[str, str]) -> None:
    body = below(elements["Input data"], "What `block` can cut")
    acts = dict(re.findall(r"^\| `(\w+)` \| .+ \| (.+) \| [\w ]+ \|$", body, re.M))
    assert list(acts) == list(BLOCK_TARGETS)
    for name, where in acts.items():
        readers = [kind.__name__ for kind in (*DEFAULT, *ALTERNATIVES) if f"blocked.{name}" in kind.reads]
        assert re.findall(r"`(\w+)`", where) == readers


def test_every_source_is_listed_once(elements: dict[str, str]) -> None:
    listed = re.findall(r"^- `(\S+)`: ", elements["Sources"], re.M)
    assert len(listed) == len(set(listed))
    assert set(bibliography()) <= set(listed)
    assert "Grimm, Railsback, Vincenot et al. (2020)" in elements["Sources"]
    assert not re.search(r"[{}$]|\\[a-z%]", elements["Sources"])


def test_it_is_markdown_without_accidents(text: str) -> None:
    columns = 0
    for line in text.splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|"):
            assert columns in (0, bars), line
            columns = bars
        else:
            columns = 0
            assert not re.match(r"\s|\d+[.)] |[*+>] ", line), line  # code blocks, lists and quotes by accident
    assert "\n\n\n" not in text
    assert text.count("```") == 0
    assert not re.search(r"\w-\n\w", text)  # lines are joined by blanks, which would tear a word at its hyphen
    assert "nan" not in re.sub(r"`[^`]*`|\| nan \|", "", text).split()


def test_it_depends_on_nothing_but_the_code(text: str) -> None:
    assert odd.document() == text
    assert str(FILE.parents[1]) not in text
    assert str(Path.home()) not in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text)


def test_paragraphs_become_lines_that_markdown_leaves_alone() -> None:
    def rule() -> None:
        """First.

        a rate
        * hill(x), *Assumed*.

        - b <c> < d
        """

    assert odd.prose(rule) == "First.\n\na rate * hill(x), *Assumed*.\n\n\\- b \\<c> < d"
    assert templates.table([("x|y", "one\ntwo")], "a", "b") == "| a | b |\n| --- | --- |\n| x\\|y | one two |"
    assert templates.table([], "a") == ""


# the command


def test_the_command_prints_and_writes(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["describe", "--odd"]) == 0
    assert capsys.readouterr().out == text
    for _ in range(2):  # an old one is replaced
        assert main(["describe", "--odd", "-o", "deep/odd.md"]) == 0
        assert capsys.readouterr().out == "Written to deep/odd.md\n"
        assert Path("deep/odd.md").read_text(encoding="utf-8") == text
        assert [path.name for path in Path("deep").iterdir()] == ["odd.md"]
        Path("deep/odd.md").write_text("old")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.md"], "-o: without --odd; "),
        (["liver_growing_primary", "--odd"], "--odd: together with liver_growing_primary; "),
        (["--odd", "-o", "."], "-o .: "),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["describe", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"niche-sim: {said}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.md").write_text("old")

    def full(self: Path, *rest: object, **more: object) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        odd.write(tmp_path / "odd.md")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("odd.md", "old")]
