"""The backward pass: from what counts as the end, through the recorded hazards, to the probability at arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from niche_sim.engine.errors import InputError
from niche_sim.engine.kernels.branching import change_states, wander
from niche_sim.engine.laws import disc_diameter
from niche_sim.model.anatomy import Section
from niche_sim.runs.expectation.clone_chain import BEYOND, SINGLE, cells_of_diameter
from niche_sim.runs.expectation.recording import Recording

EVENTS = ("reached_K", "alive_at_T", "visible_at_T")
ENDS = ("by_T", "eventual")
LAST_DAY = 24.0  # h, whose mean hazards are taken to go on where the end is eventual
# h, the same of cells that patrol: fewer days, and where none has come by so far none ever comes; more, and the visits that a
# clone meets are evened out. With these an untouched liver whose NK cells stay as many remains as receptive: 0.996 +/- 0.036
# times, standard deviation of 8.
LAST_PATROLS = 144.0
NEXT_STATE = {"arrested": "extravasated", "dormant": "motile", "motile": "cycling", "cycling": "divided"}
ARRESTED, DORMANT, MOTILE, FIRST = 0, 1, 2, len(SINGLE)


@dataclass(frozen=True)
class Rates:
    """Hazards of one time at all sites, as the compiled step takes them: see `change_states`."""

    leave: NDArray[np.float64]
    go_on: NDArray[np.float64]
    starting: float
    birth: NDArray[np.float64]
    deaths: NDArray[np.float64]
    factors: NDArray[np.float64]
    growing: NDArray[np.float64]
    shrinking: NDArray[np.float64]


class BackwardPass:
    """Steps probabilities back through a recording.

    Parameters
    ----------
    recording
        Hazards of a run without tumour cells.
    event, end
        See `receptivity`.
    detection
        Diameter (um) from which a colony is visible; None: that of a macrometastasis.
    whole
        Keep all classes of size, not only those up to well above what counts, whose fate is as good as sealed.

    Raises
    ------
    InputError
        An unknown event or end, or a diameter that no class of clones reaches.
    """

    def __init__(
        self, recording: Recording, event: str, end: str, detection: float | None = None, whole: bool = False
    ) -> None:
        _check("event", event, EVENTS)
        _check("end", end, ENDS)
        self.recording = recording
        section, p, clones = recording.section, recording.p, recording.clones
        if event == "visible_at_T":
            least = cells_of_diameter(p.tumour.macro_diameter if detection is None else detection, section, p)
        else:
            least = max(1, round(p.tumour.colony_cells))
        counted = clones.upto(least)  # the first class that counts
        if counted >= len(clones.sizes):
            widest = disc_diameter(clones.sizes[-1], p.tumour.packing, section.thickness)
            raise InputError("receptivity: detection", f"{detection:g} um", f"at most {widest:.4g} um")
        # A colony that was reached once is one for good, and of one that lasts for ever the largest class stands for it.
        seen = len(clones.sizes) if whole else max(clones.fine, clones.upto(BEYOND * least) + 1)
        classes = counted + 1 if event == "reached_K" else min(seen, len(clones.sizes))
        self.for_good = event == "reached_K" or end == "eventual"
        self.growing, self.shrinking = clones.growing[:classes].copy(), clones.shrinking[:classes].copy()
        self.growing[-1] = 0.0
        if self.for_good:
            self.shrinking[-1] = 0.0
        self._sort_rules()
        if end == "eventual":
            self.values = self._eventual()
        else:
            self.values = np.zeros((FIRST + classes, section.zone.size))
            self.values[FIRST + counted :] = 1.0

    def run(self) -> Iterator[NDArray[np.float64]]:
        """Probabilities [situation, site] at the edges of the intervals, the last first; the same array each time."""
        recording, section = self.recording, self.recording.section
        motile = self.values[MOTILE].reshape(section.shape)
        yield self.values
        for i in range(len(recording.edges) - 2, -1, -1):
            dt = float(recording.edges[i + 1] - recording.edges[i])
            speed = np.sqrt(recording.motility[i].astype(np.float64)).reshape(section.shape)
            wander(motile, speed, section.lumen, section.spacing, dt / 2.0, True)
            self._change(self.rates(slice(i, i + 1)), dt)
            wander(motile, speed, section.lumen, section.spacing, dt / 2.0, False)
            yield self.values

    def _change(self, rates: Rates, dt: float) -> None:
        change_states(
            self.values, rates.leave, rates.go_on, rates.starting, rates.birth, rates.deaths, rates.factors, rates.growing,
            rates.shrinking, dt, False,
        )  # fmt: skip

    def _sort_rules(self) -> None:
        """Which rules take cells of each state and which move them on; of a clone's deaths, those alike by size together."""
        recording = self.recording
        classes = len(self.growing)
        self.lose: dict[int, list[tuple[str, float]]] = {row: [] for row in range(FIRST)}
        self.move: dict[int, list[tuple[str, float]]] = {row: [] for row in range(FIRST)}
        self.divide: list[str] = []
        kinds: dict[bytes, tuple[NDArray[np.float64], list[tuple[str, float]]]] = {}
        for name, (states, becomes) in recording.rules.items():
            if name not in recording.factors:  # it never acts
                continue
            factors = recording.factors[name]
            for row, state in enumerate(SINGLE):
                if state in states:
                    to = self.move if becomes == NEXT_STATE[state] else self.lose
                    to[row].append((name, float(factors[row])))
            if "cycling" in states and becomes == "divided":
                self.divide.append(name)
            elif "cycling" in states:
                scale = float(factors[FIRST]) or 1.0
                by_size = factors[FIRST : FIRST + classes] / scale
                rules: list[tuple[str, float]] = []
                kinds.setdefault(by_size.round(12).tobytes(), (by_size, rules))[1].append((name, scale))
        self.kinds = list(kinds.values())

    def rates(self, when: slice, patrols: slice | None = None) -> Rates:
        """Mean hazards of some intervals, as the step takes them; those of patrolling cells of others if given."""
        recording, sites = self.recording, self.recording.section.zone.size
        classes = len(self.growing)

        def summed(rules: list[tuple[str, float]]) -> NDArray[np.float64]:
            total = np.zeros(sites)
            for name, factor in rules:
                of_rule = recording.rates[name][patrols if patrols is not None and name in recording.patrolled else when]
                total += factor * (of_rule[0] if len(of_rule) == 1 else of_rule.mean(axis=0, dtype=np.float64))
            return total

        kinds = self.kinds or [(np.zeros(classes), [])]
        starting = recording.starting
        go_on = np.stack([summed(self.move[row]) for row in range(FIRST)])
        leave = np.stack([summed(self.lose[row]) for row in range(FIRST)])
        if np.isnan(starting):  # no rule decides on extravasated cells, so they come to nothing
            leave[ARRESTED] += go_on[ARRESTED]
            go_on[ARRESTED] = starting = 0.0
        return Rates(
            leave, go_on, starting, summed([(name, 1.0) for name in self.divide]),
            np.stack([summed(rules) for _, rules in kinds]), np.stack([by_size for by_size, _ in kinds]),
            self.growing, self.shrinking,
        )  # fmt: skip

    def _eventual(self) -> NDArray[np.float64]:
        """What remains if the last day's mean hazards go on for ever: the solution that no longer changes."""
        recording, section = self.recording, self.recording.section
        last, patrols = (
            slice(int(np.searchsorted(recording.edges[:-1], recording.edges[-1] - time - 1e-9)), len(recording.edges) - 1)
            for time in (LAST_DAY, LAST_PATROLS)
        )
        rates = self.rates(last, patrols)
        classes, sites = len(self.growing), section.zone.size
        values = np.zeros((FIRST + classes, sites))
        values[-1] = 1.0
        up = rates.birth * self.growing[:-1, None]
        down = np.einsum("kc,ks->cs", rates.factors[:, :-1], rates.deaths) * self.shrinking[:-1, None]
        # r[c] = reach[c] * r[c + 1], reach being the probability ever to come to the next class.
        reach = np.zeros((classes, sites))
        before = np.zeros(sites)
        for c in range(classes - 1):
            reach[c] = before = ratio(up[c], up[c] + down[c] * (1.0 - before))
        for c in range(classes - 2, -1, -1):
            values[FIRST + c] = reach[c] * values[FIRST + c + 1]
        speed = np.sqrt(recording.motility[last].mean(axis=0, dtype=np.float64))
        values[MOTILE] = _settled(speed, section, rates.leave[MOTILE], rates.go_on[MOTILE], values[FIRST])
        on = rates.go_on
        values[DORMANT] = ratio(on[DORMANT] * values[MOTILE], on[DORMANT] + rates.leave[DORMANT])
        extravasated = rates.starting * values[MOTILE] + (1.0 - rates.starting) * values[DORMANT]
        values[ARRESTED] = ratio(on[ARRESTED] * extravasated, on[ARRESTED] + rates.leave[ARRESTED])
        return values


def ratio(part: Any, whole: Any) -> Any:
    """part / whole, and 0 where nothing happens at all."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0.0)


def _settled(speed: Any, section: Section, leave: Any, go_on: Any, first: Any) -> Any:
    """The probability of motile cells that no longer changes: (leave + go_on) r - walk(r) = go_on * first."""
    ny, nx = section.shape
    number = np.arange(ny * nx).reshape(ny, nx)
    closed = section.lumen.ravel()
    rows, columns, weights = [], [], []
    diagonal = leave + go_on
    diagonal[diagonal == 0.0] = 1.0  # nothing ever happens to it
    for here, there in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        a, b = here.ravel(), there.ravel()
        joined = ~(closed[a] | closed[b])
        mean = np.where(joined, (speed[a] + speed[b]) / 2.0, 0.0) / section.spacing**2
        for i, j in ((a, b), (b, a)):
            rows.append(i)
            columns.append(j)
            weights.append(-speed[i] * mean)
            np.add.at(diagonal, i, speed[i] * mean)
    rows.append(number.ravel())
    columns.append(number.ravel())
    weights.append(diagonal)
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return scipy.sparse.linalg.spsolve(scipy.sparse.coo_array(entries, shape=(ny * nx, ny * nx)).tocsc(), go_on * first)


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"receptivity: {name}", f"{value!r}", f"one of {', '.join(allowed)}")
