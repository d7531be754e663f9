"""``sameair users``: from the invitation to the closed account, as an operator types it."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipeline.errors import UsageError


@pytest.fixture
def users(tmp_path):
    def run(*words, refused=False):
        found = CliRunner().invoke(app, ["users", *words, "--data-dir", str(tmp_path)])
        assert isinstance(found.exception, UsageError) == refused, found.output
        return json.loads(found.stdout) if "--json" in words else found.stdout

    return run


@pytest.mark.slow
def test_from_the_invitation_to_the_closed_account(users, monkeypatch):
    kim = ("add", "kim", "--person", "Kim Minji", "--party", "seoul")
    assert "/welcome/" in users(*kim, "--role", "lead")
    users(*kim, "--role", "lead", refused=True)
    users("add", "lee", "--person", "Lee", "--party", "seoul", "--role", "emperor", refused=True)
    assert users("role", "kim", "forecaster", "--json") == {"name": "kim", "role": "forecaster"}
    users("provider", "kim", "--subject", "7", refused=True)
    monkeypatch.setenv("SAMEAIR_OIDC_ISSUER", "https://id.example")
    assert users("provider", "kim", "--subject", "7", "--json")["provider"] == "https://id.example 7"
    [row] = users("list", "--json")["accounts"]
    assert (row["state"], row["role"], row["provider"]) == ("active", "forecaster", "https://id.example 7")
    assert users("link", "kim", "--json")["link"].startswith("http://127.0.0.1:8765/welcome/")
    users("close", "kim")
    assert users("list", "--json")["accounts"][0]["state"] == "closed"
    users("link", "kim", refused=True)
    assert "/welcome/" in users("reopen", "kim")
