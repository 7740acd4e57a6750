"""The schedule editor: sentences of interventions, the form as data, and what the component reports."""

from __future__ import annotations

import dataclasses

import pytest

solara = pytest.importorskip("solara", reason="the dashboard needs solara")

import ipyvue  # noqa: E402

from niche_sim.dashboard.intervention_text import (  # noqa: E402
    VERBS_EXPLAINED,
    moment,
    names_of,
    plain_unit,
    sentence_of,
)
from niche_sim.dashboard.schedule_editor import COLOURS, ScheduleEditor, spans, ticks  # noqa: E402
from niche_sim.dashboard.schedule_form import Mistake, draft_of, fields, new_draft, read_draft, rewritten  # noqa: E402
from niche_sim.engine.units import to_model  # noqa: E402
from niche_sim.experiment import scenario  # noqa: E402
from niche_sim.experiment.protocol import (  # noqa: E402
    VERBS,
    Block,
    Boost,
    Deplete,
    GrowPrimary,
    InjectExosomes,
    InjectTumourCells,
    ResectPrimary,
    Treat,
)
from niche_sim.model.catalogue import (  # noqa: E402
    BLOCK_TARGETS,
    BOOSTS,
    DEPLETABLE,
    DRUGS,
    EXOSOME_SOURCES,
    EXOSOMES_OF_LINE,
    TUMOUR_LINES,
)

DAY = 24.0
END = 42 * DAY
EVERY_OTHER_DAY = tuple(2.0 * DAY * number for number in range(11))
EXAMPLES = [
    (InjectExosomes("pdac", EVERY_OTHER_DAY, 5.0), "PDAC exosomes, 5 µg, every 2 days from day 0 to day 20, 11 doses"),
    (InjectExosomes("pdac", (30.0,), vesicles=1e9), "PDAC exosomes, 1 × 10⁹ vesicles, on day 1, 06:00"),
    (InjectExosomes("liposome", (0.0, 24.0, 72.0), 1.0), "Liposome exosomes, 1 µg, 3 doses: day 0, day 1, day 3"),
    (
        GrowPrimary("pan02", 1e6, 72.0),
        "A Pan02 primary tumour of 1,000,000 cells from day 0, which doubles in 3 days",
    ),
    (
        GrowPrimary("llc", 1e6, 24.0, "gompertz", 1e9, 48.0, True),
        "A LLC primary tumour of 1,000,000 cells from day 2, which doubles in 1 day at first and grows to 1 × 10⁹ cells "
        "and sheds tumour cells, too",
    ),
    (ResectPrimary(336.0), "Take the primary tumour out on day 14"),
    (InjectTumourCells("b16f10", 500_000, 504.0), "500,000 B16-F10 cells into the blood on day 21"),
    (Block("mif", 0.95, 0.0, 672.0), "Block MIF by 95 % from day 0 to day 28"),
    (Block("tnf", 0.07, 6.0, 672.0), "Block TNF by 7 % from day 0, 06:00 to day 28"),
    (Deplete("nk_cells", 1.0, 24.0, 24.0), "Deplete NK cells by 100 % on day 1"),
    (Deplete("kupffer_cells", 0.9, 24.0, 48.0), "Deplete Kupffer cells by 90 % from day 1 to day 2"),
    (Boost("il15", 3.0, 24.0, 48.0), "Boost IL-15 3-fold from day 1 to day 2"),
    (
        Treat("gemcitabine", 1.0, (24.0, 96.0, 168.0)),
        "Gemcitabine, usual dose, every 3 days from day 1 to day 7, 3 doses",
    ),
    (Treat("anti_pd1", 2.0, (24.0,)), "Anti-PD-1, 2 times the usual dose, on day 1"),
]
ALL = [intervention for intervention, _ in EXAMPLES]
IDS = [f"{number}-{one.verb}" for number, one in enumerate(ALL)]


@pytest.mark.parametrize(("intervention", "words"), EXAMPLES, ids=IDS)
def test_an_intervention_is_a_sentence_with_dates(intervention, words):
    assert sentence_of(intervention) == words


def test_moments_and_units_read_as_people_write_them():
    assert (moment(0.0), moment(30.0)) == ("day 0", "day 1, 06:00")
    for text in ("5 ug", "24000 cell/mm^3", "20 um^2/s", "3 vesicle*h/mL"):
        assert to_model(plain_unit(text), like=text.partition(" ")[2]) == to_model(text, like=text.partition(" ")[2])
    assert plain_unit("5 ug in 20 um^2/s") == "5 µg in 20 µm²/s"


def test_every_verb_and_name_is_offered_and_explained():
    assert set(VERBS_EXPLAINED) == set(COLOURS) == set(VERBS)
    offered = {
        verb: [n for key, value in names_of(verb).items() for n in ([key] if isinstance(value, str) else value)]
        for verb in VERBS
    }
    expected = {
        "block": BLOCK_TARGETS, "inject_exosomes": EXOSOME_SOURCES, "inject_tumour_cells": TUMOUR_LINES,
        "grow_primary": EXOSOMES_OF_LINE, "resect_primary": (), "deplete": DEPLETABLE, "boost": BOOSTS, "treat": DRUGS,
    }  # fmt: skip
    assert {verb: sorted(names) for verb, names in offered.items()} == {v: sorted(n) for v, n in expected.items()}
    assert names_of("block")["Cargo"]["mif"] == "MIF: exosomal MIF, which makes recipient cells answer with TGF-beta"


# ---- the form as data ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("intervention", ALL, ids=IDS)
def test_a_form_filled_with_an_intervention_gives_it_back(intervention):
    others = [GrowPrimary("pan02", 1e6, 72.0)] if isinstance(intervention, ResectPrimary) else []
    assert read_draft(draft_of(intervention, END), others, END) == intervention


@pytest.mark.parametrize("verb", VERBS)
def test_a_new_form_can_be_used_as_it_is(verb):
    others = [GrowPrimary("pan02", 1e6, 72.0)] if verb == "resect_primary" else []
    made = read_draft(new_draft(verb, 30.0, END), others, END)
    assert made.verb == verb and made.starts[0] == 30.0
    if isinstance(made, Block | Boost | Deplete):
        assert made.end == END


@pytest.mark.parametrize(
    ("verb", "changes", "key", "said"),
    [
        ("block", {"efficacy": "150"}, "efficacy", "150 % is not possible; from 0 to 100 % is."),
        ("block", {"efficacy": "much"}, "efficacy", "Much % is not possible; from 0 to 100 % is."),
        ("block", {"from": "10", "to": "3"}, "to", "3 day; later than from, 10 day."),
        ("block", {"from": "50", "to": "60"}, "from", "Begins on day 50; the run ends on day 42: an earlier time is needed."),
        ("block", {"from": "5 kg"}, "from", "'5 kg' is a mass"),
        ("block", {"to": ""}, "to", "Nothing is written; a number of days such as 12"),
        ("inject_exosomes", {"amount": "5"}, "amount", "'5'; an amount such as '5 ug' or '1e10 vesicle'."),
        ("block", {"from": "-3"}, "from", "'-3 day'; a time from 0 on, up to 1e+06 h."),
        ("grow_primary", {"doubling": "-3"}, "doubling", "'-3 day'; a time from 1 h on, up to 1e+06 h."),
        ("inject_exosomes", {"every": "0"}, "every", "'0 day'; a time above 0, up to 1e+06 h."),
        ("inject_tumour_cells", {"count": "12.5"}, "count", "12.5; a whole number from 0 to 1e+10."),
        ("boost", {"factor": "0.5"}, "factor", "0.5; a number from 1 to 100."),
        ("treat", {"dose": "-1"}, "dose", "-1.0; a number above 0 and up to 1000."),
        ("grow_primary", {"law": "gompertz", "capacity": "10"}, "capacity", "10; more than the first 1e+06 cells."),
        ("grow_primary", {"law": "gompertz"}, "capacity", "Nothing is written; a number from 0 to 1e+12."),
        ("resect_primary", {}, "", "The operation at 0 day finds no primary; a primary tumour that starts before"),
    ],
)
def test_a_mistake_is_said_beside_its_field(verb, changes, key, said):
    with pytest.raises(Mistake) as caught:
        read_draft({**new_draft(verb, 0.0, END), **changes}, [], END)
    assert caught.value.key == key
    assert caught.value.sentence.startswith(said)
    assert key == "" or key in [field.key for field in fields({**new_draft(verb, 0.0, END), **changes})]


def test_the_same_twice_is_refused():
    block = Block("mif", 0.9, 0.0, END)
    with pytest.raises(Mistake) as caught:
        read_draft(draft_of(block, END), [block], END)
    assert caught.value.sentence == "The schedule holds this already, at the same time; each event once, as one amount."


def test_days_may_be_hours_and_numbers_may_have_commas():
    draft = {**new_draft("inject_tumour_cells", 0.0, END), "at": "36 h", "count": "1,000,000"}
    assert read_draft(draft, [], END) == InjectTumourCells("pan02", 1_000_000, 36.0)
    draft = {**new_draft("block", 0.0, END), "from": "2.5", "efficacy": "12.5 %"}
    assert read_draft(draft, [], END) == Block("mif", 0.125, 60.0, END)


def test_another_verb_begins_anew_and_a_series_keeps_its_first_date():
    dates = draft_of(InjectExosomes("pdac", (24.0, 72.0, 240.0), 5.0), END)
    assert [field.key for field in fields(dates)][-1] == "at" and dates["at"] == "1, 3, 10"
    once = rewritten(dates, "when", "once", 0.0, END)
    assert read_draft(once, [], END) == InjectExosomes("pdac", (24.0,), 5.0)
    assert rewritten(dates, "do", "boost", 48.0, END) == new_draft("boost", 48.0, END)


# ---- the picture ---------------------------------------------------------------------------------------------------


def test_the_picture_shows_windows_and_moments():
    assert spans(Block("mif", 0.9, 0.25 * END, 0.75 * END), END) == [[25.0, 50.0]]
    assert spans(Block("mif", 0.9, 0.5 * END, 2.0 * END), END) == [[50.0, 50.0]]
    assert spans(Block("mif", 0.9, 1.5 * END, 2.0 * END), END) == [[100.0, 0.0]]
    assert spans(GrowPrimary("pan02", 1e6, 72.0, start=0.5 * END), END) == [[50.0, 50.0]]
    assert spans(InjectExosomes("pdac", (0.0, 0.5 * END), 5.0), END) == [[0.0, 0.0], [50.0, 0.0]]
    assert spans(ResectPrimary(0.5 * END), END) == [[50.0, 0.0]]
    assert ticks(END) == [(pytest.approx(100.0 * day / 42.0), str(day)) for day in range(0, 43, 7)]
    assert ticks(7 * DAY)[-1] == (100.0, "7") and len(ticks(7 * DAY)) == 8


# ---- the component --------------------------------------------------------------------------------------------------

MIF = Block("mif", 0.95, 0.0, 672.0)
PRIMARY, OPERATION = GrowPrimary("pan02", 1e6, 72.0), ResectPrimary(336.0)


@pytest.fixture
def editor():
    """Renders the editor of a protocol and gives (its context, what it reported)."""
    experiment = dataclasses.replace(scenario.load("liver_education_costasilva2015"), duration=END)
    contexts = []

    def show(*interventions, now=0.0):
        reported = []
        _, context = solara.render(ScheduleEditor(experiment, interventions, now, reported.append), handle_error=False)
        contexts.append(context)
        return context, reported

    yield show
    for context in contexts:
        context.close()


def the(context, **traits):
    """The one element with these traits."""
    found = context.find(ipyvue.VueTemplate).widgets
    (one,) = [w for w in found if all(getattr(w, name, None) == value for name, value in traits.items())]
    return one


def press(context, **traits):
    the(context, **traits).vue_press(None)


def test_a_block_is_added(editor):
    context, reported = editor(PRIMARY, now=96.0)
    press(context, label="Add an intervention")
    assert the(context, label="From day").value == "4"
    assert the(context, label="What to block").value == "mif"
    the(context, label="By how much, %").vue_change("80")
    press(context, label="Add")
    assert reported == [(PRIMARY, Block("mif", 0.8, 96.0, END))]
    assert the(context, label="Add an intervention").expanded is False


def test_a_mistake_in_the_form_is_a_sentence_and_changes_nothing(editor):
    context, reported = editor()
    press(context, label="Add an intervention")
    the(context, label="To day").vue_change("0")
    press(context, label="Add")
    assert the(context, label="To day").error == "0 day; later than from, 0 day."
    assert reported == []
    the(context, label="To day").vue_change("3")
    assert the(context, label="To day").error == ""
    press(context, label="Add")
    assert reported == [(Block("mif", 0.95, 0.0, 72.0),)]


def test_one_is_edited_in_its_place(editor):
    context, reported = editor(MIF, PRIMARY)
    press(context, name=f"Edit: {sentence_of(MIF)}")
    assert the(context, label="By how much, %").value == "95"
    the(context, label="To day").vue_change("7")
    press(context, label="Save")
    assert reported == [(Block("mif", 0.95, 0.0, 168.0), PRIMARY)]


def test_one_is_removed_unless_another_needs_it(editor):
    context, reported = editor(PRIMARY, OPERATION, MIF)
    press(context, name=f"Remove: {sentence_of(PRIMARY)}")
    assert reported == []
    press(context, name=f"Remove: {sentence_of(MIF)}")
    assert reported == [(PRIMARY, OPERATION)]


def test_cancel_changes_nothing(editor):
    context, reported = editor(MIF)
    press(context, label="Add an intervention")
    press(context, label="Cancel")
    assert reported == [] and the(context, label="Add an intervention").expanded is False


def test_another_verb_has_other_fields(editor):
    context, reported = editor()
    press(context, label="Add an intervention")
    the(context, label="What to do").vue_change("treat")
    the(context, label="Drug").vue_change("anti_vegf")
    the(context, label="How often").vue_change("series")
    press(context, label="Add")
    (treatment,) = reported[0]
    assert treatment.drug == "anti_vegf" and treatment.times == tuple(72.0 * number for number in range(14))
