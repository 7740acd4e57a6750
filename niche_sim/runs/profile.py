"""Where the time of a run goes: seconds of CPU by rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from time import process_time
from typing import Any

from niche_sim.experiment.simulation import Simulation

STAGES, READOUTS, REST = "(stages)", "(readouts)", "(interventions, clock)"


class Profile:
    """Watches a model from now on; what it computes stays as it is.

    seconds: CPU s so far of each rule by its name, of `(stages)` and of `(readouts)`. calls: how often each acted.
    """

    def __init__(self, model: Simulation) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        for process in model.schedule:
            process.step = self._timed(process.name, process.step)  # type: ignore[method-assign]
        model.stages.look = self._timed(STAGES, model.stages.look)  # type: ignore[method-assign]
        model.collect = self._timed(READOUTS, model.collect)  # type: ignore[method-assign]
        model.step = self._timed(REST, model.step)  # type: ignore[method-assign]

    def _timed(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            start = process_time()
            result = act(*arguments)
            self.seconds[name] += process_time() - start
            self.calls[name] += 1
            return result

        return watched

    def parts(self) -> list[tuple[str, float, int]]:
        """Name, CPU s and number of calls of each part, the dearest first; the last of a step is what no other part took."""
        spent = dict(self.seconds)
        spent[REST] = spent.get(REST, 0.0) - sum(seconds for name, seconds in spent.items() if name != REST)
        return sorted(((name, s, self.calls[name]) for name, s in spent.items()), key=lambda part: -part[1])
