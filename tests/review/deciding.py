"""A node with its pages, people of both parties who fill in forms, and warnings to decide about."""

import time

import requests
from lxml import html

from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.reviewing import Reviewing
from flows.workspace import open_workspace
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import read_versions
from review.accounts.roles import Role
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies


class DecidingApp(RunningApp):
    """The application with somebody who acts for its pages."""

    def __init__(self, folder):
        super().__init__(folder, self.make)
        self.count = 0

    def make(self, settings, clock):
        """Build the application."""
        self.ws = open_workspace(settings, clock)
        return create_app(settings, clock=clock, doing=Reviewing(self.ws))

    def close(self):
        """Stop everything."""
        super().close()
        self.ws.ledger.close()

    def propose(self, **changes):
        """Enter a proposed warning of its own and return its id."""
        self.count += 1
        name = f"01KDECIDE{self.count:017d}"
        with self.ledger.write() as conn:
            propose_version(conn, example_content(**{"warning_id": name, **changes}), NOW)
        return name

    def wait(self, warning_id, state="issued"):
        """Wait until what follows a decision, after the page was answered, has come to a state."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            # One reading: between two the warning may be issued, and its messages not be seen.
            with self.ledger.read() as conn:
                newest, sent = read_versions(conn, warning_id)[-1], read_outbox(conn, warning_id)
            if newest.state == state and {m.state for m in sent} <= {"sent", "failed"}:
                return
            time.sleep(0.05)
        raise AssertionError(f"{warning_id} did not come to {state}")

    def versions(self, warning_id):
        """Return the versions as they stand."""
        with self.ledger.read() as conn:
            return read_versions(conn, warning_id)

    def person(self, party="seoul", role=Role.lead, language="en"):
        """Return somebody who is signed in."""
        return Person(self, cookies(self.ledger, self.now, role=role, party=party, language=language))


class Person:
    """Somebody with a browser that runs no scripts."""

    def __init__(self, app, jar):
        self.app, self.session = app, requests.Session()
        self.session.cookies.update(jar)

    def get(self, path):
        """Return the answer for an address."""
        return self.session.get(self.app.base + path, timeout=120, allow_redirects=False)

    def page(self, path):
        """Return a page as a tree."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text[:500]
        return html.fromstring(answer.text)

    def form(self, page, ending):
        """Return address and fields of the form whose address ends so."""
        (found,) = [form for form in page.forms if form.get("action").endswith(ending)]
        return found.get("action"), dict(found.form_values())

    def send(self, form, **typed):
        """Send a form with what was typed into it."""
        address, fields = form
        data = {**fields, **typed}
        return self.session.post(self.app.base + address, data=data, timeout=120, allow_redirects=False)


def text_of(answer):
    """Return the words of a page, or of an answer that holds one."""
    tree = html.fromstring(answer.text) if hasattr(answer, "text_content") is False else answer
    return " ".join(tree.text_content().split())
