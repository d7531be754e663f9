"""Make the pictures of the README: desk and episode of the demonstration, as a lead forecaster sees them.

Usage: ``PYTHONPATH=. .venv/bin/python docs/make_pictures.py DATA_DIR`` after ``sameair run --data-dir
DATA_DIR``; needs Chromium. Use a folder that may be thrown away: a person is entered who can sign in.
"""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from pathlib import Path

import playwright.sync_api
import uvicorn
from PIL import Image

from pipeline.ledger.accounts import change_account, find_account
from pipeline.ledger.runs import list_runs
from pipeline.settings import Settings
from review.access import COOKIE
from review.accounts.book import Invitation, invite
from review.accounts.roles import Role
from review.accounts.sessions import start_session
from review.app import create_app

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1280, 900


def main(folder: str) -> None:
    """Write both pictures."""
    settings = Settings(data_dir=folder)
    app = create_app(settings, clock=lambda: now)
    with app.state.ledger.read() as conn:
        now = list_runs(conn, limit=1)[0].as_of
    with app.state.ledger.write() as conn:
        if find_account(conn, "lead") is None:
            who = Invitation("lead", "Lead forecaster", "seoul", Role.lead, "en", "Asia/Seoul")
            invite(conn, who, by="pictures", at=now)
            change_account(conn, find_account(conn, "lead").id, state="active")
        token = start_session(conn, find_account(conn, "lead"), now)
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    try:
        photograph(f"http://127.0.0.1:{door.getsockname()[1]}", token)
    finally:
        server.should_exit = True
        thread.join(20)


def photograph(base: str, token: str) -> None:
    """Open the desk, follow its first episode, and keep the top of both pages."""
    with playwright.sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": base}])
        page.goto(base + "/", wait_until="networkidle")
        keep(page, "desk", 1180)
        page.click("a[href^='/episodes/']")
        page.wait_for_load_state("networkidle")
        page.set_viewport_size({"width": WIDTH, "height": 1180})
        page.evaluate("document.querySelector('.figure-time').closest('section').scrollIntoView()")
        keep(page, "episode", 1180)
        browser.close()


def keep(page: playwright.sync_api.Page, name: str, height: int) -> None:
    """Write what is seen of a page as a picture."""
    path = IMAGES / f"{name}.png"
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(400)
    page.screenshot(path=str(path))
    with Image.open(path) as whole:
        whole.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
