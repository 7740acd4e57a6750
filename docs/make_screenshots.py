"""The pictures of the dashboard in README.md: `python docs/make_screenshots.py`. Needs '.[test]' and Chromium."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from niche_sim.dashboard import serve
from niche_sim.dashboard.link import Setup

FOLDER = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 300_000  # ms


def open_at(page: Page, address: str, setup: Setup) -> None:
    """Open an experiment and wait until its day is drawn."""
    page.goto(f"{address}/?{setup.to_query()}")
    expect(page.locator(".ns-viewer")).to_have_attribute("data-time", f"{24 * (setup.day or 0):g}", timeout=PATIENCE)
    page.wait_for_timeout(2500)  # charts come a second behind


def shot(page: Page, name: str) -> None:
    """Write a picture of what is seen."""
    page.evaluate("() => window.scrollTo(0, 0)")
    page.wait_for_timeout(400)
    page.screenshot(path=FOLDER / name)


def main() -> None:
    """Serve, visit, take pictures."""
    serve.settle()
    from solara.server import app as solara_app
    from solara.server.starlette import ServerStarlette

    from niche_sim.dashboard import guard

    running = ServerStarlette(serve.port_of(None), serve.LOOPBACK, guard.app(), log_level="critical")
    running.serve_threaded()
    running.wait_until_serving()
    solara_app.apps["__default__"] = solara_app.AppScript(serve.PAGE)
    address = running.base_url
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=FLAGS
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_at(page, address, Setup(day=32.0))
        shot(page, "dashboard.png")

        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        open_at(page, address, Setup(day=20.0))
        page.get_by_role("button", name="Compare", exact=True).click()
        page.get_by_label("Compare with").select_option("anti_mif")
        expect(page.locator("canvas.ns-canvas")).to_have_count(3, timeout=PATIENCE)
        page.get_by_role("button", name="Close Comparison").click()
        page.wait_for_timeout(2500)
        shot(page, "dashboard_compare.png")

        page = browser.new_page(viewport={"width": 390, "height": 1160})
        open_at(page, address, Setup(day=14.0))
        shot(page, "dashboard_phone.png")
        browser.close()
    solara_app.apps["__default__"].close()
    running.stop_serving()


if __name__ == "__main__":
    main()
