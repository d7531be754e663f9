"""Days of rounds with outages, kills and late stations: the store holds what could be had."""

import random
from datetime import timedelta

import pytest

from ingest.collect import collect_all
from pipeline.errors import NotYetAvailable, QuotaSpent, SourceUnavailable
from pipeline.ledger.asked import list_gaps
from pipeline.times import HOUR
from tests.ingest.toy_source import KEEPS, START, Clock, NoHttp, Toy, open_intake, stored

ROUNDS = 60
REVISIT = timedelta(hours=3)
PLACES = ("ingest.asking.mark_answered", "ingest.asking.store_content", "ingest.collect.record_attempt")
MOODS = (SourceUnavailable("toy", "HTTP 503"), NotYetAvailable("toy", "late"), QuotaSpent("toy", "spent"))


class Killed(BaseException):
    """Stands for the end of the process."""


def die(*args, **kwargs):
    raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_store_holds_what_could_be_had_and_the_rest_is_on_record(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    clock = Clock(START + timedelta(minutes=27))
    intake = open_intake(tmp_path, clock)
    toy = Toy(clock)
    for n in range(400):
        toy.late["b", START + n * HOUR] = rng.choice([0, 0, 0, 0, 1, 2]) * HOUR
    good_rounds, kills = [], 0
    for _ in range(ROUNDS):
        toy.error = rng.choice(MOODS) if rng.random() < 0.15 else None
        with monkeypatch.context() as patch:
            if rng.random() < 0.15:
                patch.setattr(rng.choice(PLACES), die)
            try:
                (report,) = collect_all(intake, NoHttp(), [toy.feed()], clock())
                good_rounds += [clock()] * (report.outcome == "ok")
            except Killed:
                kills += 1
        clock.now += HOUR * (rng.randint(14, 30) if rng.random() < 0.08 else 1)
    toy.error = None
    for _ in range(4):
        collect_all(intake, NoHttp(), [toy.feed()], clock())
        good_rounds.append(clock())
        clock.now += HOUR
    with intake.ledger.read() as conn:
        gone = {gap.hour for gap in list_gaps(conn, "measured", START - KEEPS)}
    truth = toy.truth(START, clock() - 4 * HOUR)
    known = stored(intake, clock())
    lacking = {key for key in truth if key not in known}
    told_though_stored = {hour for key, hour in truth if hour in gone and (key, hour) not in lacking}
    assert len(told_though_stored) <= kills, "stored, and killed before that was written down"
    for _, hour in {key for key in lacking if key[1] not in gone}:
        assert toy.late["b", hour], "only a late value can be missing without a word"
        assert not any(hour + REVISIT <= at < hour + KEEPS for at in good_rounds), (
            "and only if nobody could ask"
        )
    assert all(known[key] == value for key, value in truth.items() if key in known)
    versions = intake.store.versions(world="measured")
    assert not versions.duplicated(["station", "quantity", "time"]).any()
    assert len(gone) > 0
    intake.ledger.close()
