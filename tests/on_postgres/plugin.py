"""Run tests with every ledger on PostgreSQL.

``pytest -p tests.on_postgres.plugin --ledgers postgres`` starts a server for the session, which the workers
share.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHILD = HERE / "child"
ROOT = HERE.parents[1]
sys.path.insert(0, str(CHILD))
import sameair_on_postgres as ledgers  # noqa: E402

VARIABLES = ledgers.VARIABLES
_numbers = itertools.count()
_state = {}


def pytest_addoption(parser):
    group = parser.getgroup("sameair")
    group.addoption("--ledgers", choices=("sqlite", "postgres"), default="sqlite")


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore:.*was deleted while still open")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _begin(config)
    _let_children_know()
    _note_folders()
    ledgers.remember()
    from pipeline.ledger import connect

    ledgers.install(connect)


def pytest_unconfigure(config):
    if "server" in _state:
        _state.pop("server").remove()
    if "notes" in _state:
        shutil.rmtree(_state.pop("notes"), ignore_errors=True)


def _begin(config):
    """Start the server and make the database from which the others are copied."""
    _state["notes"] = Path(tempfile.mkdtemp(prefix="sameair-ledgers-"))
    os.environ["SAMEAIR_TEST_LEDGERS"] = str(_state["notes"])
    if config.getoption("--ledgers") != "postgres" or config.option.collectonly:
        return
    from tests.on_postgres.server import Server

    _state["server"] = server = Server().start()
    server.execute(f"CREATE DATABASE {ledgers.TEMPLATE}")
    from pipeline.ledger import open_ledger

    open_ledger(server.url(ledgers.TEMPLATE)).close()
    os.environ["SAMEAIR_TEST_POSTGRES"] = json.dumps({"host": str(server.folder), "port": server.port})


def _let_children_know():
    """Let the variables reach processes that a test starts with an environment of its own."""
    paths = [str(CHILD), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    begin = subprocess.Popen.__init__

    def __init__(self, *arguments, env=None, **named):
        if env is not None:
            env = dict(env) | {name: ledgers.told(name) for name in VARIABLES if ledgers.told(name)}
            path = [str(CHILD), *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
            env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path))
        begin(self, *arguments, env=env, **named)

    subprocess.Popen.__init__ = __init__


def _note_folders():
    """Write down for how long each folder made for tests is needed."""
    make = pytest.TempPathFactory.mktemp
    file = ledgers.notes() / f"folders-{os.getpid()}.txt"

    def mktemp(self, *arguments, **named):
        folder = make(self, *arguments, **named)
        with file.open("a", encoding="utf-8") as notes:
            notes.write(f"{folder.resolve()}\t{os.environ.get('SAMEAIR_TEST_LIFE', 's')}\n")
        return folder

    pytest.TempPathFactory.mktemp = mktemp


def _life(scope):
    """Return the sign of everything made in a scope of this worker, fit for the name of a database."""
    worker = f"{os.getpid():x}"
    if scope == "function":
        return f"f{worker}x{_state['test']}"
    return f"s{worker}" if scope in ("session", "package") else f"m{worker}x{_state['module']}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    _state["test"] = next(_numbers)
    _state.setdefault("module", _state["test"])
    os.environ["SAMEAIR_TEST_LIFE"] = _life("function")
    ledgers.remember()
    try:
        return (yield)
    finally:
        _drop(_life("function"))
        if nextitem is None or nextitem.path != item.path:
            _drop(_life("module"))
            _state.pop("module")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    before = {name: os.environ.get(name, "") for name in VARIABLES[2:]}
    if fixturedef.scope != "function":
        os.environ["SAMEAIR_TEST_LIFE"] = _life(fixturedef.scope)
    ledgers.remember()
    try:
        return (yield)
    finally:
        os.environ.update(before)
        ledgers.remember()


def _drop(life):
    if ledgers.on_postgres():
        ledgers.drop(life)
    for note in ledgers.notes().glob(f"folders-{os.getpid()}.txt"):
        lines = note.read_text("utf-8").splitlines(keepends=True)
        note.write_text("".join(line for line in lines if not line.endswith(f"\t{life}\n")), "utf-8")
