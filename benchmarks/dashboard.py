"""How fast the dashboard plays in a real browser, what a picture costs the server, and whether memory stays flat.

    python benchmarks/dashboard.py                 # 4 x 4 mm, 200 x 200 sites, played for a minute
    python benchmarks/dashboard.py --minutes 60    # an hour
    python benchmarks/dashboard.py --visitors 20   # of the default section, at once, without a browser

Needs `pip install -e '.[test]'` and Chromium (CHROMIUM names one). Server and measurement share a process, the browser has
its own. The run is played from `--day` on, hour by hour; when it is at its end it is played again from there.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import threading
from pathlib import Path
from time import perf_counter

import numpy as np
import visitors

from niche_sim.dashboard import serve
from niche_sim.dashboard.link import Setup
from niche_sim.dashboard.session import Session

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FIELDS = ("fibronectin", "tgfb")  # shown while it is measured
COUNT = """() => { window.pictures = 0; new MutationObserver((all) => { window.pictures += all.length; })
  .observe(document.querySelector('.ns-viewer'), {attributes: true, attributeFilter: ['data-time']}); }"""


class Clock:
    """Time that sessions spend on moves, whatever moves they make, and pictures that they send."""

    def __init__(self) -> None:
        self.seconds, self.pictures = 0.0, 0
        move, picture = Session._move, Session._picture

        def timed(session: Session) -> None:
            began = perf_counter()
            move(session)
            self.seconds += perf_counter() - began

        def counted(session: Session) -> None:
            self.pictures += 1
            picture(session)

        Session._move, Session._picture = timed, counted  # type: ignore[method-assign]

    def take(self) -> tuple[float, int]:
        """Seconds and pictures since it was last asked."""
        taken = self.seconds, self.pictures
        self.seconds, self.pictures = 0.0, 0
        return taken


def memory() -> float:
    """Resident memory of this process, MB."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_server() -> str:
    """The dashboard in a thread; its address."""
    serve.settle()
    from solara.server import app as solara_app
    from solara.server.starlette import ServerStarlette

    from niche_sim.dashboard import guard

    running = ServerStarlette(serve.port_of(None), serve.LOOPBACK, guard.app(), log_level="error")
    running.serve_threaded()
    running.wait_until_serving()
    solara_app.apps["__default__"] = solara_app.AppScript(serve.PAGE)
    return str(running.base_url)


def main() -> None:
    """Play, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", default="4 mm", help="of the section; 4 mm at 20 um are 200 x 200 sites")
    parser.add_argument("--day", type=float, default=12.0, help="from which it is played")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--visitors", type=int, default=0, help="measure the server with so many light clients instead")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the visitors play")
    parser.add_argument("--query", default="", help="of the link that the visitors open")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="file for what the server of the visitors says")
    options = parser.parse_args()
    if options.visitors:
        visitors.run(options)
        return
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    setup = Setup(overrides=(("section.width", options.side), ("section.height", options.side)), day=options.day)
    clock, address = Clock(), start_server()
    began = perf_counter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for number in range(2):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            began = perf_counter()
            page.goto(f"{address}/?{setup.to_query()}")
            page.get_by_role("button", name="Play", exact=True).wait_for(timeout=120_000)
            print(f"first paint, visit {number + 1}: {perf_counter() - began:.1f} s")
            if number == 0:
                page.close()
        page.wait_for_function(f"document.querySelector('.ns-viewer').dataset.time == {24 * options.day}", timeout=600_000)
        page.get_by_label("TGF-β", exact=True).check()
        play(page, clock, setup, options)
        browser.close()
    print(f"threads left: {threading.active_count()}")


def play(page: object, clock: Clock, setup: Setup, options: argparse.Namespace) -> None:
    """Play for the time wanted, a line every half minute or so."""
    again = f"document.querySelector('.ns-viewer').dataset.time == {24 * options.day}"
    rows, until = [], perf_counter() + 60.0 * options.minutes
    page.evaluate(COUNT)  # type: ignore[attr-defined]
    page.get_by_role("button", name="Play", exact=True).click()  # type: ignore[attr-defined]
    page.wait_for_timeout(3_000)  # type: ignore[attr-defined]
    while perf_counter() < until:
        clock.take()
        before, began = page.evaluate("() => window.pictures"), perf_counter()  # type: ignore[attr-defined]
        page.wait_for_timeout(1000.0 * min(20.0, 60.0 * options.minutes))  # type: ignore[attr-defined]
        took, (seconds, pictures) = perf_counter() - began, clock.take()
        drawn = page.evaluate("() => window.pictures") - before  # type: ignore[attr-defined]
        cells = page.evaluate("() => [...document.querySelectorAll('.ns-count')].reduce((n, one) => n + Number(one.textContent.replace(/\\D/g, '')), 0)")  # type: ignore[attr-defined]  # noqa: E501
        gc.collect()
        rows.append((drawn / took, 1000.0 * seconds / max(pictures, 1), memory()))
        where = page.locator(".ns-clock").inner_text()  # type: ignore[attr-defined]
        speed, work, held = rows[-1]
        print(f"{where}: {speed:.1f} pictures/s, {work:.1f} ms of server a picture, {cells:,} cells, {held:.0f} MB")
        if page.get_by_role("button", name="Play", exact=True).is_visible():  # type: ignore[attr-defined]
            page.get_by_label("Time of the run").fill(str(24 * options.day))  # type: ignore[attr-defined]
            page.wait_for_function(again)  # type: ignore[attr-defined]
            page.get_by_role("button", name="Play", exact=True).click()  # type: ignore[attr-defined]
    speed, work, held = np.array(rows).T
    print(f"median: {np.median(speed):.1f} pictures/s, {np.median(work):.1f} ms of server a picture")
    if len(held) > 3:
        third = max(1, len(held) // 3)
        print(f"memory: {np.median(held[:third]):.0f} MB in the first third, {np.median(held[-third:]):.0f} MB in the last")


if __name__ == "__main__":
    main()
