"""What a run's folder says of receptivity: receptivity.npz, and its part of summary.json."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from niche_sim.inference.receptivity.results import Receptivity
from niche_sim.runs.record import read_json, whole, write_json


def save(by_t: Receptivity, eventual: Receptivity, folder: Path) -> None:
    """Write receptivity.npz into the folder of a record and add `receptivity` to its summary.json.

    The arrays are time_h [arrival] (h), probability [arrival, y, x] and mean [arrival] until the end of the run, and the same
    two with `_eventual`; maps are float32. The same results give the same bytes.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    with whole(folder / "receptivity.npz") as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            time_h=by_t.time_h,
            probability=by_t.probability.astype(np.float32),
            mean=by_t.mean,
            probability_eventual=eventual.probability.astype(np.float32),
            mean_eventual=eventual.mean,
        )
    window = [time if math.isfinite(time) else None for time in eventual.window_h]
    say_in_summary({**by_t.summary(), "mean_eventual": eventual.mean.tolist(), "receptive_h": window}, folder)


def say_in_summary(what: dict[str, object], folder: Path) -> None:
    """Put it under `receptivity` of the folder's summary.json. Raises OSError."""
    write_json({**read_json(folder, "summary.json"), "receptivity": what}, folder / "summary.json")
