"""`niche-sim run`: one virtual mouse, from options to a folder of files."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from niche_sim.cli import report
from niche_sim.cli.beforehand import Yes, agree
from niche_sim.cli.folders import CHECKPOINT, claim, folder_of_run, hold, keep, refuse_a_run, tidy
from niche_sim.cli.usage import (
    FAILED,
    SCENARIO,
    CommandError,
    Ended,
    alone,
    number_of_days,
    optioned,
    parsed,
    say,
    settings,
    signals_to,
    whole_number,
)
from niche_sim.engine.errors import InputError, reason_of
from niche_sim.experiment.defaults import DEFAULT_SEED

if TYPE_CHECKING:
    from niche_sim.experiment.scenario import Scenario
    from niche_sim.experiment.simulation import Simulation
    from niche_sim.inference.receptivity import Recorder
    from niche_sim.runs.record import Runner

LONGEST_NAME = 120  # of a folder
MOST_DIFFERENCES = 6  # named in a line
CHECKPOINT_EVERY = 600.0  # s
SCREEN, DOTS = 150, parsed(whole_number, least=30, most=1200)  # per inch of a figure
PATIENCE = 2.0  # s that a step may take until whoever wants to stop is told to wait


def _pause(text: str, where: str) -> float:
    """The time between two checkpoints, s. Raises InputError."""
    from niche_sim.engine.units import to_model

    seconds = to_model(text, like="h", where=where) * 3600.0
    if seconds <= 0.0:
        raise InputError(where, f"{text!r}", "a time above 0, such as '30 s', is needed")
    return seconds


def run(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help=f"An id or a path of a scenario.toml. Default: {SCENARIO}.")
    ] = None,
    arm: Annotated[str | None, typer.Option(metavar="ARM", help="Default: educated, or else the first.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", parser=parsed(whole_number), help="Which virtual mouse. Default: 1."),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(metavar="DAYS", parser=parsed(number_of_days), help="Default: the scenario's duration."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another value, such as 'tgfb.half_life=5 min'. Repeatable."),
    ] = None,
    member: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", parser=parsed(whole_number), help="With the numbers of that member of the ensemble."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="PROCESS", help="Leave a rule out, such as TgfbRelease. Repeatable.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME", help="default, no_feedback, additive or no_stage3.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What is done instead of the arm's protocol: a list in TOML, such as "
            '\'[{ do = "block", target = "mif", efficacy = 0.95, from = "0 day", to = "21 day" }]\', '
            "or the path of a .toml file with protocol = [...].",
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="Done besides: one table of such a list, "
            'such as \'{ do = "resect_primary", at = "14 day" }\'. Repeatable.',
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Default: runs/SCENARIO-ARM-SEED, and what is changed.")
    ] = None,
    like: Annotated[Path | None, typer.Option(metavar="DIR", help="Repeat the run in DIR, bit for bit.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Finish the interrupted run in DIR.")] = None,
    checkpoint_every: Annotated[
        float,
        typer.Option(
            metavar="TIME",
            parser=parsed(_pause),
            help="How often to write what --resume needs, by the clock, such as '30 s'. Default: 10 min.",
            show_default=False,
        ),
    ] = CHECKPOINT_EVERY,
    yes: Yes = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Do not show how far it is.")] = False,
    no_receptivity: Annotated[
        bool, typer.Option("--no-receptivity", help="Do not compute where tumour cells take root, which takes a run without them.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show how long each rule took, and write it into provenance.json.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Print every readout at the end, not only the markers of the six stages.")
    ] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Do not draw section, timeline and receptivity.png.")] = False,
    dpi: Annotated[
        int,
        typer.Option(metavar="NUMBER", parser=DOTS, help="Dots per inch of the figures; print needs 300. Default: 150."),
    ] = SCREEN,
) -> None:
    """Simulate one virtual mouse and write what it leaves. Ctrl-C, SIGTERM and SIGHUP stop it so that --resume can go on."""
    progress = not no_progress
    choices: dict[str, object] = {"SCENARIO": scenario, "--arm": arm, "--seed": seed, "--days": days}
    choices |= {"--set": changes, "--member": member, "--without": without, "--schedule": schedule, "--protocol": protocol}
    choices["--add"] = add
    if resume is not None:
        alone("--resume", {**choices, "-o": folder, "--like": like})
        if _lacks_receptivity(resume):
            _resume_receptivity(resume, progress, figures=None if no_figures else dpi)
            return
        runner, target = _interrupted(resume, progress), resume
        hold(target, "--resume")
    elif like is not None:
        alone("--like", choices)
        runner = _repeated(like, yes, progress)
        target = claim(folder, _name(runner))
    else:
        runner = _new(
            scenario, arm, seed, days, changes or [], member, without or [], schedule, protocol, add or [], yes, progress
        )
        target = claim(folder, _name(runner, member))
    try:
        shown = None if no_figures else dpi
        show = _Shown(every, profile, shown, receptivity=not no_receptivity)
        _finish(runner, target, checkpoint_every, progress, show)
    finally:
        tidy(target)


@dataclass(frozen=True)
class _Shown:
    """What a run shows and draws at its end."""

    readouts: bool  # every one, not only the markers of the stages
    profile: bool
    figures: int | None  # dots per inch; None draws none
    receptivity: bool


def _finish(runner: Runner, target: Path, pause: float, progress: bool, wanted: _Shown) -> None:
    """Step to the end, write, show. Raises CommandError if it was stopped, Exit if it had to be written elsewhere.

    pause: s between two checkpoints.
    """
    from niche_sim.runs.profile import Profile

    model, name, began = runner.model, _name(runner), perf_counter()
    recorder = _recorder(model) if wanted.receptivity else None
    looking = () if recorder is None or isinstance(recorder, InputError) else (recorder,)
    watched = Profile(model) if wanted.profile else None
    with stopping() as asked:
        with report.progress(model, progress) as watch:
            saved = perf_counter()
            while not asked() and runner.advance(1):
                watch(model)
                for one in looking:
                    one.look()
                if perf_counter() - saved >= pause and model.steps_left:
                    runner.save(target / CHECKPOINT)
                    saved = perf_counter()
        if model.steps_left:
            written = keep(lambda folder: runner.save(folder / CHECKPOINT), target, name)
            reached = f"stopped at day {model.state.time / 24:.4g} of {model.duration / 24:.4g}"
            raise CommandError(f"{reached}; `niche-sim run --resume {written}` goes on", 128 + asked())
        record = runner.record()
        if watched:
            record.provenance["cpu_seconds"] = {part: round(seconds, 4) for part, seconds, _ in watched.parts()}
        written = keep(record.save, target, name)
    if written == target:
        (target / CHECKPOINT).unlink(missing_ok=True)
    report.show(record, f"{model.experiment.id}, arm {model.arm}, seed {model.seed}", perf_counter() - began, wanted.readouts)
    if not wanted.readouts:
        report.output().print("--all prints every readout; record.parquet holds them over time.\n", soft_wrap=True)
    if watched:
        report.output().print(report.profile(watched))
    pictures: list[Path] = []
    if wanted.figures:
        from niche_sim.figures.single_run import save_figures

        try:
            pictures = save_figures(record, written, wanted.figures)
        except InputError as error:
            raise CommandError(f"{error}; the record itself is in {written}") from None
    report.output().print(f"Written to {written}", soft_wrap=True)
    if pictures:
        report.output().print(f"Pictures there: {', '.join(picture.name for picture in pictures)}")
    if recorder is not None:
        _add_receptivity(recorder, model, record.provenance, written, progress, wanted.figures)
    if written != target:
        raise typer.Exit(FAILED)


def _add_receptivity(
    recorder: Recorder | InputError,
    model: Simulation,
    provenance: Mapping[str, Any],
    folder: Path,
    progress: bool,
    figures: int | None,
) -> None:
    """Compute receptivity for a run whose record is in the folder; show and write it. Raises CommandError if stopped."""
    with stopping() as asked:
        try:
            with report.progress(model, progress) as watch:
                _write_receptivity(recorder, provenance, folder, figures, lambda twin: watch(twin) if not asked() else _stop())
        except OSError as error:
            raise CommandError(f"{folder}: {reason_of(error)}; the record itself is there") from None
        except _Stopped:
            said = f"stopped; {folder} holds all but receptivity, which `niche-sim run --resume {folder}` computes"
            raise CommandError(said, 128 + asked()) from None


class _Stopped(Exception):
    """A signal came while receptivity was computed."""


def _stop() -> None:
    raise _Stopped


def _recorder(model: Simulation) -> Recorder | InputError:
    """What looks at the mouse while it runs, or why that cannot be."""
    from niche_sim.inference.receptivity import Recorder

    try:
        return Recorder(model)
    except InputError as error:
        return error


def _write_receptivity(
    recorder: Recorder | InputError,
    provenance: Mapping[str, Any],
    folder: Path,
    figures: int | None,
    watch: Callable[[Simulation], None],
) -> None:
    """Where, when and how likely a tumour cell of this arm takes root, beside its record; or why that is not said."""
    from niche_sim.inference.receptivity import files, receptivity

    try:
        if isinstance(recorder, InputError):
            raise recorder
        recording = recorder.recording(watch)
        by_t, eventual = (receptivity(recording, end=end) for end in ("by_T", "eventual"))
    except InputError as error:
        say(f"no receptivity: {error}")
        files.say_in_summary({"refused": str(error)}, folder)
        return
    files.save(by_t, eventual, folder)
    report.output().print(report.receptivity(by_t, eventual), soft_wrap=True)
    if figures:
        from niche_sim.figures.power_and_windows import save
        from niche_sim.figures.receptivity import receptivity_figure

        save(receptivity_figure(by_t, eventual, provenance), folder / "receptivity.png", figures)
        report.output().print("Drawn in receptivity.png, beside the other pictures.")


def _new(
    scenario: str | None,
    arm: str | None,
    seed: int | None,
    days: float | None,
    changes: list[str],
    member: int | None,
    without: list[str],
    schedule: str | None,
    protocol: str | None,
    added: list[str],
    yes: bool,
    progress: bool,
) -> Runner:
    """A run from options. Raises InputError that names the option."""
    number = DEFAULT_SEED if seed is None else seed
    overrides = settings(changes)
    if member is not None:
        from niche_sim.inference.ensemble import ensemble

        overrides = {**ensemble().overrides(member), **overrides}
    from niche_sim.experiment import scenario as library
    from niche_sim.experiment.estimate import estimate
    from niche_sim.experiment.setup import setup
    from niche_sim.experiment.simulation import Simulation
    from niche_sim.runs.record import Runner

    if days is not None:
        if "run.duration" in overrides:
            raise InputError("--days", "together with --set run.duration", "one of them")
        overrides["run.duration"] = f"{days!r} day"
    if schedule is not None:
        if "schedule" in overrides:
            raise InputError("--schedule", "together with --set schedule", "one of them")
        overrides["schedule"] = schedule
    try:
        experiment = library.load(scenario or SCENARIO)
        if protocol is not None or added:
            experiment, arm = _edited(experiment, arm, protocol, added, overrides)
        made = setup(experiment, overrides, without)
        arm = made.experiment.default_arm if arm is None else made.experiment.arm(arm).name
        agree(estimate(made, arm), yes, tell=made.experiment.section.depth is not None)
        _announce(f"{made.experiment.id}, arm {arm}, seed {number}: {made.experiment.duration / 24:.4g} days", progress)
        return Runner(Simulation(made, arm, rng=number, allow_large=True))
    except InputError as error:
        raise optioned(error, overrides, days) from None


def _edited(
    experiment: Scenario, arm: str | None, protocol: str | None, added: list[str], overrides: Mapping[str, str]
) -> tuple[Scenario, str]:
    """The experiment with an arm that is done as --protocol and --add say, and its name."""
    from niche_sim.experiment.editing import with_protocol
    from niche_sim.experiment.protocol import check_in_time, load_protocol, read_entry, read_protocol
    from niche_sim.experiment.setup import experiment_of

    arm = experiment.default_arm if arm is None else arm
    done = experiment.arm(arm).protocol.interventions
    until = experiment_of(experiment, overrides).duration
    if protocol is not None:
        in_file = protocol.strip().endswith(".toml")
        done = load_protocol(Path(protocol), "--protocol") if in_file else read_protocol(protocol, "--protocol")
        for intervention in done:  # a whole protocol is cut short by --days, as that of a file is
            if max(intervention.starts) >= experiment.duration:
                check_in_time(intervention, f"--protocol ({intervention.verb})", until)
        # First by themselves, so that a message names the option that is at fault.
        edited = with_protocol(experiment, arm, done, until=until, where="--protocol")
    if added:
        places = ["--add"] if len(added) == 1 else [f"--add[{number}]" for number in range(len(added))]
        more = [read_entry(text, place) for text, place in zip(added, places, strict=True)]
        for intervention, place in zip(more, places, strict=True):
            check_in_time(intervention, place, until)
        edited = with_protocol(experiment, arm, (*done, *more), until=until, where="--add")
    return edited, list(edited.arms)[-1]


def _announce(what: str, progress: bool) -> None:
    """Say what is to be simulated, on a terminal, before Numba is imported and code compiled, which takes time."""
    if not progress:
        return
    console = report.output(error=True)
    if console.is_terminal:
        console.print(what, soft_wrap=True)
    if not report.code_is_compiled():
        say("compiled code is being prepared, once after installation; this takes some seconds")


def _repeated(folder: Path, yes: bool, progress: bool) -> Runner:
    """The run of a folder again, at its beginning; says what differs here from there."""
    file = folder_of_run(folder, "provenance.json", "--like", "`niche-sim run` wrote")
    from niche_sim.experiment.estimate import estimate
    from niche_sim.runs.record import Runner, model_like, provenance_of, read_json

    then = read_json(folder, file.name)
    _announce(f"{then['scenario']}, arm {then['arm']}, as in {folder}", progress)
    model = model_like(then, str(file))
    agree(estimate(model, model.arm), yes, tell=model.state.section.is_block)
    tell_differences(then, provenance_of(model), file)
    return Runner(model)


def tell_differences(then: Mapping[str, Any], now: Mapping[str, Any], file: Path) -> bool:
    """Say what decides the bits of a run and is not the same in two provenances; whether anything is."""
    differences = _differences(then, now)
    if differences:
        more = f" and {len(differences) - MOST_DIFFERENCES} more" if len(differences) > MOST_DIFFERENCES else ""
        say(f"{file}: made with {', '.join(differences[:MOST_DIFFERENCES])}{more}; results may differ from that run's")
    return bool(differences)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What decides the bits of a run and is not the same in two provenances: "numpy 2.1 (now 2.4)" ..."""
    old, new = ({"niche_sim": p["niche_sim"], **p.get("versions", {}), **p["parameters"]} for p in (then, now))
    old["code of the model"], new["code of the model"] = then.get("code"), now["code"]
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    found = [f"{name} {old.get(name)} (now {new.get(name)})" for name in differing]
    if then.get("machine", {}).get("features") != now["machine"]["features"]:
        found.append("another kind of processor")
    return found


def _lacks_receptivity(folder: Path) -> bool:
    """Whether a folder holds a whole record for which receptivity was neither computed nor refused."""
    from niche_sim.runs.record import read_json

    whole = (folder / "summary.json").is_file() and (folder / "provenance.json").is_file()
    return whole and not (folder / CHECKPOINT).exists() and "receptivity" not in read_json(folder, "summary.json")


def _resume_receptivity(folder: Path, progress: bool, figures: int | None) -> None:
    """Compute the receptivity that a run's folder lacks."""
    from niche_sim.runs.record import model_like, read_json

    file = folder_of_run(folder, "provenance.json", "--resume", "`niche-sim run` wrote")
    hold(folder, "--resume")
    try:
        provenance = read_json(folder, file.name)
        _announce(f"receptivity of the run in {folder}", progress)
        model = model_like(provenance, str(file))
        _add_receptivity(_recorder(model), model, provenance, folder, progress, figures)
    finally:
        tidy(folder)


def _interrupted(folder: Path, progress: bool) -> Runner:
    """The run of a folder as Ctrl-C left it."""
    file = folder_of_run(folder, CHECKPOINT, "--resume", "an interrupted run left")
    refuse_a_run(folder, "--resume")
    from niche_sim.runs.record import Runner

    _announce(f"the run in {folder} goes on", progress)
    return Runner.resume(file)


def _name(runner: Runner, member: int | None = None) -> str:
    """The name of a run's folder: scenario, arm, seed, and what of the model was changed, as far as a name has room."""
    from niche_sim.inference.ensemble import ensemble
    from niche_sim.model.parameters import rows

    model = runner.model
    changed = [f"no-{name}" for name in model.without]
    changed += [] if member is None else [f"member-{member}"]
    own = {} if member is None else ensemble().overrides(member)
    numbers = {name: value for name, value in model.overrides.items() if own.get(name) != value}
    changed += [f"{name}={value}" for name, value in numbers.items() if name in rows() or name == "schedule"]
    text = re.sub(r"[^\w.=+-]+", "", "-".join([model.experiment.id, model.arm, str(model.seed), *changed]))
    return text[:LONGEST_NAME]


@contextmanager
def stopping() -> Iterator[Callable[[], int]]:
    """Within, a first Ctrl-C (or SIGTERM, SIGHUP) only asks to stop, so that no step and no file stays half done.

    A second stops at once, and a third even in the middle of compiled code. Gives a function that tells the number of the
    signal that asked, 0 if none did.
    """
    asked = [0]
    late = threading.Timer(PATIENCE, say, ["stopping after this step; once more stops at once"])
    late.daemon = True

    def ask(number: int) -> None:
        if asked[0]:
            signal.signal(number, signal.SIG_DFL)
            raise Ended(number)
        asked[0] = number
        late.start()

    try:
        with signals_to(ask):
            yield lambda: asked[0]
    finally:
        late.cancel()
