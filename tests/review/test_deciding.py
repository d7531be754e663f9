"""Deciding on the pages: for the own party alone, about what was shown, once, with nothing lost."""

import threading
from datetime import timedelta

import pytest
from lxml import html

from alerts.content import WarningContent
from alerts.warnings import propose_version
from pipeline.ledger.audit import rows_about, verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import read_signatures
from review.accounts.roles import Role
from review.decide.evidence import read_evidence
from tests.review.deciding import DecidingApp, text_of
from tests.review.running_app import NOW

EVIL = "<script>alert(1)</script>\"'<img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = DecidingApp(tmp_path_factory.mktemp("deciding"))
    yield running
    running.close()


def signed(app, name, version=1):
    with app.ledger.read() as conn:
        return [(s.party, s.decision, s.person) for s in read_signatures(conn, name, version)]


def approve_form(person, name):
    return person.form(person.page(f"/warnings/{name}"), "/approve")


def test_a_decision_counts_for_the_party_of_the_session_and_keeps_what_was_on_the_screen(app):
    name, kim = app.propose(), app.person("seoul", Role.forecaster)
    form = approve_form(kim, name)
    answer = kim.send(form, party="beijing", person="somebody else")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/warnings/{name}?done=approved#decide")
    mine = [s for s in signed(app, name)]
    assert mine == [("seoul", "approve", "forecaster.seoul.en")]
    with app.ledger.read() as conn:
        (row,) = rows_about(conn, name, "warning.approve")
        assert verify_audit(conn).ok
    assert row["payload"]["party"] == "seoul"
    document = read_evidence(app.settings, row["payload"]["evidence"])
    assert document["content_digest"] == row["payload"]["digest"]
    assert document["standing"]["decisions"] == []
    assert set(document["texts"]) == {"en", "ko", "zh"}
    page = kim.page(f"/warnings/{name}?done=approved")
    assert "Your approval is recorded." in text_of(page)
    assert "Waiting for Beijing." in text_of(page)
    shown = kim.page(f"/evidence/{row['payload']['evidence']}")
    assert row["payload"]["digest"] in text_of(shown)


@pytest.mark.slow
def test_what_all_parties_approved_is_sent_and_its_deliveries_are_shown(app):
    name = app.propose()
    for party in ("seoul", "beijing"):
        person = app.person(party)
        assert person.send(approve_form(person, name)).status_code == 303
    app.wait(name)
    with app.ledger.read() as conn:
        sent = read_outbox(conn, name)
    assert {m.state for m in sent} == {"sent"}
    said = text_of(app.person().page(f"/warnings/{name}"))
    assert f"Acknowledged: 0 of {len(sent)}" in said
    assert all(m.recipient in said for m in sent)
    assert not any(m.address and m.address in said for m in sent)


def test_the_same_form_sent_twice_decides_once(app):
    name, kim = app.propose(), app.person()
    form = approve_form(kim, name)
    assert [kim.send(form).status_code for _ in range(2)] == [303, 303]
    assert len(signed(app, name)) == 1


@pytest.mark.slow
def test_who_comes_second_sees_what_changed_and_decides_again(app):
    name, kim, wang = app.propose(), app.person("seoul"), app.person("beijing")
    mine, theirs = approve_form(kim, name), approve_form(wang, name)
    assert wang.send(theirs).status_code == 303
    answer = kim.send(mine)
    assert answer.status_code == 409
    assert "lead.beijing.en approved for Beijing" in text_of(answer)
    assert "The text is the same." in text_of(answer)
    assert [party for party, *_ in signed(app, name)] == ["beijing"]
    again = kim.form(html.fromstring(answer.text), "/approve")
    assert kim.send(again).status_code == 303
    assert sorted(party for party, *_ in signed(app, name)) == ["beijing", "seoul"]


def test_of_two_at_the_same_moment_one_is_told(app):
    name, people = app.propose(), [app.person("seoul"), app.person("beijing")]
    forms = [approve_form(person, name) for person in people]
    answers = []
    start = threading.Barrier(2)

    def send(person, form):
        start.wait()
        answers.append(person.send(form).status_code)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(people, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 409]
    assert len(signed(app, name)) == 1


def test_an_objection_keeps_its_words_where_somebody_was_quicker(app):
    name, kim, lee = app.propose(), app.person("seoul"), app.person("seoul", Role.forecaster)
    form = kim.form(kim.page(f"/warnings/{name}"), "/object")
    assert lee.send(approve_form(lee, name)).status_code == 303
    answer = kim.send(form, reason=f"front arrives early {EVIL}")
    assert answer.status_code == 409
    assert "forecaster.seoul.en approved for Seoul" in text_of(answer)
    (kept,) = html.fromstring(answer.text).xpath("//textarea[@id='kept']")
    assert kept.text.strip() == f"front arrives early {EVIL}"
    assert "<script>" not in answer.text


@pytest.mark.slow
def test_an_objection_stands_with_its_reason_and_the_other_party_reads_it(app):
    name, kim = app.propose(), app.person("seoul")
    form = kim.form(kim.page(f"/warnings/{name}"), "/object")
    assert kim.send(form, reason=EVIL).status_code == 303
    page = app.person("beijing").get(f"/warnings/{name}")
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert EVIL in text_of(page)
    assert signed(app, name) == [("seoul", "object", "lead.seoul.en")]


def edit_form(person, name):
    return person.form(person.page(f"/warnings/{name}/1/edit"), "/edit")


def preview(person, form, **typed):
    answer = person.send(form, step="preview", **typed)
    assert answer.status_code == 200, text_of(answer)
    return answer, person.form(html.fromstring(answer.text), "/edit")


@pytest.mark.slow
def test_an_edit_is_shown_before_it_is_written_and_earlier_decisions_fall(app):
    name, kim, wang = app.propose(), app.person("seoul"), app.person("beijing")
    assert wang.send(approve_form(wang, name)).status_code == 303
    answer, ready = preview(kim, edit_form(kim, name), level="J3", reason="colder than forecast")
    assert "levelJ2J3" in text_of(answer)
    assert [v.revision for v in app.versions(name)] == [1]
    assert kim.send(ready, step="save").status_code == 303
    (row,) = app.versions(name)
    content = WarningContent.from_dict(row.content)
    assert (row.revision, content.level, content.reason) == (2, "J3", "colder than forecast")
    assert row.written_by == "lead.seoul.en"
    assert kim.send(ready, step="save").status_code == 303, "the same form twice"
    assert [v.revision for v in app.versions(name)] == [2]
    page = text_of(kim.page(f"/warnings/{name}"))
    assert "Waiting for Beijing and Seoul." in page
    assert "about another text" in page
    with app.ledger.read() as conn:
        (told,) = [r["payload"] for r in rows_about(conn, name, "warning.redraft")]
    assert told["party"] == "seoul"
    assert read_evidence(app.settings, told["evidence"])["content_digest"] != row.content_digest


def test_of_two_who_edit_the_second_keeps_every_word_and_sees_the_first(app):
    name, kim, wang = app.propose(), app.person("seoul"), app.person("beijing")
    day = "city.seoul.2026-01-15.mean"
    _, mine = preview(kim, edit_form(kim, name), level="J3", reason="mine")
    _, theirs = preview(wang, edit_form(wang, name), **{day: "64.5", "reason": "theirs"})
    assert wang.send(theirs, step="save").status_code == 303
    answer = kim.send(mine, step="save")
    assert answer.status_code == 409
    page = html.fromstring(answer.text)
    _, fields = kim.form(page, "/edit")
    assert (fields["level"], fields[day], fields["reason"]) == ("J3", "64.5", "mine")
    assert page.xpath("//ins")
    _, ready = preview(kim, kim.form(page, "/edit"))
    assert kim.send(ready, step="save").status_code == 303
    (row,) = app.versions(name)
    content = WarningContent.from_dict(row.content)
    assert (content.level, content.cities[1].days[1].mean, row.revision) == ("J3", 64.5, 3)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"reason": ""}, "Say why"),
        ({"onset": "yesterday", "reason": "x"}, "no date and time"),
        ({"city.seoul.2026-01-15.mean": "-3", "reason": "x"}, "A number is needed"),
        ({"city.seoul.2026-01-15.p35": "1", "reason": "x"}, "cannot be more probable"),
        ({"city.seoul.2026-01-15.q10": "900", "reason": "x"}, "between the ends"),
        ({"onset": "2027-01-01T00:00", "reason": "x"}, "contradicts itself"),
        ({"level": "J9", "reason": "x"}, "Choose one of the list"),
    ],
)
def test_a_faulty_edit_is_sent_back_with_what_was_typed(app, typed, said):
    name = app.propose()
    kim = app.person()
    answer = kim.send(edit_form(kim, name), step="save", **typed)
    assert answer.status_code == 422
    assert said in text_of(answer)
    _, fields = kim.form(html.fromstring(answer.text), "/edit")
    assert all(fields[key] == value for key, value in typed.items() if key != "level")
    assert [v.revision for v in app.versions(name)] == [1]


@pytest.mark.slow
def test_parties_on_one_node_ask_and_answer(app):
    name, kim, wang = app.propose(), app.person("seoul"), app.person("beijing")
    form = kim.form(kim.page(f"/warnings/{name}"), "/ask")
    assert [kim.send(form, question="Do you see dust?").status_code for _ in range(2)] == [303, 303]
    page = wang.page(f"/warnings/{name}")
    assert text_of(page).count("Do you see dust?") == 2, "once in the list, once in the course"
    (answer,) = [f for f in page.forms if "/answer/" in f.get("action")]
    assert not [f for f in kim.page(f"/warnings/{name}").forms if "/answer/" in f.get("action")]
    ready = (answer.get("action"), dict(answer.form_values()))
    assert wang.send(ready, answer="None at our stations.").status_code == 303
    assert kim.send(ready, answer="I answer myself").status_code in (403, 409)
    late = wang.send(ready, answer="Another answer")
    assert late.status_code == 409
    assert "Another answer" in late.text
    assert "None at our stations." in text_of(kim.page(f"/warnings/{name}"))


def issued(app):
    name = app.propose()
    for party in ("seoul", "beijing"):
        person = app.person(party)
        assert person.send(approve_form(person, name)).status_code == 303
    app.wait(name)
    return name


@pytest.mark.slow
def test_an_end_is_looked_at_before_it_is_drafted_and_drafted_once(app):
    name, kim = issued(app), app.person()
    form = kim.form(kim.page(f"/warnings/{name}/1/end"), "/end")
    look = kim.send(form, step="look", reason="The air is clean.")
    assert look.status_code == 200
    assert len(app.versions(name)) == 1
    ready = kim.form(html.fromstring(look.text), "/end")
    for _ in range(2):
        assert kim.send(ready, step="do").status_code == 303
    newest = app.versions(name)[-1]
    assert (newest.version, newest.content["kind"], newest.revision) == (2, "all_clear", 1)
    for party in ("seoul", "beijing"):
        person = app.person(party)
        assert person.send(approve_form(person, name)).status_code == 303
    app.wait(name, "ended")
    assert {v.state for v in app.versions(name)} == {"ended"}
    assert "not in force" in text_of(kim.page(f"/warnings/{name}/2/end"))


@pytest.mark.slow
def test_a_cancellation_says_what_was_wrong(app):
    name, kim = issued(app), app.person()
    form = kim.form(kim.page(f"/warnings/{name}/1/cancel"), "/cancel")
    assert kim.send(form, step="do", because="other", reason=" ").status_code == 422
    assert kim.send(form, step="do", because="duplicate", reason="").status_code == 303
    assert app.versions(name)[-1].content["reason"] == "The same warning had been sent twice."


@pytest.mark.slow
def test_a_message_is_sent_again_to_own_recipients_alone(app):
    name, kim = issued(app), app.person("seoul")
    with app.ledger.read() as conn:
        messages = read_outbox(conn, name)
    page = kim.page(f"/warnings/{name}")
    offered = {f.fields["message"] for f in page.forms if f.get("action").endswith("/again")}
    assert offered == {m.id for m in messages if m.recipient.startswith("seoul")}
    (form, *_) = [f for f in page.forms if f.get("action").endswith("/again")]
    ready = (form.get("action"), dict(form.form_values()))
    assert kim.send(ready, reason="says it never came").status_code == 303
    app.wait(name)
    with app.ledger.read() as conn:
        (told,) = rows_about(conn, ready[1]["message"], "delivery.again")
        (row,) = [m for m in read_outbox(conn, name) if m.id == ready[1]["message"]]
    assert told["payload"] == {"party": "seoul", "reason": "says it never came", "was": "sent"}
    assert (row.state, row.attempts) == ("sent", 2)
    foreign = next(m.id for m in messages if m.recipient.startswith("beijing"))
    assert kim.send(ready, message=foreign, reason="x").status_code == 409
    assert kim.send(ready, message="other.v1.x", reason="x").status_code == 404


@pytest.mark.slow
def test_roles_see_and_do_what_is_theirs(app):
    name, other = app.propose(), issued(app)
    reader = app.person(role=Role.reader).page(f"/warnings/{name}")
    assert "forecasters decide" in text_of(reader)
    assert not [f for f in reader.forms if "/warnings/" in f.get("action")]
    agency = app.person(role=Role.agency)
    assert agency.get(f"/warnings/{name}").status_code == 404
    seen = agency.page(f"/warnings/{other}")
    assert "Deliveries" not in text_of(seen)
    assert not seen.xpath("//*[@id='decide']")
    assert name[-6:] not in text_of(agency.page("/warnings"))
    observer = app.person(role=Role.observer)
    assert observer.get(f"/warnings/{other}").status_code == 404, "the embargo is not over"
    forecaster = app.person(role=Role.forecaster)
    assert forecaster.get(f"/warnings/{other}/1/end").status_code == 403


@pytest.mark.slow
def test_a_letter_runs_nothing_and_is_as_it_will_arrive(app):
    name, kim = app.propose(degraded=EVIL), app.person()
    answer = kim.get(f"/warnings/{name}/1/letter/ko")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert "<script>" not in answer.text
    assert "data:image/png;base64," in answer.text
    assert answer.text.index("공동 조기경보") < answer.text.index("联合预警")
    assert kim.get(f"/warnings/{name}/1/letter/fr").status_code == 404


def test_a_screen_of_another_moment_is_no_evidence_of_a_decision(app):
    name, kim, wang = app.propose(), app.person(), app.person("beijing")
    before = approve_form(kim, name)
    assert wang.send(approve_form(wang, name)).status_code == 303
    now = approve_form(kim, name)
    assert now[1]["evidence"] != before[1]["evidence"]
    assert kim.send(now, evidence=before[1]["evidence"]).status_code == 409
    assert [party for party, *_ in signed(app, name)] == ["beijing"]


def test_a_form_without_a_kept_screen_or_token_is_refused(app):
    name, kim = app.propose(), app.person()
    form = approve_form(kim, name)
    assert kim.send(form, evidence="0" * 64).status_code == 409
    assert kim.send(form, evidence="../../ledger").status_code == 409
    assert kim.send(form, csrf="x").status_code == 403
    assert kim.send(form, shown="").status_code == 409
    elsewhere = approve_form(kim, app.propose())
    assert kim.send(form, evidence=elsewhere[1]["evidence"]).status_code == 409
    assert kim.send(form, back="https://evil.example/").headers["location"].startswith(f"/warnings/{name}?")


@pytest.mark.slow
def test_versions_are_shown_with_what_changed_word_by_word(app):
    name = issued(app)
    before = WarningContent.from_dict(app.versions(name)[-1].content)
    with app.ledger.write() as conn:
        propose_version(conn, WarningContent.from_dict({**before.to_dict(), "level": "J3"}), NOW)
    page = app.person().page(f"/warnings/{name}")
    assert "J3" in " ".join("".join(x.itertext()) for x in page.xpath("//article[@id='version-2']//ins"))
    assert "J2" in " ".join("".join(x.itertext()) for x in page.xpath("//article[@id='version-2']//del"))


def test_the_list_filters(app):
    name = app.propose()
    kim = app.person()
    everything = text_of(kim.page("/warnings"))
    assert name[-6:] in everything
    assert name[-6:] in text_of(kim.page("/warnings?which=open"))
    assert name[-6:] not in text_of(kim.page("/warnings?which=force"))
    assert "No warning fits." in text_of(kim.page("/warnings?product=notice"))
    assert kim.get("/warnings?which=nonsense").status_code == 422


def test_after_the_deadline_of_a_real_warning_nobody_decides(app):
    name = app.propose(simulated=False, world="measured", cap_status="Actual")
    kim, form = app.person(), approve_form(app.person(), name)
    app.now = NOW + timedelta(hours=3)
    try:
        kim = app.person()
        assert "The deadline is over" in text_of(kim.page(f"/warnings/{name}"))
        late = kim.send((form[0], {**form[1], "csrf": csrf(kim)}))
        assert late.status_code == 409
    finally:
        app.now = NOW
    assert signed(app, name) == []


def csrf(person):
    return person.page("/account").xpath("//input[@name='csrf']/@value")[0]
