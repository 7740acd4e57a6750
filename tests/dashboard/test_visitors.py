"""Many visitors of one server: each gets its share, nothing is computed for those who are gone, and what they took comes back."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from dataclasses import replace

import pytest

from niche_sim.dashboard import comparison, limits, memory, study
from niche_sim.dashboard.comparison import Pair
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.presence import Presence
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.study import Study, plan_of
from niche_sim.dashboard.turns import Turns
from niche_sim.runs import cohort
from niche_sim.runs.checkpoints import BUDGET

SMALL = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "42 day"))
PRIMARY = Setup("liver_growing_primary", "primary", overrides=SMALL)
WAIT = 60.0  # s; far more than is needed
SOON = 0.3  # s without an answer, for the minute that a real page has


class Tab:
    """A page that draws each picture at once while it is seen, and can be closed without a word."""

    def __init__(self, setup=PRIMARY, **more):
        self.frames, self.views, self.changed = [], [], threading.Condition()
        self.seen = self.connected = True
        self.session = Session(
            setup, on_view=self.views.append, on_static=lambda _: None, on_frame=self._frame, on_card=lambda _: None,
            presence=Presence(lambda: self.connected, "one", SOON), silent=SOON, **more,
        )  # fmt: skip
        self.session.start()

    def _frame(self, header, buffers):
        with self.changed:
            self.frames.append(header)
            self.changed.notify_all()
        if self.seen:
            self.session.drawn()

    @property
    def time(self):
        return self.session._pair.main.time

    def wait(self, true):
        with self.changed:
            assert self.changed.wait_for(true, WAIT)

    def stands_still(self):
        """Wait until no step is made for so long that a playing run would have made many."""
        until = time.monotonic() + WAIT
        before = -1.0
        while self.time != before:
            assert time.monotonic() < until, "it computes on"
            before = self.time
            time.sleep(2.0)


@pytest.fixture
def tab(monkeypatch):
    monkeypatch.setattr("niche_sim.dashboard.session.PATIENCE", 0.1)
    monkeypatch.setattr("niche_sim.dashboard.session.LOOK_AGAIN", 0.05)
    monkeypatch.setattr("niche_sim.dashboard.session.SHOW_AGAIN", 0.1)
    opened = []

    def open_one(*arguments, **more):
        opened.append(Tab(*arguments, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.session.close()


def draws_nothing(one):
    one.seen = False


def loses_its_connection(one):
    one.connected = one.seen = False


def is_hidden(one):
    one.session.hide(True)


def draws_again(one):
    one.seen = True


def connects_again(one):
    one.connected = one.seen = True


def is_seen_again(one):
    one.session.hide(False)


LEAVING = pytest.mark.parametrize(
    ("leave", "come"),
    [(draws_nothing, draws_again), (loses_its_connection, connects_again), (is_hidden, is_seen_again)],
    ids=["draws nothing", "no connection", "hidden"],
)


@LEAVING
def test_a_page_that_nobody_looks_at_plays_no_further_and_goes_on_when_it_is_back(tab, leave, come):
    one = tab()
    one.session.play()
    one.wait(lambda: len(one.frames) > 3)
    leave(one)
    one.stands_still()
    left = one.time
    assert left < one.session._pair.main.duration
    come(one)
    one.wait(lambda: one.frames[-1]["transport"]["time_h"] > left + 3.0)
    assert one.frames[-1]["transport"]["playing"]


def test_a_long_seek_of_a_lost_page_stops_and_goes_on(tab):
    one = tab(replace(PRIMARY, overrides=(("run.duration", "42 day"),)))
    one.session.seek(1000.0)
    while one.time < 5.0:
        time.sleep(0.01)
    loses_its_connection(one)
    one.stands_still()
    assert one.time < 1000.0 and one.session._goal == 1000.0
    connects_again(one)
    left = one.time
    until = time.monotonic() + WAIT
    while one.time <= left:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_page_without_a_connection_for_a_moment_is_not_gone():
    there = [True]
    presence = Presence(lambda: there[0], patience=3600.0)
    assert not presence.gone()
    there[0] = False
    assert not presence.gone()
    presence._patience = 0.0
    assert presence.gone()
    there[0] = True
    assert not presence.gone()


def test_limits_of_a_lost_page_are_within_a_minute():
    assert limits.SILENT < 60.0
    assert limits.GONE + 40.0 < 60.0, "and a lost network is noticed by two pings of 20 s"


def test_the_cohort_of_a_lost_page_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "mice_folder", lambda: tmp_path)
    there, reports = [True], []
    running = threading.Event()

    def hear(report):
        reports.append(report)
        if report.state == "running":
            running.set()

    presence = Presence(lambda: there[0], patience=SOON)
    one, waits = (Study(plan_of(replace(PRIMARY, arm="resected"), PRIMARY, 40), ("a", "b"), hear, presence) for _ in "ab")
    one.start()
    assert running.wait(WAIT)
    waits.start()
    there[0] = False
    for each in (one, waits):
        each._thread.join(WAIT)
        assert each._report.state == "cancelled"


def test_turns_go_by_the_order_of_asking():
    turns, order = Turns(1), []
    threads = []

    def take(number):
        with turns.turn() as mine:
            assert mine
            order.append(number)

    with turns.turn():
        for number in range(8):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while turns.waiting <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join(WAIT)
    assert order == list(range(8))


def test_who_does_not_wait_any_longer_loses_no_turn():
    turns = Turns(1)
    with turns.turn():
        with turns.turn(lambda: True) as mine:
            assert not mine
        assert turns.waiting == 0
    with turns.turn(lambda: False) as mine:
        assert mine


def test_of_many_who_play_each_gets_its_pictures(tab):
    tabs = [tab() for _ in range(6)]
    for one in tabs:
        one.session.play()
    until = time.monotonic() + WAIT
    while sum(len(one.frames) for one in tabs) < 240:
        assert time.monotonic() < until
        time.sleep(0.05)
    counts = [len(one.frames) for one in tabs]
    assert min(counts) >= 0.5 * max(counts), counts


def test_a_day_between_pictures_leaves_room_for_others(tab):
    slow = tab(replace(PRIMARY, overrides=()))
    slow.session.speed(24.0)
    slow.session.play()
    slow.wait(lambda: len(slow.frames) >= 1)
    quick = tab()
    quick.session.play()
    quick.wait(lambda: len(quick.frames) >= 20)
    assert len(quick.frames) > len(slow.frames) - 1, "the turns are of time, not of pictures"


def test_the_memory_of_a_visitor_comes_back(tab):
    gc.collect()
    one = tab(replace(PRIMARY, against="resected"))
    one.session.play()
    one.wait(lambda: one.frames and one.frames[-1]["transport"]["time_h"] > 26.0)
    runs = one.session._pair.runs
    held = [weakref.ref(run.model.state) for run in runs] + [weakref.ref(run._keyframes[0]) for run in runs]
    assert len(held) == 4
    del runs
    one.session.close()
    one.session._thread.join(WAIT)
    assert [ref() for ref in held] == [None] * 4, "at once, without waiting for a collection of circles"
    assert memory._planned is not None


def test_a_run_that_is_replaced_gives_its_memory_back():
    both = Pair(replace(PRIMARY, against="resected"))
    old = [weakref.ref(run.model.state) for run in both.runs]
    both.compare("resected")
    both.begin(PRIMARY)
    assert [ref() for ref in old] == [None, None]


def test_visitors_share_the_memory_for_keyframes(monkeypatch):
    monkeypatch.setattr(comparison, "_open", weakref.WeakSet())
    pairs = [Pair(PRIMARY) for _ in range(6)]
    for one in pairs:
        one.share()
    assert all(one.main.budget == limits.KEYFRAMES // 12 for one in pairs)
    for one in pairs[1:]:
        one.release()
    pairs[0].share()
    assert pairs[0].main.budget == BUDGET


def test_the_queue_is_free_again_when_a_cohort_fails(monkeypatch):
    def broken(*_, **__):
        raise ValueError

    monkeypatch.setattr(cohort, "run", broken)
    plan = plan_of(replace(PRIMARY, arm="resected"), PRIMARY, 2)
    for _ in range(limits.COHORTS + 2):
        one = Study(plan, ("a", "b"), lambda _: None)
        one.start()
        one._thread.join(WAIT)
        assert one._report.state == "failed"
