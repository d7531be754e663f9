"""Ledgers for tests: migrated once, then copied."""

import shutil

import pytest

from pipeline.ledger import open_ledger


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
