"""Every source passes the same faults: what each ends in is stated, nothing is lost that can still be had."""

import logging
import shutil
from datetime import timedelta
from typing import NamedTuple

import pytest

from ingest import ecmwf
from ingest.collect import collect_all
from ingest.storing import Intake
from pipeline.bulletins import read_bulletins
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.redaction import forms
from tests.fakes.certificates import LOOPBACK, OTHER_HOST, Authority
from tests.fakes.server import serving_fake
from tests.ingest.fault_cases import CALM, CASES, NOW, QUICK, Moving, polite

BACKFILL = timedelta(hours=3)
"""How far back a feed is asked at first; one with a longer step for its last instant."""
SOON, LATER = NOW + timedelta(minutes=7), NOW + timedelta(hours=2, minutes=5)


class Ends(NamedTuple):
    """How a round ends: outcome of the attempt, class of the errors, whether bytes are kept."""

    outcome: str
    error: str = ""
    kept: bool = False


FINE = Ends("ok")
TRIED = Ends("failed", "SourceUnavailable")
UNREADABLE = Ends("failed", "BadPayload", True)
REFUSED = Ends("failed", "Refused")
STOPPED = Ends("stopped", "QuotaSpent")

OUTCOMES = {
    "error 500": TRIED,
    "HTML with 200": TRIED,
    "malformed": UNREADABLE,
    "wrong content type": UNREADABLE,
    "duplicated rows": FINE,
    "redirect elsewhere": REFUSED,
    "rate limited for hours": STOPPED,
    "silent": TRIED,
    "slow": TRIED,
    "cut short": TRIED,
    "reset": TRIED,
    "error 503": TRIED,
    "empty body": TRIED,
    "cut JSON": UNREADABLE,
    "redirect without end": REFUSED,
    "forbidden": REFUSED,
    "rate limited": STOPPED,
}
"""What a fault that lasts a whole round ends in, for every feed of every source."""
AT_NIGHT = list(OUTCOMES)[7:]
"""Faults that the session ends alike for all sources; tried on each of them by `make test-all`."""
BY_DAY = ("airkorea", "cnemc")
"""One source of each side; the others' faults run among the slow tests."""


def is_for_the_night(name, fault):
    return fault in AT_NIGHT or name not in BY_DAY


class Place:
    """An installation in a folder, and what it holds."""

    def __init__(self, folder, migrated, clock):
        folder.mkdir()
        shutil.copy(migrated, folder / "ledger.sqlite")
        self.ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        self.store = ObservationStore(folder / "observations", self.ledger, clock)
        self.clock, self.folder, self.forecasts = clock, folder, []
        self.intake = Intake(self.store, "measured", folder / "quarantine", self)

    def put(self, dataset, *, source, world):
        key = (source, str(dataset.coords["forecast_reference_time"].to_numpy()))
        new = key not in self.forecasts
        self.forecasts += [key] * new
        return new

    def collect(self, feeds, patience=CALM, ca_file=None):
        """Ask the feeds in turn; return their reports by name."""
        http = polite(self.ledger, self.clock, patience, ca_file)
        found = {}
        with http.session:
            for feed in feeds:
                reach = max(BACKFILL, feed.timing.step)
                [found[feed.name]] = collect_all(self.intake, http, [feed], self.clock(), backfill=reach)
        return found

    def holds(self):
        """Return every value, bulletin and forecast, and how many versions say the same as before."""
        later = self.clock() + timedelta(seconds=5)
        rows = self.store.versions(world="measured", as_of=later)
        key = ["station", "quantity", "time"]
        newest = rows.drop_duplicates(key, keep="last")
        held = {("value", *k): v for *k, v in newest[[*key, "value"]].itertuples(index=False)}
        with self.ledger.read() as conn:
            for said in read_bulletins(conn, "measured", as_of=later):
                said = said.bulletin
                held["bulletin", said.source, said.kind, said.key] = said.digest
        held |= {("forecast", *key): True for key in self.forecasts}
        again = rows.sort_values([*key, "received_at"], kind="stable")
        same = (again[[*key, "value"]] == again[[*key, "value"]].shift()).all(axis=1)
        return held, int(same.sum())

    def kept(self):
        return sum(path.is_file() for path in (self.folder / "quarantine").rglob("*"))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Let ECMWF's run have three steps: each of its fields is a whole globe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ecmwf, "STEPS", (0, 6, 12))
        yield


@pytest.fixture(scope="session")
def clean(tmp_path_factory, migrated):
    """What a round without any fault ends in, by source and instant."""
    known = {}

    def run(name, now):
        if (name, now) not in known:
            clock = Moving(now)
            place = Place(tmp_path_factory.mktemp("clean") / "place", migrated, clock)
            with serving_fake(CASES[name].fake(clock)) as served:
                reports = place.collect(CASES[name].feeds(served.url))
            assert {ends(r) for r in reports.values()} <= {("ok", ""), ("idle", "")}
            known[name, now] = place.holds()[0], place.store.stations("measured"), reports
            place.ledger.close()
        return known[name, now]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_without_a_fault_every_feed_brings_something(clean, name):
    held, stations, reports = clean(name, NOW)
    assert len(held) >= len(stations)
    assert {r.outcome for r in reports.values()} == {"ok"}


@pytest.fixture
def begin(tmp_path, migrated, clean):
    """Start an installation that knows its stations, and the service, of which nothing was asked yet."""

    def start(name):
        clock = Moving()
        place = Place(tmp_path / "place", migrated, clock)
        place.store.append_stations(clean(name, NOW)[1], source=name, world="measured")
        return clock, place, CASES[name].fake(clock.of_service)

    return start


def ends(report):
    """Return how a round ended; errors of several kinds are joined."""
    return report.outcome, "+".join(sorted({type(error).__name__ for error in report.errors}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param(name, fault, marks=pytest.mark.slow if is_for_the_night(name, fault) else ())
        for name in CASES
        for fault in OUTCOMES
    ],
)
def test_a_fault_ends_as_stated_and_heals_at_the_next_round(begin, clean, name, fault):
    clock, place, fake = begin(name)
    with serving_fake(fake) as served:
        feeds = CASES[name].feeds(served.url)
        served.faults.tell(fault)
        reports = place.collect(feeds, QUICK if fault in ("silent", "slow") else CALM)
        kept = place.kept()
        served.faults.stop()
        clock.now = LATER if fault == "rate limited for hours" else SOON
        healed = place.collect(feeds)
    stated = OUTCOMES[fault]
    assert {f: ends(r) for f, r in reports.items()} == dict.fromkeys(reports, stated[:2])
    assert bool(kept) == stated.kept
    assert not [str(e) for r in healed.values() for e in r.errors]
    held, again = place.holds()
    assert clean(name, clock.now)[0].items() <= held.items()
    assert again == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_is_published_late_comes_later_and_is_no_error(begin, clean, name):
    clock, place, fake = begin(name)
    with serving_fake(fake) as served:
        feeds = CASES[name].feeds(served.url)
        clock.late = timedelta(hours=2)
        reports = place.collect(feeds)
        clock.late, clock.now = timedelta(0), SOON
        place.collect(feeds)
    assert {r.outcome for r in reports.values()} <= {"ok", "nothing"}
    assert place.kept() == 0
    held, again = place.holds()
    assert clean(name, SOON)[0].items() <= held.items()
    assert again == 0


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_broken_certificate_is_refused_and_a_trusted_authority_heals(begin, clean, authority, name):
    clock, place, fake = begin(name)
    with serving_fake(fake, authority.sign("elsewhere", OTHER_HOST)) as served:
        wrong_host = place.collect(CASES[name].feeds(served.url), ca_file=authority.file)
    with serving_fake(fake, authority.sign("here", LOOPBACK)) as served:
        feeds = CASES[name].feeds(served.url)
        unknown = place.collect(feeds)
        assert not served.asked
        clock.now = SOON
        place.collect(feeds, ca_file=authority.file)
    for reports in (wrong_host, unknown):
        assert {ends(r) for r in reports.values()} == {("failed", "Refused")}
    assert place.kept() == 0
    assert clean(name, SOON)[0].items() <= place.holds()[0].items()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["error 500", "forbidden", "malformed", "redirect elsewhere", "reset"])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.key])
def test_no_key_reaches_reports_ledger_or_quarantine(begin, caplog, name, fault):
    caplog.set_level(logging.DEBUG)
    _, place, fake = begin(name)
    with serving_fake(fake) as served:
        served.faults.tell(fault)
        reports = place.collect(CASES[name].feeds(served.url))
    place.ledger.close()
    texts = [str(error) for r in reports.values() for error in r.errors]
    files = [path.read_bytes() for path in place.folder.rglob("*") if path.is_file()]
    shown = caplog.text.encode() + "".join(texts).encode() + b"".join(files)
    assert texts
    assert not [form for form in forms(CASES[name].key) if form.encode() in shown]
