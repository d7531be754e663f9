"""What the operator must have been told in an accelerated year: once, when worse, when over, with cause."""

import re
import zlib
from collections import Counter, defaultdict
from datetime import timedelta

from tests.flows.year_checks import ATTEMPTS, instant
from tests.flows.year_mail import OPERATOR
from tests.flows.year_people import FORGETFUL
from tests.flows.year_plan import DAY, DISK, HOUR, MACHINE, MINUTE

AFTER = 26 * HOUR
"""How long after a fault he may still be told of what it led to: what was missed is told for a day."""
JUMP = 2 * MINUTE
LONGEST_LINE = 300
"""A line of a mail is cut here, with a mark."""
DISK_TOLD, LEDGER_TOLD, CLOCK_TOLD = " GiB and ", "the ledger does not answer", "the clock was set by"
SERVICE_TOLD = "the schedule: last sign"


class Told:
    """Every line that reached the operator: when it was written by the clock, what it says, in which mail."""

    def __init__(self, seen):
        self.seen, self.lines = seen, defaultdict(list)
        for (name, to), mails in seen.taken.items():
            for mail in mails if to == OPERATOR else ():
                for line in mail.text.splitlines():
                    stamp, gap, said = line.partition("Z  ")
                    if gap and len(stamp) == len("2026-01-14T08:00:00"):
                        self.lines[f"{stamp}Z", said, name.startswith("<watch.")].append(mail)
        self.shown = defaultdict(list)
        for at, now, _ in seen.year.looks:
            self.shown[now].append(at)
            self.shown[now + MINUTE].append(at)

    def true(self, shown, before):
        """Return when a clock that may have been set showed this, the last time before an instant."""
        return max((at for at in self.shown[shown] if at <= before), default=shown)

    def watchdog(self, *words):
        """Return the lines of the watchdog that hold certain words, and when in true time it wrote them."""
        return sorted(
            (self.true(instant(stamp), mails[0].at), said)
            for (stamp, said, by_watch), mails in self.lines.items()
            if by_watch and any(word in said for word in words)
        )


def told_wrong(seen):
    """Yield everything that the operator was told otherwise than he should have been."""
    told = Told(seen)
    notices = seen.rows("SELECT * FROM operator_notices ORDER BY seq")
    yield from _stairs_wrong(seen, notices)
    yield from _arrivals_wrong(seen, told, notices)
    yield from _causes_wrong(seen, told, notices)
    yield from _missed_wrong(seen, notices)
    yield from _watch_wrong(seen, told)


def _stairs_wrong(seen, notices):
    """Yield what was told again without being worse, over without having been ill, or ill at the end."""
    stands = {}
    for row in notices:
        before = stands.get(row["subject"], 0)
        if not (row["severity"] > before or (row["severity"] == 0 and before > 0)):
            yield row["at"], row["subject"], "told again", before, row["severity"]
        stands[row["subject"]] = row["severity"]
        seen.compared["notices"] += 1
    for subject, severity in stands.items():
        if severity and subject.startswith(("job ", "delivery ", "mailbox")):
            yield "at the end", subject, severity


def _arrivals_wrong(seen, told, notices):
    """Yield lines that did not reach the operator, or reached him more than once without need."""
    expected = Counter()
    for row in notices:
        over = "" if row["severity"] else "over: "
        said = over + _cut(" ".join(row["text"].split()))
        expected[f"{instant(row['at']):%Y-%m-%dT%H:%M:%SZ}", said] += 1
    arrived = {(stamp, said): m for (stamp, said, by_watch), m in told.lines.items() if not by_watch}
    for line, number in expected.items():
        if len(arrived.get(line, ())) < number and not _hung_up(seen, told, instant(line[0])):
            yield "never told", *line
    for (stamp, said, by_watch), mails in told.lines.items():
        if not by_watch and (stamp, said) not in expected:
            yield "told, but nobody wrote it down", stamp, said
        doubts = sum(not m.told or m.at in seen.year.kills for m in mails)
        most = (1 if by_watch else expected[stamp, said]) + doubts
        if len(mails) > most:
            yield "told too often", stamp, said, [(m.at, m.message_id) for m in mails]


def _cut(said):
    """Return a line as a mail shows it."""
    return said if len(said) <= LONGEST_LINE else said[: LONGEST_LINE - 1].rstrip() + "…"


def _hung_up(seen, told, shown):
    """Tell whether the server hung up then: a mail is repeated a few times and then taken for arrived."""
    return any(w.kind == "hangs up" for at in told.shown[shown] for w in seen.plan.at(at))


def _is_forgotten(row):
    """Tell whether an escalation names only recipients who never acknowledge this version."""
    subject = re.match(r"delivery (\S+) v(\d+) escalation", row["subject"])
    named = re.search(r"nobody acknowledged: telephone \(([^)]*)\)$", row["text"])
    if subject is None or named is None:
        return False
    draws = [repr((subject[1], int(subject[2]), name)) for name in named[1].split(", ")]
    return not any(zlib.crc32(draw.encode()) % FORGETFUL for draw in draws)


def _causes_wrong(seen, told, notices):
    """Yield trouble of which the operator was told although nothing had been wrong for a day."""
    for row in notices:
        subject, shown = row["subject"], instant(row["at"])
        if row["severity"] and subject.startswith(("job ", "delivery ", "mailbox")):
            # what is said of mail speaks of messages that wait from an outage on, and goes on while they do
            kinds = set(MACHINE) if subject.startswith("job ") else None
            times = told.shown[shown] or [shown]
            seen.compared["causes"] += 1
            if not (_is_forgotten(row) or any(_is_caused(seen.plan, at, kinds, AFTER) for at in times)):
                yield shown, subject, "told without a cause", row["text"]
    for at, said in told.watchdog(""):
        if not said.startswith("over: ") and not _is_caused(seen.plan, at, set(MACHINE), AFTER):
            yield at, "told by the watchdog without a cause", said


def _is_caused(plan, at, kinds, after):
    return any((kinds is None or w.kind in kinds) and w.start <= at < w.end + after for w in plan.windows)


def _missed_wrong(seen, notices):
    """Yield cycles that were left out or given up while the operator stood untold of any."""
    ill = defaultdict(list)
    for row in notices:
        spans = ill[row["subject"]]
        if row["severity"] and not (spans and spans[-1][1] is None):
            spans.append([instant(row["at"]), None])
        elif not row["severity"] and spans:
            spans[-1][1] = instant(row["at"])
    spans = [*ill["job cycle missed"], *ill["job cycle"]]
    left = seen.rows("SELECT nominal, begun_at FROM jobs WHERE flow = 'cycle' AND state = 'skipped'")
    given_up = seen.rows(
        "SELECT nominal, max(begun_at) AS begun_at FROM jobs WHERE flow = 'cycle' AND state = 'failed'"
        f" GROUP BY nominal HAVING count(*) >= {ATTEMPTS}"
    )
    for row in (*left, *given_up):
        at = instant(row["begun_at"])
        seen.compared["missed and told"] += 1
        if not any(begun < at + DAY and (over is None or over >= at) for begun, over in spans):
            yield row["nominal"], "was missed, and the operator was not told", row["begun_at"]


def _watch_wrong(seen, told):
    """Yield outages that the watchdog did not tell once each, and what it still thought at the end."""
    looked = {at for at, _ in seen.said("watched")}
    looks = [(at, now, wrong) for at, now, wrong in seen.year.looks if at in looked]
    outages = (
        ("disk", set(DISK), DISK_TOLD, True),
        ("ledger", {"locked", "gone"}, LEDGER_TOLD, True),
        ("service", {"off"}, SERVICE_TOLD, False),
    )
    for name, kinds, words, is_exact in outages:
        runs = _runs(looks, kinds)
        begun = [at for at, said in told.watchdog(words) if not said.startswith("over: ")]
        seen.compared[f"watchdog: {name}"] += len(runs)
        for first, last in runs:
            number = sum(first <= at <= last for at in begun)
            if number != 1:
                yield first, "the watchdog told of the", name, number, "times"
        if is_exact and name == "disk" and len(begun) != len(runs):
            yield name, "told", len(begun), "times for", len(runs)
    yield from _jumps_wrong(seen, told, looks)
    last = seen.said("watched")[-1][1]
    if last["ill"] or last["untold"]:
        yield "the watchdog at the end", last


def _runs(looks, kinds):
    """Return first and last instant of every stretch of looks at which one of these was wrong."""
    runs, inside = [], False
    for at, _, wrong in looks:
        if wrong & kinds:
            runs = [*runs[:-1], (runs[-1][0], at)] if inside else [*runs, (at, at)]
        inside = bool(wrong & kinds)
    return runs


def _jumps_wrong(seen, told, looks):
    """Yield jumps of the clock that were not told, counted from what the clock showed at two looks."""
    said = {at for at, line in told.watchdog(CLOCK_TOLD)}
    before = timedelta()
    was_ill = False
    for at, now, _ in looks:
        step, before = (now - at) - before, now - at
        jumped = abs(step) > JUMP
        if jumped and not was_ill:
            seen.compared["watchdog: clock"] += 1
            if at not in said:
                yield at, "the watchdog did not tell that the clock was set by", step
        was_ill = jumped
