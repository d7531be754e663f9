"""How the letters of a version are written: what stands beside the signed content, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

from alerts.content import WarningContent
from alerts.email import Enclosure, build_email
from alerts.message_view import Background
from alerts.outbox import Letter
from alerts.policy import Policy
from flows.workspace import Workspace
from pipeline.ledger.warnings import read_versions
from pipeline.settings import Settings


def letter_writer(settings: Settings, xml: bytes, background: Background) -> Callable[[Letter], EmailMessage]:
    """Return what writes the letters of one version; the CAP message attached is the same for all."""

    def write(letter: Letter) -> EmailMessage:
        return build_email(
            letter,
            Enclosure(
                sender=settings.mail_from,
                contact=settings.contact,
                cap_xml=xml,
                bulletin=f"bulletin-{letter.content.run_id}.html",
                background=background,
            ),
        )

    return write


def background_of(ws: Workspace, content: WarningContent, policy: Policy) -> Background:
    """Return what messages add to the signed content: the version replaced, and the level's thresholds."""
    with ws.ledger.read() as conn:
        earlier = [
            v
            for v in read_versions(conn, content.warning_id)
            if v.version < content.version and v.state in ("issued", "updated")
        ]
    previous = WarningContent.from_dict(earlier[-1].content) if earlier else None
    level = next((x for x in policy.level if x.id == content.level), None)
    return Background(previous, dict(level.threshold) if level else {})
