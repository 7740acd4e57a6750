"""An experiment with an edited protocol, which becomes an arm of its own beside the others, and so a scenario as any other.

The hash of a run covers all arms: a run of an edited arm has one hash, whoever added it, while the other arms keep theirs in
the scenario without it. Compare an edited arm with an arm of the scenario as it was.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from itertools import count

from niche_sim.engine.errors import InputError, one_of
from niche_sim.experiment.protocol import Intervention, check_in_time, entry_of, make_protocol, read_intervention
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.scenario_file import Arm, check_arm_name, toml_of


def with_added(
    experiment: Scenario,
    arm: str,
    interventions: Iterable[Intervention],
    name: str | None = None,
    note: str | None = None,
    *,
    until: float | None = None,
    where: str = "protocol",
) -> Scenario:
    """The same experiment with one more arm, in which these interventions are done besides those of `arm`.

    Args and errors as of `with_protocol`.
    """
    one_of(arm, experiment.arms, "arm")
    both = (*experiment.arms[arm].protocol.interventions, *interventions)
    return with_protocol(experiment, arm, both, name, note, until=until, where=where)


def with_protocol(
    experiment: Scenario,
    arm: str,
    interventions: Iterable[Intervention],
    name: str | None = None,
    note: str | None = None,
    *,
    until: float | None = None,
    where: str = "protocol",
) -> Scenario:
    """The same experiment with one more arm, in which these interventions are done.

    Its text is what `toml_of` writes, so that a run of the new arm can be repeated and resumed as any other.

    Args:
        arm: the arm that was edited.
        name: of the new arm; by default `<arm>_edited`, or `<arm>_edited_2` and so on if there is one.
        note: what it shows; by default of which arm it was made.
        until: h, the end of the run if it is to go on longer than the scenario says; the scenario becomes that long.
        where: option or key by which the interventions came, for messages.

    Raises:
        InputError: there is no such arm, the name is no name or taken, the interventions cannot stand together, or
            something is done only when the run is over.
    """
    one_of(arm, experiment.arms, "arm")
    if name is None:
        name = next(free for free in _names(f"{arm}_edited") if free not in experiment.arms)
    check_arm_name(name, "name")
    if name in experiment.arms:
        raise InputError("name", f"'{name}' is there already", "the name of a new arm")
    if until is not None and until > experiment.duration:
        # To whole steps of the scenario, whatever step the run itself is to take.
        experiment = experiment.with_(duration=math.ceil(until / experiment.step - 1e-9) * experiment.step)
    # As it will be read: times that were given as whole numbers, or as minus nothing, would have another hash.
    protocol = make_protocol((read_intervention(entry_of(one), where) for one in interventions), where)
    for intervention in protocol.interventions:
        check_in_time(intervention, f"{where} ({intervention.verb})", experiment.duration)
    edited = Arm(name, f"As {arm}, edited." if note is None else note, protocol)
    experiment = dataclasses.replace(experiment, arms={**experiment.arms, name: edited})
    return dataclasses.replace(experiment, text=toml_of(experiment))


def _names(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in count(2))
