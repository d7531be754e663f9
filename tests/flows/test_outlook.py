"""The weekly outlook: the run's own numbers, past years beyond, and nothing leaves without both sign-offs."""

from __future__ import annotations

from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default

import pandas as pd
import pytest

from alerts.vocabulary import LANGUAGES
from flows.outlook import approve_outlook, build_outlook, lacking
from flows.outlook_days import later_of
from flows.outlook_offered import enclosed
from flows.outlook_paper import outlook_paper, write_outlook
from flows.outlook_send import send_outlook
from flows.papers import page_of, text_of
from flows.runview import find_run
from flows.said import Speaker
from flows.season_words import body_of
from pipeline.cities import city
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.bodies import check_body
from pipeline.ledger.season import read_party_statements
from pipeline.season import calendar_of
from pipeline.times import parse_instant

KIM, LI = Speaker("seoul", "Kim"), Speaker("beijing", "Li")


@pytest.mark.flows
@pytest.mark.slow
def test_an_outlook_of_a_simulated_world_is_drafted_signed_by_both_and_sent(done, plan, tmp_path):
    row = build_outlook(done, plan.world)
    assert build_outlook(done, plan.world).version == row.version == 1
    run = find_run(done, plan.world, None)
    table = pd.read_parquet(done.settings.data_dir / run.products["predictions"])
    daily = table[(table["target"] == "daily") & (table["model"] == "sameair")].dropna(subset=["mean"])
    for told in row.content["cities"]:
        mine = daily[daily["city"] == told["city"]].sort_values("valid_start")
        assert [d["mean"] for d in told["ahead"]] == [round(float(m), 1) for m in mine["mean"]]
        assert [len(told["later"]), len(told["last_week"])] == [4, 7]
    with pytest.raises(ReviewError, match="lacks the sign-off of beijing, seoul"):
        send_outlook(done, plan.world, row.subject, ["a@example.org"])
    approve_outlook(done, row, KIM)
    with done.ledger.read() as conn:
        (said,) = read_party_statements(conn, "outlook")
        check_body("season", {**body_of(said), **enclosed(conn, said)})
    assert lacking(done, row) == ["beijing"]
    draft = page_of(outlook_paper(row, lacking(done, row), "en"))
    assert "DRAFT" in draft
    assert "초안" in text_of(outlook_paper(row, ("seoul",), "ko"))
    assert "草案" in text_of(outlook_paper(row, ("seoul",), "zh"))
    assert "SIMULATED WORLD" in draft
    approve_outlook(done, row, LI)
    with pytest.raises(UsageError, match="is no e-mail address"):
        send_outlook(done, plan.world, row.subject, ["a@example.org\nBcc: b@example.org"])
    for _ in range(2):
        (sent,) = send_outlook(done, plan.world, row.subject, ["a@example.org"])
        assert sent["outcome"] == "sent"
    found = [p for p in done.settings.data_dir.rglob("outlook.*") if p.is_file()]
    assert len(found) == 1
    mail = message_from_bytes(found[0].read_bytes(), policy=default)
    text = mail.get_body(("plain",)).get_content()
    assert all(outlook_paper(row, (), language).title in text for language in LANGUAGES)
    assert "DRAFT" not in text
    assert "This outlook is no warning" in text
    assert len(write_outlook(row, (), tmp_path)) == 10


def test_the_usual_counts_days_near_the_date_in_past_years_alone():
    first, today = date(2020, 1, 1), date(2026, 1, 14)
    days = {first + timedelta(days=n): float(n % 100) for n in range((today - first).days + 30)}
    (told, *_) = later_of(parse_instant("2026-01-14T02:00Z"), city("seoul"), 50, {"seoul": days})
    day = date.fromisoformat(told["day"])
    near = [
        value
        for one, value in days.items()
        for years in range(1, 8)
        if abs((day - one).days - years * 365.2425) <= 15.5
    ]
    assert told["days"] == len(near) > 150
    assert told["share"] == round(sum(value > 50 for value in near) / len(near), 3)


def test_with_too_few_past_days_nothing_is_said_of_the_usual():
    told = later_of(parse_instant("2026-01-14T02:00Z"), city("seoul"), 50, {})
    assert {d["share"] for d in told} == {None}
    assert [d["lead_day"] for d in told] == [4, 5, 6, 7]


def test_an_outlook_belongs_to_the_nearest_thursday():
    rhythm = calendar_of().rhythm
    thursday = parse_instant("2020-01-09T07:00Z")
    for hours, due in ((-70, 0), (-1, 0), (0, 0), (80, 0), (90, 7), (-90, -7)):
        assert rhythm.outlook_nearest(thursday + timedelta(hours=hours)) == thursday + timedelta(days=due)


@pytest.mark.slow
def test_an_outlook_needs_a_fresh_cycle(done, plan):
    with pytest.raises(UsageError, match="too old"):
        build_outlook(done, plan.world, plan.cycle + timedelta(days=3))
    with pytest.raises(UsageError, match="has run"):
        build_outlook(done, plan.world, plan.cycle - timedelta(days=30))
