"""What a process is: one rule of biology with one step."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.chance import Chance
from niche_sim.model.parameters import Parameters
from niche_sim.model.sensing import Present, Situation
from niche_sim.model.state import State


class Process:
    """One rule of biology. Subclasses state what they read and write and change the state in `step`.

    The first line of a subclass's docstring is the rule as one sentence; the rest gives the formula in words, the
    evidence, and what is assumed. `reads` and `writes` name what the step touches: `section`, a field (`tgfb`), a column
    (`kupffer_cells.load`), a whole population (`bmdc`: rows come or go), or a part of `blood`, `counters`, `blocked`.
    A slow rule has a `period` (h): it acts once in that time, with that much `dt`, and sees the blocks of the step in
    which it acts; 0 is every step. `stream` keys the rule's random numbers, so that a rule can be renamed without a change
    of any draw; left out, it is the class name. A rule of a tumour cell's fate states its `hazard`, which its step samples,
    the states of the cells that it `befalls`, and what they then are: another state, "divided", "engaged" (by a T cell, whose
    hits add up) or, as most are, "lost".
    """

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    stream: ClassVar[str] = ""
    period: ClassVar[float] = 0.0
    befalls: ClassVar[tuple[str, ...]] = ()
    becomes: ClassVar[str] = "lost"

    def __init_subclass__(cls) -> None:
        if "stream" not in vars(cls):
            cls.stream = cls.__name__

    @property
    def name(self) -> str:
        """The class name: what a schedule lists."""
        return type(self).__name__

    def due(self, step_index: int, step: float) -> float:
        """The time (h) over which the rule acts in step number `step_index` of `step` h: 0 if it rests."""
        if self.period <= step:
            return step
        steps = max(1, round(self.period / step))
        return steps * step if (step_index + 1) % steps == 0 else 0.0

    @classmethod
    def sentence(cls) -> str:
        """The rule as one sentence: the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def has_hazard(cls) -> bool:
        """Whether the rule states its hazard: whether it is one of a tumour cell's fate."""
        return cls.hazard is not Process.hazard

    def hazard(self, state: State, p: Parameters, where: Situation) -> NDArray[np.float64]:
        """Rate (1/h) at which the rule's event befalls tumour cells in a situation, float64[n]; only rules of their fate.

        A pure function of the niche and the situation, whether cells are there or not: it never looks at the tumour cells of
        the state, and draws and changes nothing. So the same formula serves the step, which samples it where cells are, and
        a map of it over all sites.
        """
        raise NotImplementedError(f"{self.name} states no hazard")

    def befallen(
        self, state: State, p: Parameters, chance: Chance, rows: NDArray[np.int64], dt: float
    ) -> NDArray[np.int64]:
        """Which of some tumour cells (rows, int64[n]) the rule's event befalls within dt (h): the hazard, sampled."""
        rate = self.hazard(state, p, Present(state, rows))
        return rows[chance.events(self, state.tumour_cells.key[rows], rate, dt)]

    def step(self, state: State, p: Parameters, chance: Chance, dt: float) -> None:
        """Advance this rule by `dt` (h)."""
        raise NotImplementedError(f"{self.name} has no step")
