"""What the page says when there is no server behind it any more, and that its address brings the experiment back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

from conftest import free_port, look
from playwright.sync_api import expect
from test_page import go_to, ready, until_clock

from niche_sim.dashboard.link import Setup

QUERY = Setup(seed=6, overrides=(("section.width", "0.6 mm"), ("section.height", "0.6 mm"))).to_query()


@contextmanager
def served(port):
    """The command, until it is stopped as by Ctrl-C."""
    command = [sys.executable, "-m", "niche_sim", "dashboard", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stderr is not None
        assert any("the dashboard is at" in line for line in process.stderr)
        yield f"http://127.0.0.1:{port}/"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.communicate()


def test_a_page_without_a_server_says_so_and_a_reload_goes_on(visit):
    port = free_port()
    with served(port) as address:
        page = ready(visit(f"{address}?{QUERY}"))
        go_to(page, 3)
        expect(page).to_have_url(re.compile("seed=6&.*day=3$"))
        said = page.get_by_role("alertdialog", name="The server has stopped, or cannot be reached.")
        expect(said).to_be_hidden()
    expect(said).to_be_visible()
    expect(said).to_contain_text("start niche-sim dashboard again, then reload the page. The address of this page holds the")
    expect(said.get_by_role("button", name="Reload the page")).to_be_focused()
    look(page, "gone")
    with served(port):
        said.get_by_role("button", name="Reload the page").click()
        ready(page)
        until_clock(page, "^Day 3, 00:00$")
        expect(page.locator(".ns-head-run")).to_have_text(re.compile("mouse 6$"))
        expect(page.get_by_role("alertdialog")).to_be_hidden()
        page.close()
    visit.said.clear()  # the browser's own complaints that nobody answered


def test_a_connection_that_comes_back_takes_the_words_away(visit, server):
    page = ready(visit(server + "?" + QUERY))
    page.evaluate("document.querySelector('.ns-gone').__vue__.$root.connectionStatus = 'connecting'")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.evaluate("document.querySelector('.ns-gone').__vue__.$root.connectionStatus = 'connected'")
    expect(page.get_by_role("alertdialog")).to_be_hidden()
