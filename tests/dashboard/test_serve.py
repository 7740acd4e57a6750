"""Starting the dashboard: ports, hosts, one-line errors, and the server as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from niche_sim.cli import main
from niche_sim.dashboard import serve
from niche_sim.errors import InputError


@pytest.fixture
def taken():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_a_port_that_is_asked_for_and_taken_is_refused(taken, capsys):
    assert main(["dashboard", "--port", str(taken), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said == f"niche-sim: --port: {taken} is in use; another port, or none to let one be chosen\n"


def test_without_one_the_next_that_is_free_is_taken(taken, monkeypatch):
    monkeypatch.setattr(serve, "FIRST_PORT", taken)
    assert taken < serve.port_of(None) < taken + serve.PORTS_TRIED
    monkeypatch.setattr(serve, "PORTS_TRIED", 1)
    with pytest.raises(InputError, match=f"none of {taken} to {taken} is free"):
        serve.port_of(None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "eighty"], "--port: 'eighty'; a whole number from 1 is allowed"),
        (["--port", "70000"], "--port: 70000; a whole number from 1 to 65535 is allowed"),
        (["--host", "nowhere.invalid"], "--host: 'nowhere.invalid' is no name of this machine; 127.0.0.1, or 0.0.0.0"),
        (["--host", "192.0.2.1"], "--host: '192.0.2.1' is no address of this machine; 127.0.0.1"),
    ],
)
def test_a_mistake_is_one_line(options, said, capsys):
    assert main(["dashboard", "--no-browser", *options]) == 2
    assert capsys.readouterr().err == f"niche-sim: {said}\n"


def test_without_its_packages_it_says_how_to_get_them(monkeypatch, capsys):
    monkeypatch.setattr(serve, "PACKAGES", ("solara", "no_such_package"))
    assert main(["dashboard", "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert "not installed: no_such_package; `pip install 'niche-sim[dashboard]'`" in said and said.count("\n") == 1


@pytest.mark.mice
def test_the_command_serves_the_page_until_ctrl_c(interruptible):
    command = [sys.executable, "-m", "niche_sim", "dashboard", "--no-browser"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": "default"}
    )
    try:
        assert process.stderr is not None
        address = None
        for line in process.stderr:
            if found := re.match(
                r"niche-sim: the dashboard is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops it\)", line
            ):
                address = found[1]
                break
        assert address is not None, "it says where it is"
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.status == 200
            page = answer.read().decode()
        assert not re.search(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', page), (
            "nothing on the page is from elsewhere"
        )
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode == 130
        assert rest.strip().splitlines()[-1] == "niche-sim: stopped by Ctrl-C"
    finally:
        process.kill()
        process.wait()
