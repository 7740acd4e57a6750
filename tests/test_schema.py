"""The schema: values, tables and messages of engine/schema.py, and what is published of it for editors."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import pytest

from niche_sim.cli import main
from niche_sim.cli.schema import FILES, schema_of
from niche_sim.engine.errors import InputError
from niche_sim.engine.schema import Flag, Many, Table, Text, key, names, number, quantity, read, table, written
from niche_sim.experiment.scenario import ids, library
from niche_sim.teaching.lesson import FOLDER

EDUCATION = "liver_education_costasilva2015"


@table
class Inner(Table):
    """Something inside."""

    start: Annotated[float, key("from"), quantity("h", 0.0, 10.0, write=lambda hours: f"{hours:g} h")]
    kind: Annotated[str, names(("red", "green"))] = "red"


@table
class Outer(Table):
    """Something outside."""

    title: Text
    share: Annotated[float, number(0.0, 1.0)]
    inner: Annotated[tuple[Inner, ...], Many("inner things", "a list in brackets", least=1, most=3)]
    named: Annotated[dict[str, Inner], Many("names", "a table of tables")]
    open: Flag = False
    limit: Annotated[int | None, number(1, whole=True)] = None


GOOD = {"title": "t", "share": 1, "inner": [{"from": "30 min"}], "named": {"a": {"from": "2 h", "kind": "green"}}}


def test_a_table_is_read_and_written() -> None:
    made = read(Outer, GOOD, "file:")
    assert made == Outer("t", 1.0, (Inner(0.5),), {"a": Inner(2.0, "green")})
    assert isinstance(made.share, float)
    inner = {"inner": ({"from": "0.5 h", "kind": "red"},), "named": {"a": {"from": "2 h", "kind": "green"}}}
    assert written(Outer, made) == {"title": "t", "share": 1.0, **inner, "open": False}
    assert read(Outer, {**GOOD, "limit": 3}, "file:").limit == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "t"}, "file: titel: unknown key; did you mean title? allowed are title, share, inner, named, open, limit"),
        ({"title": None}, "file: title: missing; needed are title, share, inner, named"),
        ({"title": " "}, "file: title: ' '; text in quotes, not empty"),
        ({"share": True}, "file: share: True; a number from 0 to 1"),
        ({"share": float("nan")}, "file: share: nan; a number from 0 to 1"),
        ({"limit": 0}, "file: limit: 0; a whole number from 1"),
        ({"open": 1}, "file: open: 1; true or false"),
        ({"inner": {}}, "file: inner: {} is not a list; a list in brackets"),
        ({"inner": []}, "file: inner: []; a list in brackets"),
        ({"inner": [1] * 4}, "file: inner: more than 3 inner things; at most 3"),
        ({"inner": [{"from": "1 h"}, 3]}, "file: inner[1]: 3 is not a table; a table of keys and values"),
        ({"inner": [{"from": "1 um"}]}, "file: inner[0].from: '1 um' is a length; a time such as '1 h' is allowed"),
        ({"inner": [{"from": "11 h"}]}, "file: inner[0].from: '11 h'; a time from 0 on, up to 10 h"),
        ({"inner": [{"from": 1.0}]}, "file: inner[0].from: '1.0' is a plain number; a time such as '1 h' is allowed"),
        ({"inner": [{"start": "1 h"}]}, "file: inner[0].start: unknown key; allowed are from, kind"),
        ({"named": {"a": {"from": "1 h", "kind": "grün"}}},
         "file: named.a.kind: 'grün'; did you mean green? allowed are red, green"),
        ({"named": 3}, "file: named: 3 is not a table; a table of tables"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_place_found_and_allowed(change: dict[str, Any], message: str) -> None:
    data = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(InputError) as caught:
        read(Outer, data, "file:")
    assert str(caught.value) == message


def test_only_the_first_of_many_mistakes_is_looked_for() -> None:
    """However many there are, near names are sought for one."""
    with pytest.raises(InputError, match=r"^file: named\.a0\.frm: unknown key; did you mean from"):
        read(Outer, {**GOOD, "named": {f"a{n}": {"frm": "1 h"} for n in range(100_000)}}, "file:")


def test_made_from_python_it_takes_model_units_and_says_the_same() -> None:
    assert Inner(start=2).start == 2
    with pytest.raises(InputError, match="^from: 11; a time from 0 on, up to 10 h$"):
        Inner(11)
    with pytest.raises(TypeError, match="required"):
        Inner()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes 2 values"):
        Inner(1.0, "red", 3)  # type: ignore[call-arg]


# --- for editors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ids())
def test_what_ships_is_valid_by_the_published_schema(name: str) -> None:
    for file in ("scenario", "targets"):
        schema = schema_of(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(tomllib.loads((library() / name / f"{file}.toml").read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_lesson_that_ships_is_valid_by_the_published_schema(path: Path) -> None:
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), schema_of("lesson"))


@pytest.mark.parametrize("path", sorted((library() / "plans").glob("*.toml")), ids=lambda path: path.stem)
def test_a_plan_fits_its_schema_and_one_with_a_mistake_does_not(path):
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(plan, schema_of("plan"))
    for wrong in ({"desing": "grid"}, {"design": "gird"}, {"seeds": 0}, {"vary": {"tgfb.halflife": "register"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**plan, **wrong}, schema_of("plan"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("organ", "orgn"),
        ('"pan02"', '"panc02"'),
        ('"mif"', '"miff"'),
        ('do = "block"', 'do = "blok"'),
        ('every = "2 day"', 'at = "1 day", every = "2 day"'),
        ("efficacy = 0.95", "efficacy = 95"),
        ('like = "educated"', 'like = "educated"\nprotocol = []'),
    ],
)
def test_an_editor_underlines_what_is_not_allowed(old: str, new: str) -> None:
    text = (library() / EDUCATION / "scenario.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text.replace(old, new, 1)), schema_of("scenario"))


def test_the_schema_names_what_an_editor_may_offer() -> None:
    schema = schema_of("scenario")
    verbs = {
        entry["properties"]["do"]["const"]: entry for entry in schema["$defs"].values() if "do" in entry["properties"]
    }
    assert len(verbs) == 8
    assert verbs["treat"]["properties"]["drug"]["enum"] == ["gemcitabine", "anti_pd1", "anti_vegf"]
    assert set(verbs["inject_exosomes"]["properties"]) == {"do", "source", "amount", "at", "every", "from", "to"}
    assert "tgfb.half_life" in schema["properties"]["parameters"]["properties"]


@pytest.mark.parametrize("file", FILES)
def test_the_command_writes_it(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", file]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main(["schema", file, "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == shown == schema_of(file)
    assert main(["schema", file, "-o", str(tmp_path)]) == 2
    assert main(["schema", "scenari"]) == 2
    assert "did you mean scenario?" in capsys.readouterr().err
