"""What users type: options read and checked, and the parser's complaints as lines of our own form."""

from __future__ import annotations

import functools
import math
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from niche_sim.engine.errors import InputError, near, one_line, unseen
from niche_sim.experiment.defaults import DEFAULT_SCENARIO

SCENARIO = DEFAULT_SCENARIO

LONGEST_DAYS = 40_000  # a century
BAD_INPUT, FAILED = 2, 1  # exit codes; a signal ends a command with 128 and its number
# What ends a command, as a terminal, a scheduler or a closed connection sends it; not all systems have all.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class CommandError(Exception):
    """A command ended early through no fault of the input. The text is one line; `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        self.code = code
        super().__init__(text)


class Ended(KeyboardInterrupt):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def stopped(error: KeyboardInterrupt, done: str = "") -> CommandError:
    """The end of a command by a signal, as what is said of it and its exit code, 128 and the number of the signal."""
    number = error.number if isinstance(error, Ended) else signal.SIGINT
    word = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    return CommandError(f"stopped by {word}{done}", 128 + number)


@contextmanager
def signals_to(handler: Callable[[int], None]) -> Iterator[None]:
    """Within, the signals that end a command call the handler with their number.

    One that is ignored (a job in the background) or means something else already stays as it is.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    main_thread = threading.current_thread() is threading.main_thread()
    before = {one: signal.getsignal(one) for one in ENDING} if main_thread else {}
    ours = [one for one, was in before.items() if was in usual or getattr(was, "__module__", "") == __name__]
    try:
        for one in ours:
            signal.signal(one, _calling(handler))
        yield
    finally:
        for one in ours:
            signal.signal(one, before[one])


def _calling(handler: Callable[[int], None]) -> Callable[[int, object], None]:
    def called(number: int, _: object) -> None:
        handler(number)

    return called


def end_at_once(number: int) -> None:
    """A handler of `signals_to`: raises Ended."""
    raise Ended(number)


def is_usage_error(error: BaseException) -> bool:
    """Whether the parser of the command line raised it. Told by its method: Typer has moved the classes."""
    return hasattr(error, "format_message")


def as_input_error(error: Any) -> InputError:
    """A complaint of the parser as `<option>: <what was found>; <what is allowed>`."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "niche-sim"
    helped = f"`{command} --help` says what is allowed"
    found = _plain(error.format_message())
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        known = [name for known in context.command.params for name in known.opts] if context is not None else []
        return InputError(option, "unknown option", _near(option, known) or helped)
    if option is not None:
        return InputError(option, "no value", "a value after it is needed")
    parameter = getattr(error, "param", None)
    if parameter is not None:
        where = parameter.opts[0] if parameter.opts[0].startswith("-") else (parameter.metavar or parameter.name)
        if isinstance(cause := error.__cause__, InputError):
            return InputError(where, cause.found, cause.allowed)
        return InputError(where, _plain(getattr(error, "message", "")) or "missing", helped)
    unknown = re.match(r"No such command '(.*?)'", found)
    if unknown is not None and context is not None:
        commands = list(context.command.commands)
        return InputError(unknown[1], "unknown command", _near(unknown[1], commands) or f"one of {', '.join(commands)}")
    return InputError(command.removeprefix("niche-sim ").strip(), found[:1].lower() + found[1:], helped)


def _plain(message: str) -> str:
    return " ".join(message.split()).rstrip(".")


def _near(word: str, known: Iterable[str]) -> str:
    found = near(word, known)
    return f"did you mean {' or '.join(found)}?" if found else ""


def say(text: str) -> None:
    """One line on standard error."""
    print(f"niche-sim: {one_line(text)}", file=sys.stderr)


def check_seen(arguments: Iterable[str]) -> None:
    """Raises InputError if an argument has a control character, so that none is ever shown as it is."""
    for argument in arguments:
        if mark := unseen(argument):
            raise InputError(argument, f"the character {mark!r} in it", "characters that can be seen")


def parsed(read: Callable[..., Any], **bounds: Any) -> Callable[[Any], Any]:
    """A parser of Typer that reads with `read(text, where=..., **bounds)`; its InputError is told with the option's name."""

    @functools.wraps(read)
    def parse(value: Any) -> Any:
        try:
            return read(value, where="", **bounds) if isinstance(value, str) else value  # else it is the default
        except InputError as error:
            raise typer.BadParameter(error.found) from error

    return parse


def whole_number(text: str, where: str, least: int = 0, most: float = math.inf) -> int:
    """A whole number from `least` to `most`. Raises InputError."""
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text.strip()) or not least <= int(text) <= most:
        to = "" if most == math.inf else f" to {most:g}"
        raise InputError(where, f"{text!r}", f"a whole number from {least}{to} is allowed")
    return int(text)


def number_of_days(text: str, where: str = "--days") -> float:
    """A number above 0. Raises InputError."""
    from niche_sim.engine.units import to_model

    allowed = "a number of days above 0 is allowed, such as 14"
    try:
        days = to_model(text, like="", where=where)
    except InputError as error:
        raise InputError(where, error.found, allowed) from None
    if not 0.0 < days <= LONGEST_DAYS:
        raise InputError(where, f"{text!r}", f"{allowed}, and up to {LONGEST_DAYS:,}")
    return days


def number_between(text: str, where: str, least: float, most: float = math.inf) -> float:
    """A number above `least` and below `most`. Raises InputError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and least < value < most):
        bounds = [f"above {least:g}"] * (least > -math.inf) + [f"below {most:g}"] * (most < math.inf)
        comma = ", with a decimal point" if "," in text else ""
        raise InputError(where, f"{text!r}", f"a number {' and '.join(bounds)} is allowed{comma}".replace("  ", " "))
    return value


def time_of(text: str, where: str) -> float:
    """A time from 0, h: a number of days, or text with a unit. Raises InputError."""
    from niche_sim.engine.units import to_model

    days = re.fullmatch(r"[0-9]*\.?[0-9]+", text.strip())
    hours = to_model(f"{text.strip()} day" if days else text, like="h", where=where)
    if hours < 0.0:
        raise InputError(where, f"{text!r} is before the start", "a day from 0 is allowed, such as 14 or '2 week'")
    return hours


def alone(option: str, others: Mapping[str, object]) -> None:
    """Refuse `option` together with any of the others that was given. Raises InputError."""
    given = [name for name, value in others.items() if value is not None and value != []]
    if given:
        raise InputError(option, f"together with {', '.join(given)}", "it takes a run as it was, without them")


def settings(texts: Iterable[str]) -> dict[str, str]:
    """`name=value` as overrides. Raises InputError: no `=`, nothing beside it, or a name twice."""
    overrides: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError("--set", f"{text!r}", 'name=value is allowed, such as "tgfb.half_life=5 min"')
        if name in overrides:
            raise InputError("--set", f"{name} is there twice", "each name once")
        overrides[name] = value
    return overrides


def optioned(error: InputError, overrides: Collection[str] = (), days: float | None = None) -> InputError:
    """The same error, naming the option by which the refused value came; as it is if it came from a file."""
    options = {"scenario": "SCENARIO", "arm": "--arm", "seed": "--seed", "without": "--without"}
    if error.where == "schedule":
        return InputError("--schedule", error.found, error.allowed)
    if error.where == "run.duration" and days is not None:
        return InputError("--days", f"{days:g} ({error.found})", error.allowed)
    if error.where in overrides or error.where.startswith(("section.", "run.")):
        return InputError(f"--set {error.where}", error.found, error.allowed)
    return InputError(options.get(error.where, error.where), error.found, error.allowed)


PlaneOption = Annotated[
    str | None,
    typer.Option(
        "--plane", metavar="DEPTH", help="Of a block: the section that is seen, such as '100 um', or whole. Default: the middle."
    ),
]
