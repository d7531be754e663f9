"""How the letters of a version are written: what stands beside the signed content, and what goes with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage

from alerts.content import WarningContent
from alerts.edition import bulletin_of
from alerts.email import Enclosure, build_email
from alerts.fallback import taken_over
from alerts.mail_chart import mail_chart
from alerts.message_view import Background
from alerts.outbox import Letter
from alerts.policy import Policy
from alerts.stated import NOTHING_STATED
from alerts.vocabulary import Language
from flows.own_statement import stated_of_run
from flows.workspace import Workspace
from pipeline.ledger.runs import get_run
from pipeline.ledger.warnings import read_versions
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def letter_writer(
    settings: Settings, xml: bytes, background: Background, audit_head: Callable[[], str] = str
) -> Callable[[Letter], EmailMessage]:
    """Return what writes the letters of one version; CAP message, bodies and charts are made once for all.

    ``audit_head`` tells, when the first letter is written, the head of the audit trail that they print.
    """
    enclosures: dict[str, Enclosure] = {}

    def write(letter: Letter) -> EmailMessage:
        run_id = letter.content.run_id
        if run_id not in enclosures:
            enclosures[run_id] = Enclosure(
                sender=settings.mail_from,
                contact=settings.contact,
                cap_xml=xml,
                bulletin=bulletin_of(letter.content) if background.has_bulletin else "",
                background=replace(background, telephones=settings.duty_telephones),
                chart=_picture,
                audit_head=audit_head(),
            )
        return build_email(letter, enclosures[run_id])

    return write


def _picture(content: WarningContent, language: Language) -> bytes:
    """Return the chart of a mail; one that cannot be drawn is logged and holds up no warning."""
    try:
        return mail_chart(content, language)
    except (OSError, RuntimeError, ValueError) as error:
        log.error("warning %s leaves without its chart: %s", content.warning_id, error)
        return b""


def background_of(ws: Workspace, content: WarningContent, policy: Policy) -> Background:
    """Return what messages add to the signed content: what it replaces, and the level's thresholds."""
    with ws.ledger.read() as conn:
        earlier = [
            v
            for v in read_versions(conn, content.warning_id)
            if v.version < content.version and v.state in ("issued", "updated")
        ]
        replaced = {c["city"] for row in taken_over(conn, content) for c in row.content["cities"]}
        run = get_run(conn, content.run_id)
    previous = WarningContent.from_dict(earlier[-1].content) if earlier else None
    level = next((x for x in policy.level if x.id == content.level), None)
    thresholds = dict(level.threshold) if level else {}
    return Background(
        previous,
        thresholds,
        listed_from=policy.findings.minimum_probability,
        taken_over=tuple(sorted(replaced)),
        stated=stated_of_run(ws, run) if run else NOTHING_STATED,
        has_bulletin=run is not None,
    )
