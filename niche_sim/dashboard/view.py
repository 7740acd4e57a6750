"""What a session tells the page besides its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from niche_sim.dashboard.link import Setup


@dataclass(frozen=True)
class View:
    """What the page shows besides the picture; a new one whenever something changes, and every second while it runs.

    aim: the hour (h) up to which it is being computed, else the one that is shown. names: of the run and of what it is
    compared with. table: the readouts of the run so far. rival: what it is compared with, None if nothing. branched: h at
    which the run left its rival, None if that is another arm from the start. pending: numbers that wait for Reset. behind:
    how far (h) the rival still has to be computed. error and notice are sentences.
    """

    setup: Setup
    names: tuple[str, ...] = ("",)
    time: float = 0.0
    aim: float = 0.0
    frontier: float = 0.0
    duration: float = 0.0
    playing: bool = False
    table: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    onsets: Mapping[str, float | None] = field(default_factory=dict)
    rival: Setup | None = None
    rival_table: Mapping[str, NDArray[np.float64]] | None = None
    branched: float | None = None
    behind: float = 0.0
    pending: Mapping[str, str] | None = None
    error: str = ""
    notice: str = ""

    @property
    def numbers(self) -> dict[str, str]:
        """The numbers as they stand in the form: those of the run, or those that wait."""
        return dict(self.setup.overrides if self.pending is None else self.pending)
