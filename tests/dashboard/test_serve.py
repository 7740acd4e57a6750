"""Starting the dashboard: ports, hosts, one-line errors, and the server as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from urllib.error import HTTPError

import pytest

from niche_sim.cli import main
from niche_sim.dashboard import serve
from niche_sim.engine.errors import InputError


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
        (["--port", "eighty"], "--port: 'eighty'; a whole number from 1 to 65535 is allowed"),
        (["--port", "70000"], "--port: '70000'; a whole number from 1 to 65535 is allowed"),
        (["--host", "nowhere.invalid"], "--host: 'nowhere.invalid' is no name of this machine; 127.0.0.1, or 0.0.0.0"),
        (["--host", "192.0.2.1"], "--host: '192.0.2.1' is no address of this machine; 127.0.0.1"),
        (["--token", "short"], "--token: 5 characters; 8 to 200 letters (A to Z), digits, - and _ are allowed"),
        (["--token", "a word &c"], "--token: 9 characters; 8 to 200 letters (A to Z), digits, - and _ are allowed"),
        (
            ["--allow-host", "http://a.example"],
            "--allow-host: 'http://a.example'; a name or an address without http:// and port is allowed",
        ),
        (["--mesa", "--lessons", "."], "--lessons: given beside --mesa; one of both: Mesa's page has no lessons"),
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


@pytest.mark.parametrize(
    ("host", "others"),
    [
        ("127.0.0.1", False),
        ("localhost", False),
        ("::1", False),
        ("0.0.0.0", True),
        ("", True),
        ("::", True),
        ("192.0.2.1", True),
    ],
)
def test_beyond_this_machine_a_token_is_made(host, others):
    assert serve.open_to_others(host) is others
    made = serve.checked_token(None, host)
    assert (made is not None) is others and serve.checked_token("of-the-class", host) == "of-the-class"
    if others:
        assert serve.TOKEN.fullmatch(made) and made != serve.checked_token(None, host)


def test_the_address_that_is_printed_can_be_opened_elsewhere(monkeypatch):
    assert serve.address_of(8765, "127.0.0.1") == "http://127.0.0.1:8765/"
    assert serve.address_of(8765, "::1") == "http://[::1]:8765/"
    assert re.fullmatch(r"http://[0-9]+(\.[0-9]+){3}:8765/", serve.address_of(8765, "0.0.0.0"))
    assert "0.0.0.0" not in serve.address_of(8765, "")


@contextmanager
def started(*options, address, **environment):
    """The command, and the address that it says, which is to be as `address` describes."""
    command = [sys.executable, "-m", "niche_sim", "dashboard", "--no-browser", *options]
    environment = {**os.environ, "PYTHONWARNINGS": "default", **environment}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        said = (
            re.fullmatch(rf"niche-sim: the dashboard is at ({address}) \(Ctrl-C stops it\)\n", line)
            for line in process.stderr
        )
        found = next((one[1] for one in said if one), None)
        assert found is not None, "it says where it is"
        yield process, found
    finally:
        process.kill()
        process.communicate()


@pytest.mark.mice
def test_the_command_serves_the_page_until_ctrl_c(interruptible):
    with started(address=r"http://127\.0\.0\.1:\d+/") as (process, address):
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


@pytest.mark.parametrize("chosen", [None, "of-the-class"])
def test_all_who_reach_it_need_the_token_that_is_printed(chosen):
    options = ["--host", "0.0.0.0", "--allow-host", "class.example", "--mesa"]
    environment = {} if chosen is None else {"NICHE_SIM_TOKEN": chosen}
    printed = rf"http://[0-9.]+:\d+/\?token={chosen or '[A-Za-z0-9_-]{16}'}"
    with started(*options, address=printed, **environment) as (_, address):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        bare = address.partition("?")[0]
        with pytest.raises(HTTPError, match="403"):
            browser.open(bare, timeout=60)
        with browser.open(address, timeout=60) as answer:
            assert answer.url == bare and b"jupyter-config-data" in answer.read()
        with browser.open(urllib.request.Request(bare, headers={"Host": "class.example"}), timeout=60) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError, match="421"):
            browser.open(urllib.request.Request(bare, headers={"Host": "evil.example"}), timeout=60)
