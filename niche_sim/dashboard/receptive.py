"""Where a tumour cell would take root, for the page: a twin of the run goes ahead in a thread, when the layer is first shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.turns import Turns
from niche_sim.engine.errors import InputError
from niche_sim.inference.receptivity import for_page, record_hazards

log = logging.getLogger(__name__)

LAYER = "receptivity"
_ONE_AT_A_TIME = Turns(1)  # a recording holds some 150 MB until its maps are made


class Receptive:
    """The maps of one run. `ready` is called from the thread when they are there, or when `why_not` says why there are none."""

    def __init__(self, setup: Setup, ready: Callable[[], object]) -> None:
        self.setup, self._ready = setup, ready
        self.why_not = ""
        self._found: dict[str, Any] | None = None
        self._given_up = False
        threading.Thread(target=self._work, name="receptive", daemon=True).start()

    def give_up(self) -> None:
        """Nobody wants it any more."""
        self._given_up = True

    def at(self, time: float) -> NDArray[np.float32] | None:
        """The probability that a cell lodging now founds a colony, float32[y, x], 0 in vessels; None while it is computed."""
        if self._found is None:
            return None
        when = int(np.argmin(np.abs(self._found["time_h"] - time)))
        found: NDArray[np.float32] = np.nan_to_num(self._found["map"][when])
        return found

    @property
    def curve(self) -> dict[str, Any] | None:
        """Its mean over the organ against the time of arrival, and when that is above half its maximum."""
        if self._found is None:
            return None
        mean = self._found["mean"]
        window = self._found["receptive_h"]
        return {
            "time_h": [round(float(time), 3) for time in self._found["time_h"]], "mean": [float(f"{value:.4g}") for value in mean],
            "receptive_h": None if window is None else [float(end) for end in window],
        }  # fmt: skip

    def words(self, time: float, y_um: float, x_um: float) -> list[str]:
        """Why here: sentences for a place, none while it is computed or inside a vessel."""
        if self._found is None:
            return []
        spacing = self.setup.experiment().section.spacing
        y, x = int(y_um / spacing), int(x_um / spacing)
        why = self._found["why"]
        when = int(np.argmin(np.abs(why.found.time_h - time)))
        if not why.found.probability[when, y, x] > 0.0:
            return []
        told: list[str] = why.in_words(time, y, x)
        return told

    def _work(self) -> None:
        try:
            with _ONE_AT_A_TIME.turn(lambda: self._given_up) as mine:
                if mine and not self._given_up:
                    self._found = for_page(record_hazards(self.setup.model()))
        except InputError as error:
            self.why_not = f"Where tumour cells would take root cannot be told here: {error.found}."
        except Exception as error:
            log.exception("receptivity of a page failed")
            self.why_not = f"Where tumour cells would take root could not be computed ({type(error).__name__}: {error})."
        if not self._given_up:
            self._ready()
