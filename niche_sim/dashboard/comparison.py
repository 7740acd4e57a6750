"""The run of a visitor and, beside it, what it is compared with: another arm, or the run as it was before a change.

Both step on the same chance events. Nothing here knows of threads, of the page, or of how fast it is played.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from niche_sim.dashboard import limits
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.receptive import LAYER, Receptive
from niche_sim.description.stage_summary import strip_of
from niche_sim.experiment.protocol import Intervention
from niche_sim.exports.canvas_encoding import FIXED, HELD, Scales, pack, pack_difference
from niche_sim.exports.cell_report import at_point
from niche_sim.figures.appearance import LiveSight
from niche_sim.runs.checkpoints import BUDGET, Timeline, first_difference

BEFORE = ", before the change"
BRANCHED, BEGUN, SAME = "branched", "begun", "same"  # what an edit has done
SMALLEST = 1e-6  # h; times nearer than that are the same

_open: weakref.WeakSet[Pair] = weakref.WeakSet()  # of all visitors, who share the memory for keyframes


def _budget() -> int:
    """Bytes of keyframes of one run; two to each pair."""
    return min(BUDGET, limits.KEYFRAMES // (2 * max(len(_open), 1)))


class Pair:
    """main: the run, made by `setup`. rival: what it is compared with, made by `rival_setup`; None if nothing is.

    branched: h at which the run left its rival; None if that is another arm from the start. number: of runs begun so far.
    """

    def __init__(self, setup: Setup) -> None:
        """As a link says it, at time 0. Raises InputError if nothing can be run by it."""
        self.number = 0
        self.scaling = FIXED
        self.rival: Timeline | None = None
        self.rival_setup: Setup | None = None
        self.branched: float | None = None
        self._ahead: dict[Setup, Receptive] = {}
        _open.add(self)
        self.open(setup)

    # --- which runs --------------------------------------------------------------------------------------------------

    def open(self, setup: Setup) -> None:
        """A new run with its comparison, as a link says them. Raises InputError; the old one stays then."""
        rival, parts = setup.rival(), setup.parts()
        beside = None if rival is None else Timeline(rival.model(), _budget())
        self.begin(setup.alone())
        self.rival, self.rival_setup, self.branched = beside, rival, parts

    def begin(self, setup: Setup) -> None:
        """A new run in place of the old, compared with nothing. Raises InputError; the old one stays then."""
        self.main, self.setup = Timeline(setup.model(), _budget()), setup
        self.number += 1
        self.compare_with_nothing()

    def again(self, overrides: Mapping[str, str] | None) -> None:
        """The run from time 0, with these numbers if any, beside the same arm as before. Raises InputError."""
        setup = replace(self.setup, day=None)
        if overrides is not None:
            setup = replace(setup, overrides=tuple(overrides.items()))
        rival = self.rival_setup if self.branched is None else None  # a branch has left nothing at time 0
        self.begin(setup)
        if rival is not None:
            self.rival_setup = replace(rival, overrides=setup.overrides, seed=setup.seed)
            self.rival = Timeline(self.rival_setup.model(), _budget())

    def compare(self, arm: str) -> None:
        """Another arm of the experiment beside it, from the start. Raises InputError."""
        setup = replace(self.setup.with_arm(arm), day=None)
        rival = Timeline(setup.model(), _budget())
        self.compare_with_nothing()
        self.rival_setup, self.rival = setup, rival

    def compare_with_nothing(self) -> None:
        """The run alone."""
        self.rival = self.rival_setup = self.branched = None
        self.scales = Scales(mode=self.scaling)
        self.depth: float | None = None  # of a block, the plane that is shown, um

    def scale(self, mode: str) -> None:
        """Which colour scales: one of `SCALINGS`. What is held is as it was last drawn."""
        self.scaling = mode
        self.scales = Scales(self.scales.reach if mode == HELD else {}, mode)

    def release(self) -> None:
        """Let go of the runs: whoever still holds this pair, such as a page that is closed, does not hold their memory."""
        _open.discard(self)
        self._only(())
        self.rival = None
        del self.main

    def edit(self, interventions: Sequence[Intervention]) -> str:
        """Another schedule. BRANCHED: the run goes on from where that differs, beside the run as it was; BEGUN: nothing had been
        played, and it is a new run; SAME: nothing has changed. Raises InputError."""
        setup, before, parent = self.setup.edited(tuple(interventions)), self.setup, self.main
        experiment, arm = setup.experiment(), setup.arm_name()
        at = first_difference(parent.model.protocol, experiment.arm(arm).protocol)
        if at is None:
            return SAME
        if parent.frontier == 0.0:
            self.begin(replace(setup, day=None))
            return BEGUN
        step = parent.model.dt
        at = step * int(min(at, parent.frontier) / step + SMALLEST)  # a whole step, not after it differs
        time = min(parent.time, at)
        self.main = parent.branch(experiment, arm, at)
        self.main.seek(time)
        parent.seek(time)
        self.setup, self.rival, self.rival_setup, self.branched = setup, parent, before, at
        return BRANCHED

    def share(self) -> None:
        """Keep to this pair's share of the memory for keyframes, as visitors come and go."""
        for run in self.runs:
            run.budget = _budget()

    # --- time --------------------------------------------------------------------------------------------------------

    @property
    def runs(self) -> list[Timeline]:
        """The run, and what it is compared with."""
        return [run for run in (self.main, self.rival) if run is not None]

    @property
    def lag(self) -> float:
        """How far (h) the rival is behind the run."""
        behind = 0.0 if self.rival is None else self.main.time - self.rival.time
        return behind if behind >= SMALLEST else 0.0

    @property
    def ended(self) -> bool:
        """Whether the run is at its end."""
        return self.main.time >= self.main.duration - SMALLEST

    def seek(self, time: float) -> None:
        """To an hour that has been computed; the rival as far as it has."""
        self.main.seek(time)
        if self.rival is not None:
            self.rival.seek(min(time, self.rival.frontier))

    # --- what is seen ------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """What the runs are called, the visitor's own first."""
        names = [self.setup.title()]
        if self.rival_setup is not None:
            names.append(self.rival_setup.title() + (BEFORE if self.branched is not None else ""))
        return names

    def picture(
        self, fields: tuple[str, ...], ready: Callable[[], object] = lambda: None
    ) -> tuple[dict[str, Any], list[bytes]]:
        """The present moment: header and buffers of a frame, without its transport.

        ready: called, from any thread, when the layer of receptivity, left out until then, can be shown.
        """
        ahead = self._receptive(ready) if LAYER in fields else []
        maps = [one.at(run.time) for one, run in zip(ahead, self.runs, strict=False)]
        more = [{f"field_{LAYER}": found} for found in maps if found is not None]
        if len(more) < len(self.runs):
            fields, more = tuple(name for name in fields if name != LAYER), [{} for _ in self.runs]
        names, sights = self.names(), [LiveSight(run.model, extra, self.depth) for run, extra in zip(self.runs, more, strict=True)]
        self.scales.begin()
        for sight in sights:
            self.scales.see(sight, fields)
        packed = [pack(sight, fields, self.scales, name) for sight, name in zip(sights, names, strict=True)]
        if len(sights) == 2 and fields:
            ours, theirs = sights
            apart = "change" if self.branched is not None else f"{names[0]} less {names[1]}"
            packed.append(pack_difference(theirs, ours, fields[0], self.scales, apart))
        titles = names if len(sights) > 1 else [""]
        strips = [strip_of(run.model, title) for run, title in zip(self.runs, titles, strict=True)]
        curves = [one.curve for one in ahead]
        header = {"run": self.number, "panels": [panel.header for panel in packed], "strips": strips}
        header["receptivity"] = [one for one in curves if one is not None]
        return header, [buffer for panel in packed for buffer in panel.buffers]

    def _receptive(self, ready: Callable[[], object]) -> list[Receptive]:
        """Of each run where tumour cells would take root, begun when it is first asked for."""
        setups = [replace(one, day=None, against=None, before=None) for one in (self.setup, self.rival_setup) if one is not None]
        self._only(setups)
        for setup in setups:
            if setup not in self._ahead:
                self._ahead[setup] = Receptive(setup, ready)
        return [self._ahead[setup] for setup in setups]

    def _only(self, setups: Sequence[Setup]) -> None:
        """Let go of those of other runs."""
        for setup in [one for one in self._ahead if one not in setups]:
            self._ahead.pop(setup).give_up()

    @property
    def why_not(self) -> str:
        """Why it cannot be told where tumour cells would take root; "" if it can."""
        return next((one.why_not for one in self._ahead.values() if one.why_not), "")

    def told(
        self, panel: int, y: float, x: float, reach: float, unique_id: int | None, why: bool = False
    ) -> dict[str, Any]:
        """What is at a place (um) of the run that a panel shows, then of the other; on the difference map, of the visitor's own
        run first. why: also how likely a cell would take root there, and why."""
        runs, names = self.runs, self.names()
        number = panel if panel < len(runs) else 0
        card = at_point(runs[number].model, y, x, reach, unique_id, self.depth)
        if why and number < len(self._ahead):
            ahead = self._receptive(lambda: None)[number]
            card["sentences"] = [*card["sentences"], *ahead.words(runs[number].time, card["y_um"], card["x_um"])]
        if len(runs) == 1:
            return card
        other = at_point(runs[1 - number].model, y, x, reach, None, self.depth)
        there = f"At the same place in the run {names[1 - number]}: {other['title']}."
        sections = [
            {**section, "heading": f"{names[run]}: {section['heading']}"}
            for run, one in ((number, card), (1 - number, other))
            for section in one["sections"]
        ]
        sentences = [f"In the run {names[number]}.", *card["sentences"], there, *other["sentences"]]
        return {**card, "sentences": sentences, "sections": sections}
