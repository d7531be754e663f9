"""A server of the tests does not outlive the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.on_postgres.server import program

ROOT = Path(__file__).parents[2]
STARTS = """
from tests.on_postgres.server import Server
server = Server().start()
print(server.process.pid, server.folder, flush=True)
input()
"""


def is_there(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{number}/stat").read_text("ascii").rpartition(")")[2].split()[:1]


def test_a_server_and_its_folder_go_with_who_started_it():
    if program("postgres") is None:
        pytest.skip("needs PostgreSQL's server")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen([sys.executable, "-c", STARTS], **pipes) as child:
        said = child.stdout.readline().split()
        server, folder = int(said[0]), Path(said[1])
        assert is_there(server)
        child.send_signal(signal.SIGKILL)
    for _ in range(300):
        if not folder.exists():
            break
        time.sleep(0.1)
    assert not folder.exists()
    assert not is_there(server)
