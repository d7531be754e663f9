"""Where the pages listen: loopback, and elsewhere with TLS alone."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app as program
from pipeline.errors import UsageError
from pipeline.settings import Settings
from review.serving import Listening

AT_HOME = Settings()
BEHIND = Settings(review_url="https://review.example")
FILES = (Path("chain.pem"), Path("key.pem"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_loopback_needs_nothing(host):
    Listening(host).check(AT_HOME)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "review.example"])
def test_elsewhere_it_takes_tls(host):
    with pytest.raises(UsageError, match="--certificate"):
        Listening(host).check(AT_HOME)
    with pytest.raises(UsageError, match="SAMEAIR_REVIEW_URL"):
        Listening(host, behind="192.0.2.1").check(AT_HOME)
    Listening(host, tls=FILES).check(AT_HOME)
    Listening(host, behind="192.0.2.1").check(BEHIND)


def test_it_answers_to_the_names_it_was_given_and_no_other():
    assert set(Listening("0.0.0.0").hosts(BEHIND)) == {"127.0.0.1", "localhost", "[::1]", "review.example"}
    assert "192.0.2.7" in Listening("192.0.2.7").hosts(AT_HOME)
    assert "*" not in Listening("::").hosts(AT_HOME)


def test_who_says_from_where_somebody_came_is_believed_only_where_it_was_named():
    assert Listening().options()["proxy_headers"] is False
    assert Listening(behind="192.0.2.1").options()["forwarded_allow_ips"] == "192.0.2.1"


def test_the_command_refuses_passwords_in_the_clear(tmp_path):
    said = CliRunner().invoke(program, ["review", "--host", "0.0.0.0", "--data-dir", str(tmp_path)])
    assert isinstance(said.exception, (UsageError, SystemExit))
    assert not (tmp_path / "ledger.sqlite").exists()
