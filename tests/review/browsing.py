"""A real browser on a running application: somebody signed in, in a language, at a width, light or dark."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import playwright.sync_api
import pytest

from tests.review.signed_in import cookies

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 120_000
"""How long a page or a part of it is waited for, on a machine with other work [ms]."""
PICTURES = Path(__file__).parents[2] / "var" / "screenshots"
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


class Browsing:
    """A browser over one running application; ``complaints`` holds what its pages complained about."""

    def __init__(self, browser, running):
        self.browser, self.running = browser, running
        self.complaints, self.asked = [], set()

    @contextmanager
    def page(self, path="/", *, width=1280, height=900, dark=False, signed_in=True, options=None, **who):
        """Open a page as somebody: ``role``, ``party`` and ``language`` are those of ``signed_in.person``.

        ``options`` are further ones of a browser's context.
        """
        language = who.get("language", "en")
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
            **(options or {}),
        )
        context.set_default_timeout(PATIENCE)
        try:
            if signed_in:
                jar = cookies(self.running.ledger, self.running.now, **who)
                context.add_cookies(
                    [{"name": n, "value": v, "url": self.running.base} for n, v in jar.items()]
                )
            page = context.new_page()
            page.on("console", lambda said: self._hear(said.type, said.text))
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            page.on("request", lambda request: self.asked.add(request.url.split("/")[2]))
            page.goto(self.running.base + path, wait_until="networkidle")
            yield page
        finally:
            context.close()

    def _hear(self, kind, text):
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def picture(self, page, name):
        """Keep a picture of the whole page for who wants to look at it."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)


@contextmanager
def browsing(running):
    """Start the browser, or skip by name where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield Browsing(browser, running)
        finally:
            browser.close()
