"""Start the server of the dashboard: on this machine alone unless told otherwise, and with no outside request."""

from __future__ import annotations

import importlib
import importlib.util
import ipaddress
import os
import re
import secrets
import socket
import threading
import time
import warnings
import webbrowser
from collections.abc import Callable, Iterable

from niche_sim.dashboard.link import Setup
from niche_sim.engine.errors import InputError

TOKEN = re.compile(r"[A-Za-z0-9_-]{8,200}")
PACKAGES = ("solara", "solara_assets", "anywidget", "ipyvuetify", "imageio_ffmpeg")
PAGE = "niche_sim.dashboard.page"
MESA_PAGE = "niche_sim.dashboard.mesa_app"
LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::", "")
FIRST_PORT = 8765
PORTS_TRIED = 20
IDLE = "10m"  # a closed tab can come back to its run within this time; then its memory is given back
LARGEST_MESSAGE = 2**21  # bytes from a page; an uploaded scenario may have a tenth of it
GRACE = 1  # s that open pages are given when the server stops


def port_of(asked: int | None, host: str = LOOPBACK) -> int:
    """A port that is free: the one asked for or, if none was, the first from 8765 on.

    Raises:
        InputError: it is taken, or the host is none of this machine.
    """
    for port in (asked,) if asked is not None else range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except socket.gaierror:
                raise InputError("--host", f"'{host}' is no name of this machine", "127.0.0.1, or 0.0.0.0") from None
            except PermissionError:
                raise InputError("--port", f"{port} may not be used", "a port from 1024 to 65535") from None
            except OSError as error:
                if error.errno == 99:  # an address that this machine does not have
                    raise InputError("--host", f"'{host}' is no address of this machine", "127.0.0.1") from None
    if asked is None:
        raise InputError("--port", f"none of {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} is free", "another port")
    raise InputError("--port", f"{asked} is in use", "another port, or none to let one be chosen")


def open_to_others(host: str) -> bool:
    """Whether other machines can reach a server that is bound to this host."""
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None)
    except OSError:
        return True
    return not all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def address_of(port: int, host: str) -> str:
    """The address by which a browser finds the server; on another machine, too, if that can reach it."""
    if host in EVERYWHERE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # asks the table of routes; nothing is sent
                host = probe.getsockname()[0]
            except OSError:
                host = LOOPBACK
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def checked_token(token: str | None, host: str) -> str | None:
    """The token that visitors need: the one asked for or, if other machines can reach the server, one made now.

    Raises:
        InputError: the one asked for is too short, or would not stand in an address as it is.
    """
    if token is None:
        return secrets.token_urlsafe(12) if open_to_others(host) else None
    if not TOKEN.fullmatch(token):
        raise InputError("--token", f"{len(token)} characters", "8 to 200 letters (A to Z), digits, - and _ are allowed")
    return token


def checked_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Names by which visitors may ask for the server. Raises InputError: one is no name or address."""
    for name in hosts:
        if not re.fullmatch(r"[\w.-]{1,253}|[0-9A-Fa-f:.]{2,45}", name, re.ASCII):
            raise InputError("--allow-host", f"{name!r}", "a name or an address without http:// and port is allowed")
    return tuple(hosts)


def serve(
    port: int,
    host: str = LOOPBACK,
    *,
    page: str = PAGE,
    token: str | None = None,
    hosts: Iterable[str] = (),
    browser: bool = True,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the dashboard until Ctrl-C.

    Parameters
    ----------
    port, host
        Where it listens.
    page
        The module whose page it is.
    token
        What visitors must know; None asks for nothing.
    hosts
        Names and addresses of this server beside its own, as behind a proxy.
    browser
        Whether to open one.
    ready
        Called with the address when it can be opened.
    """
    settle()
    import uvicorn
    from solara.server import app as solara_app

    from niche_sim.dashboard import guard

    importlib.import_module(page)  # now, not when the first visitor comes
    solara_app.apps["__default__"] = solara_app.AppScript(page)
    threading.Thread(target=warm_up, name="warm up", daemon=True).start()
    config = uvicorn.Config(
        guard.app((*own_names(host), *hosts), token),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=LARGEST_MESSAGE,
        loop="asyncio",
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    address = address_of(port, host) + (f"?token={token}" if token else "")

    def announce() -> None:
        while not server.started:
            if server.should_exit:
                return
            time.sleep(0.05)
        if ready is not None:
            ready(address)
        if browser:
            webbrowser.open(address)

    threading.Thread(target=announce, daemon=True).start()
    server.run()


def check_packages() -> None:
    """Raises InputError if what the dashboard needs besides the model is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        found = f"not installed: {', '.join(missing)}"
        raise InputError("dashboard", found, "`pip install 'niche-sim[dashboard]'`, or '.[dashboard]' in a checkout")


def warm_up() -> None:
    """Step a mouse once, so that the first visitor does not wait for compiled code."""
    Setup().model().step()


def own_names(host: str) -> tuple[str, ...]:
    """Names by which other machines find a server that is bound to this host."""
    if not open_to_others(host):
        return (host,)
    name = socket.gethostname()
    return (name, f"{name}.local", *(() if host in EVERYWHERE else (host,)))


def settle() -> None:
    """Settings of Solara: production, no telemetry, no outside request, runs of closed tabs given up soon."""
    os.environ["SOLARA_TELEMETRY_MIXPANEL_ENABLE"] = "False"
    os.environ["SOLARA_ASSETS_PROXY"] = "False"  # it makes a folder in the installation, for what it would fetch
    warnings.filterwarnings("ignore", message="websockets.legacy is deprecated")
    import solara.settings
    from solara.server import settings

    solara.settings.assets.proxy = True  # the page is to take its front end from this server: the guard has it
    settings.main.mode = "production"
    settings.telemetry.mixpanel_enable = False
    settings.theme.show_banner = False
    settings.theme.title = "niche_sim"
    settings.assets.fontawesome_enabled = False
    settings.kernel.cull_timeout = IDLE
