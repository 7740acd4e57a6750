"""What a visitor has chosen, as something to take along: a link, a command line, a scenario as TOML."""

from __future__ import annotations

import dataclasses
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from urllib.parse import parse_qsl, quote, urlencode

from niche_sim.dashboard import limits
from niche_sim.engine.errors import InputError, check_keys, one_of
from niche_sim.experiment import estimate
from niche_sim.experiment import scenario as library
from niche_sim.experiment.defaults import DEFAULT_SCENARIO, DEFAULT_SEED
from niche_sim.experiment.editing import with_protocol
from niche_sim.experiment.protocol import Intervention, Protocol, entry_text, read_entry, read_protocol
from niche_sim.experiment.scenario import Scenario
from niche_sim.experiment.scenario_file import ParameterChange, toml_of
from niche_sim.experiment.setup import SCENARIO_LENGTHS, SCENARIO_TIMES, SCHEDULE, experiment_of
from niche_sim.experiment.setup import Setup as RunSetup
from niche_sim.experiment.setup import setup as run_setup
from niche_sim.experiment.simulation import Simulation
from niche_sim.figures.labels import arm_title
from niche_sim.runs.checkpoints import first_difference

KEYS = ("scenario", "arm", "seed", "set", "without", "schedule", "protocol", "against", "before", "day")
MANY = ("set", "without")  # may be there more than once
OF_THE_PAGE = ("against", "before", "day")  # how the run is looked at


@dataclass(frozen=True)
class Setup:
    """One run as a visitor has chosen it; change it with `dataclasses.replace`.

    scenario: an id of the library or, if it was not made from a link, a path. arm: None takes the scenario's own choice.
    overrides: (name, text) as `Simulation` takes them, "schedule" among them. without: rules left out. protocol: what is
    done instead of the arm's protocol, each intervention a line of TOML; None leaves the arm as it is. against: the arm it
    is compared with; before: what was done before a change of the schedule, if it is compared with that run, as lines of
    TOML too. day: where to look at the run. None of these three changes anything in it. given: an uploaded scenario, which
    then goes before `scenario`. called: what an edited arm is called on the page, such as a lesson's; no link holds it.

    Raises:
        InputError: a line of a protocol is not as it must be, a name is overridden twice, or there are two comparisons.
    """

    scenario: str = DEFAULT_SCENARIO
    arm: str | None = None
    seed: int = DEFAULT_SEED
    overrides: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    protocol: tuple[str, ...] | None = None
    against: str | None = None
    before: tuple[str, ...] | None = None
    day: float | None = None
    given: Scenario | None = field(default=None, hash=False, repr=False)
    called: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        pairs = tuple((name.strip(), str(text).strip()) for name, text in self.overrides)
        for number, (name, _) in enumerate(pairs):
            if any(name == other for other, _ in pairs[:number]):
                raise InputError("set", f"{name} is there twice", "each name once")
        object.__setattr__(self, "overrides", pairs)
        if self.against is not None and self.before is not None:
            raise InputError("before", "there beside against", "one of both: a run is compared with one other")
        for name in ("protocol", "before"):
            lines = getattr(self, name)
            if lines is not None:
                # One spelling, so that equal protocols are equal, here and in a link.
                object.__setattr__(self, name, tuple(map(entry_text, _read(lines, name))))

    @classmethod
    def from_query(cls, text: str) -> Setup:
        """What a link asks for; `text` is what stands after its question mark.

        Raises:
            InputError: it is too long, or anything in it is unknown or not possible; names the key. A path is not opened.
        """
        values = _fields(text.removeprefix("?"))
        overrides: list[tuple[str, str]] = []
        for key, value in values:
            if key == "schedule":
                overrides.append((SCHEDULE, value))
            elif key == "set":
                name, equals, what = (part.strip() for part in value.partition("="))
                if not (name and equals and what):
                    raise InputError("link: set", f"{value!r}", "name=value, such as 'tgfb.half_life=5 min'")
                overrides.append((name, what))
        single = {key: value for key, value in values if key not in MANY}
        try:
            if "scenario" in single:
                one_of(single["scenario"], _ids(), "scenario")
            setup = cls(
                scenario=single.get("scenario", DEFAULT_SCENARIO),
                arm=single.get("arm"),
                seed=_seed(single["seed"]) if "seed" in single else DEFAULT_SEED,
                overrides=tuple(overrides),
                without=tuple(value for key, value in values if key == "without"),
                day=_day(single["day"]) if "day" in single else None,
            )
            if "protocol" in single:
                setup = setup.with_interventions(read_protocol(single["protocol"], "protocol"))
            if "against" in single:
                setup = dataclasses.replace(setup, against=one_of(single["against"], setup.base().arms, "against"))
            if "before" in single:
                before = map(entry_text, read_protocol(single["before"], "before"))
                setup = dataclasses.replace(setup, before=tuple(before))
            setup.check()
        except InputError as error:
            raise _in_link(error, [name for name, _ in overrides]) from None
        return setup

    @classmethod
    def of_text(cls, text: str, name: str, *, seed: int = DEFAULT_SEED) -> Setup:
        """The default arm of an uploaded scenario; `name` is that of the file. Raises InputError, naming it."""
        experiment = library.parse(limits.text(text, name, limits.UPLOAD), name)
        setup = cls(experiment.id, seed=seed, given=experiment)
        try:
            setup.check()
        except InputError as error:
            if error.where.startswith(f"{name}:"):
                raise
            raise InputError(f"{name}: {error.where}", error.found, error.allowed) from None
        return setup

    def to_query(self) -> str:
        """What `from_query` reads, with only what differs from the defaults.

        Raises:
            InputError: the scenario is none of the library, or there is too much for a link.
        """
        instead = "send the scenario as TOML instead"
        if self.given is not None or self.scenario not in _ids():
            raise InputError(
                "link", f"'{self.scenario}' is your own", f"a link opens scenarios of the library; {instead}"
            )
        query = urlencode(list(self._differing()), quote_via=quote, safe="/")
        if len(query) > limits.LINK:
            raise InputError("link", f"{len(query):,} characters", f"at most {limits.LINK:,}; {instead}")
        return query

    def command(self) -> str:
        """The command line that repeats the run bit for bit, quoted for a shell.

        An uploaded scenario is to lie beside it as scenario.toml.
        """
        words = ["niche-sim", "run", self.scenario if self.given is None else "scenario.toml"]
        for key, value in self._differing():
            if key not in ("scenario", *OF_THE_PAGE):
                words += [f"--{key}", value]
        return shlex.join(words)

    def toml(self) -> str:
        """The experiment as a scenario.toml that says what was changed, too: numbers, left-out rules, the edited protocol.

        Its arm `arm_name`, run with the same seed, goes the same way. It has another hash if numbers or rules are
        changed, and no onsets without the thresholds that stand beside the scenario. A run that ends before all is done
        in all arms keeps the scenario's length, since no file may say the like.

        Raises:
            InputError: as `check`.
        """
        model, own = self.model(), self.experiment()
        experiment = model.experiment
        latest = max(
            (t for arm in own.arms.values() for i in arm.protocol.interventions for t in i.starts), default=0.0
        )
        if experiment.duration <= latest:
            experiment = experiment.with_(duration=own.duration)
        if self.without:
            experiment = experiment.with_(schedule=tuple(process.name for process in model.schedule))
        of_scenario = (*SCENARIO_LENGTHS, *SCENARIO_TIMES, SCHEDULE)
        chosen = {
            name: ParameterChange(text, "assumed", "Chosen by hand.")
            for name, text in self.overrides
            if name not in of_scenario
        }
        return toml_of(dataclasses.replace(experiment, parameters={**experiment.parameters, **chosen}))

    def base(self) -> Scenario:
        """The scenario as it was before anything was edited. Raises InputError."""
        if self.given is not None:
            return self.given
        return _of_library(self.scenario) if self.scenario in _ids() else library.load(self.scenario)

    def experiment(self) -> Scenario:
        """The scenario, with an arm more if the protocol was edited; without the overrides. Raises InputError."""
        return _experiment_of(self.alone())

    def arm_name(self) -> str:
        """The arm that runs: the edited one, if there is one. Raises InputError."""
        return self._runs(self.experiment())

    def title(self) -> str:
        """The arm that runs, in words. Raises InputError."""
        return self.called or arm_title(self.arm_name())

    def interventions(self) -> tuple[Intervention, ...]:
        """What is done in this run. Raises InputError."""
        if self.protocol is not None:
            return _read(self.protocol, "protocol")
        base = self.base()
        return base.arm(self._edited_arm(base)).protocol.interventions

    def with_interventions(self, interventions: Iterable[Intervention] | None) -> Setup:
        """The same with these done instead; None gives the arm its own again."""
        lines = None if interventions is None else tuple(map(entry_text, interventions))
        return dataclasses.replace(self, protocol=lines, called="")

    def edited(self, interventions: Iterable[Intervention]) -> Setup:
        """The same with these done instead; what the arm does anyhow is no edit."""
        wanted = tuple(interventions)
        own = dataclasses.replace(self, protocol=None, called="")
        return own if wanted == own.interventions() else self.with_interventions(wanted)

    def with_arm(self, name: str) -> Setup:
        """The same with another arm of the scenario, as it stands there; the arm that runs stays as it is."""
        return self if name == self.arm_name() else dataclasses.replace(self, arm=name, protocol=None, called="")

    def changed_from(self, interventions: Iterable[Intervention]) -> Setup:
        """The same, compared with the run in which these were done, before the schedule was changed."""
        return dataclasses.replace(self, against=None, before=tuple(map(entry_text, interventions)))

    def alone(self) -> Setup:
        """The run itself, however it is looked at."""
        return dataclasses.replace(self, against=None, before=None, day=None)

    def rival(self) -> Setup | None:
        """The run that this one is compared with; None if there is none. Raises InputError."""
        if self.against is not None:
            return self.alone().with_arm(self.against)
        return None if self.before is None else self.alone().edited(_read(self.before, "before"))

    def parts(self) -> float | None:
        """When (h) the run leaves the one before the change; None if it is compared with no such. Raises InputError."""
        if self.before is None:
            return None
        return first_difference(Protocol(_read(self.before, "before")), Protocol(self.interventions()))

    def model(self) -> Simulation:
        """The mouse at time 0. Raises InputError; it names what would be too large before anything of it is made."""
        experiment = self.experiment()
        arm = self._runs(experiment)
        return Simulation(within_limits(experiment, arm, dict(self.overrides), self.without), arm, rng=self.seed)

    def check(self) -> None:
        """Raises InputError if this, or what it is compared with, cannot be run or is too large to be asked for, if both are the
        same, or the day is not in the run."""
        self.model()
        experiment = experiment_of(self.experiment(), dict(self.overrides))
        if (rival := self.rival()) is not None:
            key, found = ("against", f"'{self.against}'") if self.against is not None else ("before", "the same protocol")
            if rival == self.alone() or (self.before is not None and self.parts() is None):
                raise InputError(key, f"{found} is the run itself", "another, to compare it with")
            rival.model()
        if self.day is not None and not 0.0 <= self.day * 24.0 <= experiment.duration:
            raise InputError("day", f"{self.day:g}", f"within the run, 0 to {experiment.duration / 24.0:g}")

    def _edited_arm(self, base: Scenario) -> str:
        return base.arm(base.default_arm if self.arm is None else self.arm).name

    def _runs(self, experiment: Scenario) -> str:
        return self._edited_arm(experiment) if self.protocol is None else list(experiment.arms)[-1]

    def _differing(self) -> Iterator[tuple[str, str]]:
        """Keys and values of all that differs from the defaults, in the order of a link."""
        if self.scenario != DEFAULT_SCENARIO:
            yield "scenario", self.scenario
        if self.arm is not None:
            yield "arm", self.arm
        if self.seed != DEFAULT_SEED:
            yield "seed", str(self.seed)
        for name, text in self.overrides:
            yield ("schedule", text) if name == SCHEDULE else ("set", f"{name}={text}")
        for name in self.without:
            yield "without", name
        if self.protocol is not None:
            yield "protocol", f"[{', '.join(self.protocol)}]"
        if self.against is not None:
            yield "against", self.against
        if self.before is not None:
            yield "before", f"[{', '.join(self.before)}]"
        if self.day is not None:
            yield "day", repr(float(self.day)).removesuffix(".0")


def within_limits(experiment: Scenario, arm: str, overrides: Mapping[str, str], without: Iterable[str]) -> RunSetup:
    """All of a run, read and checked. Raises InputError if it is more than a visitor may ask for, before it is made."""
    limits.at_most(len(experiment.arms), limits.ARMS, "arms", "arms", "fewer arms")
    done = experiment.arm(arm).protocol.interventions
    limits.at_most(len(done), limits.INTERVENTIONS, f"arms.{arm}", "interventions", "fewer of them")
    doses = sum(len(one.starts) for one in done)
    limits.at_most(doses, limits.DOSES, f"arms.{arm}", "doses", "fewer of them, or less often")
    made = run_setup(experiment, overrides, without)
    estimate.check(estimate.estimate(made, arm), limits.RUN, "this experiment")
    return made


def _read(lines: Iterable[str], where: str) -> tuple[Intervention, ...]:
    return tuple(read_entry(line, f"{where}[{number}]") for number, line in enumerate(lines))


@cache
def _ids() -> tuple[str, ...]:
    """The ids of the library, listed once a process."""
    return tuple(library.ids())


@cache
def _of_library(scenario_id: str) -> Scenario:
    """A scenario of the library, read once a process: a page asks for it many times a second."""
    return library.load(scenario_id)


@lru_cache(maxsize=64)
def _experiment_of(setup: Setup) -> Scenario:
    """Kept, since a page asks for it again and again."""
    base = setup.base()
    if setup.protocol is None:
        return base
    until = experiment_of(base, dict(setup.overrides)).duration
    return with_protocol(base, setup._edited_arm(base), setup.interventions(), until=until)


def _fields(text: str) -> list[tuple[str, str]]:
    """Keys and values of a query, each key known and, but for some, there once."""
    limits.text(text, "link", limits.LINK)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict") if text else []
    except UnicodeDecodeError:
        raise InputError("link", "bytes that are not UTF-8", "a link as the dashboard makes it") from None
    except ValueError:
        raise InputError("link", "a part without =", "key=value, and & between them") from None
    check_keys(dict(pairs), "link:", required=(), optional=KEYS)
    keys = [key for key, _ in pairs]
    for key in keys:
        if key not in MANY and keys.count(key) > 1:
            raise InputError(f"link: {key}", "there twice", "each key once, but for set and without")
    return pairs


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,30}", text.strip()):
        raise InputError("seed", f"{text!r}", "a whole number from 0 is allowed")
    return int(text)


def _day(text: str) -> float:
    try:
        day = float(text)
    except ValueError:
        day = math.nan
    if not math.isfinite(day):
        raise InputError("day", f"{text!r}", "a number of days, such as 12.25")
    return day


def _in_link(error: InputError, overrides: Iterable[str]) -> InputError:
    """The same error, naming the key of the link by which the refused value came; as it is if it came from a file."""
    where = error.where
    if (where in overrides and where != SCHEDULE) or where.startswith(("section", "run.")):
        where = f"set {where}"
    elif where not in KEYS and not where.startswith(("protocol", "before")):
        return error
    return InputError(f"link: {where}", error.found, error.allowed)
