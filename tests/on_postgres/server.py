"""A PostgreSQL server for tests, in a folder of its own, gone at the end, also where the tests are killed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIONS = {
    "listen_addresses": "",
    "max_connections": "500",
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
}
"""The folder is thrown away, so nothing in it need outlive a crash."""


def program(name):
    """Return the path of one of PostgreSQL's programs, None where it is not installed."""
    found = shutil.which(name)
    places = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return places[-1].resolve() if places else None


class Server:
    """One running server; ``port`` only names the socket."""

    def __init__(self, port=54329, **options):
        self.folder = Path(tempfile.mkdtemp(prefix="sameair-pg-", dir="/tmp"))
        self.data, self.port = self.folder / "data", port
        self.options = OPTIONS | options
        self.process = None
        self.user = _unprivileged()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.folder.chmod(0o755)
        watching = [sys.executable, Path(__file__).with_name("watcher.py"), self.folder]
        self.watcher = subprocess.Popen(watching, stdin=subprocess.PIPE, start_new_session=True)
        made = ["-D", self.data, "-A", "trust", "-U", "postgres", "--encoding", "UTF8", "--locale", "C", "-N"]
        done = self._start("initdb", *made)
        if done.wait(120):
            raise RuntimeError(f"initdb failed: {self.said()}")

    def said(self):
        """Return what the server wrote last."""
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]

    def _start(self, name, *arguments):
        who = {}
        if self.user:
            who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [program(name), *arguments], stdout=log, stderr=log, cwd="/", start_new_session=True, **who
            )

    def start(self):
        """Start it and wait until it answers."""
        settings = {"unix_socket_directories": self.folder, "port": self.port} | self.options
        told = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = self._start("postgres", "-D", self.data, *told)
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended at once: {self.said()}")
            if self._answers():
                return self
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL does not answer: {self.said()}")

    def stop(self, how=signal.SIGINT):
        """Stop it; clients are thrown out."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def remove(self):
        """Stop it and remove its folder."""
        self.stop(signal.SIGQUIT)
        self.watcher.stdin.close()
        self.watcher.wait(60)

    def url(self, database):
        """Return the URL of a ledger on it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    def execute(self, *statements):
        """Run statements outside transactions; returns the rows of the last."""
        import psycopg

        where = {"host": str(self.folder), "port": self.port, "user": "postgres", "dbname": "postgres"}
        with psycopg.connect(**where, autocommit=True) as conn:
            for statement in statements:
                found = conn.execute(statement)
            return found.fetchall() if found.description else []

    def _answers(self):
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _unprivileged():
    """Return a user as whom the server may run; it refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")
