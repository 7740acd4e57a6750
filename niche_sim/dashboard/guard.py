"""What the server of the dashboard answers, and whom: its page, and the listed files of that page, to its own pages."""

from __future__ import annotations

import hmac
import importlib.metadata
import ipaddress
import logging
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

from solara.server import server
from solara.server.kernel_context import contexts
from solara.server.starlette import SolaraGZipMiddleware, StaticCdn, kernel_connection, lifespan
from solara.server.websocket import WebSocketDisconnect
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose

from niche_sim.engine.errors import InputError
from niche_sim.engine.templates import render

ASSETS = ("solara-assets", "share/solara/cdn/")
EXTENSIONS = {
    "anywidget": "anywidget",
    "ipyvue": "jupyter-vue",
    "ipyvuetify": "jupyter-vuetify",
}  # package -> its folder
KEPT = (".css", ".js", ".png", ".svg")  # of Solara's own folders, which hold programs, too
TOKEN = "token"
ID = re.compile(r"[\w-]{1,100}", re.ASCII)
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?", re.ASCII)
LONGEST_FORM = 1_000  # bytes
# Vue compiles its templates in the browser, and Solara's page has scripts and styles in it, hence the unsafe ones.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline' blob:",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "frame-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with less, the page's own POST would name no origin
    "cross-origin-resource-policy": "same-origin",
}
LOG = logging.getLogger(__name__)


def app(hosts: Iterable[str] = (), token: str | None = None) -> ASGIApp:
    """The server's application, for uvicorn.

    Parameters
    ----------
    hosts
        Names and addresses of the server besides those of this machine's loopback and the address that a visitor reached.
    token
        What a visitor must know; None asks for nothing.

    Returns
    -------
    ASGIApp
        Solara's page behind the checks of `Guard`, with no route that the page does not use.

    Raises
    ------
    InputError
        The front end of the page is not where its package says.
    """
    assets = dict(files_of(*ASSETS))
    if not any(file.is_file() for file in assets.values()):
        allowed = "`pip install --force-reinstall solara-assets` brings them back"
        raise InputError("dashboard", "the files of solara-assets are missing", allowed)
    extensions = {
        name: file for package in EXTENSIONS for name, file in files_of(package, "share/jupyter/nbextensions/")
    }
    # What Solara finds by the settings of Jupyter differs from one machine to the next.
    server.get_nbextensions = lambda: ([f"{folder}/extension" for folder in EXTENSIONS.values()], {})
    own = server.solara_static.parent
    shown = {
        f"{ahead}{path.name}": path
        for ahead, folder in (("", own / "static"), ("assets/", own / "assets"))
        for path in folder.iterdir()
        if path.suffix in KEPT
    }
    routes = [
        Route("/", page),
        Route("/_solara/api/close/{kernel_id}", leave, methods=["POST"]),
        WebSocketRoute("/jupyter/api/kernels/{kernel_id}/channels", connection),
        Mount("/_solara/cdn", Listed(assets)),
        Mount("/jupyter/nbextensions", Listed(extensions)),
        Mount("/static", Listed(shown)),
    ]
    made = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard, hosts=hosts, token=token), Middleware(SolaraGZipMiddleware, minimum_size=1000)],
        exception_handlers={ValueError: malformed, KeyError: malformed},
    )
    made.router.redirect_slashes = False
    return made


def files_of(package: str, folder: str) -> Iterator[tuple[str, Path]]:
    """Names below a folder, and the files, that an installed package lists as its own; nothing if it is not installed."""
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return
    for file in found.files or ():
        _, inside, name = file.as_posix().partition(folder)
        if inside:
            yield name, Path(str(found.locate_file(file)))


class Listed(StaticCdn):
    """Serves files that are listed by name: a name that is not listed is not there, and nothing is fetched."""

    def __init__(self, files: dict[str, Path]) -> None:
        super().__init__(check_dir=False)
        self.files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a file; a socket is none."""
        files = super().__call__ if scope["type"] == "http" else WebSocketClose()
        await files(scope, receive, send)

    def lookup_path(self, path: str) -> tuple[str, object]:
        """The file of a name, as Starlette asks for it."""
        file = self.files.get(Path(path).as_posix())
        return ("", None) if file is None or not file.is_file() else (str(file), file.stat())


async def page(request: Request) -> Response:
    """The page, and a cookie by which its connections are known."""
    answer = HTMLResponse(server.read_root("/", ""), headers={"cache-control": "no-cache"})
    if not server.get_session_id_cookie(request.cookies):
        _give(answer, request, server.COOKIE_KEY_SESSION_ID, secrets.token_urlsafe())
    return answer


def leave(request: Request) -> Response:
    """A page was closed by its visitor."""
    page_id = request.query_params.get("session_id", "")
    if not ID.fullmatch(page_id):
        return PlainTextResponse("session_id: missing, or no id", 400)
    context = contexts.get(request.path_params["kernel_id"])
    if context is None or context.session_id != server.get_session_id_cookie(request.cookies):
        return PlainTextResponse("no such page", 404)
    if page_id in context.page_status:
        context.page_close(page_id)
    return Response()


async def connection(socket: WebSocket) -> None:
    """The connection of a page to what computes for it."""
    ids = socket.path_params["kernel_id"], socket.query_params.get("session_id", "")
    if not all(map(ID.fullmatch, ids)):
        await socket.close()
        return
    try:
        await kernel_connection(socket)
    except* WebSocketDisconnect:
        pass
    except* Exception as errors:
        LOG.warning("a connection was closed after %s", " ".join(repr(errors.exceptions).split())[:200])


def malformed(request: HTTPConnection, error: Exception) -> Response:
    """The answer to a request that made no sense further in."""
    LOG.warning("a request was refused after %s", " ".join(repr(error).split())[:200])
    return PlainTextResponse("malformed request", 400)


class Guard:
    """Lets in what asks for this server by a name of its own, comes from no other site, and knows the token if there is one."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self.app, self.token = app, token
        self.hosts = {"localhost", *(_plain(host) for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to what stands behind."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        visitor = HTTPConnection(scope)
        answer = self._stranger(visitor) or await self._without_token(visitor, receive)
        if answer is not None and scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)  # which is 403; uvicorn complains about answers with words
        else:
            await (answer or self.app)(scope, receive, send_on)

    def _stranger(self, visitor: HTTPConnection) -> Response | None:
        """The refusal of a request that is for another server or comes from another site."""
        host = visitor.headers.get("host", "").lower()
        found = HOST.fullmatch(host)
        if found is None or len(visitor.headers.getlist("host")) > 1:
            return PlainTextResponse("Host: missing, or malformed", 400)
        name = _plain(found[1])
        if not self._own(name, visitor):
            return PlainTextResponse(
                f"This is not {name[:80]}. If it is: niche-sim dashboard --allow-host {name[:80]}", 421
            )
        origins = visitor.headers.getlist("origin")
        reads = visitor.scope["type"] == "http" and visitor.scope["method"] in ("GET", "HEAD")
        if (not origins and reads) or origins in ([f"http://{host}"], [f"https://{host}"]):
            return None
        return PlainTextResponse("Pages of this server only.", 403)

    def _own(self, name: str, visitor: HTTPConnection) -> bool:
        """Whether this server goes by a name. An address is known, too, if the visitor has reached it."""
        if name in self.hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        reached, _ = visitor.scope.get("server") or ("", None)
        return address.is_loopback or name == _plain(reached)

    async def _without_token(self, visitor: HTTPConnection, receive: Receive) -> Response | None:
        """What a visitor gets who has yet to show the token, or shows it in the address, which is not to be passed on so."""
        query = visitor.scope["query_string"].decode("latin-1")
        parts = query.split("&")
        kept = "&".join(part for part in parts if part.partition("=")[0] != TOKEN)
        front = visitor.scope["type"] == "http" and visitor.scope["path"] == "/"
        key = f"niche-sim-token-{(visitor.scope.get('server') or ('', ''))[1]}"  # cookies do not tell ports apart
        known = self._right(visitor.cookies.get(key, ""))
        said = ""
        if front and visitor.scope["method"] == "POST":
            said, kept = await _written(visitor, receive), query
        elif front and kept != query:
            said = visitor.query_params.get(TOKEN, "")
        elif known:
            return None
        elif not front:
            return PlainTextResponse("Open the page first, with its token.", 403)
        if not known and not self._right(said):
            sentence = "That is not the token." if said else "This page asks for a token."
            asking = render("dashboard/templates/token.html", sentence=sentence)
            return HTMLResponse(asking, 403, headers={"cache-control": "no-store"})
        onward = RedirectResponse(f"/?{kept}" if kept else "/", 303, headers={"cache-control": "no-store"})
        if self.token is not None and not known:
            _give(onward, visitor, key, self.token)
        return onward

    def _right(self, said: str) -> bool:
        return self.token is None or hmac.compare_digest(said.encode("utf-8", "replace"), self.token.encode())


async def _written(visitor: HTTPConnection, receive: Receive) -> str:
    """The token in a form that was sent."""
    body = b""
    try:
        async for part in Request(visitor.scope, receive).stream():
            body += part
            if len(body) > LONGEST_FORM:
                return ""
    except ClientDisconnect:
        return ""
    return parse_qs(body.decode("latin-1")).get(TOKEN, [""])[-1].strip()


def _give(answer: Response, visitor: HTTPConnection, key: str, value: str) -> None:
    """Set a cookie for as long as the browser is open. Lax: with Strict, a link in a mail would find no token."""
    secure = visitor.scope["scheme"] in ("https", "wss")
    answer.set_cookie(key, value, httponly=True, samesite="lax", secure=secure)


def _plain(host: str) -> str:
    """A host as it is compared: no capitals, no brackets, an address in its one spelling."""
    name = host.lower().strip("[]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return str(getattr(address, "ipv4_mapped", None) or address)
