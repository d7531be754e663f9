"""The tutorial, done: its commands run in order in an empty folder, and its reader uses the pages."""

import json
import os
import re
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import requests
from lxml import html

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
DESK = "http://127.0.0.1:8765"
PASSWORD = "blue river seven lamps"
DONE = "-- done --"


class Shell:
    """One shell in an empty folder, as a reader has it open."""

    def __init__(self, folder):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        known = {k: v for k, v in os.environ.items() if not k.startswith("SAMEAIR_")}
        self.process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            text=True,
            env={**known, "PATH": path, "COLUMNS": "200"},
        )

    def do(self, commands):
        """Type commands and return what they show; each must end well."""
        self.process.stdin.write(f"set -e\n{commands}\nset +e\necho '{DONE}'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.strip() == DONE:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended at:\n{commands}\n{''.join(lines)}")

    def close(self):
        """Leave, and end what was started."""
        if self.process.poll() is None:
            self.process.communicate("kill $(jobs -p) 2>/dev/null\nexit\n", timeout=60)


def waited(address):
    """Wait until a page is served."""
    asked = requests.Session()
    asked.mount(
        "http://", requests.adapters.HTTPAdapter(max_retries=requests.adapters.Retry(12, backoff_factor=0.5))
    )
    return asked.get(address, timeout=30)


def approve_on_the_page(link, warning):
    """Choose a password, sign in and press the button, as kim."""
    waited(DESK)
    person = requests.Session()
    person.post(link, data={"username": "kim", "password": PASSWORD, "again": PASSWORD}, timeout=60)
    person.post(
        f"{DESK}/sign-in", data={"to": "", "name": "kim", "password": PASSWORD, "code": ""}, timeout=60
    )
    page = html.fromstring(person.get(f"{DESK}/warnings/{warning}", timeout=60).text)
    (form,) = [f for f in page.forms if (f.get("action") or "").endswith("/approve")]
    assert "Approve for Seoul" in form.text_content()
    done = person.post(DESK + form.get("action"), data=dict(form.form_values()), timeout=60)
    assert "Your approval is recorded" in done.text


def acknowledged(mail):
    """Press the button behind the link of a mail."""
    text = message_from_bytes(mail.read_bytes(), policy=policy.default).get_body(("plain",)).get_content()
    link = re.search(r"http://127\.0\.0\.1:8766/acknowledge/\S+", text)[0]
    assert waited(link).status_code == 200
    assert requests.post(link, timeout=60).status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_reader_comes_from_nothing_to_a_warning_that_arrives(tmp_path):
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    config, cycle, pages, beijing, arrived, by_telephone, cancel, live, leave = blocks
    shell = Shell(tmp_path)
    try:
        shell.do(config)
        assert "joint warning J1, Exercise, beijing and seoul: draft" in shell.do(cycle)
        link = re.search(r"http\S+/welcome/\S+", shell.do(pages))[0]
        (listed,) = json.loads(shell.do("sameair warnings list --json"))
        approve_on_the_page(link, listed["warning"])
        assert "missing" not in shell.do(beijing)
        shell.do(arrived)
        mails = sorted((tmp_path / "mails" / "new").iterdir())
        assert len(mails) == 4
        acknowledged(mails[0])
        shown = shell.do(by_telephone)
        assert shown.count('"by": "link"') == 1
        assert "the audit trail is whole" in shown
        assert "cancelled" in shell.do(cancel)
        found = shell.do(live)
        assert "trouble " not in found
        assert "recipients" in found
        shell.do(leave)
    finally:
        shell.close()
