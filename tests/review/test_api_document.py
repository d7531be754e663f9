"""The read API does what its OpenAPI document says, for whatever the document allows to be asked."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.times import parse_instant
from review.access import COOKIE
from review.accounts.own import NewToken, add_token
from review.accounts.roles import Role
from review.accounts.sessions import visitor_of
from review.app import create_app
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies

CYCLE = parse_instant("2026-01-14T08:00Z")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    yield running
    running.close()


@pytest.fixture(scope="module")
def token(app):
    visitor = visitor_of(app.ledger, cookies(app.ledger, NOW, role=Role.lead)[COOKIE], NOW)
    with app.ledger.write() as conn:
        return add_token(conn, visitor, NewToken("test", 9), NOW)


def document(app, token):
    head = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{app.base}/api/v1/openapi.json", headers=head, timeout=120)


def test_the_document_is_for_who_may_read_and_says_how_to_say_who_one_is(app, token):
    assert requests.get(f"{app.base}/api/v1/openapi.json", timeout=120).status_code == 401
    found = document(app, token).json()
    assert set(found["components"]["securitySchemes"]) == {"token", "session"}
    assert {path.split("/")[1] for path in found["paths"]} == {"api"}


@pytest.mark.slow
def test_every_answer_is_one_that_the_document_allows(app, token):
    with app.ledger.write() as conn:
        run = begin_run(conn, world="simulated-7", cycle=CYCLE, as_of=CYCLE, code_version="1", at=CYCLE)
        finish_run(conn, run, at=CYCLE, model_id="m1", inputs={}, degraded="", products={})
        make_current(conn, run, expected=None)
    schema = schemathesis.openapi.from_dict(document(app, token).json())
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=20,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy())
        def holds(case):
            answer = case.call(base_url=app.base, headers={"Authorization": f"Bearer {token}"})
            # That instants lie in order and within seven days is more than a schema can say.
            unsaid = [positive_data_acceptance] if case.path.endswith("/observations") else []
            case.validate_response(answer, excluded_checks=unsaid)

        holds()
        tried.append(operation.label)
    assert len(tried) > 10
