"""Every SQLite ledger that a test opens becomes a database of PostgreSQL of its own; the file says which.

The file at the path of the ledger holds one line of JSON: the name of the database and the path. A copy of
the file at another path opens as a copy of the database; whatever else stands in the file is left to SQLite.
An address that names the driver, ``sqlite+pysqlite:///…``, is SQLite always: for tests of SQLite itself.

``SAMEAIR_TEST_LEDGERS`` names the folder in which the run keeps its notes, ``SAMEAIR_TEST_POSTGRES`` the
server (absent: the ledgers stay in SQLite), ``SAMEAIR_TEST_LIFE`` how long what is made now is needed.
"""

import json
import os
import uuid
from pathlib import Path

TEMPLATE = "sameair_template"
VARIABLES = ("SAMEAIR_TEST_LEDGERS", "SAMEAIR_TEST_POSTGRES", "SAMEAIR_TEST_LIFE")
_admin = {}
_told = {}


def remember():
    """Keep what the variables say now, for tests that take every variable of ours away."""
    _told.update({name: os.environ[name] for name in VARIABLES if name in os.environ})


def told(name):
    """Return what a variable says, or last said."""
    return os.environ.get(name, _told.get(name, ""))


remember()


def install(connect):
    """Change ``pipeline.ledger.connect``, in this process."""
    from sqlalchemy import URL

    make = connect.create_engine

    def create_engine(target, **options):
        file = Path(target.database or "")
        if target.drivername != "sqlite" or not on_postgres():
            return make(target, **options)
        name = database_of(file)
        if name is None:
            return make(target, **options)
        where = {"host": server()["host"], "port": str(server()["port"])}
        url = URL.create("postgresql+psycopg", username="postgres", database=name, query=where)
        return make(url, **connect.postgres.engine_options(url))

    connect.create_engine = create_engine


def on_postgres():
    """Tell whether ledgers lie on PostgreSQL."""
    return bool(told("SAMEAIR_TEST_POSTGRES"))


def server():
    """Return folder and port of the server."""
    return json.loads(told("SAMEAIR_TEST_POSTGRES"))


def notes():
    """Return the folder of notes."""
    return Path(told("SAMEAIR_TEST_LEDGERS"))


def database_of(file):
    """Return the database of a path, made if need be; None where the file is no such note."""
    from filelock import FileLock

    file = file.resolve()
    with FileLock(notes() / "names.lock"):
        try:
            said = file.read_text("utf-8")
        except FileNotFoundError:
            return _make(file, TEMPLATE)
        except (OSError, UnicodeDecodeError):
            return None
        try:
            held = json.loads(said)["sameair on postgres"]
        except (ValueError, TypeError, KeyError):
            return _make(file, TEMPLATE) if not said else None
        return held["database"] if held["path"] == str(file) else _make(file, held["database"])


def keep(file, kept):
    """Copy a database as it is now; ``kept`` becomes the file that stands for the copy."""
    kept.unlink(missing_ok=True)
    _make(kept.resolve(), _held(file))


def put_back(file, kept):
    """Let a database be again as it was kept, under the same name."""
    name = _held(file) if file.exists() else None
    if name is None:
        _make(file.resolve(), _held(kept))
        return
    execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    _copy(name, _held(kept))


def lose(file):
    """Let a database be gone."""
    execute(f'DROP DATABASE "{_held(file)}" WITH (FORCE)')


def life_of(file):
    """Return how long the database of a path is needed: as long as the folder that was made for it."""
    life, best = (told("SAMEAIR_TEST_LIFE") or "s"), 0
    for note in notes().glob("folders-*.txt"):
        for line in note.read_text("utf-8").splitlines():
            folder, _, said = line.rpartition("\t")
            if len(folder) > best and file.is_relative_to(folder):
                life, best = said, len(folder)
    return life


def drop(life):
    """Drop the databases that are needed no longer."""
    made = execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"t\\_{life}\\_%",)).fetchall()
    for (name,) in made:
        execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def execute(statement, values=()):
    """Run a statement on the server, outside transactions."""
    import psycopg

    held = _admin.get(os.getpid())
    if held is None or held.closed:
        held = _admin[os.getpid()] = psycopg.connect(
            host=server()["host"], port=server()["port"], user="postgres", dbname="postgres", autocommit=True
        )
    return held.execute(statement, values or None)


def _held(file):
    return json.loads(file.read_text("utf-8"))["sameair on postgres"]["database"]


def _make(file, template):
    name = f"t_{life_of(file)}_{uuid.uuid4().hex[:12]}"
    note = json.dumps({"sameair on postgres": {"database": name, "path": str(file)}})
    try:
        file.write_text(note, "utf-8")
    except OSError:
        return None
    _copy(name, template)
    return name


def _copy(name, template):
    """Copy a database whose users are idle; they find their connection closed and open another."""
    import psycopg

    for attempt in range(50):
        if template != TEMPLATE:
            execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                " AND (state = 'idle' OR %s)",
                (template, attempt > 30),
            )
        try:
            execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
            return
        except psycopg.errors.ObjectInUse:
            import time

            time.sleep(0.1)
    raise RuntimeError(f"database {template} stayed in use and could not be copied")
