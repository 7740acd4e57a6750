"""A real server and a real browser for the pages: Solara in a thread of the test process, Chromium through Playwright."""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import PATIENCE

# Said by ipyvue on every page with a template; it works all the same.
HARMLESS = ("Failed to evaluate Vue script and find module.exports",)
PATIENT = 1000.0 * PATIENCE  # ms


@pytest.fixture(scope="session")
def site():
    """Solara's server, set as `niche-sim dashboard` sets it; it serves whatever `serving` says."""
    from niche_sim.dashboard import serve

    serve.settle()
    from solara.server.starlette import ServerStarlette

    from niche_sim.dashboard import guard

    more = {"log_level": "error", "ws_max_size": serve.LARGEST_MESSAGE}
    running = ServerStarlette(port=free_port(), host="127.0.0.1", starlette_app=guard.app(), **more)
    running.serve_threaded()
    running.wait_until_serving()
    yield running.base_url + "/"
    running.stop_serving()


@contextmanager
def serving(app):
    """Let the server serve a module, or the file of a script, for a while."""
    from solara.server import app as solara_app

    solara_app.apps["__default__"] = made = solara_app.AppScript(str(app))
    try:
        yield
    finally:
        solara_app.apps.pop("__default__")
        made.close()


@pytest.fixture
def server(site):
    """The dashboard; gives its address."""
    from niche_sim.dashboard import serve

    with serving(serve.PAGE):
        yield site


@pytest.fixture
def unhurried(monkeypatch):
    """Whoever presses Play has time to press Pause: a picture every 2 s, so that a run of weeks takes minutes."""
    from niche_sim.dashboard import session

    monkeypatch.setattr(session, "FASTEST", 2.0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def visit(browser, tmp_path):
    """Opens pages as visitors do: `visit(address, width=1440, height=900, dark=False)`.

    At the end it fails on any request that left this machine, and on any error that a page said.
    """
    contexts, outside, said = [], [], []

    def open_page(address, width=1440, height=900, dark=False, **more):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENT)

        def route(one):
            local = re.match(r"(https?|ws)://127\.0\.0\.1[:/]", one.request.url) or one.request.url.startswith(
                ("data:", "blob:", "file:")
            )
            if local:
                one.continue_()
            else:
                outside.append(one.request.url)
                one.abort()

        page.route("**/*", route)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        return page

    open_page.said = said
    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert [text for text in said if not text.startswith(HARMLESS)] == []


@pytest.fixture
def axe():
    """Serious violations of a page that axe-core finds: `axe(page)` -> a line each."""

    def check(page):
        from axe_playwright_python.sync_playwright import Axe

        # Solara fades its page in, and colours half faded have no contrast.
        page.wait_for_function("getComputedStyle(document.querySelector('.v-application')).opacity === '1'")
        rest(page, 600)
        found = Axe().run(page).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    return check


def rest(page, ms=0):
    """Wait for so long by the page's own clock, by which what was to happen sooner has happened, and until it is drawn."""
    page.evaluate(
        """ms => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), ms))""", ms
    )


def look(page, name):
    """Keep a picture of a page where NICHE_SIM_PICTURES names a folder, to be judged by eye."""
    folder = os.environ.get("NICHE_SIM_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
