"""The command line: parse, call one function, print. Every failure is one line on standard error.

A command is a function in a module of its own kind, registered below. Modules import what they need when a command
runs, so that `--help` costs nothing.
"""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import niche_sim
from niche_sim.cli.calibrate import calibrate
from niche_sim.cli.comparing import compare, evidence
from niche_sim.cli.ensemble import app as ensemble
from niche_sim.cli.export import export
from niche_sim.cli.filming import film
from niche_sim.cli.listing import describe, parameters, scenarios
from niche_sim.cli.power import power
from niche_sim.cli.predicting import predict
from niche_sim.cli.replaying import replay
from niche_sim.cli.running import run
from niche_sim.cli.schema import schema
from niche_sim.cli.sensitivity import sensitivity
from niche_sim.cli.serving import dashboard
from niche_sim.cli.sweeping import sweep
from niche_sim.cli.teaching import lessons
from niche_sim.cli.thresholds import thresholds
from niche_sim.cli.usage import (
    BAD_INPUT,
    FAILED,
    CommandError,
    as_input_error,
    check_seen,
    end_at_once,
    is_usage_error,
    say,
    signals_to,
    stopped,
)
from niche_sim.cli.window import window
from niche_sim.engine.errors import InputError, reason_of


class _Commands(TyperGroup):
    """The commands; Ctrl-C in any of them is said in a line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise stopped(error) from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How a tumour's exosomes prepare the liver for metastasis, simulated cell by cell. For research and teaching, "
    "not for predictions about a patient.",
)
ON_RUNS = (run, dashboard, film, replay, compare, evidence, sweep, sensitivity, calibrate, power, window, predict, export)
GREETING = """How a tumour's exosomes prepare the liver for metastasis, cell by cell.
For research and teaching, not for predictions about a patient.

Three things to try:

  niche-sim run                       one mouse, 42 days: numbers and pictures
  niche-sim run --arm tgfb_inhibitor  the same mouse with one link blocked
  niche-sim dashboard                 watch a mouse in a browser, and change it

`niche-sim scenarios` lists the experiments, `niche-sim --help` all commands."""
for command in (*ON_RUNS, describe, parameters, scenarios, schema, thresholds, lessons):
    app.command()(command)
app.add_typer(ensemble, name="ensemble")


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    if version:
        typer.echo(f"niche-sim {niche_sim.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(GREETING)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 (it failed), 2 (bad input), or 128 and the number of a
    signal that ended it (130 for Ctrl-C).

    argv: the arguments without the program's name; None takes those of this process.
    """
    if argv is None:
        warnings.formatwarning = lambda message, *_, **__: f"niche-sim: {message}\n"
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what the terminal has no letters for is shown as \\u03b1, and stops nothing
            stream.reconfigure(errors="backslashreplace")
    try:
        check_seen(arguments)
        with signals_to(end_at_once):
            code = get_command(app).main(arguments, prog_name="niche-sim", standalone_mode=False)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _fail(error)
    return code if isinstance(code, int) else 0


def _fail(error: Exception) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if is_usage_error(error):
        error = as_input_error(error)
    if isinstance(error, InputError):
        say(str(error))
        return BAD_INPUT
    if isinstance(error, CommandError):
        say(str(error))
        return error.code
    if isinstance(error, OSError) and error.filename is not None:
        say(str(InputError(f"{error.filename}", reason_of(error), "--debug shows where")))
    else:
        say(str(InputError(type(error).__name__, str(error), "--debug shows where")))
    return FAILED
