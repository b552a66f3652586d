"""A real browser without network, and what an automatic check of accessibility finds in a page."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright
from programs import need

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = {"phone": (375, 812), "laptop": (1280, 800)}


@dataclass
class Seen:
    """What a page did beside being shown."""

    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)


@contextlib.contextmanager
def browser():
    found = need("chromium", "pages are not opened in a browser")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def opened(running, path, *, size="laptop", scheme="light"):
    """A page of a file, and what it said and asked for."""
    width, height = SIZES[size]
    context = running.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, seen = context.new_page(), Seen()
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("dialog", lambda dialog: (seen.said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: seen.asked_for.append(request.url))
    page.goto(path.as_uri())
    try:
        yield page, seen
    finally:
        context.close()


def serious(page: Page) -> list[str]:
    """The findings of axe that hinder somebody."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}" for one in found if one["impact"] in ("serious", "critical")]
