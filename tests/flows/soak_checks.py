"""What must hold at the end of a soak: the store is the truth wherever it could be had, each thing once."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import select

from ingest.due import grid
from ingest.exchange.parse import parse_exchange
from ingest.sources import readers
from pipeline.ledger.source_tables import bulletins, forecast_files, quarantined, source_gaps
from pipeline.names import MEASURED
from pipeline.times import HOUR, from_ns, to_utc
from tests.flows.soak_schedule import MINUTE, START
from tests.flows.soak_truth import DAY, FAR, NEW, SERIES, source_of

HOURLY = {"cnemc": "cnemc.hourly", "openaq": "openaq.hourly", "seoul": "seoul.hourly"}
HOURLY |= {"kma_dust": "kma.dust", "kma_asos": "kma.asos", "open_meteo": "open_meteo.weather"}
NEWEST_ONLY = ("open_meteo.forecast", "open_meteo.cams", "ecmwf.winds")
FORECASTS = (*NEWEST_ONLY, "kma.village")
CLOSE = 1e-6


@dataclass
class Findings:
    """What was compared, and what was wrong."""

    compared: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)

    def expect(self, holds, kind, *what):
        """Count a comparison; remember it if it failed."""
        self.compared[kind] += 1
        if not holds:
            self.wrong.append((kind, *what))


class Rounds:
    """When each source could be had: the instants of completed rounds in which it answered.

    ``maybe`` also holds the rounds that were killed and never made good, or in which it may have refused.
    """

    def __init__(self, soak):
        self.sure, self.maybe = defaultdict(list), defaultdict(list)
        for hour in sorted(soak.begun):
            when = soak.done.get(hour, START + hour * HOUR + MINUTE)
            for source in (*soak.schedule.asked(hour), "exchange"):
                state = soak.schedule.state(source, hour)
                if state == "yes" and hour in soak.done:
                    self.sure[source].append(when)
                if state != "no":
                    self.maybe[source].append(when)
        self.last = max(soak.done.values())

    @staticmethod
    def first(rounds, since, before):
        """Return the first of some rounds in [since, before), None if there is none."""
        at = bisect_left(rounds, since)
        return rounds[at] if at < len(rounds) and rounds[at] < before else None

    @staticmethod
    def between(rounds, since, before):
        """Return some rounds in [since, before)."""
        return rounds[bisect_left(rounds, since) : bisect_left(rounds, before)]


def check_all(soak, ws):
    """Compare everything; returns what was found."""
    found, rounds = Findings(), Rounds(soak)
    versions = versions_of(ws)
    check_versions(soak, versions, found)
    check_freshness(soak, rounds, versions, found)
    check_exchange(soak, ws, versions, found)
    with ws.ledger.read() as conn:
        gaps = {(r.feed, r.unit, to_utc(r.hour)) for r in conn.execute(select(source_gaps))}
        check_gaps(soak, rounds, gaps, found)
        check_bulletins(soak, rounds, list(conn.execute(select(bulletins).order_by(bulletins.c.seq))), found)
        check_forecasts(rounds, list(conn.execute(select(forecast_files))), found)
        check_quarantine(soak, list(conn.execute(select(quarantined))), ws.settings.quarantine_dir, found)
    return found


def versions_of(ws):
    """Return the versions of each key as (received at, value), oldest first."""
    table = ws.store.versions(world=MEASURED).sort_values("received_at", kind="stable")
    columns = ["station", "quantity", "time", "received_at", "value", "qc"]
    known = defaultdict(list)
    times = [[from_ns(t) for t in table[name].to_numpy()] for name in ("time", "received_at")]
    for station, quantity, hour, at, value, qc in zip(
        *(table[c] for c in columns[:2]), *times, table["value"], table["qc"], strict=True
    ):
        known[station, quantity, hour].append((at, float(value), int(qc)))
    return known


def check_versions(soak, versions, found):
    """Every version is what was published when it came, and none repeats the one before."""
    for key, steps in versions.items():
        if key[0].startswith("exchange:") or key[0] not in SERIES:
            continue
        for at, value, _ in steps:
            truth = soak.truth.at(key, at)
            found.expect(truth is not None and abs(truth - value) < CLOSE, "version", key, at, value, truth)
        for (_, one, flag), (_, other, again) in pairwise(steps):
            found.expect((one, flag) != (other, again), "no duplicate", key, steps)
        found.expect(len({at for at, *_ in steps}) == len(steps), "one receipt, one version", key, steps)


def ages_of(soak, station, hour):
    """Return the ages at which an hour is surely asked for, and how long it can be had."""
    network = station.split(":")[0]
    if network == "airkorea":
        return _korean_ages(soak, station, hour)
    if station.startswith("cnemc:city_"):
        timing = readers()["cnemc.city"].timing
    else:
        timing = readers()[HOURLY[network]].timing
    return [timing.delay, *timing.revisit], timing.keeps


def _korean_ages(soak, station, hour):
    """An hour is asked for as the newest, then with its day, then with its day four days later."""
    if station == FAR:
        return [timedelta(minutes=15)], HOUR
    end = (hour - HOUR).astimezone(UTC).replace(hour=15)
    end += DAY * (end < hour)
    ages = [end - hour + timedelta(hours=2), end - hour + 4 * DAY]
    if station == NEW:
        listed = soak.truth.new_listed + DAY + 2 * HOUR
        return [max(age, listed - hour) for age in ages], 88 * DAY
    return [timedelta(minutes=15), *ages], 88 * DAY


def check_freshness(soak, rounds, versions, found):
    """After the first round at each age that is asked for, the store holds what was published then."""
    for station, quantity, hour in soak.truth.said:
        if hour <= START:
            continue
        ages, keeps = ages_of(soak, station, hour)
        for age in ages:
            when = rounds.first(rounds.sure[source_of(station)], hour + age, hour + keeps)
            if when is None or soak.truth.at((station, quantity, hour), when) is None:
                continue
            # A round before it that may have been answered may have been the one that asked.
            maybe = rounds.between(rounds.maybe[source_of(station)], hour + age, when)
            told = [soak.truth.at((station, quantity, hour), t) for t in (*maybe, when)]
            until = when.replace(minute=0) + HOUR
            known = [value for at, value, _ in versions.get((station, quantity, hour), []) if at < until]
            good = any(abs(known[-1] - t) < CLOSE for t in told if t is not None) if known else None in told
            found.expect(good, "fresh", station, quantity, hour, age, when, told, known)


def check_gaps(soak, rounds, gaps, found):
    """What is on record as gone could not be had, and what could not be had is on record."""
    for name in (
        "cnemc.hourly",
        "cnemc.city",
        "seoul.hourly",
        "openaq.locations",
        "exchange.inbox",
        *FORECASTS,
    ):
        feed = readers()[name]
        for unit, hour, there in _expected(soak, feed, rounds.last - feed.timing.keeps):
            since, before = max(there, hour + feed.timing.delay), hour + feed.timing.keeps
            is_gap = (name, unit, hour) in gaps
            if rounds.first(rounds.sure[feed.source], since, before):
                found.expect(not is_gap, "not lost", name, unit, hour)
            elif not rounds.first(rounds.maybe[feed.source], since, before):
                found.expect(is_gap, "lost and told", name, unit, hour)
    known = {name for name, _, _ in gaps}
    kept_long = [
        name for name, feed in readers().items() if feed.timing.keeps > 2 * soak.schedule.hours * HOUR
    ]
    found.expect(not known & set(kept_long), "nothing lost of long memories", known)


def _expected(soak, feed, until):
    """Yield each unit and instant that a feed expects, and when its source first had it."""
    truth = soak.truth.rows_at
    for hour in grid(feed.timing, START + MINUTE, until):
        if feed.name == "cnemc.city":
            for station in (s for s in SERIES if s.startswith("cnemc:city_")):
                yield station, hour, truth[station, hour]
        elif feed.name in ("cnemc.hourly", "seoul.hourly"):
            stations = [s for s in SERIES if s.startswith(f"{feed.source}:") and ":city_" not in s]
            yield "", hour, sorted(truth[s, hour] for s in stations)[len(stations) // 2]
        elif feed.name == "exchange.inbox":
            days = [done for _, done, *_, kind, _, at in soak.files if kind == "forecast" and at == hour]
            yield "", hour, min(days, default=datetime.max.replace(tzinfo=UTC))
        elif feed.name == "openaq.locations":
            yield "seoul", hour, hour
        else:
            yield "", hour, hour


def check_bulletins(soak, rounds, rows, found):
    """Every statement is there in the version that was last to be had, and in no version twice."""
    known = defaultdict(list)
    for row in rows:
        known[row.source, row.kind, row.key].append(row)
    for said in soak.truth.bulletins:
        steps = known.pop((said.source, said.kind, said.key), [])
        asked = rounds.first(rounds.sure["airkorea"], said.issued_at + 30 * timedelta(minutes=1), rounds.last)
        if asked is not None:
            found.expect(bool(steps), "statement is there", said.key)
        lifted = said.kind == "advisory" and said.valid_until <= rounds.last - 6 * HOUR
        if steps and lifted:
            found.expect(steps[-1].content == dict(said.content), "lifted", said.key)
        found.expect(len(steps) <= 1 + (said.kind == "advisory"), "statement once", said.key, len(steps))
        found.expect(len({s.digest for s in steps}) == len(steps), "no version twice", said.key)
        if steps and said.kind != "advisory":
            found.expect(steps[0].digest == said.digest, "statement as made", said.key)
    _check_dust(soak, rounds, known, found)
    found.expect({key[0] for key in known} <= {"exchange"}, "no statement of nobody", sorted(known)[:3])


def _check_dust(soak, rounds, known, found):
    commands = soak.truth.commands
    dust = {key: steps for key, steps in known.items() if key[:2] == ("kma", "dust")}
    for begin, end in zip(commands[::2], commands[1::2], strict=True):
        [(key, steps)] = [(k, s) for k, s in dust.items() if to_utc(s[0].issued_at) == begin.issued_at] or [
            (None, [])
        ]
        if end.issued_at < rounds.last - 12 * HOUR:
            whole = bool(steps) and to_utc(steps[-1].valid_until) == end.effective_at
            found.expect(whole, "dust warning and its end", begin, steps)
        found.expect(len(steps) <= 2, "dust once", begin, steps)
        known.pop(key, None)


def check_forecasts(rounds, rows, found):
    """Each run that could be had is listed once, and no other."""
    listed = Counter((row.source, to_utc(row.reference_time)) for row in rows)
    for name in FORECASTS:
        feed = readers()[name]
        keeps = feed.timing.step if name in NEWEST_ONLY else feed.timing.keeps
        for run in grid(feed.timing, START, rounds.last - feed.timing.delay):
            window = (
                run + feed.timing.delay,
                run + keeps + (feed.timing.delay if name in NEWEST_ONLY else 0 * HOUR),
            )
            count = listed.pop((name, run), 0)
            if rounds.first(rounds.sure[feed.source], *window):
                found.expect(count == 1, "run once", name, run, count)
            elif rounds.first(rounds.maybe[feed.source], *window) is None:
                found.expect(count == 0, "run never had", name, run, count)
    early = {key for key in listed if key[1] <= START}
    found.expect(set(listed) == early, "no other run", sorted(set(listed) - early)[:3])
    found.expect(max(listed.values(), default=1) == 1, "runs before the start once", listed)


def check_quarantine(soak, rows, folder, found):
    """Only damaged answers lie there, and nothing is still held for a station that is listed by now."""
    for row in rows:
        found.expect((folder / f"{row.id}.raw").is_file(), "bytes are kept", row.id)
        hour = (to_utc(row.fetched_at) - START) // HOUR
        if row.reason == "UnknownStation":
            found.expect(row.resolved_at is not None, "freed", row.id, row.what)
        elif row.source == "exchange":
            found.expect("broken" in row.description, "broken file", row.description, row.what)
        else:
            found.expect(soak.schedule.damages(row.source, hour), "damaged", row.feed, hour, row.what)
    reasons = Counter(row.reason for row in rows)
    found.expect(set(reasons) <= {"UnknownStation", "BadPayload"}, "reasons", reasons)


def check_exchange(soak, ws, versions, found):
    """Every file that was completed is stored and filed away; corrections came once."""
    said = defaultdict(list)
    with ws.ledger.read() as conn:
        known = Counter(
            conn.execute(select(bulletins.c.key).where(bulletins.c.source == "exchange")).scalars()
        )
    inbox, archived = ws.settings.inbox_dir, ws.settings.inbox_dir / "archive"
    lying = sorted(p.name for p in inbox.iterdir() if p.is_file())
    found.expect(not lying, "inbox is empty", lying)
    listed = min(done for _, done, *_, kind, _, _ in soak.files if kind == "stations")
    for _, done, name, content, kind, rows, at in soak.files:
        place = inbox / "rejected" / name if kind == "broken" else archived / name
        whole = place.is_file() and content.startswith(place.read_bytes())
        found.expect(whole and (kind == "broken" or place.read_bytes() == content), "filed away", name)
        if kind == "forecast":
            for bulletin in parse_exchange(content).bulletins:
                found.expect(known.pop(bulletin.key, 0) == 1, "exchange forecast once", bulletin.key)
        if kind == "observations":
            for n, row in enumerate(rows):
                said[at - (len(rows) - 1 - n) * HOUR].append((float(row["value"]), done < listed))
    found.expect(not known, "no other forecast", known)
    for hour, values in said.items():
        steps = [v for _, v, _ in versions.pop(("exchange:cnemc.E1", "pm2p5", hour), [])]
        late = [v for n, (v, held) in enumerate(values) if not held or n == len(values) - 1]
        # A value that was held comes after the one that corrected it, and then counts no more.
        found.expect(
            steps in (_changes([v for v, _ in values]), _changes(late)), "exchange hour", hour, steps
        )


def _changes(values):
    return [v for n, v in enumerate(values) if n == 0 or v != values[n - 1]]
