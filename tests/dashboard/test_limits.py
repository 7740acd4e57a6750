"""What a program in place of a browser may send: it is refused in one sentence, and nothing of it is made."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from niche_sim.dashboard import elements, limits, study
from niche_sim.dashboard.canvas import TissueCanvas
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.study import Study, plan_of
from niche_sim.dashboard.viewer import Viewer
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Treat
from niche_sim.experiment.simulation import Simulation
from niche_sim.runs import cohort

SMALL = (("section.width", "0.6 mm"), ("section.height", "0.6 mm"), ("run.duration", "4 day"))
PRIMARY = Setup("liver_growing_primary", "primary", overrides=SMALL)
NO_NUMBERS = [None, "12", True, [1], {"a": 1}, float("nan"), float("inf"), 10**400]


class Told:
    """A session that keeps what is said, and takes every command as the real one does, but runs nothing."""

    def __init__(self, setup=PRIMARY):
        self.views = []
        self.session = Session(
            setup, on_view=self.views.append, on_static=lambda _: None, on_frame=lambda *_: None, on_card=lambda _: None
        )
        self.viewer = Viewer()
        self.viewer.attend(self.session)
        self.work()

    def send(self, message):
        self.viewer._hear(self.viewer, message, [])
        self.work()
        return self.views[-1].error if self.views else ""

    def work(self):
        while not self.session._commands.empty():
            self.session._guarded(self.session._commands.get())


@pytest.fixture
def told():
    return Told()


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("kind", ["seek", "step", "speed"])
def test_no_number_is_no_time(told, kind, value):
    assert "a number" in told.send({"type": kind, "hours": value})
    assert not told.session._hurried() and told.session._hours == 1.0


def test_speeds_and_times_keep_to_what_the_page_offers(told):
    assert told.send({"type": "speed", "hours": 1e9}) == "speed: 1e+09; a number from 0 to 24"
    told.send({"type": "seek", "hours": 1e9})
    assert told.session._goal == 96.0, "the end of the run"


@pytest.mark.parametrize("names", [["no_such_field"], ["tgfb"] * 100_000, ["tgfb\x1b[31m"]])
def test_only_fields_are_shown(told, names):
    told.viewer.shown_fields = names
    told.work()
    error = told.views[-1].error
    assert error.startswith("fields: ") and len(error) <= 300 and error.isprintable()
    assert told.session._fields == ("fibronectin",)


@pytest.mark.parametrize(
    "place",
    [
        {}, {"panel": -5}, {"panel": 10**9}, {"y_um": "a"}, {"x_um": float("nan")}, {"reach_um": -1}, {"unique_id": "x"},
        {"unique_id": -1},
    ],
)
def test_a_place_is_a_place(told, place):
    whole = {"panel": 0, "y_um": 1.0, "x_um": 1.0, "reach_um": 1.0, "unique_id": None}
    error = told.send({"type": "pick", **(whole | place if place else {})})
    assert "a number" in error and "went wrong" not in error


@pytest.mark.parametrize("message", [None, [], "play", 7])
def test_what_is_no_message_is_refused(told, message):
    assert told.send(message).startswith("message: ")


def test_a_canvas_alone_refuses_too():
    with pytest.raises(InputError, match="drawn"):
        TissueCanvas(on_drawn=lambda _: None)._hear(None, {"type": "drawn", "seq": "x"}, [])


def test_commands_that_wait_are_counted(told):
    for hour in range(10 * limits.COMMANDS):
        told.session.seek(float(hour))
    assert told.session._commands.qsize() == limits.COMMANDS
    with pytest.raises(InputError, match=f"{limits.COMMANDS} wait already"):
        told.session.ask(lambda *_: None)
    done = threading.Event()
    told.session._on_view = lambda view: done.set() if "left out" in view.error else None
    told.session.start()
    assert done.wait(300.0)
    told.session.close()


@pytest.mark.parametrize(
    ("numbers", "most"),
    [
        ({"section.width": "100 mm", "section.height": "100 mm"}, "250,000 sites"),
        ({"section.spacing": "0.5 um"}, "250,000 sites"),
        ({"run.step": "0.001 s"}, "100,000 steps"),
        ({"run.duration": "36500 day"}, "100,000 steps"),
        ({"nk.density": "1e9 cell/mm^3"}, "1,000,000 cells"),
    ],
)
def test_what_is_too_large_is_not_made(told, numbers, most, monkeypatch):
    wanted = dict(SMALL) | numbers
    monkeypatch.setattr(Simulation, "__init__", lambda *_, **__: pytest.fail("it was made"))
    large = replace(PRIMARY, overrides=tuple(wanted.items()))
    for act in (lambda: told.session.numbers(wanted), lambda: told.session.load(large)):
        told.views.clear()
        act()
        told.work()
        error = told.views[-1].error
        assert error.startswith("this experiment: asks for ") and f"at most {most}" in error and len(error) <= 300
    with pytest.raises(InputError, match=f"this experiment: .*at most {most}"):
        Setup.from_query(large.to_query())
    with pytest.raises(InputError, match=f"this experiment: .*at most {most}"):
        Study(cohort.plan(PRIMARY.experiment(), mice=2, overrides=wanted), (), lambda _: None)


def test_interventions_and_doses_are_counted():
    often = [Treat("anti_pd1", 1.0, tuple(n + 0.01 * m for n in range(1, 95))) for m in range(30)]
    with pytest.raises(InputError, match=r"doses; at most 2,000"):
        PRIMARY.with_interventions(often).model()
    with pytest.raises(InputError, match=r"interventions; at most 200"):
        PRIMARY.with_interventions([Treat("anti_pd1", 1.0, (0.1 * n,)) for n in range(1, 202)]).model()


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (None, "name of the file: nothing; a text"),
        ({"name": "a.toml"}, "a.toml: nothing; a text"),
        ({"name": "a.toml", "text": "=" * 200_001}, "a.toml: 200,001 characters; at most 200,000"),
        ({"name": "a.toml", "text": "", "size": 10**9}, "a.toml: 1,000,000,000 bytes; at most 200,000: a smaller file"),
        ({"name": "x" * 256, "text": ""}, "name of the file: 256 characters; at most 255"),
        ({"name": "\x1b[31ma.toml", "text": 5}, "__31ma.toml: 5; a text"),
    ],
)
def test_an_upload_is_measured_before_it_is_read(file, sentence):
    with pytest.raises(InputError) as error:
        elements._uploaded(file)
    assert str(error.value) == sentence


def test_what_a_form_sends_is_read_before_it_is_used():
    got = []
    for value in (None, 7, "x" * (limits.TEXT + 1)):
        elements.heard(got.append, elements.one_text)(value)
        assert elements.refused.value.startswith("form: ")
    elements.refused.set("")
    elements.heard(got.append, elements.one_text)("fine")
    assert got == ["fine"] and not elements.refused.value


def test_a_cohort_is_no_larger_than_the_slider(monkeypatch):
    monkeypatch.setattr(cohort, "run", lambda *_, **__: pytest.fail("it was run"))
    for mice in (100_000, 41, 0, -3, float("nan"), "8"):
        with pytest.raises(InputError, match="mice an arm: .*; a number from 2 to 40"):
            plan_of(replace(PRIMARY, arm="resected"), PRIMARY, mice)
    with pytest.raises(InputError, match="cohort: 41 mice an arm; at most 40"):
        Study(cohort.plan(PRIMARY.experiment(), mice=41), (), lambda _: None)


def test_cohorts_of_one_visitor_wait_in_a_short_queue(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(cohort, "run", lambda *_, **__: go.wait(60.0) and [])
    monkeypatch.setattr(study, "effects", lambda mice: [])
    plan = plan_of(replace(PRIMARY, arm="resected"), PRIMARY, 2)
    studies = [Study(plan, ("a", "b"), lambda _: None) for _ in range(limits.COHORTS)]
    for one in studies:
        one.start()
    with pytest.raises(InputError, match="cohort: 3 of yours run or wait"):
        Study(plan, ("a", "b"), lambda _: None).start()
    go.set()
    for one in studies:
        one._thread.join(60.0)
    again = Study(plan, ("a", "b"), lambda _: None)
    again.start()
    again._thread.join(60.0)


def test_a_cohort_ends_when_its_time_is_over(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "mice_folder", lambda: tmp_path)
    long = replace(PRIMARY, overrides=(*SMALL[:2], ("run.duration", "60 day")))
    reports = []
    one = Study(plan_of(replace(long, arm="resected"), long, 40), ("a", "b"), reports.append, seconds=1.0)
    one.start()
    one._thread.join(120.0)
    assert reports[-1].state == "failed" and "run it again to go on" in reports[-1].why


def refusal(read, value):
    """The sentence by which something is refused; empty if it is taken."""
    try:
        read(value)
    except InputError as error:
        return str(error)
    return ""


def test_every_answer_is_short_and_printable():
    for value in [*NO_NUMBERS, "x" * 10**6, "\x1b]0;a\x07", "\ud800", ["a"] * 10**5, {"a": "b" * 10**5}]:
        for read in (limits.number, lambda v, _: limits.names(v, ("a", "b"), "here"), lambda v, _: limits.text(v, "here", 5)):
            said = refusal(lambda v, read=read: read(v, "here"), value)
            assert len(said) <= 300 and (said.isprintable() or not said)
        assert refusal(lambda v: limits.names(v, ("a", "b"), "here"), value)
