"""Whom the dashboard's server answers and with what: bad requests, other sites, other names, the token, nasty paths."""

from __future__ import annotations

import asyncio
import http.server
import random
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from conftest import free_port, serving
from playwright.sync_api import expect

from niche_sim.dashboard import serve
from niche_sim.engine.errors import InputError

serve.settle()  # before Solara's server is imported

from solara.server import server as solara_server  # noqa: E402
from solara.server.starlette import ServerStarlette  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from niche_sim.dashboard import guard  # noqa: E402

HOST, PORT, TOKEN = "127.0.0.1", 8765, "of-the-class"
HOME = f"http://{HOST}:{PORT}"
SOCKET = "/jupyter/api/kernels/1a2b/channels?session_id=3c4d"
CLOSE = "/_solara/api/close/1a2b"
ASSET = "/_solara/cdn/requirejs@2.3.6/require.js"


def ask(app, target="/", method="GET", host=f"{HOST}:{PORT}", body=b"", **headers):
    """One request as a server would pass it on; its answer."""
    path, _, query = target.partition("?")
    socket_like = method == "WEBSOCKET"
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    sent = [
        (name.encode(), value.encode("latin-1")) for name, value in {"host": host, **named}.items() if value is not None
    ]
    scope = {
        "type": "websocket" if socket_like else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if socket_like else "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": sent,
        "client": (HOST, 1),
        "server": (HOST, PORT),
        **({} if socket_like else {"method": method}),
    }
    messages = [{"type": "websocket.connect"}] if socket_like else [{"type": "http.request", "body": body}]
    heard = []

    async def receive():
        return messages.pop(0) if messages else {"type": "websocket.disconnect" if socket_like else "http.disconnect"}

    async def send(message):
        heard.append(message)

    with ThreadPoolExecutor(1) as apart:  # a browser of earlier tests leaves its event loop running in this thread
        apart.submit(asyncio.run, app(scope, receive, send)).result()
    if socket_like:
        return SimpleNamespace(status=101 if heard[0]["type"] == "websocket.accept" else 403)
    start = heard[0]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    text = b"".join(one.get("body", b"") for one in heard if one["type"] == "http.response.body")
    return SimpleNamespace(status=start["status"], headers=found, text=text.decode("utf-8", "replace"))


@pytest.fixture(scope="module")
def app():
    return guard.app(["Lab7"])


@pytest.fixture(scope="module")
def closed_app():
    return guard.app(token=TOKEN)


@pytest.fixture
def bare_page(monkeypatch):
    """Words in place of the page."""
    monkeypatch.setattr(solara_server, "read_root", lambda *_: "the page")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "LOCALHOST", "localhost:9000", "[::1]:8765", "lab7", "LAB7:8765", "127.1.2.3"]
)
@pytest.mark.usefixtures("bare_page")
def test_it_answers_to_its_own_names(app, host):
    assert (ask(app, host=host).status, ask(app, host=host).text) == (200, "the page")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.0.2.1", "lab7.evil.example"]
)
@pytest.mark.parametrize("target", ["/", ASSET, CLOSE, SOCKET])
@pytest.mark.usefixtures("bare_page")
def test_it_does_not_answer_to_other_names(app, host, target):
    method = "POST" if target == CLOSE else "WEBSOCKET" if target == SOCKET else "GET"
    answer = ask(app, target, method, host=host, origin=f"http://{host}")
    if method == "WEBSOCKET":
        assert answer.status == 403
    else:
        assert answer.status == 421 and f"--allow-host {host.removesuffix(':8765')}" in answer.text


@pytest.mark.parametrize("host", [None, "", "a b", "<script>", "localhost:port", "localhost@evil.example", "[::1"])
def test_a_host_that_is_none_is_a_bad_request(app, host):
    assert ask(app, host=host).status == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:3000", "http://127.0.0.1", "null", "", "file://", f"{HOME}.evil.example"],
)
@pytest.mark.parametrize(("target", "method"), [("/", "GET"), (ASSET, "GET"), (CLOSE, "POST"), (SOCKET, "WEBSOCKET")])
def test_pages_of_other_sites_get_nothing(app, origin, target, method):
    assert ask(app, target, method, origin=origin).status == 403


@pytest.mark.parametrize(("target", "method"), [(CLOSE, "POST"), (SOCKET, "WEBSOCKET")])
def test_what_changes_something_must_name_its_origin(app, target, method):
    assert ask(app, target, method).status == 403


@pytest.mark.usefixtures("bare_page")
def test_every_answer_forbids_frames_and_other_sites(app):
    for target in ("/", ASSET, "/none", "/?token=x"):
        headers = ask(app, target).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], target
        assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?:|\*", guard.POLICY)


@pytest.mark.usefixtures("bare_page")
def test_its_cookies_are_for_this_site_and_no_script(app, closed_app):
    given = ask(app).headers["set-cookie"], ask(closed_app, f"/?token={TOKEN}").headers["set-cookie"]
    assert all("HttpOnly" in one and "SameSite=lax" in one and "expires" not in one.lower() for one in given)


@pytest.mark.parametrize(
    "target", ["/resourcez", "/resourcez?verbose", "/readyz", "/jupyter/api/kernels/x", "/static/solara_bootstrap.py", "/foo",
               "/static/public/a.js", "/_solara/api/evict/x", "/jupyter/nbextensions/plotly/extension.js"]
)  # fmt: skip
def test_it_tells_nothing_else(app, target):
    assert (ask(app, target).status, ask(app, target).text) == (404, "Not Found")


@pytest.mark.parametrize(
    "query", ["", "?session_id=", "?session_id=%ff", "?session_id=a/b", "?session_id=" + "a" * 5000]
)
def test_closing_or_connecting_without_an_id_is_a_bad_request(app, query):
    assert ask(app, CLOSE + query, "POST", origin=HOME).status == 400
    assert ask(app, SOCKET.partition("?")[0] + query, "WEBSOCKET", origin=HOME).status == 403


def test_a_page_is_closed_by_its_own_visitor_alone(app, monkeypatch):
    closed = []
    page = SimpleNamespace(session_id="mine", page_status={"3c4d": "connected"}, page_close=closed.append)
    monkeypatch.setitem(guard.contexts, "1a2b", page)
    for cookie, page_id, status in (
        (None, "3c4d", 404),
        ("solara-session-id=other", "3c4d", 404),
        ("solara-session-id=mine", "none", 200),
    ):
        assert ask(app, f"{CLOSE}?session_id={page_id}", "POST", origin=HOME, cookie=cookie).status == status
        assert closed == []
    assert ask(app, f"{CLOSE}?session_id=3c4d", "POST", origin=HOME, cookie="solara-session-id=mine").status == 200
    assert closed == ["3c4d"]
    assert ask(app, "/_solara/api/close/none?session_id=3c4d", "POST", origin=HOME).status == 404


def test_only_listed_files_are_served(tmp_path):
    (tmp_path / "listed.js").write_text("1")
    (tmp_path / "other.js").write_text("2")
    (tmp_path / "link.js").symlink_to(tmp_path / "other.js")
    made = guard.Listed({"a@1.0.0/b.js": tmp_path / "listed.js", "gone.js": tmp_path / "gone.js"})
    assert ask(made, "/a@1.0.0/b.js").text == "1"
    assert "immutable" in ask(made, "/a@1.0.0/b.js").headers["cache-control"]
    for target in ("/other.js", "/link.js", "/listed.js", "/gone.js", "/a@1.0.0", "/", "/../other.js"):
        with pytest.raises(Exception, match="404"):
            ask(made, target)


@pytest.mark.parametrize("package", ["no-such-package", "niche-sim"])
def test_without_the_front_end_it_does_not_start(monkeypatch, package):
    monkeypatch.setattr(guard, "ASSETS", (package, "share/solara/cdn/"))
    with pytest.raises(InputError, match=r"dashboard: the files of solara-assets are missing; `pip install"):
        guard.app()


# The token


def test_without_the_token_there_is_only_a_form(closed_app):
    answer = ask(closed_app, "/?seed=6")
    assert answer.status == 403 and '<form method="post">' in answer.text and TOKEN not in answer.text
    assert ask(closed_app, "/?token=of-the-clas").status == 403
    for target, method in (
        (ASSET, "GET"),
        (SOCKET, "WEBSOCKET"),
        (f"{CLOSE}?session_id=3c4d", "POST"),
        ("/none", "GET"),
    ):
        assert ask(closed_app, target, method, origin=HOME).status == 403


@pytest.mark.parametrize("query", ["?scenario=liver_day10_kcko&token=of-the-class&seed=6", "?token=of-the-class", ""])
@pytest.mark.usefixtures("bare_page")
def test_with_it_the_address_goes_on_without_it(closed_app, query):
    if query:
        answer = ask(closed_app, f"/{query}")
    else:
        answer = ask(closed_app, "/?seed=6&set=a%3D1", "POST", origin=HOME, body=b"token=+of-the-class+")
    onward = {"?token=of-the-class": "/", "": "/?seed=6&set=a%3D1"}.get(query, "/?scenario=liver_day10_kcko&seed=6")
    assert (answer.status, answer.headers["location"]) == (303, onward)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert ask(closed_app, "/", cookie=cookie).text == "the page"
    assert ask(closed_app, ASSET, cookie=cookie).status == 200
    assert ask(closed_app, "/?token=other&seed=6", cookie=cookie).headers["location"] == "/?seed=6"


@pytest.mark.parametrize(
    "body", [b"", b"token=", b"token=\xff\x00", b"token=" + b"x" * 10**6, b"\xff" * 900, b"token=of-the-clas"]
)
def test_a_form_with_anything_else_is_asked_again(closed_app, body):
    answer = ask(closed_app, "/", "POST", origin=HOME, body=body)
    assert answer.status == 403 and "set-cookie" not in answer.headers


def test_a_token_in_the_address_of_a_server_without_one_is_taken_off(app):
    assert ask(app, "/?token=old&seed=6").headers["location"] == "/?seed=6"


# Nasty requests

AHEAD = (
    "/",
    "/_solara/cdn/",
    "/static/",
    "/static/assets/",
    "/jupyter/nbextensions/",
    "/jupyter/api/kernels/",
    "/_solara/api/",
)
NASTY = (
    "left-pad@1.3.0/index.js", "left-pad", "requirejs@2.3.6", "requirejs@2.3.6/", "@widgetti", "..%5c..%5cgh%5cjquery", "..\\x",
    "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd",
    "//etc/passwd", "%2fetc%2fpasswd", "/etc/passwd", "C:%5cWindows%5cwin.ini", "a%00.js", "%00", "x" * 5000, "x/" * 2000,
    "https://example.org/x.js", "//example.org/x.js", "%68ttps:%2f%2fexample.org", "@example.org/x", "%ff%fe", "%c0%ae%c0%ae/",
    "%e2%80%ae", "con", ".", "..", "...", "%20", "a%0d%0aSet-Cookie:%20x=1", "requirejs@2.3.6/require.js%00.txt", "*", "~root",
    "requirejs@2.3.6/require.js/x", "requirejs@2.3.6/./nothing", "?%ff", "?v=%ff", "?token",
)  # fmt: skip


@pytest.fixture
def reached_for(monkeypatch):
    """What this process asked of other machines: names that it looked up, and addresses that it connected to."""
    asked = []
    look_up, connect_to = socket.getaddrinfo, socket.socket.connect

    def looked_up(host, *more, **named):
        if host not in (None, HOST, "localhost"):
            asked.append(host)
        return look_up(host, *more, **named)

    def connected(self, address):
        if isinstance(address, tuple) and address[0] not in (HOST, "localhost", "::1"):
            asked.append(address)
        return connect_to(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket.socket, "connect", connected)
    return asked


def raw(site, head):
    """The status that a server gives to these bytes."""
    host, port = re.search(r"//(.*):(\d+)/", site).groups()
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(head.replace(b"HOST", f"{host}:{port}".encode()))
        return int(line.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("ahead", AHEAD)
@pytest.mark.usefixtures("bare_page")
def test_no_request_leaves_the_machine_whatever_path_is_asked_for(site, reached_for, ahead):
    files = dict(guard.files_of(*guard.ASSETS))
    for nasty in NASTY:
        status = raw(site, f"GET {ahead}{nasty} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n".encode("latin-1"))
        assert status in ((200, 303) if ahead == "/" and nasty.startswith("?") else (400, 404)), (ahead, nasty)
    assert reached_for == []
    assert len(files) > 1000 and all(path.is_file() for path in files.values()), "nothing was taken away either"


@pytest.mark.parametrize(
    "head",
    [b"GET /\xff\xfe HTTP/1.1\r\nHost: HOST", b"GET /static/ansi.js?v=\xff HTTP/1.1\r\nHost: HOST", b"GET / HTTP/1.0",
     b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example", b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example",
     b"POST /_solara/api/close/x HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST", b"\x00\x01\x02", b"BREW / HTTP/1.1\r\nHost: HOST"]
)  # fmt: skip
def test_bytes_that_are_no_request_are_refused(site, head):
    assert 400 <= raw(site, head + b"\r\nConnection: close\r\n\r\n") < 500


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("bare_page")
def test_no_request_is_too_much(app, closed_app, reached_for, seed):
    draw = random.Random(seed)
    parts = [
        *(one.strip("/") for one in AHEAD),
        *NASTY,
        "1a2b",
        "channels",
        "close",
        "session_id=3c4d",
        "token=",
        "v=1",
        TOKEN,
    ]
    for _ in range(500):
        words = [draw.choice(parts) for _ in range(draw.randint(1, 5))]
        if draw.random() < 0.5:
            words.append("".join(chr(draw.randint(0, 255)) for _ in range(draw.randint(1, 20))))
        draw.shuffle(words)
        target = "/" + draw.choice(["/", "?", "&", ""]).join(words)
        method = draw.choice(["GET", "HEAD", "POST", "PUT", "OPTIONS", "WEBSOCKET"])
        headers = {
            "origin": draw.choice([None, HOME, HOME, words[-1]]),
            "cookie": draw.choice([None, words[0], f"{TOKEN}={words[0]}"]),
        }
        answer = ask(draw.choice([app, closed_app]), target, method, body=words[-1].encode("utf-8"), **{
            name: value if value is None or value.isascii() else "x" for name, value in headers.items()
        })  # fmt: skip
        assert answer.status < 500, (method, target)
        assert answer.status != 101 or target.partition("?")[0].endswith("/channels")
    assert reached_for == []


# In the browser, and over a real connection


@contextmanager
def another_site(text):
    """A server of somebody else's, with one page; gives its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer((HOST, 0), Answer)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{running.server_port}/"
    finally:
        running.shutdown()
        running.server_close()


OPEN = """address => new Promise(done => {
    const line = new WebSocket(address);
    line.onopen = () => { line.close(); done("open"); };
    line.onerror = () => done("refused");
})"""


def test_a_page_of_another_site_can_neither_connect_nor_frame_nor_read(server, browser):
    line = server.replace("http:", "ws:").rstrip("/") + SOCKET
    with (
        another_site(f'<title>other</title><iframe src="{server}"></iframe>') as elsewhere,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(elsewhere)
        assert page.evaluate(OPEN, line) == "refused"
        for how in ("cors", "no-cors"):
            read = "([a, mode]) => fetch(a, {mode}).then(r => r.text()).then(t => t.length > 0 ? 'read' : 'empty', () => 'refused')"
            assert page.evaluate(read, [server + ASSET[1:], how]) == "refused"
        assert page.frames[1].url.startswith("chrome-error:")
        page.goto(server)  # from the site itself the same connection opens
        assert page.evaluate(OPEN, line) == "open"


def test_the_page_is_asked_for_its_token_once_and_keeps_the_experiment(visit):
    with serving(serve.PAGE):
        running = ServerStarlette(free_port(), HOST, guard.app(token=TOKEN), log_level="error")
        running.serve_threaded()
        running.wait_until_serving()
        try:
            page = visit(f"{running.base_url}/?seed=6")
            page.get_by_label("Token").fill("not this one")
            page.get_by_role("button", name="Open").click()
            expect(page.get_by_role("status")).to_have_text("That is not the token.")
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Open").click()
            expect(page.get_by_text("Educated, mouse 6")).to_be_visible()
            expect(page).to_have_url(f"{running.base_url}/?seed=6")
            page.reload()
            expect(page.get_by_text("Educated, mouse 6")).to_be_visible()
            assert page.evaluate("document.cookie") == ""
            line, origin = running.base_url.replace("http:", "ws:") + SOCKET, running.base_url
            with pytest.raises(InvalidStatus, match="403"):
                connect(line, origin=origin)
            page.context.close()
        finally:
            running.stop_serving()
    visit.said.clear()  # the browser's own complaints about 403


def last_words(line, sent):
    """Hear a connection out, to its end, after this was sent over it."""
    line.send(sent)
    while True:
        line.recv(timeout=60)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"header": 1}',
        "{}",
        b"",
        b"\0",
        b"\xff" * 100,
        '{"header":' * 2000,
        "x" * 2 * serve.LARGEST_MESSAGE,
    ],
    ids=lambda garbage: repr(garbage[:12]),
)
def test_garbage_over_a_connection_ends_that_connection_alone(server, garbage, capfd):
    address, origin = server.replace("http:", "ws:").rstrip("/"), server.rstrip("/")
    with connect(address + SOCKET, origin=origin) as line, pytest.raises(ConnectionClosed):
        last_words(line, garbage)
    assert "Traceback" not in capfd.readouterr().err
    with connect(address + SOCKET.replace("1a2b", "5e6f"), origin=origin):
        pass
