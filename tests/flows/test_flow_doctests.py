"""The examples in `flows`, run here because importing it early would fix where Prefect keeps its files."""

import doctest
import importlib
import pkgutil

import pytest

import flows

MODULES = [m.name for m in pkgutil.iter_modules(flows.__path__, "flows.")]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

pytestmark = pytest.mark.flows


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_flows(name, prefect_server):
    found = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert found.failed == 0
