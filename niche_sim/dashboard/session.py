"""One visitor's experiment: a thread of its own steps the runs, takes commands from the page and gives out pictures.

Whatever touches a model happens in that thread, one command after the other, so that the page never waits and nothing
needs a lock. Pictures go out one at a time: the next is made when the browser has drawn the last. Sessions take turns at
stepping, a short while each, so that of many visitors none is left behind; for a page that nobody looks at none is taken.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from niche_sim.dashboard import limits
from niche_sim.dashboard.comparison import BRANCHED, SAME, SMALLEST, Pair
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.memory import give_back_soon
from niche_sim.dashboard.presence import Presence
from niche_sim.dashboard.receptive import LAYER
from niche_sim.dashboard.turns import Turns
from niche_sim.dashboard.view import View
from niche_sim.engine.errors import InputError
from niche_sim.experiment.protocol import Intervention
from niche_sim.exports.canvas_encoding import SCALINGS, static_of
from niche_sim.figures.appearance import FIELD_LOOKS, LiveSight
from niche_sim.runs.checkpoints import Timeline

log = logging.getLogger(__name__)

FASTEST = 1.0 / 30.0  # s between two pictures
PATIENCE = 2.0  # s that a picture may take to be drawn; a hidden tab draws none
STRETCH = 0.06  # s of stepping at a time, when many steps are to be made, before commands are looked at again
VIEW_EVERY = 1.0  # s between two views of what changes at every step
VIEW_SHARE = 8.0  # a view that took long is followed by so many times that long without one, so that pictures go before
LOOK_AGAIN = 2.0  # s between two looks whether somebody is there again
SHOW_AGAIN = 10.0  # s between two pictures to a page that is there but does not draw
TURNS = Turns(os.cpu_count() or 2)
FIELDS = ("fibronectin",)  # that are shown at first


class Session:
    """The runs of one visitor. Every public method may be called from any thread and returns at once.

    Raises InputError, of what a browser would never send.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        error: str = "",
        on_view: Callable[[View], None],
        on_static: Callable[[dict[str, Any]], None],
        on_frame: Callable[[dict[str, Any], list[bytes]], None],
        on_card: Callable[[dict[str, Any]], None],
        presence: Presence | None = None,
        silent: float = limits.SILENT,
    ) -> None:
        """Start with a setup, at its day if it names one, beside what it is compared with. error: a sentence to show at first.

        Raises InputError if nothing can be run by it. on_view, on_static (the section itself, when it
        is another), on_frame and on_card are called from the session's thread with what to show; a frame is acknowledged
        by `drawn`. While the page is gone, as `presence` says, hidden, or draws nothing for `silent` s, nothing is computed; it
        goes on when the page is back.
        """
        self.presence, self._silent = presence or Presence(), silent
        self._unheard: float | None = None  # since when a picture is under way, and nothing was heard
        self._hidden: float | None = None  # since when the page is
        self._flooded = False  # whether more commands came than may wait
        self._left = False  # whether the page was gone when it was last looked
        self._shown = 0.0  # when the last picture went out
        self._on_view, self._on_static, self._on_frame, self._on_card = on_view, on_static, on_frame, on_card
        self._static_of: object = None  # the section that the browser knows
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._fields: tuple[str, ...] = FIELDS
        self._hours, self._playing = 1.0, False
        self._goal: float | None = None  # h, where a seek beyond the frontier is going
        self._next: float | None = None  # h, of the next picture while it plays
        self._wanted: float | None = None  # h, the latest place the scrubber was moved to
        self._undrawn: float | None = None  # when the picture went out that is not drawn yet
        self._next_picture = self._next_view = 0.0
        self._stale = True  # whether the picture shows less than there is
        self._error, self._notice = error, ""
        self._pending: dict[str, str] | None = None
        self._pair = Pair(setup)
        self._aim_at_day(setup)
        self._error = error
        self._thread = threading.Thread(target=self._work, name="session", daemon=True)

    # --- commands ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def close(self) -> None:
        """Give up the runs; returns when the thread has ended, or after two seconds."""
        self._commands.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)

    def play(self) -> None:
        """Go on until the end or `pause`; at the end, from the start."""
        self._post(lambda: self._set_playing(True))

    def pause(self) -> None:
        """Stop where it is."""
        self._post(lambda: self._set_playing(False))

    def step(self, hours: float) -> None:
        """Go on by so many hours, in steps of the model, at least one."""
        hours = limits.number(hours, "length of a step", 0.0)
        self._post(lambda: self._aim(self._pair.main.time + max(hours, self._pair.main.model.dt)))

    def seek(self, time: float) -> None:
        """Show another hour; beyond what has been computed, compute up to it. The latest of many counts."""
        self._wanted = limits.number(time, "time")
        self._post(self._go)

    def speed(self, hours: float) -> None:
        """Hours that pass between two pictures."""
        hours = limits.number(hours, "speed", 0.0, limits.HOURS)
        self._post(lambda: self._set_speed(hours))

    def reset(self) -> None:
        """Start again at time 0, with the numbers that waited for it."""
        self._post(self._reset)

    def load(self, setup: Setup) -> None:
        """Another experiment, from its start."""
        self._post(lambda: self._load(setup))

    def numbers(self, overrides: Mapping[str, str]) -> None:
        """Other numbers: at once if nothing has been played yet, else at the next reset."""
        self._post(lambda: self._set_numbers(dict(overrides)))

    def edit(self, interventions: tuple[Intervention, ...]) -> None:
        """Another schedule. What it leaves as it was stays; the run goes on from where it differs, and the run before is
        what it is compared with."""
        self._post(lambda: self._edit(interventions))

    def compare(self, arm: str | None) -> None:
        """Run another arm of the experiment beside, on the same chance events; None ends it."""
        self._post(lambda: self._compare(arm))

    def pick(self, panel: int, y_um: float, x_um: float, reach_um: float, unique_id: int | None = None) -> None:
        """Tell what is at a place of the run that a panel shows, or the life of one cell, to `on_card`."""
        self._post(lambda: self._pick(panel, y_um, x_um, reach_um, unique_id))

    def show_fields(self, names: tuple[str, ...]) -> None:
        """Which fields the pictures need."""
        shown = limits.names(names, (LAYER, *FIELD_LOOKS), "fields")
        self._post(lambda: self._show_fields(shown))

    def plane(self, depth_um: float) -> None:
        """Which plane of a block is shown, by its depth."""
        depth = limits.number(depth_um, "plane", 0.0)
        self._post(lambda: self._set_plane(depth))

    def scale(self, mode: object) -> None:
        """Which colour scales, one of `SCALINGS`."""
        wanted = limits.names([mode], SCALINGS, "colour scale")[0]
        self._post(lambda: self._scale(wanted))

    def drawn(self) -> None:
        """The browser has drawn the last picture."""
        self._post(self._set_drawn)

    def again(self) -> None:
        """Send the present picture once more, to a browser that has none."""
        self._post(self._again)

    def hide(self, hidden: bool) -> None:
        """The page lies behind another, or is seen again."""
        self._post(lambda: self._set_hidden(hidden))

    def say(self, sentence: str) -> None:
        """Show an error that came about elsewhere; an empty sentence takes it away."""
        self._post(lambda: self._say(sentence))

    def ask(self, question: Callable[[Timeline, Setup], None]) -> None:
        """Call with the run, in the session's thread, as when something of it is to be taken along. Raises InputError if too much
        waits already."""
        if not self._post(lambda: question(self._pair.main, self._pair.setup)):
            raise InputError("commands", f"{limits.COMMANDS} wait already", "another try when they are done")

    # --- the thread --------------------------------------------------------------------------------------------------

    def _post(self, command: Callable[[], None]) -> bool:
        """False: so many wait already that this one is left out, which is said when they are done."""
        self._flooded = self._flooded or self._commands.qsize() >= limits.COMMANDS
        if not self._flooded:
            self._commands.put(command)
        return not self._flooded

    def _work(self) -> None:
        try:
            self._serve()
        finally:
            self._pair.release()
            give_back_soon()

    def _serve(self) -> None:
        self._publish()
        while True:
            try:
                command = self._commands.get(timeout=self._wait())
            except queue.Empty:
                self._guarded(self._move)
                continue
            if command is None:
                return
            self._unheard = None
            self._guarded(command)
            if self._flooded and self._commands.empty():
                self._flooded = False
                self._stop(f"More than {limits.COMMANDS} commands came at once; the last of them were left out.")

    def _guarded(self, act: Callable[[], None]) -> None:
        """Whatever goes wrong is said on the page, and the session goes on."""
        try:
            act()
        except InputError as error:
            self._stop(f"{error}")
        except Exception as error:
            log.exception("a command of a visitor failed")
            self._stop(f"Something went wrong here that should not ({type(error).__name__}: {error}).")

    def _stop(self, sentence: str) -> None:
        self._playing, self._goal, self._next, self._error = False, None, None, sentence
        self._publish()

    def _wait(self) -> float | None:
        """How long (s) to wait for a command before the next move; None: there is none to make."""
        hurried = self._hurried()
        if not (hurried or self._playing or self._stale):
            return None
        if self._alone():
            return LOOK_AGAIN
        if hurried:
            return 0.0
        ready = self._next_picture if self._undrawn is None else self._undrawn + PATIENCE
        return max(0.0, ready - perf_counter())

    def _alone(self) -> bool:
        """Whether nobody looks at the page."""
        now = perf_counter()
        quiet = [now - since for since in (self._unheard, self._hidden) if since is not None]
        return self.presence.gone() or max(quiet, default=0.0) >= self._silent

    def _hurried(self) -> bool:
        """Whether steps are to be made without a picture of each."""
        return self._goal is not None or self._next is not None or self._pair.lag > 0.0

    def _move(self) -> None:
        """Make steps that are wanted, and a picture if the browser is ready for one."""
        if self._alone():
            self._wait_for_somebody()
            return
        if self._left:
            self._left = False
            self._again()
        pair = self._pair
        if self._playing and not self._stale and not self._hurried():
            self._next = min(pair.main.time + self._hours, pair.main.duration)
        target = self._next if self._goal is None else self._goal
        if pair.lag > 0.0 and pair.rival is not None:
            self._stretch(pair.rival, pair.main.time)
            if pair.lag <= 0.0 and not self._playing:
                self._next_view = 0.0
        elif target is not None:
            self._stretch(pair.main, target)
            if pair.main.time >= target - SMALLEST:
                sought, self._goal, self._next = self._goal is not None, None, None
                if sought or (self._playing and pair.ended and pair.lag <= 0.0):
                    self._playing = self._playing and not pair.ended
                    if pair.lag <= 0.0:
                        self._picture()
                    self._publish()
                    return
        if self._playing and pair.ended and not self._hurried():
            self._playing = False
            self._picture()
            self._publish()
            return
        now = perf_counter()
        ready = self._undrawn is None or now - self._undrawn >= PATIENCE
        if self._stale and ready and now >= self._next_picture and not self._hurried():
            self._picture()
        if now >= self._next_view:
            self._publish()

    def _wait_for_somebody(self) -> None:
        """Compute nothing; show the present moment now and then to a page that is there, since it may have missed a picture."""
        self._left = self._left or self.presence.gone()
        if not self.presence.gone() and perf_counter() - self._shown >= SHOW_AGAIN and self._pair.lag <= 0.0:
            self._picture()

    def _stretch(self, run: Timeline, goal: float) -> None:
        """Step a run towards a time for a short while, when it is this session's turn."""
        with TURNS.turn():
            began = perf_counter()
            while run.time < goal - SMALLEST and perf_counter() - began < STRETCH:
                if not run.advance(1):
                    break
        self._stale = True

    # --- what the commands do ----------------------------------------------------------------------------------------

    def _set_playing(self, playing: bool) -> None:
        if playing and self._pair.ended:
            self._pair.seek(0.0)
        self._playing = playing
        self._goal, self._next, self._error, self._notice = None, None, "", ""
        self._stale = True
        self._publish()

    def _set_speed(self, hours: float) -> None:
        self._hours = max(hours, self._pair.main.model.dt)
        self._stale = True

    def _aim(self, time: float) -> None:
        self._playing, self._next, self._error = False, None, ""
        self._goal = min(max(time, 0.0), self._pair.main.duration)
        if self._goal <= self._pair.main.frontier + SMALLEST:
            self._pair.seek(self._goal)
            self._goal = None
            self._stale = True
            self._picture()
        self._publish()

    def _go(self) -> None:
        if self._wanted is not None:
            time, self._wanted = self._wanted, None
            self._aim(time)

    def _reset(self) -> None:
        self._pair.again(self._pending)
        self._begun()

    def _load(self, setup: Setup) -> None:
        self._pair.open(setup)
        self._begun(setup)

    def _begun(self, setup: Setup | None = None) -> None:
        """Show a run that has just been begun, at the day that its setup names, if any."""
        self._pending = None
        self._playing, self._goal, self._next, self._stale = False, None, None, True
        self._error = self._notice = ""
        if setup is not None:
            self._aim_at_day(setup)
        self._publish()

    def _aim_at_day(self, setup: Setup) -> None:
        if setup.day:
            self._goal = min(24.0 * setup.day, self._pair.main.duration)

    def _set_numbers(self, overrides: dict[str, str]) -> None:
        replace(self._pair.setup, overrides=tuple(overrides.items())).model()  # refuses what cannot be run
        self._error = ""
        if overrides == dict(self._pair.setup.overrides):
            self._pending = None
        else:
            self._pending = overrides
            if self._pair.main.frontier == 0.0:
                self._reset()
                return
        self._publish()

    def _edit(self, interventions: tuple[Intervention, ...]) -> None:
        done = self._pair.edit(interventions)
        if done == BRANCHED:
            self._notice = (
                f"Back at day {self._pair.main.time / 24.0:.4g}. Press Play to see the run under the changed schedule, which "
                f"differs from day {(self._pair.branched or 0.0) / 24.0:.4g} on, beside the run as it was."
            )
            self._playing, self._goal, self._next, self._error, self._stale = False, None, None, "", True
        elif done == SAME:
            self._error = ""
        else:
            self._begun()
            return
        self._publish()

    def _compare(self, arm: str | None) -> None:
        self._error = self._notice = ""
        if arm is None:
            self._pair.compare_with_nothing()
        else:
            self._pair.compare(arm)
        self._stale = True
        self._publish()

    def _pick(self, panel: int, y: float, x: float, reach: float, unique_id: int | None) -> None:
        self._on_card(self._pair.told(panel, y, x, reach, unique_id, LAYER in self._fields))

    def _show_fields(self, names: tuple[str, ...]) -> None:
        self._fields, self._stale = names, True

    def _receptive(self) -> None:
        """Where tumour cells would take root is known now, or why it is not."""
        self._stale, self._notice = True, self._pair.why_not
        self._publish()

    def _scale(self, mode: str) -> None:
        self._pair.scale(mode)
        self._picture()

    def _set_plane(self, depth: float) -> None:
        self._pair.depth, self._stale = depth, True

    def _set_drawn(self) -> None:
        self._undrawn = None

    def _set_hidden(self, hidden: bool) -> None:
        self._hidden = perf_counter() if hidden else None

    def _again(self) -> None:
        self._undrawn = self._static_of = None
        self._picture()

    def _say(self, sentence: str) -> None:
        self._error = sentence
        self._publish()

    # --- what goes out -----------------------------------------------------------------------------------------------

    def _picture(self) -> None:
        """Send the present moment to the browser."""
        main = self._pair.main
        with TURNS.turn():
            header, buffers = self._pair.picture(self._fields, lambda: self._post(self._receptive))
            section = main.model.state.section
            sight = LiveSight(main.model, depth=self._pair.depth)
            static = None if self._static_of is section else static_of(sight, receptivity=True)
        if static is not None:
            self._static_of = section
            self._on_static(static)
        self._stale = False
        self._undrawn = self._shown = now = perf_counter()
        self._next_picture = now + FASTEST
        self._unheard = now if self._unheard is None else self._unheard
        self._on_frame({**header, "transport": self._transport()}, buffers)

    def _transport(self) -> dict[str, Any]:
        main = self._pair.main
        return {
            "time_h": main.time,
            "frontier_h": main.frontier,
            "duration_h": main.duration,
            "playing": self._playing,
            "hours": self._hours,
            "marks": [
                [mark.time, mark.kind, mark.label]
                for mark in main.model.protocol.marks()
                if mark.time <= main.duration
            ],
        }

    def _publish(self) -> None:
        began = perf_counter()
        self._pair.share()
        pair, main = self._pair, self._pair.main
        view = View(
            setup=pair.setup,
            names=tuple(pair.names()),
            time=main.time,
            aim=main.time if self._goal is None else self._goal,
            frontier=main.frontier,
            duration=main.duration,
            playing=self._playing,
            table=main.table,
            onsets=dict(main.onsets),
            rival=pair.rival_setup,
            rival_table=None if pair.rival is None else pair.rival.table,
            branched=pair.branched,
            behind=pair.lag,
            pending=None if self._pending is None else dict(self._pending),
            error=self._error,
            notice=self._notice,
        )
        self._on_view(view)
        now = perf_counter()
        self._next_view = now + max(VIEW_EVERY, VIEW_SHARE * (now - began))
