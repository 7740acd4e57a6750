"""The numbers on the page: what is said about each, what a turn makes of the overrides, and what is not built."""

from __future__ import annotations

import pytest

solara = pytest.importorskip("solara", reason="the dashboard needs solara")

import ipyvue  # noqa: E402

from niche_sim.dashboard import parameter_panel  # noqa: E402
from niche_sim.dashboard.parameter_controls import (  # noqa: E402
    KINDS_EXPLAINED,
    beyond,
    chapters,
    dials,
    in_unit,
    sentence,
    turned,
)
from niche_sim.dashboard.parameter_panel import Numbers, row_of, state_of  # noqa: E402
from niche_sim.engine.errors import InputError  # noqa: E402
from niche_sim.experiment import scenario  # noqa: E402
from niche_sim.experiment.setup import SCENARIO_LENGTHS, SCENARIO_TIMES, experiment_of  # noqa: E402
from niche_sim.model.parameters import KINDS, rows  # noqa: E402
from niche_sim.model.schedule import SCHEDULES  # noqa: E402

LIVER = "liver_education_costasilva2015"


@pytest.fixture(scope="module")
def experiment():
    return scenario.load(LIVER)


@pytest.fixture(scope="module")
def table(experiment):
    return dials(experiment)


@pytest.fixture(scope="module")
def changed_scenario():
    """The experiment with two numbers of its own."""
    text = scenario.load(LIVER).text + (
        '\n[parameters]\n"tgfb.half_life" = { value = "0.1 h", source = "Wakefield1990", where = "the active form" }\n'
        '"bmdc.speed" = { value = "60 um/min", source = "assumed", where = "a guess" }\n'
    )
    return scenario.parse(text, "own.toml")


# ---- what is said -----------------------------------------------------------------------------------------------------


def test_every_number_has_a_dial(table):
    assert set(table) == {*rows(), *SCENARIO_LENGTHS, *SCENARIO_TIMES}
    assert set(KINDS_EXPLAINED) == set(KINDS)
    assert set(parameter_panel.SCHEDULES_EXPLAINED) == set(SCHEDULES)


def test_numbers_outside_their_range_are_taken_and_said(experiment):
    far = {"tgfb.half_life": "5000 min", "nk.half_life": "7 day", "section.width": "0.2 mm", "schedule": "additive"}
    (said,) = beyond(experiment, far)
    assert said == f"tgfb.half_life = 5000 min is outside its range, {dials(experiment)['tgfb.half_life'].range}; taken as given."
    assert beyond(experiment, {"schedule": "additive"}) == beyond(experiment, {}) == ()
    assert turned(experiment, dials(experiment), {}, "tgfb.half_life", "5000 min") == {"tgfb.half_life": "5000 min"}


def test_labels_tell_the_numbers_of_a_group_apart(table):
    for chapter in chapters(scenario.load(LIVER), everything=True):
        for group in chapter.groups:
            labels = [dial.label for name, dial in table.items() if name.partition(".")[0] == group]
            assert len(labels) == len(set(labels)), group


def test_a_tooltip_says_unit_range_kind_source_and_note(table):
    about = dict(table["tgfb.half_life"].about())
    assert about["Unit"] == "min"
    assert about["Range"] == "3 to 30 min"
    assert about["Kind"] == "recalled: from the named source, not opened again"
    assert about["Source"] == "Wakefield 1990, Journal of Clinical Investigation"
    assert about["Note"].startswith("active form")
    assert dict(table["tumour.rim"].about())["Kind"] == "assumed: no source; the note says why"
    assert dict(table["tumour.rim"].about())["Source"] == "none"


def test_a_number_of_the_scenario_says_so(changed_scenario, experiment):
    own = dials(changed_scenario)
    given = own["tgfb.half_life"]
    assert (given.standard, given.default, given.of_scenario) == ("0.1 h", 6.0, True)
    assert dict(given.about())["Default"] == "0.1 h, set by this scenario"
    assert given.default in given.places
    assert own["bmdc.speed"].kind == "assumed" and own["bmdc.speed"].source == ""
    state = state_of(given, given.places, {}, {})
    assert state["remark"] == "Set by this scenario" and state["text"] == "0.1 h" and not state["changed"]
    plain = dials(experiment)["tgfb.half_life"]
    assert state_of(plain, plain.places, {}, {})["remark"] == ""


def test_only_what_matters_to_the_scenario_is_shown(experiment):
    groups = {group for chapter in chapters(experiment) for group in chapter.groups}
    assert {"liver", "pdac", "normal_pancreas", "pan02", "section", "run"} <= groups
    assert not groups & {"lung", "brain", "b16f1", "colorectal"}
    everything = {group for chapter in chapters(experiment, everything=True) for group in chapter.groups}
    assert everything == {name.partition(".")[0] for name in dials(experiment)}


def test_lines_bring_the_exosomes_that_they_shed():
    groups = {group for chapter in chapters(scenario.load("liver_biomarker_yang2017")) for group in chapter.groups}
    assert {"pan02", "pdac"} <= groups


def test_a_search_finds_by_name_note_and_unit(table):
    found = lambda words: {name for name, dial in table.items() if dial.says(words)}  # noqa: E731
    assert "tgfb.half_life" in found("tgfb")
    assert "tgfb.half_life" in found("2-3 MIN active")
    assert "kupffer.density" in found("cell/mm³") & found("cell/mm^3")
    assert found("no such number") == set()
    assert found("") == set(table)


# ---- what a turn does ----------------------------------------------------------------------------------------------


def test_a_turn_is_an_override_and_back_to_the_default_is_none(experiment, table):
    after = turned(experiment, table, {"kupffer.speed": "5 um/min"}, "tgfb.half_life", " 5  min ")
    assert after == {"kupffer.speed": "5 um/min", "tgfb.half_life": "5 min"}
    assert turned(experiment, table, after, "tgfb.half_life", "600 s") == {"kupffer.speed": "5 um/min"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tgfb.half_life", "5 kg", "'5 kg' is a mass"),
        ("tgfb.half_life", "fast", "'fast'"),
        ("tgfb.half_life", "", "''"),
        ("bmdc.chance_arrest_on_entry", "1.5", "1.5 is outside what is possible"),
        ("tgfb.diffusivity", "-1 um^2/s", "-1 µm²/s is negative"),
        ("section.width", "2.01 mm", "2010 µm"),
        ("run.duration", "0 day", "0 day is not positive"),
        ("run.step", "5 h", "Duration: 1008 h; a multiple (1 or more) of the step, 5 h"),
        ("schedule", "backwards", "Unknown schedule 'backwards'"),
    ],
)
def test_a_mistake_is_one_sentence(experiment, table, name, text, said):
    with pytest.raises(InputError) as caught:
        turned(experiment, table, {}, name, text)
    words = sentence(caught.value, name)
    assert said in words
    assert words.endswith(".") and "\n" not in words and words[0] in "'-" + words[0].upper()


def test_numbers_that_do_not_fit_each_other_are_refused(experiment, table):
    with pytest.raises(InputError):
        turned(experiment, table, {"kupffer.share_portal": "0.7"}, "kupffer.share_mid", "0.6")


def test_the_schedule_is_a_number_like_others(experiment, table):
    after = turned(experiment, table, {}, "schedule", "no_stage3")
    assert after == {"schedule": "no_stage3"}
    assert turned(experiment, table, after, "schedule", "default") == {}


def test_a_list_of_rules_of_its_own_can_be_left_and_taken_again(experiment, table):
    own = experiment.with_(schedule=("ExosomeDigestion",))
    after = turned(own, table, {}, "schedule", "default")
    assert after == {"schedule": "default"}
    assert turned(own, table, after, "schedule", "") == {}


def test_every_stop_of_every_slider_is_accepted_as_its_text_says(experiment, table):
    for dial in table.values():
        for place in (dial.places[0], dial.places[len(dial.places) // 2], dial.places[-1]):
            assert in_unit(dial, dial.text(place)) == pytest.approx(place, rel=1e-12)  # one division by a unit
        if dial.name.partition(".")[0] in ("section", "run"):
            for place in dial.places:
                experiment_of(experiment, {dial.name: dial.text(place)} if dial.name != "run.step" else {})


def test_where_a_number_stands(table):
    dial = table["tgfb.half_life"]
    places = dial.places
    assert state_of(dial, places, {}, {}) == {
        "text": "10 min", "place": places.index(10.0), "changed": False, "written": "", "error": "", "remark": "",
    }  # fmt: skip
    far = state_of(dial, places, {dial.name: "2 h"}, {dial.name: ("5 kg", "No.")})
    assert far["place"] == len(places) - 1 and far["changed"]
    assert far["remark"] == f"Outside its range, {dial.range}; taken as given"
    assert (far["text"], far["written"], far["error"]) == ("2 h", "5 kg", "No.")
    row = row_of(dial, places)
    assert row["stops"][places.index(10.0)] == row["standard"] == "10 min"


# ---- the component --------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(experiment):
    """Renders `Numbers` and gives (its context, what it reported)."""
    open_contexts = []

    def show(values=None):
        reported = []
        _, context = solara.render(Numbers(experiment, values or {}, reported.append), handle_error=False)
        open_contexts.append(context)
        return context, reported

    yield show
    for context in open_contexts:
        context.close()


def widgets(context, **traits):
    """Widgets of the elements whose traits have these values."""
    found = context.find(ipyvue.VueTemplate).widgets
    return [w for w in found if all(getattr(w, name, None) == value for name, value in traits.items())]


def lists(context):
    return [widget for widget in widgets(context) if hasattr(widget, "rows")]


def test_no_slider_is_made_before_its_group_is_opened(shown):
    context, _ = shown()
    assert lists(context) == []
    (licensing,) = widgets(context, label="Licensing: stroma and matrix")
    assert licensing.expanded is False
    licensing.vue_press(None)
    names = [row["name"] for widget in lists(context) for row in widget.rows]
    assert "tgfb.half_life" in names and "kupffer.speed" not in names


def opened(context):
    """The list with the half-life of TGF-beta, its group opened."""
    widgets(context, label="Licensing: stroma and matrix")[0].vue_press(None)
    return next(widget for widget in lists(context) if "tgfb.half_life" in widget.states)


def test_a_slider_and_a_field_report_overrides(shown):
    context, reported = shown()
    group = opened(context)
    place = group.states["tgfb.half_life"]["place"]
    group.vue_stop(["tgfb.half_life", place + 1])
    group.vue_write(["tgfb.half_life", "5 min"])
    assert reported == [{"tgfb.half_life": "11 min"}, {"tgfb.half_life": "5 min"}]


def test_a_bad_entry_says_a_sentence_and_changes_nothing(shown):
    context, reported = shown()
    group = opened(context)
    group.vue_write(["tgfb.half_life", "5 kg"])
    assert reported == []
    state = group.states["tgfb.half_life"]
    assert state["written"] == "5 kg" and "is a mass" in state["error"]
    group.vue_write(["tgfb.half_life", "10 min"])  # what holds anyhow: the sentence goes, nothing is reported
    assert group.states["tgfb.half_life"]["error"] == "" and reported == []


def test_one_or_all_are_reset(shown):
    context, reported = shown({"tgfb.half_life": "5 min", "kupffer.speed": "5 um/min"})
    assert widgets(context, label="Licensing: stroma and matrix")[0].badge == "1 changed"
    opened(context).vue_reset("tgfb.half_life")
    widgets(context, label="Reset all to default (2)")[0].vue_press(None)
    assert reported == [{"kupffer.speed": "5 um/min"}, {}]


def test_a_search_opens_what_it_finds(shown):
    context, _ = shown()
    (field,) = widgets(context, label="Find a parameter")
    field.vue_change("active form 2-3")
    assert [row["name"] for widget in lists(context) for row in widget.rows] == ["tgfb.half_life"]
    field.vue_change("day")  # more than are shown at once: folded
    assert lists(context) == []
    field.vue_change("zzz")
    assert not [w for w in widgets(context) if getattr(w, "look", "") == "fold"]
