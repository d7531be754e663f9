"""Ledgers for tests: migrated once, then copied; and a PostgreSQL server of their own."""

import shutil
import time
from uuid import uuid4

import pytest

from pipeline.ledger import open_ledger
from tests.on_postgres.server import Server, program


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A new ledger file at head."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def ledger(migrated, tmp_path):
    """A new, empty ledger in ``tmp_path``."""
    shutil.copy(migrated, tmp_path / "ledger.sqlite")
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def bucket(s3_server):
    """A bucket of the server, for all tests of a process."""
    return s3_server.new_bucket()


@pytest.fixture
def objects(s3_server, bucket, tmp_path):
    """An empty place for observations in the bucket, with a cache in ``tmp_path``."""
    from pipeline.storage.opening import OBSERVATIONS, stored_in
    from tests.fakes.s3 import storage_settings

    url = f"s3://{bucket}/{uuid4().hex}"
    return stored_in(storage_settings(tmp_path, s3_server.endpoint, bucket, storage_url=url), OBSERVATIONS)


@pytest.fixture(scope="session")
def postgres():
    """A running server with a migrated database to copy from."""
    if program("postgres") is None:
        pytest.skip("needs the programs of PostgreSQL (initdb, postgres)")
    server = Server(synchronous_commit="on", full_page_writes="on")
    try:
        server.start().execute("CREATE DATABASE migrated")
        open_ledger(server.url("migrated")).close()
        yield server
    finally:
        server.remove()


@pytest.fixture
def database(postgres):
    """The URL of a new, empty ledger on that server."""
    name = f"d{time.monotonic_ns()}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
