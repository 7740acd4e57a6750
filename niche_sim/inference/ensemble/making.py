"""Make an ensemble in a folder: wave after wave, each kept as soon as it is drawn, then the members and what was learnt."""

from __future__ import annotations

import dataclasses
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError, reason_of
from niche_sim.engine.reading import read_text, reading
from niche_sim.inference.ensemble import space
from niche_sim.inference.ensemble.emulator import needed
from niche_sim.inference.ensemble.panel import LEFT_OUT, MICE, fit_bands
from niche_sim.inference.ensemble.waves import (
    LIMIT,
    Settings,
    Simulated,
    Wave,
    implausibility,
    learnt,
    plausible,
    proposed,
    simulated,
    spread_out,
)
from niche_sim.model.parameters import rows
from niche_sim.runs import farm
from niche_sim.runs.executors import Place
from niche_sim.runs.identity import code_digest
from niche_sim.runs.record import whole
from niche_sim.runs.sealed import Report

Float = NDArray[np.float64]

SETTINGS, WAVE = "ensemble.json", "wave_{}.npz"
TRUTHS = 100  # sets that are each taken for the truth, to see how often it is found again


class Made(NamedTuple):
    """What a finished ensemble is made of. members: float64[members, numbers], in the register's units. known: every set that
    was run. chosen: which of these the members are. about: how it came about, as plain data."""

    members: Float
    known: Simulated
    chosen: NDArray[np.int64]
    about: dict[str, Any]


def make(
    folder: Path,
    settings: Settings,
    workers: int | None = None,
    watch: Callable[[farm.Done], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
    report: Report | None = None,
    place: Place | None = None,
) -> Made:
    """Run what is missing of the waves in a folder and choose the members; an interrupted ensemble goes on.

    More waves may be asked for later: those that are there stay as they are.

    Raises
    ------
    InputError
        The folder holds an ensemble of other settings or another model, scikit-learn is missing, or nothing is plausible.
    """
    needed()
    _claim(folder, settings)
    known: Simulated | None = None
    waves: list[Wave] = []
    told: list[dict[str, Any]] = []
    for number in range(1, settings.waves + 1):
        shares, left = _drawn(folder, number, settings, waves, known)
        say(f"wave {number} of {settings.waves}: {len(shares)} sets; {left:.3g} of the space is left by the waves before")
        first = 1 + (number - 1) * settings.sets * MICE
        before = _cpu()
        found = simulated(shares, first, folder / "mice", workers, watch, report, place)
        _spent(folder, _cpu() - before)
        known = found if known is None else known + found
        passed = plausible(implausibility(found.values, found.errors, fit_bands()))
        told.append(_wave_told(found, passed, left))
        say(f"wave {number}: {passed.sum()} of {len(passed)} sets are plausible, the model refused {(~found.told).sum()}")
        if number < settings.waves:
            waves.append(learnt(known))
            told[-1] |= {"active": waves[-1].active, "coverage": {name: one.coverage for name, one in waves[-1].emulators.items()}}
    assert known is not None
    kept = np.flatnonzero(plausible(implausibility(known.values, known.errors, fit_bands())))
    if not len(kept):
        raise InputError(f"{folder}", "no set is plausible", "more waves or sets; `niche-sim ensemble describe` tells what fails")
    chosen = kept[spread_out(known.shares[kept], settings.members)]
    if 0 in kept and 0 not in chosen:  # the register's own values belong to it
        chosen = np.concatenate([[0], chosen[:-1]])
    about = {
        "settings": dataclasses.asdict(settings), "code": code_digest(), "mice_a_set": MICE, "waves": told,
        "sets": len(known.shares), "plausible": len(kept), "members": len(chosen), "default_is_member": bool(0 in chosen),
        "cpu_hours": round(_spent(folder, 0.0) / 3600.0, 2), "left_out": LEFT_OUT, "truths": truths(known, settings.seed),
        "default": dict(zip((band.id for band in fit_bands()), np.exp(known.values[0]).tolist(), strict=True)),
        "missed_by_members": _missed(known, chosen),
        "half_discrepancy": _passing(known, 0.5), "double_discrepancy": _passing(known, 2.0),
    }  # fmt: skip
    members = space.values_of(known.shares[chosen])
    members[chosen == 0] = [rows()[name].value for name in space.names()]  # to the last digit
    return Made(members, known, chosen, about)


def truths(known: Simulated, seed: int, count: int = TRUTHS) -> dict[str, float]:
    """Take sets that were run each for the truth, and see whether the others that agree with it hold its numbers.

    Returns
    -------
    dict
        truths: how many could be tried; held: how often a quantity of the panel that was left out, and a number that matters, lay
        within the 5th to 95th percentile of the sets that agree; error: the standard error of that; width: of these ranges against
        all sets'.
    """
    told = np.flatnonzero(known.told)
    rng = np.random.default_rng([seed, 1000])
    some = rng.permutation(told)[:count]
    bands = fit_bands()
    inside, widths = [], []
    for true in some:
        others = told[told != true]
        for column in rng.permutation(len(bands))[:3]:
            rest = [n for n in range(len(bands)) if n != column]
            apart = implausibility(
                known.values[others][:, rest], known.errors[others][:, rest] + known.errors[true, rest],
                [bands[n] for n in rest], observed=known.values[true, rest],
            )  # fmt: skip
            agree = others[plausible(apart)]
            whole_range = np.ptp(np.percentile(known.values[others, column], [5, 95]))
            if len(agree) < 10 or whole_range < 1e-9:
                continue
            low, high = np.percentile(known.values[agree, column], [5, 95])
            inside.append(low - 1e-9 <= known.values[true, column] <= high + 1e-9)
            widths.append((high - low) / whole_range)
    if not inside:
        return {"truths": 0.0, "held": float("nan"), "error": float("nan"), "width": float("nan")}
    held = float(np.mean(inside))
    error = float(np.sqrt(held * (1.0 - held) / len(inside)))
    return {"truths": float(len(some)), "held": held, "error": error, "width": float(np.median(widths))}


def _missed(known: Simulated, chosen: NDArray[np.int64]) -> dict[str, int]:
    """Band -> how many members lie outside it by more than LIMIT; a member may miss one."""
    far = implausibility(known.values[chosen], known.errors[chosen], fit_bands()) > LIMIT
    return {band.id: int(far[:, n].sum()) for n, band in enumerate(fit_bands())}


def _passing(known: Simulated, discrepancy: float) -> int:
    """How many sets are plausible with other discrepancies."""
    return int(plausible(implausibility(known.values, known.errors, fit_bands(), discrepancy)).sum())


def _wave_told(found: Simulated, passed: NDArray[np.bool_], left: float) -> dict[str, Any]:
    """A wave as plain data; alone: the share of its sets that each band by itself would rule out."""
    far = implausibility(found.values, found.errors, fit_bands())[found.told] > LIMIT
    alone = {band.id: round(float(far[:, n].mean()), 4) for n, band in enumerate(fit_bands())}
    counts = {"sets": len(passed), "refused": int((~found.told).sum()), "plausible": int(passed.sum())}
    return {**counts, "space_left": left, "ruled_out_by": alone}


def _claim(folder: Path, settings: Settings) -> None:
    """Note in the folder what decides this ensemble, or see that it is the same."""
    decides = {"sets": settings.sets, "seed": settings.seed, "code": code_digest(), "bands": [band.id for band in fit_bands()]}
    file = folder / SETTINGS
    try:
        if file.exists():
            then = json.loads(file.read_text(encoding="utf-8"))
            if differs := [name for name, value in decides.items() if then.get(name) != value]:
                found = f"holds an ensemble with another {' and '.join(differs)}"
                raise InputError(f"-o {folder}", found, "another folder is needed for this one")
        folder.mkdir(parents=True, exist_ok=True)
        with whole(file) as part:  # waves and members may be more than before
            part.write_text(json.dumps({**decides, **dataclasses.asdict(settings)}, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"-o {folder}", reason_of(error), "a folder that can be written") from None


def settings_of(folder: Path) -> Settings:
    """With which settings the ensemble in a folder was begun. Raises InputError if there is none."""
    needed_there = "a folder in which `niche-sim ensemble make` was begun"
    with reading(folder / SETTINGS, needed_there):
        told = json.loads(read_text(folder / SETTINGS))
        return Settings(**{field.name: int(told[field.name]) for field in dataclasses.fields(Settings)})


def _drawn(folder: Path, number: int, settings: Settings, waves: list[Wave], known: Simulated | None) -> tuple[Float, float]:
    """The sets of a wave: those in the folder, or new ones, which are written there."""
    file = folder / WAVE.format(number)
    if not file.exists():
        empty = Simulated(np.zeros((0, len(space.axes()))), *np.zeros((2, 0, len(fit_bands()))))
        shares, left = proposed(settings.sets, waves, empty if known is None else known, settings.seed)
        with whole(file) as part, part.open("wb") as out:
            np.savez(out, shares=shares, left=left)
    with np.load(file) as kept:
        return kept["shares"], float(kept["left"])


def _cpu() -> float:
    """CPU time of the processes that have ended, and of this one, s."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))


def _spent(folder: Path, seconds: float) -> float:
    """Add to the CPU time that the ensemble in a folder has taken, s; returns the sum."""
    file = folder / "cpu_seconds.txt"
    total = seconds + (float(file.read_text()) if file.exists() else 0.0)
    with whole(file) as part:
        part.write_text(f"{total}\n")
    return total
