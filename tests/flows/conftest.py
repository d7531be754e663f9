"""One Prefect server for all tests of flows, in a folder of its own."""

import pytest

from flows.runtime import prepare_prefect


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    prepare_prefect(tmp_path_factory.mktemp("prefect"))
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
