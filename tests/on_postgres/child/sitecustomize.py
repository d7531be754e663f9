"""Loaded by every Python that a test on PostgreSQL starts: its ledgers are the same databases."""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

NAME = "pipeline.ledger.connect"


class _Finder(MetaPathFinder):
    """Let the module that opens ledgers be changed right after it was loaded."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != NAME:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            from sameair_on_postgres import install

            install(module)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("SAMEAIR_TEST_LEDGERS"):
    sys.meta_path.insert(0, _Finder())
