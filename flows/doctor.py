"""Looking an installation over before it is relied on: everything that its one file of settings names."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from alerts.policy import load_policy
from flows.doctor_exchange import exchange_checks
from flows.doctor_machine import machine_checks
from flows.doctor_settings import settings_checks
from flows.doctor_storage import storage_checks
from flows.history import ADDRESSES as HISTORY_ADDRESSES
from flows.recipients import recipients_of
from flows.workspace import Workspace
from ingest.sources import MODULES
from pipeline.cities import all_parties
from pipeline.errors import SameairError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.recipients import are_kept

Verdict = Literal["ok", "note", "warning", "trouble"]

FREE_BYTES: Final = 2 * 2**30
"""Less free space than this is a warning: a year of live observations takes less than half of it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, and what to do."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


def local_checks(ws: Workspace) -> list[Check]:
    """Look at what needs no network; nothing is changed but an empty file written and removed."""
    checks: list[Callable[[Workspace], Check]] = [_folder, _space, _ledger, _audit, _policy, _choice, _duty]
    own = [_guarded(check, ws) for check in [*checks, _recipients, _operator, _sources, _keys]]
    others = [*settings_checks(ws), *machine_checks(ws), *storage_checks(ws), *exchange_checks(ws)]
    return own + [Check(*found) for found in others]


def _guarded(check: Callable[[Workspace], Check], ws: Workspace) -> Check:
    """Turn an error of a check into what it found."""
    subject = check.__name__.strip("_")
    try:
        return check(ws)
    except (SameairError, OSError) as error:
        return Check(subject, "trouble", str(error), "see docs/operations.md")


def _folder(ws: Workspace) -> Check:
    folder = ws.settings.data_dir.resolve()
    probe = folder / f".doctor-{os.getpid()}"
    probe.touch()
    probe.unlink()
    return Check("folder", "ok", f"{folder} can be written")


def _space(ws: Workspace) -> Check:
    free = shutil.disk_usage(ws.settings.data_dir).free
    verdict: Verdict = "ok" if free >= FREE_BYTES else "warning"
    return Check("space", verdict, f"{free / 2**30:.1f} GiB free", "" if verdict == "ok" else "make room")


def _ledger(ws: Workspace) -> Check:
    with ws.ledger.read() as conn:
        conn.exec_driver_sql("SELECT 1")
    worlds = ", ".join(ws.store.worlds()) or "no observations yet"
    return Check("ledger", "ok", f"{ws.ledger.place}; {worlds}")


def _audit(ws: Workspace) -> Check:
    with ws.ledger.read() as conn:
        report = verify_audit(conn)
    if report.ok:
        return Check("audit", "ok", f"trail of {report.rows} rows is whole")
    return Check("audit", "trouble", report.message, "restore the ledger from a backup")


def _policy(ws: Workspace) -> Check:
    policy = load_policy(ws.settings.policy_file)
    missing = set(all_parties()) - set(policy.agreed_by)
    if not missing:
        return Check("policy", "ok", f"agreed by {', '.join(policy.agreed_by)}")
    found = f"not agreed to by {' and '.join(sorted(missing))}: live warnings carry CAP status Test"
    return Check("policy", "note", found, "name the agreed one in SAMEAIR_POLICY_FILE")


def _choice(ws: Workspace) -> Check:
    """Look whether the yearly look at the probabilities that issue is overdue: base rates fall."""
    policy = load_policy(ws.settings.policy_file)
    due = policy.choice.next_review.isoformat()
    if not policy.review_overdue(ws.clock().date()):
        return Check("choice", "ok", f"probabilities of {policy.choice.decided} hold until {due}")
    remedy = "run `sameair policy choose` on the last years and have the proposal signed"
    return Check("choice", "warning", f"probabilities were to be looked at again by {due}", remedy)


def _duty(ws: Workspace) -> Check:
    """Look whether the parties have entered the holidays of the year, on which another role signs."""
    policy = load_policy(ws.settings.policy_file)
    year = ws.clock().astimezone(ZoneInfo(policy.review.timezone)).year
    days = policy.duty.holidays_of(year)
    if days:
        return Check("duty", "ok", f"{len(days)} holidays of {year} are entered")
    found = f"no holiday of {year} is entered: on one, the {policy.duty.day} is named to sign"
    return Check("duty", "warning", found, "enter them under [duty] holidays of the policy")


def _recipients(ws: Workspace) -> Check:
    found = recipients_of(ws, ws.clock())
    with ws.ledger.read() as conn:
        is_kept = are_kept(conn)
    place = "" if is_kept else " of a file" if ws.settings.recipients_file else " of the packaged drill list"
    open_ = sum(not (r.verified or r.reaches_nobody) for r in found)
    told = f"{len(found)} recipients{place}" + (f", {open_} not verified" if open_ else "")
    if is_kept and found and not open_:
        return Check("recipients", "ok", told)
    remedy = "`sameair recipients verify WHO`" if is_kept else "`sameair recipients import FILE`"
    return Check("recipients", "warning" if open_ or not found else "note", told, remedy)


def _operator(ws: Workspace) -> Check:
    if ws.settings.operator_address:
        return Check("operator", "ok", f"told by {ws.settings.channel} at {ws.settings.operator_address}")
    remedy = "set SAMEAIR_OPERATOR_ADDRESS"
    return Check("operator", "warning", "nobody is told when a source fails", remedy)


def _sources(ws: Workspace) -> Check:
    """Look for misspelt names in settings, which would change nothing."""
    given = {*ws.settings.sources_off, *ws.settings.source_urls}
    unknown = sorted(given - {*MODULES, *HISTORY_ADDRESSES})
    if unknown:
        found = f"the settings name {', '.join(unknown)}, which is no source"
        return Check("sources", "warning", found, f"write some of {', '.join(sorted(MODULES))}")
    asked = "" if ws.settings.live_sources else "not "
    remedy = "" if ws.settings.live_sources else "set SAMEAIR_LIVE_SOURCES=true"
    return Check("sources", "ok" if not asked else "note", f"the schedule does {asked}ask them", remedy)


def _keys(ws: Workspace) -> Check:
    """Private keys may be read by their owner alone."""
    folder = ws.settings.keys_dir
    private = [p for p in folder.rglob("*") if p.is_file() and b"PRIVATE KEY" in p.read_bytes()[:200]]
    open_ones = [p.name for p in private if p.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if open_ones:
        remedy = f"chmod 600 the files in {folder}"
        return Check("keys", "trouble", f"others can read {', '.join(open_ones)}", remedy)
    if not private:
        return Check("keys", "note", "no signing keys yet; each is made when its party first signs")
    return Check("keys", "ok", f"signing keys readable by their owner alone: {len(private)}")
