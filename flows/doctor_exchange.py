"""Looking the exchange over: keys that lie open or end soon, clocks that differ, trails that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from flows.exchange_late import late_at, standing_rows
from flows.node import node_of
from flows.workspace import Workspace
from pipeline.errors import SameairError
from pipeline.exchange.anchors import anchor_faults
from pipeline.exchange.keyring import FILE
from pipeline.exchange.keys import ENCRYPTED
from pipeline.exchange.standing import clock_lead
from pipeline.ledger.envelopes import received_instants

Found = tuple[str, Literal["ok", "note", "warning", "trouble"], str, str]

ENDS_SOON: Final = timedelta(days=14)
"""So long before our key ends the operator is told."""


def exchange_checks(ws: Workspace) -> list[Found]:
    """Return subject, verdict, finding and remedy of what concerns the exchange; none on a shared node."""
    if not ws.settings.party:
        return []
    checks: list[Callable[[Workspace], Found]] = [
        _encrypted,
        _permissions,
        _own_key,
        _clocks,
        _trails,
        _exchange,
    ]
    return [_guarded(check, ws) for check in checks]


def _guarded(check: Callable[[Workspace], Found], ws: Workspace) -> Found:
    """Turn an error of a check into what it found."""
    try:
        return check(ws)
    except (SameairError, OSError) as error:
        return (check.__name__.strip("_"), "trouble", str(error), "see docs/security-of-exchange.md")


def _encrypted(ws: Workspace) -> Found:
    open_ones = [p.name for p in ws.settings.keys_dir.glob("*.key") if ENCRYPTED not in p.read_bytes()]
    if not open_ones:
        return ("encrypted", "ok", "private keys are encrypted", "")
    remedy = "set SAMEAIR_KEY_PASSWORD_FILE and run `sameair keys protect`"
    return ("encrypted", "warning", f"{', '.join(sorted(open_ones))} lie unencrypted", remedy)


def _permissions(ws: Workspace) -> Found:
    """Tell of secrets that other accounts of the machine may read, and of trust that they may change."""
    settings = ws.settings
    folder, password = settings.keys_dir, settings.key_password_file
    others_read = [folder, *folder.glob("*.key"), *folder.glob("*.secret"), *([password] if password else [])]
    others_write = [folder / FILE, *folder.glob("*.pub"), settings.data_dir]
    open_ones = [f"others may read {p}" for p in others_read if _mode(p) & 0o044 and not _is_shut_in(p)]
    open_ones += [f"others may write {p}" for p in others_write if _mode(p) & 0o022]
    if not open_ones:
        return ("permissions", "ok", "keys, password and ledger are this account's alone", "")
    remedy = (
        "run chmod 700 on the folder of keys, 600 on the files, or use the service manager's secret store"
    )
    return ("permissions", "warning", "; ".join(open_ones), remedy)


def _mode(path: Path) -> int:
    return path.stat().st_mode if path.exists() else 0


def _is_shut_in(path: Path) -> bool:
    """Tell whether a file lies in a folder that nobody else may enter, as secret stores make it."""
    return path.is_file() and not _mode(path.parent) & 0o011


def _own_key(ws: Workspace) -> Found:
    node = node_of(ws)
    own = () if node is None else node.ring.of(node.party)
    ends = [k.valid_to for k in own if k.valid_to is not None and not k.revoked_at]
    lasting = [k for k in own if k.valid_to is None and not k.revoked_at]
    if lasting or not ends or max(ends) > ws.clock() + ENDS_SOON:
        return ("own key", "ok", f"{ws.settings.party} can sign", "")
    remedy = f"run `sameair keys rotate {ws.settings.party}`"
    return ("own key", "warning", f"the last key of {ws.settings.party} ends on {max(ends):%Y-%m-%d}", remedy)


def _clocks(ws: Workspace) -> Found:
    node = node_of(ws)
    leads = {}
    for peer in () if node is None else node.peers:
        with ws.ledger.read() as conn:
            leads[peer] = clock_lead(received_instants(conn, peer))
    ahead = [
        f"that of {p} is {lead.total_seconds():.0f} s ahead"
        for p, lead in leads.items()
        if lead >= timedelta(seconds=1)
    ]
    if not ahead:
        return ("clocks", "ok", "no clock is known to be ahead of ours", "")
    found = f"{'; '.join(ahead)}; at most {ws.settings.clock_skew} s are tolerated"
    return ("clocks", "warning", found, "have both sides look at their time service (NTP)")


def _trails(ws: Workspace) -> Found:
    node = node_of(ws)
    with ws.ledger.read() as conn:
        faults = [f for peer in (node.peers if node else ()) for f in anchor_faults(conn, peer)]
    if not faults:
        return ("trails", "ok", "audit trails fit what was told of them", "")
    return ("trails", "trouble", "; ".join(faults[:3]), "see `sameair audit verify --against-peer`")


def _exchange(ws: Workspace) -> Found:
    """Look whether anything of the daily life of the exchange is late."""
    late = [c.text for c in late_at(ws, ws.clock()) if c.severity]
    if not late:
        return ("exchange", "ok", "; ".join(row["stands"] for row in standing_rows(ws)), "")
    return ("exchange", "warning", "; ".join(late), "see `sameair exchange status`")
