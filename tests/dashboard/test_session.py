"""One visitor's session without a browser: commands in, views and pictures out, and runs that are those of the model."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from waiting import PATIENCE

import niche_sim
from niche_sim.dashboard import session
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.takeaway import link_now, setup_now
from niche_sim.experiment.protocol import Block, Treat

SHORT = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "12 day"))
SCENARIO = "liver_growing_primary"


class Visitor:
    """Holds what a session gives out and draws each picture at once, unless it is told to look away."""

    def __init__(self, setup, **more):
        self.changed = threading.Condition()
        self.views, self.frames, self.cards, self.sections = [], [], [], []
        self.looks = True
        self.session = Session(
            setup, on_view=self._keep(self.views), on_static=self._keep(self.sections), on_frame=self._frame,
            on_card=self._keep(self.cards), **more,
        )  # fmt: skip

    def _keep(self, kept):
        def keep(value):
            with self.changed:
                kept.append(value)
                self.changed.notify_all()

        return keep

    def _frame(self, header, buffers):
        self._keep(self.frames)((header, buffers))
        if self.looks:
            self.session.drawn()

    def wait(self, true):
        """Wait until something is true of the last view; gives that view."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.views and true(self.views[-1]), PATIENCE), self.views[-1]
            return self.views[-1]

    def picture(self, true):
        """Wait until something is true of the last picture's header; gives that header."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.frames and true(self.frames[-1][0]), PATIENCE)
            return self.frames[-1][0]


@pytest.fixture
def visitor(request):
    opened = []

    def open_one(setup=None, **more):
        made = Visitor(setup or Setup(SCENARIO, "primary", overrides=SHORT), **more)
        opened.append(made)
        made.session.start()
        return made

    yield open_one
    for made in opened:
        made.session.close()
        made.session._thread.join(PATIENCE)
        assert not made.session._thread.is_alive(), "a closed session leaves no thread"


def whole_run(setup, until=None):
    model = setup.model()
    while model.steps_left and (until is None or model.state.time < until - 1e-9):
        model.step()
    return model


def table_of(model):
    return {name: np.array(values, float) for name, values in model.rows.items()}


def assert_same_table(found, expected):
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_it_plays_to_the_end_and_gives_the_run_of_the_model(visitor):
    one = visitor()
    one.session.speed(24.0)
    one.session.play()
    end = one.wait(lambda view: view.time >= 288.0 and not view.playing)
    assert_same_table(end.table, table_of(whole_run(end.setup)))
    assert one.picture(lambda header: header["transport"]["time_h"] == 288.0)["transport"]["playing"] is False


def test_where_a_cell_would_take_root_is_a_layer_that_comes_when_its_twin_is_done(visitor):
    one = visitor(Setup("liver_education_costasilva2015", "educated", overrides=SHORT))
    one.session.show_fields(("receptivity", "fibronectin"))
    first = one.picture(lambda header: header["panels"][0]["fields"])
    assert first["receptivity"] == []  # the page does not wait for it
    assert [shown["name"] for shown in first["panels"][0]["fields"]] == ["fibronectin"]
    there = one.picture(lambda header: header["receptivity"])
    assert [shown["name"] for shown in there["panels"][0]["fields"]] == ["receptivity", "fibronectin"]
    (curve,) = there["receptivity"]
    found = niche_sim.receptivity(whole_run(one.views[-1].setup, 0.0), end="eventual", every=6.0)
    assert curve["time_h"] == pytest.approx(found.time_h.tolist(), abs=1e-3)
    assert curve["mean"] == pytest.approx(found.mean.tolist(), rel=1e-3)
    one.session.pick(0, 150.0, 200.0, 1.0)
    with one.changed:
        assert one.changed.wait_for(lambda: one.cards, PATIENCE)
    assert any("founds a colony with a probability of" in sentence for sentence in one.cards[-1]["sentences"])
    one.session.show_fields(("fibronectin",))
    assert one.picture(lambda header: len(header["panels"][0]["fields"]) == 1)["receptivity"] == []


def test_where_receptivity_cannot_be_told_the_page_says_why(visitor):
    one = visitor(Setup("lung_pdl1_chen2018", "anti_pd1", overrides=SHORT[:2]))
    one.session.show_fields(("receptivity",))
    told = one.wait(lambda view: view.notice)
    assert told.notice.startswith("Where tumour cells would take root cannot be told here: ")


def test_a_step_is_as_long_as_it_was_asked_for(visitor):
    one = visitor()
    one.session.step(1.0)
    one.wait(lambda view: view.time == 1.0)
    one.session.step(24.0)
    one.wait(lambda view: view.time == 25.0)


def test_a_pause_stops_it_where_it_is(visitor):
    one, times, asked = visitor(), [], threading.Event()
    one.session.play()
    one.wait(lambda view: view.time > 0.0)
    one.session.pause()
    one.wait(lambda view: not view.playing)
    one.session.ask(lambda timeline, setup: times.append(timeline.time))
    time.sleep(0.3)  # time for some, if it went on
    one.session.ask(lambda timeline, setup: (times.append(timeline.time), asked.set()))
    assert asked.wait(PATIENCE)
    assert times[0] == times[1]


def test_it_looks_back_and_goes_on_as_if_it_had_not(visitor):
    one = visitor()
    one.session.seek(100.0)
    one.wait(lambda view: view.time == 100.0)
    one.session.seek(30.0)
    back = one.wait(lambda view: view.time == 30.0)
    assert back.frontier == 100.0
    assert back.table["time_h"][-1] == 96.0, "what was played stays, with a row every 6 h"
    assert one.picture(lambda header: header["transport"]["time_h"] == 30.0)["transport"]["frontier_h"] == 100.0
    one.session.seek(144.0)
    end = one.wait(lambda view: view.time == 144.0)
    assert_same_table(end.table, table_of(whole_run(end.setup, 144.0)))


def test_only_the_latest_of_many_seeks_counts(visitor):
    one = visitor()
    one.session.seek(48.0)
    one.wait(lambda view: view.time == 48.0)
    before, all_said = len(one.frames), threading.Event()
    one.session.ask(lambda timeline, setup: all_said.wait(PATIENCE))
    for hour in range(48):
        one.session.seek(float(hour))
    one.session.seek(7.0)
    all_said.set()
    one.wait(lambda view: view.time == 7.0)
    assert len(one.frames) - before <= 1


def test_it_waits_for_the_browser_to_draw(visitor, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE", PATIENCE)  # as long as it takes
    one = visitor()
    one.picture(lambda header: True)
    one.looks = False
    one.session.play()
    one.wait(lambda view: view.playing)
    drawn = len(one.frames)
    time.sleep(0.5)  # time for a dozen, if it did not wait
    assert len(one.frames) <= drawn + 1, "no picture goes out while one is under way"
    one.looks = True
    one.session.drawn()
    one.picture(lambda header: header["transport"]["time_h"] >= 3.0)
    one.looks = False
    drawn = len(one.frames)
    one.session.seek(288.0)
    one.wait(lambda view: view.time == 288.0)
    assert len(one.frames) <= drawn + 2, "one under way, and that of the end"


@pytest.mark.mice
def test_a_branch_is_the_whole_run_under_the_other_schedule(visitor):
    one = visitor()
    one.session.seek(200.0)
    before = one.wait(lambda view: view.time == 200.0)
    block = Block("tgfb_receptor", 0.95, 120.0, 288.0)
    one.session.edit((*before.setup.interventions(), block))
    after = one.wait(lambda view: view.branched is not None)
    assert (after.branched, after.time, after.frontier) == (120.0, 120.0, 120.0)
    assert after.notice and after.rival == before.setup
    assert_same_table(after.rival_table, before.table)
    one.session.seek(288.0)
    end = one.wait(lambda view: view.time == 288.0 and view.behind == 0.0)
    assert_same_table(end.table, table_of(whole_run(end.setup)))
    assert_same_table(end.rival_table, table_of(whole_run(before.setup)))
    shared = end.table["time_h"] <= 120.0
    for name in ("stellate_active", "fibronectin_mean"):
        np.testing.assert_array_equal(end.table[name][shared], end.rival_table[name][shared])
        assert end.table[name][-1] < end.rival_table[name][-1], "what the block is for shows"


def test_an_edit_before_anything_was_played_is_a_plain_start(visitor):
    one = visitor()
    start = one.wait(lambda view: True)
    one.session.edit((*start.setup.interventions(), Block("mif", 0.9, 0.0, 288.0)))
    edited = one.wait(lambda view: view.setup.protocol is not None)
    assert edited.rival is None and edited.frontier == 0.0


def test_an_edit_of_the_first_hour_starts_again_beside_the_run_as_it_was(visitor):
    one = visitor()
    one.session.seek(48.0)
    before = one.wait(lambda view: view.time == 48.0)
    one.session.edit((*before.setup.interventions(), Block("mif", 0.9, 0.0, 288.0)))
    after = one.wait(lambda view: view.rival is not None)
    assert (after.time, after.frontier, after.branched) == (0.0, 0.0, 0.0)


def test_two_arms_go_in_step(visitor):
    one = visitor()
    one.session.seek(60.0)
    one.wait(lambda view: view.time == 60.0)
    one.session.compare("resected")
    caught_up = one.picture(lambda header: len(header["panels"]) == 3)
    assert [panel["title"] for panel in caught_up["panels"]] == ["Primary", "Resected", "Primary less Resected"]
    one.session.step(24.0)
    view = one.wait(lambda view: view.time == 84.0 and view.behind == 0.0)
    assert_same_table(view.rival_table, table_of(whole_run(view.rival, 84.0)))
    one.session.compare(None)
    one.picture(lambda header: len(header["panels"]) == 1)


def test_numbers_wait_for_a_reset_once_something_was_played(visitor):
    one = visitor()
    numbers = dict(SHORT) | {"tgfb.half_life": "20 min"}
    one.session.step(6.0)
    one.wait(lambda view: view.time == 6.0)
    one.session.numbers(numbers)
    waiting = one.wait(lambda view: view.pending is not None)
    assert dict(waiting.setup.overrides) == dict(SHORT) and waiting.time == 6.0
    one.session.reset()
    fresh = one.wait(lambda view: view.pending is None)
    assert dict(fresh.setup.overrides) == numbers and fresh.frontier == 0.0
    one.session.numbers(dict(SHORT))
    one.wait(lambda view: dict(view.setup.overrides) == dict(SHORT))


def test_a_reset_begins_beside_the_same_arm_with_the_new_numbers(visitor):
    one = visitor()
    one.session.compare("resected")
    one.session.step(6.0)
    one.wait(lambda view: view.time == 6.0 and view.behind == 0.0)
    one.session.numbers(dict(SHORT) | {"tgfb.half_life": "20 min"})
    one.session.reset()
    fresh = one.wait(lambda view: view.pending is None and view.frontier == 0.0)
    assert fresh.rival.arm_name() == "resected" and fresh.rival.overrides == fresh.setup.overrides
    one.session.step(3.0)
    view = one.wait(lambda view: view.time == 3.0 and view.behind == 0.0)
    assert_same_table(view.rival_table, table_of(whole_run(fresh.rival, 3.0)))


def test_a_reset_of_a_branch_leaves_nothing_to_compare_with(visitor):
    one = visitor()
    one.session.step(30.0)
    one.wait(lambda view: view.time == 30.0)
    one.session.edit((*one.views[-1].setup.interventions(), Block("mif", 0.9, 24.0, 96.0)))
    one.wait(lambda view: view.branched == 24.0)
    one.session.reset()
    fresh = one.wait(lambda view: view.frontier == 0.0)
    assert fresh.rival is None and fresh.branched is None
    assert fresh.setup.arm_name() == "primary_edited"


def test_an_experiment_is_loaded_at_its_day(visitor):
    one = visitor()
    one.session.load(Setup(SCENARIO, "resected", overrides=SHORT, day=2.0))
    assert one.wait(lambda view: view.time == 48.0).setup.arm == "resected"


def test_an_edit_that_changes_nothing_takes_the_sentence_away(visitor):
    one = visitor()
    one.session.step(6.0)
    one.wait(lambda view: view.time == 6.0)
    one.session.say("From day 50: after the end.")
    one.wait(lambda view: view.error)
    one.session.edit(one.views[-1].setup.interventions())
    view = one.wait(lambda view: not view.error)
    assert view.time == 6.0 and view.branched is None and view.rival is None


def test_what_cannot_be_is_said_and_the_run_stays(visitor):
    one = visitor()
    one.session.step(6.0)
    one.wait(lambda view: view.time == 6.0)
    one.session.numbers({"tgfb.half_life": "5 mm"})
    assert "tgfb.half_life" in one.wait(lambda view: view.error).error
    one.session.load(Setup("no_such_scenario"))
    wrong = one.wait(lambda view: "no_such_scenario" in view.error)
    assert wrong.time == 6.0 and wrong.setup.scenario == SCENARIO
    one.session.say("")
    one.wait(lambda view: not view.error)
    one.session.step(1.0)
    one.wait(lambda view: view.time == 7.0)


def test_a_fault_is_a_sentence_too(visitor, caplog):
    one = visitor()
    one.session.ask(lambda timeline, setup: 1 / 0)
    assert "ZeroDivisionError" in one.wait(lambda view: view.error).error
    assert caplog.records, "and is in the server's log"
    one.session.step(1.0)
    one.wait(lambda view: view.time == 1.0 and not view.error)


def test_it_starts_at_the_day_of_the_link(visitor):
    one = visitor(Setup(SCENARIO, "primary", overrides=SHORT, day=3.25))
    view = one.wait(lambda view: view.time == 78.0)
    assert_same_table(view.table, table_of(whole_run(view.setup, 78.0)))


def test_it_starts_beside_the_arm_of_the_link(visitor):
    one = visitor(Setup(SCENARIO, "primary", overrides=SHORT, day=3.25, against="resected"))
    view = one.wait(lambda view: view.time == 78.0 and view.behind == 0.0)
    assert view.names == ("Primary", "Resected") and view.branched is None
    assert_same_table(view.table, table_of(whole_run(Setup(SCENARIO, "primary", overrides=SHORT), 78.0)))
    assert_same_table(view.rival_table, table_of(whole_run(Setup(SCENARIO, "resected", overrides=SHORT), 78.0)))
    assert setup_now(view) == Setup(SCENARIO, "primary", overrides=SHORT, day=3.25, against="resected")


@pytest.mark.mice
def test_a_link_of_a_branch_brings_back_the_branch(visitor):
    first = visitor()
    first.session.seek(100.0)
    before = first.wait(lambda view: view.time == 100.0)
    first.session.edit((*before.setup.interventions(), Block("tgfb_receptor", 0.95, 48.0, 288.0)))
    first.wait(lambda view: view.branched is not None)
    first.session.seek(120.0)
    left = first.wait(lambda view: view.time == 120.0 and view.behind == 0.0)
    query, left_out = link_now(left)
    assert not left_out
    view = visitor(Setup.from_query(query)).wait(lambda view: view.time == 120.0 and view.behind == 0.0)
    assert (view.setup, view.rival, view.branched, view.names) == (left.setup, left.rival, 48.0, left.names)
    assert_same_table(view.table, left.table)
    assert_same_table(view.rival_table, left.rival_table)


def test_a_comparison_too_long_for_a_link_is_left_out_and_said(visitor):
    doses = tuple(Treat("anti_pd1", 1.0, (float(n) ** 1.5,)) for n in range(1, 40))
    view = visitor(Setup(SCENARIO, "primary", overrides=SHORT).with_interventions(doses)).wait(lambda view: view.duration)
    query, left_out = link_now(replace(view, rival=view.setup.with_interventions(doses[:-1]), branched=10.0))
    assert Setup.from_query(query) == view.setup
    assert left_out.startswith("The link leaves out what the run is compared with")


def test_it_tells_what_is_under_the_pointer(visitor):
    one = visitor()
    one.session.step(24.0)
    one.wait(lambda view: view.time == 24.0)
    cells = whole_run(Setup(SCENARIO, "primary", overrides=SHORT), 24.0).state.kupffer_cells
    one.session.pick(0, float(cells.y[0]), float(cells.x[0]), 1.0, int(cells.unique_id[0]))
    with one.changed:
        assert one.changed.wait_for(lambda: one.cards, PATIENCE)
    assert one.cards[0]["unique_id"] == int(cells.unique_id[0])


def test_it_tells_of_the_run_that_was_pointed_at(visitor):
    one = visitor(Setup("liver_education_costasilva2015", "educated", overrides=SHORT))
    one.session.compare("pbs")
    one.session.step(48.0)
    one.wait(lambda view: view.time == 48.0 and view.behind == 0.0)
    cells = whole_run(Setup("liver_education_costasilva2015", "educated", overrides=SHORT), 48.0).state.kupffer_cells
    full = int(np.argmax(cells.load))
    for panel in (0, 1, 2):  # the run, what it is compared with, their difference
        one.session.pick(panel, float(cells.y[full]), float(cells.x[full]), 1.0, int(cells.unique_id[full]))
    with one.changed:
        assert one.changed.wait_for(lambda: len(one.cards) == 3, PATIENCE)
    ours, theirs, apart = one.cards
    assert ours == apart != theirs
    assert [card["sentences"][0] for card in (ours, theirs)] == ["In the run Educated.", "In the run PBS."]
    for card, first, other in ((ours, "Educated", "PBS"), (theirs, "PBS", "Educated")):
        assert any(text.startswith(f"At the same place in the run {other}: ") for text in card["sentences"])
        assert {section["heading"].partition(": ")[0] for section in card["sections"]} == {first, other}


@pytest.mark.mice
def test_two_visitors_do_not_disturb_each_other(visitor):
    first, second = visitor(), visitor(Setup(SCENARIO, "resected", seed=5, overrides=SHORT))
    for one in (first, second):
        one.session.speed(6.0)
        one.session.play()
    for one in (first, second):
        end = one.wait(lambda view: view.time >= 288.0)
        assert_same_table(end.table, table_of(whole_run(end.setup)))


def test_the_section_goes_out_once_and_again_when_it_is_another(visitor):
    one = visitor()
    one.picture(lambda header: True)
    one.session.step(1.0)
    one.wait(lambda view: view.time == 1.0)
    assert len(one.sections) == 1
    one.session.load(Setup(SCENARIO, "primary", overrides=(("section.width", "0.8 mm"), *SHORT[1:])))
    with one.changed:
        assert one.changed.wait_for(lambda: len(one.sections) == 2, PATIENCE)
    assert one.sections[1]["width_um"] == 800.0
