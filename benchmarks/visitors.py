"""Many visitors of one dashboard at once: first picture, pictures a second each, bytes, processor and memory.

    python benchmarks/dashboard.py --visitors 20

The server runs in a process of its own, as `niche-sim dashboard` starts it. The visitors are light clients that speak its
protocol over websockets and acknowledge each picture at once, so that they take little of the processors themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import websockets

WAIT = 180.0  # s for all first pictures


@dataclass
class Visitor:
    """One tab: what it has been sent so far."""

    address: str
    query: str
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    kernel: str = field(default_factory=lambda: str(uuid.uuid4()))
    first: float = 0.0  # s until the first picture
    pictures: int = 0
    received: int = 0  # bytes
    viewer: str = ""  # comm of the widget that draws
    socket: Any = None
    drawn: asyncio.Event = field(default_factory=asyncio.Event)

    async def come(self) -> None:
        """Open the page, and acknowledge its pictures until it is closed."""
        began = perf_counter()
        host = self.address.removeprefix("http://").rstrip("/")
        url = f"ws://{host}/jupyter/api/kernels/{self.kernel}/channels?session_id={self.session}"
        headers = {"Cookie": f"solara-session-id={self.session}"}
        async with websockets.connect(
            url, additional_headers=headers, origin=self.address.rstrip("/"), max_size=None, compression=None
        ) as self.socket:
            await self.send("comm_open", {"comm_id": "control", "target_name": "solara.control", "data": {}})
            run = {"method": "run", "args": {"path": f"/?{self.query}", "appName": None, "themes": {}, "dark": False}}
            await self.send("comm_msg", {"comm_id": "control", "data": run})
            async for message in self.socket:
                self.received += len(message)
                if isinstance(message, bytes):
                    parts, start, end = struct.unpack("!III", message[:12])
                    said = json.loads(message[start : end if parts > 1 else None])
                elif "Viewer" in message or '"frame"' in message:
                    said = json.loads(message)
                else:
                    continue
                content = said["content"]
                if said["msg_type"] == "comm_open" and "Viewer" in content["data"]["state"].get("_anywidget_id", ""):
                    self.viewer = content["comm_id"]
                    await self.tell("hello")
                told = content.get("data", {}).get("content", {})
                if isinstance(told, dict) and told.get("type") == "frame":
                    self.pictures += 1
                    if not self.first:
                        self.first = perf_counter() - began
                        self.drawn.set()
                    await self.tell("drawn", seq=told["seq"])

    async def tell(self, kind: str, **more: Any) -> None:
        """Send what the viewer sends."""
        content = {"type": kind, **more}
        await self.send("comm_msg", {"comm_id": self.viewer, "data": {"method": "custom", "content": content}})

    async def send(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message of the kernel's protocol."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": self.session, "version": "5.2"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
        await self.socket.send(json.dumps(message))


def memory(process: int) -> float:
    """Resident memory of a process, MB."""
    with open(f"/proc/{process}/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor(process: int) -> float:
    """Seconds of processor that a process has taken."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:  # noqa: PTH123
        parts = file.read().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


async def measure(address: str, server: int, options: argparse.Namespace) -> None:
    """Let them come, play and leave."""
    await single(address, options)
    print(f"server: {memory(server):.0f} MB with nobody")
    visitors = [Visitor(address, options.query) for _ in range(options.visitors)]
    tabs = [asyncio.create_task(one.come()) for one in visitors]
    await asyncio.wait_for(asyncio.gather(*(one.drawn.wait() for one in visitors)), WAIT)
    first = np.array([one.first for one in visitors])
    print(f"first picture: {np.median(first):.1f} s (median), {first.max():.1f} s (last)")
    await asyncio.sleep(2.0)
    for one in visitors:
        await one.tell("play")
    await asyncio.sleep(2.0)
    before, bytes_before = [one.pictures for one in visitors], sum(one.received for one in visitors)
    work, own, began = processor(server), time.process_time(), perf_counter()
    await asyncio.sleep(options.seconds)
    took = perf_counter() - began
    speed = np.array([one.pictures - was for one, was in zip(visitors, before, strict=True)]) / took
    got = sum(one.received for one in visitors) - bytes_before
    print(f"pictures/s each: {speed.min():.1f} (least), {np.median(speed):.1f} (median), {speed.max():.1f} (most)")
    print(f"bytes: {got / 1e3 / max(sum(speed) * took, 1):.1f} kB a picture, {got / 1e3 / took / len(visitors):.0f} kB/s each")
    share, ours = (processor(server) - work) / took, (time.process_time() - own) / took
    each = 1e3 * share / max(sum(speed), 1e-9)
    print(f"processor: {share:.2f} of the server, {ours:.2f} of the clients; {each:.1f} ms of the server a picture")
    print(f"server: {memory(server):.0f} MB with all")
    for tab in tabs:
        tab.cancel()
    await asyncio.gather(*tabs, return_exceptions=True)
    await asyncio.to_thread(leave, visitors)
    await asyncio.sleep(10.0)
    print(f"server: {memory(server):.0f} MB after they have left")


async def single(address: str, options: argparse.Namespace) -> None:
    """One visitor alone, so that all is compiled and loaded."""
    one = Visitor(address, options.query)
    tab = asyncio.create_task(one.come())
    await asyncio.wait_for(one.drawn.wait(), WAIT)
    print(f"first picture, alone: {one.first:.1f} s")
    await one.tell("play")
    await asyncio.sleep(3.0)
    before = one.pictures
    await asyncio.sleep(5.0)
    print(f"pictures/s, alone: {(one.pictures - before) / 5.0:.1f}")
    tab.cancel()
    await asyncio.gather(tab, return_exceptions=True)
    await asyncio.to_thread(leave, [one])
    await asyncio.sleep(10.0)


def leave(visitors: list[Visitor]) -> None:
    """Say what a browser says when a tab is closed."""
    for one in visitors:
        address = f"{one.address}_solara/api/close/{one.kernel}?session_id={one.session}"
        known = {"Origin": one.address.rstrip("/"), "Cookie": f"solara-session-id={one.session}"}
        urlopen(Request(address, data=b"", headers=known)).close()


def run(options: argparse.Namespace) -> None:
    """Start a server, and measure."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "niche_sim", "dashboard", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=options.log.open("w"))
    try:
        for _ in range(600):
            try:
                urlopen(address).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(3.0)
        asyncio.run(measure(address, server.pid, options))
    finally:
        server.terminate()
        server.wait()
