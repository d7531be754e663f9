"""What must be true after an accelerated year, by arithmetic of its own over what was seen from outside.

Seen from outside: the rows of the database by plain SQL, what the processes said as they did it, and what
the mail server took. None of the program's own functions is asked, but for the audit trail's own check.
"""

import json
import sqlite3
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.flows.year_mail import OPERATOR
from tests.flows.year_plan import DAY, MINUTE

RECIPIENTS = tomllib.loads((Path(__file__).parents[2] / "alerts/recipients.toml").read_text("utf-8"))
LEVELS = ("J1", "J2", "J3")
PARTIES = {"seoul", "beijing"}
ATTEMPTS = 4
"""How often a cycle is tried: once, and after 1, 5 and 15 minutes."""
ACCOUNTS = ("done", "left out", "given up")
FOLLOWING = ("reminder", "escalation")
NO_USE = ("acknowledged meanwhile", "the warning was over")


def instant(text):
    """Return an instant as the database or a message writes it."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "T"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Seen:
    """Everything that was seen of a year."""

    def __init__(self, year):
        self.year, self.plan = year, year.plan
        self.db = sqlite3.connect(year.folder / "ledger.sqlite")
        self.db.row_factory = sqlite3.Row
        self.taken = defaultdict(list)
        for mail in year.post.taken:
            self.taken[mail.message_id, mail.to].append(mail)
        self.compared = Counter()

    def rows(self, query, *values):
        """Return rows of the database."""
        return self.db.execute(query, values).fetchall()

    def said(self, what):
        """Return what the processes said of a kind, with when in true time."""
        return [(at, one) for at, one in self.year.said if one["what"] == what]


def done_wrong(seen):
    """Yield everything that was done otherwise than it should have been."""
    yield from cycles_wrong(seen)
    yield from runs_wrong(seen)
    yield from drafts_wrong(seen)
    yield from signed_wrong(seen)
    yield from mails_wrong(seen)


def cycles_wrong(seen):
    """Yield cycles that have not exactly one account: done, left out with a reason, or given up and told."""
    rows = defaultdict(list)
    for row in seen.rows("SELECT * FROM jobs WHERE flow = 'cycle' ORDER BY attempt"):
        rows[instant(row["nominal"])].append(row)
    nominal = seen.plan.cycles()
    yield from ((time, "is no cycle") for time in rows if time not in nominal and time < seen.plan.end)
    for time in nominal:
        account = _account(seen, rows[time])
        seen.compared["cycles"] += 1
        seen.compared[account] += 1
        if account not in ACCOUNTS:
            yield time, account, [(row["state"], row["why"]) for row in rows[time]]
        yield from ((time, "no reason") for r in rows[time] if r["state"] != "done" and not r["why"])


def _account(seen, rows):
    """Return the account of a cycle; what a clock that ran ahead left out counts where nothing else does."""
    states = Counter(row["state"] for row in rows)
    doubted = sum(r["state"] == "skipped" and _by_wrong_clock(seen, instant(r["begun_at"])) for r in rows)
    done, left, failed = states["done"], states["skipped"] - doubted, states["failed"]
    if states["running"]:
        return "still running"
    if done or left:
        return {(1, 0): "done", (0, 1): "left out"}.get((done, left), f"{done} done, {left} left out")
    return "left out" if doubted else "given up" if failed >= ATTEMPTS else "no account"


def _by_wrong_clock(seen, shown):
    """Tell whether the clock showed this while it was wrong."""
    return any(now == shown and at != now for at, now, _ in seen.year.looks)


def runs_wrong(seen):
    """Yield cycles with more than one finished run, or done without one; and runs begun that nobody ended."""
    found = Counter()
    for row in seen.rows("SELECT cycle, status, is_current FROM runs"):
        found[instant(row["cycle"]), row["status"], bool(row["is_current"])] += 1
    done = seen.rows("SELECT nominal, result FROM jobs WHERE flow = 'cycle' AND state = 'done'")
    for row in done:
        time, left = instant(row["nominal"]), "left" in json.loads(row["result"] or "{}")
        seen.compared["runs"] += 1
        if found[time, "finished", True] != (not left):
            yield time, "runs", found[time, "finished", True], row["result"]
    for (time, status, current), number in found.items():
        if (status == "finished" and (number > 1 or not current)) or (
            status == "running" and time < seen.plan.end - 2 * DAY
        ):
            yield time, status, current, number
    ran = Counter(one["cycle"] for _, one in seen.said("ran"))
    yield from ((cycle, "ran twice", times) for cycle, times in ran.items() if times > 1)


def drafts_wrong(seen):
    """Yield episodes of which no draft was made although the cycle that first sees them was carried out."""
    done = {instant(row["cycle"]) for row in seen.rows("SELECT cycle FROM runs WHERE is_current")}
    known = {row["id"] for row in seen.rows("SELECT id FROM warnings")}
    for episode in seen.plan.episodes:
        seen.compared["episodes"] += 1
        if episode.cycle in done and episode.warning_id not in known:
            yield episode.warning_id, "was never drafted"


def signed_wrong(seen):
    """Yield versions that stand otherwise than their signatures and deadlines say."""
    states = defaultdict(list)
    for row in seen.rows("SELECT warning_id, version, state FROM warning_events ORDER BY step"):
        states[row["warning_id"], row["version"]].append(row["state"])
    signed = defaultdict(set)
    for row in seen.rows("SELECT warning_id, version, party FROM signatures WHERE decision = 'approve'"):
        signed[row["warning_id"], row["version"]].add(row["party"])
    by_hand = defaultdict(set)
    for _, one in seen.said("signed"):
        by_hand[one["warning"], one["version"]].add(one["party"])
    for (warning, version), parties in by_hand.items():
        if not parties <= signed[warning, version]:
            yield warning, version, "a signature is lost", parties
    product = {row["id"]: row["product"] for row in seen.rows("SELECT id, product FROM warnings")}
    singles = Counter(p for p in product.values())
    for (warning, version), steps in states.items():
        joint, parties = product[warning] == "joint_warning", signed[warning, version]
        full = parties >= PARTIES if joint else bool(parties)
        seen.compared["versions"] += 1
        if steps.count("issued") != full:
            yield warning, version, "issued", steps, parties
        if joint and not full and steps[-1] not in ("expired", "rejected"):
            yield warning, version, "is open for ever", steps
    yield from _alone_wrong(seen, states, signed, product)
    seen.compared["single"] += singles["single_city_warning"]


def _alone_wrong(seen, states, signed, product):
    """Yield joint versions that one party alone signed without its own warning going out."""
    cities = defaultdict(list)
    for row in seen.rows("SELECT warning_id, content FROM warning_versions"):
        content = json.loads(row["content"])
        if content["product"] == "single_city_warning":
            cities[content["issue_time"], content["cities"][0]["episode_id"]].append(row["warning_id"])
    for row in seen.rows("SELECT warning_id, version, content FROM warning_versions"):
        name, content = (row["warning_id"], row["version"]), json.loads(row["content"])
        if product[name[0]] != "joint_warning" or len(signed[name]) != 1 or states[name][-1] == "draft":
            continue
        [party] = signed[name]
        own = cities[content["issue_time"], f"{party}-{name[0]}"]
        if not own or not any("issued" in states[one, v] for one, v in states if one == own[0]):
            yield *name, party, "signed alone, and nothing went out"


def who_hears(seen, content, before):
    """Return the ids of the packaged list that a version is to reach, by the list's own words."""
    chosen = set(before)
    for one in RECIPIENTS["recipient"]:
        level = content["level"]
        loud = not level or LEVELS.index(level) >= LEVELS.index(one["minimum_level"])
        concerned = {c["city"] for c in content["cities"]} & set(one["cities"])
        if loud and concerned and one["party"] in content["parties"]:
            chosen.add(one["id"])
    return chosen


def mails_wrong(seen):
    """Yield messages that are lacking in the outbox, that did not arrive, or that arrived more than once."""
    contents = {
        (row["warning_id"], row["version"]): json.loads(row["content"])
        for row in seen.rows("SELECT warning_id, version, content FROM warning_versions ORDER BY revision")
    }
    issued = [
        (row["warning_id"], row["version"])
        for row in seen.rows("SELECT * FROM warning_events WHERE state = 'issued' ORDER BY step")
    ]
    box = defaultdict(dict)
    for row in seen.rows("SELECT * FROM outbox"):
        if row["purpose"] == "warning":
            box[row["warning_id"], row["version"]][row["recipient"]] = row
        yield from _mail_wrong(seen, row, issued)
    for name in issued:
        before = {r for (w, v), rows in box.items() if w == name[0] and v < name[1] for r in rows}
        if who_hears(seen, contents[name], before) != set(box[name]):
            yield *name, "goes to", set(box[name]), who_hears(seen, contents[name], before)
        seen.compared["issued"] += 1
    yield from ((name, "was never issued") for name in box if name not in issued)
    known = {row["message_id"] for row in seen.rows("SELECT message_id FROM outbox")}
    yield from (
        (name, to, "nobody asked for this") for name, to in seen.taken if to != OPERATOR and name not in known
    )


def _mail_wrong(seen, row, issued):
    """Yield a message of the outbox that arrived otherwise than once."""
    times = seen.taken[row["message_id"], seen_address(seen, row)]
    seen.compared["mails"] += 1
    if row["state"] == "sent" and len(times) == 1:
        return
    # What a killed sender had given away already the server may read only as the next look begins.
    doubted = len(times) == 2 and (
        not times[0].told or any(k <= times[0].at <= k + 3 * MINUTE for k in seen.year.kills)
    )
    if row["state"] == "sent" and doubted:
        seen.compared["repeated"] += 1
        return
    later = any(w == row["warning_id"] and v > row["version"] for w, v in issued)
    useless = row["state"] == "failed" and (
        ("later version" in row["last_error"] and later)
        or (row["purpose"] in FOLLOWING and row["last_error"].startswith(NO_USE))
    )
    if useless and not times:
        seen.compared["useless"] += 1
        return
    yield row["id"], row["state"], row["last_error"], row["attempts"], times


def seen_address(seen, row):
    """Return the address of a recipient by the packaged list."""
    return next(one["email"] for one in RECIPIENTS["recipient"] if one["id"] == row["recipient"])
