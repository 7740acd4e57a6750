"""Start the server of the dashboard: on this machine alone unless told otherwise, and with no outside request."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import threading
import time
import warnings
import webbrowser
from collections.abc import Callable

from niche_sim.dashboard.link import Setup
from niche_sim.errors import InputError

PACKAGES = ("solara", "solara_assets", "anywidget", "ipyvuetify", "imageio_ffmpeg")
PAGE = "niche_sim.dashboard.page"
LOOPBACK = "127.0.0.1"
FIRST_PORT = 8765
PORTS_TRIED = 20
IDLE = "10m"  # a closed tab can come back to its run within this time; then its memory is given back
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


def serve(port: int, host: str = LOOPBACK, *, browser: bool = True, ready: Callable[[str], None] | None = None) -> None:
    """Serve the dashboard until Ctrl-C. ready: called with its address when it can be opened."""
    settle()
    import uvicorn
    from solara.server import app as solara_app
    from solara.server.starlette import app

    importlib.import_module(PAGE)  # now, not when the first visitor comes
    solara_app.apps["__default__"] = solara_app.AppScript(PAGE)
    threading.Thread(target=warm_up, name="warm up", daemon=True).start()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        loop="asyncio",
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    shown = LOOPBACK if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/"

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


def settle() -> None:
    """Settings of Solara: production, no telemetry, no outside request, runs of closed tabs given up soon."""
    os.environ["SOLARA_TELEMETRY_MIXPANEL_ENABLE"] = "False"
    # The page is not made to stand inside that of another site, which is what these are about.
    warnings.filterwarnings("ignore", message="Cookies with samesite=none")
    warnings.filterwarnings("ignore", message="websockets.legacy is deprecated")
    from solara.server import settings

    settings.main.mode = "production"
    settings.telemetry.mixpanel_enable = False
    settings.theme.show_banner = False
    settings.theme.title = "niche_sim"
    settings.assets.fontawesome_enabled = False
    settings.kernel.cull_timeout = IDLE
