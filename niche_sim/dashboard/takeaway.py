"""What a visitor takes along: pictures, films, tables, the scenario, a link, and the command that repeats the run."""

from __future__ import annotations

import dataclasses
import queue
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import solara

from niche_sim.dashboard.download import Cancelled, Download, File, Making
from niche_sim.dashboard.elements import Block, Words
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.session import Session
from niche_sim.dashboard.view import View
from niche_sim.engine.errors import InputError
from niche_sim.exports import archives
from niche_sim.figures.film_drawing import EVERY, save_film
from niche_sim.figures.single_run import section_png, timeline_png
from niche_sim.runs.checkpoints import Timeline
from niche_sim.runs.record import Record, shots, snapshot

MIME = {".mp4": "video/mp4", ".gif": "image/gif"}
LISTEN_EVERY = 0.2  # s
T = TypeVar("T")


@solara.component
def TakeAway(view: View, session: Session) -> None:
    """Everything there is to take along of the run as it stands."""
    setup = view.setup
    nothing = view.frontier <= 0.0
    if nothing:
        Words("Play the run first; pictures, films and tables are of what has been played.", style="ns-help")
    with Block(style="ns-takeaway"):
        Download("Section now (PNG)", lambda making: _section(session, making), disabled=nothing)
        Download("Timeline (PNG)", lambda making: _timeline(session, making), disabled=nothing)
        Download("Film (MP4)", lambda making: _film(session, making, ".mp4"), disabled=nothing)
        Download("Film (GIF)", lambda making: _film(session, making, ".gif"), disabled=nothing)
        Download("Readouts (CSV)", lambda making: _table(session, making, "csv"), disabled=nothing)
        Download("Readouts (Parquet)", lambda making: _table(session, making, "parquet"), disabled=nothing)
        Download("Everything (ZIP)", lambda making: _archive(session, making), disabled=nothing)
        Download("Scenario (TOML)", lambda making: _scenario(setup.toml()))
        if setup.given is not None:
            text = setup.given.text
            Download("Scenario as it was opened (TOML)", lambda making: _scenario(text))
    _copy(
        label="Command that repeats this run",
        text=setup.command(),
        address=False,
        help="" if setup.given is None else "Save the scenario as it was opened beside it first, as scenario.toml.",
    )
    link, left_out = link_now(view)
    if link is None:
        Words(left_out, style="ns-help")
        return
    _copy(
        label="Link to this experiment",
        text=f"?{link}",
        address=True,
        help="Opens the same scenario, arm, schedule, numbers, seed, day and comparison, on a computer that can reach this "
        "server.",
    )
    if left_out:
        Words(left_out, style="ns-help")


def setup_now(view: View) -> Setup:
    """The setup with the day that is shown and what it is compared with."""
    setup = dataclasses.replace(view.setup, day=round(view.time / 24.0, 6) or None)
    if view.rival is None:
        return setup
    if view.branched is not None:
        return setup.changed_from(view.rival.interventions())
    return dataclasses.replace(setup, against=view.rival.arm_name())


def link_now(view: View) -> tuple[str | None, str]:
    """The link to what the page shows, None if no link can hold it; and a sentence about what it leaves out, if anything."""
    setup = setup_now(view)
    try:
        return setup.to_query(), ""
    except InputError as error:
        try:
            alone = dataclasses.replace(setup, against=None, before=None).to_query()
        except InputError:
            return None, str(error)
        return alone, "The link leaves out what the run is compared with: with that it would be too long."


def asked(session: Session, making: Making, question: Callable[[Timeline, Setup], T]) -> T:
    """Answer a question about the run in the session's thread. Raises Cancelled if the visitor gives up meanwhile."""
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def answer(timeline: Timeline, setup: Setup) -> None:
        try:
            answers.put((question(timeline, setup), None))
        except Exception as error:
            answers.put((None, error))

    session.ask(answer)
    while True:
        if making.stopped():
            raise Cancelled
        try:
            found, error = answers.get(timeout=LISTEN_EVERY)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return found  # type: ignore[return-value]


def record_now(timeline: Timeline, _: Setup) -> tuple[Record, float]:
    """What the run has left so far, with the moment that is shown among its snapshots; and that moment, h."""
    record = timeline.record()
    snapshots = {**record.snapshots, timeline.time: snapshot(timeline.model)}
    return dataclasses.replace(record, snapshots=dict(sorted(snapshots.items()))), timeline.time


def _section(session: Session, making: Making) -> File:
    record, time = asked(session, making, record_now)
    name = f"{archives.run_name(record)}-day{time / 24.0:g}.png"
    return File(name, "image/png", section_png(record, time))


def _timeline(session: Session, making: Making) -> File:
    record, _ = asked(session, making, record_now)
    return File(f"{archives.run_name(record)}-timeline.png", "image/png", timeline_png(record))


def _table(session: Session, making: Making, kind: str) -> File:
    record, _ = asked(session, making, record_now)
    if kind == "csv":
        return File(f"{archives.run_name(record)}.csv", "text/csv", archives.csv_bytes(record))
    return File(f"{archives.run_name(record)}.parquet", "application/vnd.apache.parquet", archives.parquet_bytes(record))


def _archive(session: Session, making: Making) -> File:
    record = asked(session, making, lambda timeline, _: timeline.record())
    return File(f"{archives.run_name(record)}.zip", "application/zip", archives.zip_bytes(record))


def _scenario(text: str) -> File:
    return File("scenario.toml", "application/toml", text.encode())


def _film(session: Session, making: Making, ending: str) -> File:
    """The run so far, stepped again for itself, so that the page stays free meanwhile."""
    record, setup, until = asked(session, making, lambda timeline, setup: (timeline.record(), setup, timeline.frontier))
    every = EVERY[ending]
    total = int(until / every + 1e-9) + 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{archives.run_name(record)}{ending}"
        done = save_film(shots(setup.model(), every), total, record, file, watch=making.watch, stop=making.stopped)
        if done is None:
            raise Cancelled
        return File(file.name, MIME[ending], file.read_bytes())


@solara.component_vue("front/copy.vue", vuetify=False)
def _copy(label: str, text: str, address: bool, help: str) -> None: ...
