"""`niche-sim dashboard`: the model in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from niche_sim.cli.usage import parsed, say, whole_number
from niche_sim.engine.errors import InputError


def dashboard(
    port: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            parser=parsed(whole_number, least=1, most=65535),
            help="Default: 8765 or, if that is taken, the next that is free.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Default: 127.0.0.1, this machine alone. 0.0.0.0: all who reach it and know the token in the address that "
            "is printed.",
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="NICHE_SIM_TOKEN",
            help="What visitors must know. Default: made at each start if others can reach the server, else none.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Another name or address of this server, as behind a proxy. May be repeated.",
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    lessons: Annotated[
        Path | None,
        typer.Option("--lessons", metavar="DIR", help="With lessons of your own, one .toml each, beside the six."),
    ] = None,
    mesa: Annotated[
        bool, typer.Option("--mesa", help="The model under Mesa's own controls instead (SolaraViz).")
    ] = False,
) -> None:
    """Watch a run, change it and compare, in a browser. Needs no network. Ctrl-C stops it."""
    from niche_sim.dashboard import serve

    serve.check_packages()
    if lessons is not None:
        if mesa:
            raise InputError("--lessons", "given beside --mesa", "one of both: Mesa's page has no lessons")
        from niche_sim.dashboard.lesson_panel import offer

        offered = offer(lessons)
        say(f"lessons beside the six: {', '.join(one.id for one in offered)}")
    hosts = serve.checked_hosts(allow_host or ())
    free = serve.port_of(port, host)
    asked = serve.checked_token(token, host)
    page = serve.MESA_PAGE if mesa else serve.PAGE
    say("the dashboard is starting")
    serve.serve(free, host, page=page, token=asked, hosts=hosts, browser=not no_browser, ready=_announce)


def _announce(address: str) -> None:
    say(f"the dashboard is at {address} (Ctrl-C stops it)")
