"""What stands with a joint text, in words: whose it is, which others were offered, who voted how and why."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection

from alerts.agreement import OBJECTION, SlotState
from alerts.joint import own_party, slot_parties, state_of
from alerts.joint_slots import rivals
from alerts.scripts import language_word
from alerts.versions import OPEN
from pipeline.errors import ReviewError
from pipeline.ledger.agreement import StatementRow, offer_of, statements_about, statements_of
from pipeline.ledger.audit import rows_about
from pipeline.ledger.warnings import VersionRow
from pipeline.times import iso

_EDIT = "write another text with `sameair warnings edit"


def joint_lines(conn: Connection, row: VersionRow) -> list[str]:
    """Return in words whose text a joint version bears, which others are offered, and who voted how."""
    offer = _offer_about(conn, row)
    if offer is None:
        return []
    state, rows = state_of(conn, offer.slot), statements_of(conn, offer.slot)
    lines = [f"round {state.round}, {state.phase}"]
    if offer.digest != row.content_digest:
        lines.append(f"text {row.content_digest[:16]} was written here and is not offered yet; shown here")
    for text in dict.fromkeys(r.digest for r in rows if r.kind == "offer"):
        by = sorted({r.party for r in rows if r.kind == "offer" and r.digest == text})
        marks = [
            *(["shown here"] if text == row.content_digest else []),
            *(["agreed"] if text == state.agreed else []),
        ]
        lines.append(f"text {text[:16]} offered by {' and '.join(by)} {', '.join(marks)}".strip())
    votes = [r for r in rows if r.kind == "vote"]
    return [
        *lines,
        *(f"round {r.round}: {r.party} {_vote_words(r)} at {iso(r.at)}" for r in votes),
        *(f"also about these days: {_named(r)}" for r in rivals(conn, offer)),
        *(f"agreed, but {line}" for line in _not_followed(conn, row)),
        *state.faults,
        *(f"next: {line}" for line in _next(conn, row, state)),
    ]


def text_of(conn: Connection, row: VersionRow) -> str:
    """Return whose text a joint version bears, and how many others wait beside it."""
    offer = _offer_about(conn, row)
    if offer is None:
        return ""
    offers = [r for r in statements_of(conn, offer.slot) if r.kind == "offer"]
    by = sorted({r.party for r in offers if r.digest == row.content_digest})
    others = {r.digest for r in offers} - {row.content_digest}
    by = by or ["here, not offered yet"]
    return " and ".join(by) + (f"; {len(others)} more" if others else "")


def lacking_votes(conn: Connection, row: VersionRow) -> list[str] | None:
    """Return which parties have not voted in the round that a joint version is in, None where there is none.

    A party that can vote only for another text than the version bears is named with that one.
    """
    offer = _offer_about(conn, row)
    state = None if offer is None else state_of(conn, offer.slot)
    if offer is None or state is None or row.state not in OPEN or state.phase == "agreed":
        return None
    known = slot_parties(statements_of(conn, offer.slot))
    other = state.votable and row.content_digest not in state.votable
    text = f" (text {state.votable[0][:12]})" if other else ""
    return [f"{party}{text}" for party in known if state.vote_of(party) is None]


def text_named(conn: Connection, row: VersionRow, beginning: str) -> str:
    """Return the digest of the one text offered for a version that begins so; raises ReviewError."""
    rows = statements_about(conn, row.warning_id, row.version)
    found = {r.digest for r in rows if r.kind == "offer" and beginning and r.digest.startswith(beginning)}
    if len(found) != 1:
        raise ReviewError(f"--text {beginning} names {len(found)} offered texts; see `sameair warnings show`")
    return found.pop()


def text_objected(conn: Connection, row: VersionRow, beginning: str) -> str:
    """Return the digest of the text that an objection is about; nothing for what the version bears.

    Raises ReviewError where none or several are named so, or the version bears a text of this node's own
    that was not offered yet, so that another one must be meant.
    """
    if beginning:
        return text_named(conn, row, beginning)
    rows = statements_about(conn, row.warning_id, row.version)
    theirs = [r.digest for r in rows if r.kind == "offer" and not r.own]
    if theirs and offer_of(conn, row.content_digest) is None:
        raise ReviewError(
            f"the text shown was written here and is not offered yet; name theirs: --text {theirs[-1][:12]}"
        )
    return ""


def _offer_about(conn: Connection, row: VersionRow) -> StatementRow | None:
    """Return the offer of the text that a version bears, else the newest of another one for it."""
    offers = [r for r in statements_about(conn, row.warning_id, row.version) if r.kind == "offer"]
    return offer_of(conn, row.content_digest) or (offers[-1] if offers else None)


def _next(conn: Connection, row: VersionRow, state: SlotState) -> Iterator[str]:
    """Yield what a forecaster of this node can do now about a version that waits."""
    party = own_party(conn, row)
    if row.state not in OPEN or state.phase == "agreed" or not party:
        return
    until = f"until {iso(row.review_deadline)}"
    mine = state.vote_of(party)
    if mine is not None:
        yield f"{party} has voted in round {state.round}; the other party may {until}"
        if mine == OBJECTION:
            yield f"{_EDIT} {row.warning_id}` now; it is offered when the other party has voted"
        return
    if OBJECTION in dict(state.votes).values():
        yield "no text of this round can be agreed any more; your vote ends it, then new texts are offered"
    for text in state.votable:
        named = "" if text == row.content_digest else f" --text {text[:12]}"
        yield f"`sameair warnings approve {row.warning_id} --party {party} --person NAME{named}` {until}"
    if state.votable:
        named = "" if row.content_digest in state.votable else f" --text {state.votable[0][:12]}"
        who = f"{row.warning_id} --party {party} --person NAME"
        yield f"or `sameair warnings object {who} --reason WHY{named}`"
    else:
        yield f"{_EDIT} {row.warning_id}` {until}, or wait for theirs"


def _vote_words(row: StatementRow) -> str:
    """Return a vote in words; an objection with its reason, and the language where it is not English."""
    if row.digest != OBJECTION:
        return f"approved {row.digest[:16]}"
    signature = json.loads(row.body)["signature"]
    language = language_word(signature["reason"])
    written = f" (in {language}, as written)" if language else ""
    return f"objected{written}: {signature['reason']} [{signature['person']}]"


def _named(row: StatementRow) -> str:
    return f"text {row.digest[:16]} of {row.party}, warning {row.warning_id} v{row.version}"


def _not_followed(conn: Connection, row: VersionRow) -> list[str]:
    """Return why what was agreed on a version is not issued here."""
    found = []
    for action, word in (("joint.waits", "waits"), ("joint.recorded_only", "only recorded")):
        told = [r["payload"] for r in rows_about(conn, row.warning_id, action)]
        found += [f"{word} here: {t['why']}" for t in told if t["version"] == row.version]
    return found
