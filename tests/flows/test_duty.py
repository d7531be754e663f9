"""The duty rota: every instant has one shift, the newest entry counts, gaps are told in the season alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.duty import enter_shift, gaps_of, note_handover, notes_of, rota_of, shifts_between
from flows.node import parties
from flows.said import Speaker
from flows.season_watch import season_conditions, watch_season
from flows.workspace import open_workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.season import calendar_of
from pipeline.settings import Settings
from pipeline.times import parse_instant

KIM, LI = Speaker("seoul", "Kim"), Speaker("beijing", "Li")
WINTER, SUMMER = parse_instant("2026-12-10T03:00Z"), parse_instant("2026-07-10T03:00Z")


@pytest.fixture
def ws(tmp_path):
    settings = Settings(data_dir=tmp_path, operator_address="operator@example.org")
    ws = open_workspace(settings, lambda: WINTER)
    yield ws
    ws.ledger.close()


def at(ws, when):
    return replace(ws, clock=lambda: when)


@given(st.integers(0, 20 * 365 * 24 * 60), st.sampled_from(["seoul", "beijing"]))
def test_every_instant_lies_in_just_one_shift_of_each_party(minutes, party):
    when = parse_instant("2015-01-01") + timedelta(minutes=minutes)
    (shift,) = shifts_between(calendar_of(), party, when, when + timedelta(microseconds=1))
    assert shift.begins <= when < shift.ends
    assert shift.ends - shift.begins == timedelta(hours=12)


def test_the_same_hour_is_an_hour_later_in_beijing():
    first, other = (
        shifts_between(calendar_of(), party, WINTER, WINTER + timedelta(seconds=1))[0]
        for party in ("seoul", "beijing")
    )
    assert first.local == other.local == "2026-12-10 08:00"
    assert other.begins - first.begins == timedelta(hours=1)


def test_the_newest_entry_counts_and_the_number_stays_apart(ws):
    enter_shift(ws, KIM, "2026-12-10 08:00", "Park", "+82 2 1234 5678")
    later = at(ws, WINTER + timedelta(minutes=5))
    enter_shift(later, KIM, "2026-12-10 08:00", "Choi")
    now = [row for row in rota_of(ws, WINTER, WINTER + timedelta(hours=1)) if row["party"] == "seoul"]
    assert [(row["on_duty"], row["telephone"]) for row in now] == [("Choi", "")]
    with ws.ledger.read() as conn:
        said = conn.exec_driver_sql("SELECT body FROM party_statements").scalars().all()
        audit = str(conn.exec_driver_sql("SELECT payload FROM audit").all())
    assert len(said) == 2
    assert "1234" not in str(said) + audit


def test_what_is_no_shift_or_not_ones_own_is_refused(ws):
    with pytest.raises(UsageError, match="shifts begin at 08:00, 20:00"):
        enter_shift(ws, KIM, "2026-12-10 09:00", "Park")
    with pytest.raises(UsageError, match="no local time"):
        enter_shift(ws, KIM, "tomorrow", "Park")
    with pytest.raises(UsageError, match="no telephone number"):
        enter_shift(ws, KIM, "2026-12-10 08:00", "Park", "call me")
    own = replace(ws, settings=ws.settings.model_copy(update={"party": "beijing"}))
    with pytest.raises(ReviewError, match="signs for beijing alone"):
        enter_shift(own, KIM, "2026-12-10 08:00", "Park")


def test_gaps_are_told_in_the_season_alone_once_and_once_when_filled(ws):
    assert gaps_of(ws, SUMMER) == []
    gaps = gaps_of(ws, WINTER)
    assert {row["party"] for row in gaps} == set(parties())
    assert watch_season(ws, WINTER) == 2  # the rota and the outlook of Thursday, 3 December
    assert watch_season(ws, WINTER + timedelta(minutes=10)) == 0
    for row in gaps:
        who = KIM if row["party"] == "seoul" else LI
        enter_shift(ws, who, row["shift"], "Park")
    (rota, *_) = season_conditions(ws, WINTER)
    assert rota.severity == 0
    assert watch_season(ws, WINTER) == 1


def test_a_note_is_left_for_the_next_shift_and_kept(ws):
    note_handover(ws, LI, "watch the\nfront")
    note_handover(at(ws, WINTER + timedelta(hours=1)), KIM, "Beijing clean since noon")
    assert [n["text"] for n in notes_of(ws, WINTER - timedelta(days=1))] == [
        "watch the front",
        "Beijing clean since noon",
    ]
