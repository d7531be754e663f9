"""What the pages can have done, by whoever runs the workspace: review itself starts no flow.

An application without it shows everything and decides nothing. Every method raises a ``SameairError`` that
says why not; ``Changed`` where a warning does not stand any more as it was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from fastapi import Request

from alerts.asked_for import Addressee, Choice, Ending, ProposedLetter, Question, Remark
from alerts.content import WarningContent
from alerts.vocabulary import Language

Plain = dict[str, Any]


class Operating(Protocol):
    """What keeps an installation running, and recipients as they wish to be."""

    def feeds(self, world: str) -> list[Plain]:
        """Return how every feed of a world is, the worst first."""

    def metrics(self) -> bytes:
        """Return every figure of the service as Prometheus text."""

    def coverage(self, world: str) -> list[Plain]:
        """Return how much of the last 24 h of each city's network is there."""

    def retry_answer(self, entry_id: str, person: str) -> Plain:
        """Read an answer of quarantine again."""

    def close_answer(self, entry_id: str, person: str, reason: str) -> None:
        """Close an answer that nobody will read again."""

    def keys(self) -> list[Plain]:
        """Return the public keys that this node knows, by fingerprint."""

    def subscribe(self, recipient: str, changes: Mapping[str, Any], person: str) -> Plain:
        """Change what a recipient is sent."""

    def ask_address(self, recipient: str, person: str) -> Plain:
        """Send a recipient the mail by which its address is confirmed."""


class KeepingRota(Protocol):
    """The duty rota of both parties."""

    def on_duty(self) -> Plain:
        """Return who has the present shift of each party, and whether Seasonal Management is in force."""

    def duty(self, party: str) -> Plain:
        """Return the rota of the next days, and the notes that a party's shifts left."""

    def enter_shift(self, party: str, person: str, begins: str, name: str, telephone: str) -> Plain:
        """Enter who has a shift of the party."""

    def note_handover(self, party: str, person: str, text: str) -> Plain:
        """Leave a note for the next shift of the party."""


class KeepingDossiers(Protocol):
    """The joint dossiers of episodes, with findings and dissent."""

    def dossiers(self, world: str, winter: str) -> Plain:
        """Return the ended episodes of a winter, or of the last 60 days, with how their dossiers stand."""

    def dossier(self, world: str, name: str, language: Language) -> Plain:
        """Return the newest version of a dossier as it is shown: its words, findings, sides and standing."""

    def dossier_file(self, world: str, name: str, language: str, kind: str) -> bytes:
        """Return the newest version of a dossier as ``html``, ``txt``, ``pdf`` or ``json``."""

    def build_dossier(self, world: str, name: str, person: str) -> Plain:
        """Build the dossier of an ended episode."""

    def propose_finding(self, remark: Remark, text: str) -> Plain:
        """Propose a finding for a party."""

    def answer_finding(
        self, remark: Remark, finding: str, answer: Literal["agree", "dissent"], text: str
    ) -> Plain:
        """Agree with a finding of the other party, or dissent in words."""

    def close_dossier(self, remark: Remark) -> Plain:
        """Sign off the newest text of a dossier for a party."""


class KeepingOutlook(Protocol):
    """The calendar of the season and the weekly joint outlook."""

    def season(self, world: str, language: Language) -> Plain:
        """Return the calendar of both sides at the present of a world."""

    def outlooks(self, world: str) -> list[Plain]:
        """Return every week's outlook with how it stands, newest first."""

    def outlook(self, world: str, name: str, version: int, language: Language) -> Plain:
        """Return a version of an outlook as it is shown, 0 for the newest."""

    def outlook_file(self, world: str, name: str, version: int, language: str, kind: str) -> bytes:
        """Return a version of an outlook as ``html``, ``txt``, ``pdf`` or ``json``."""

    def draft_outlook(self, world: str, person: str) -> str:
        """Draft the outlook whose day is nearest, and return its name."""

    def approve_outlook(self, remark: Remark) -> Plain:
        """Sign off the version of an outlook that counts for a party."""

    def send_outlook(self, remark: Remark, to: Sequence[str]) -> list[Plain]:
        """Mail the version of an outlook that counts, if every party signed it off."""


class Doing(Operating, KeepingRota, KeepingDossiers, KeepingOutlook, Protocol):
    """What a workspace does for the people at the pages."""

    def signs_for(self, party: str) -> bool:
        """Tell whether decisions of a party are signed on this node."""

    def approve(self, choice: Choice) -> Plain:
        """Record the party's approval."""

    def object_(self, choice: Choice, reason: str) -> Plain:
        """Record the party's objection."""

    def edit(self, choice: Choice, content: WarningContent, reason: str) -> Plain:
        """Replace the text of the version."""

    def close(self, choice: Choice, kind: Ending, reason: str) -> Plain:
        """Draft the all-clear or the cancellation of a warning in force."""

    def carry_out(self, warning_id: str, version: int) -> Plain:
        """Issue and send what decisions have made ready."""

    def ask(self, question: Question) -> Plain:
        """Ask the other party."""

    def answer(self, question: str, party: str, person: str, text: str) -> Plain:
        """Answer a question of the other party."""

    def send_again(self, outbox_id: str, party: str, person: str, reason: str) -> Plain:
        """Put a message to a recipient of the party back into the outbox."""

    def deliver(self, world: str) -> Plain:
        """Send what stands in the outbox for a world."""

    def letter(self, content: WarningContent, language: Language, party: str) -> ProposedLetter:
        """Write a version as a reader of a party would get it."""

    def addressees(self, content: WarningContent) -> tuple[Addressee, ...]:
        """Return to whom a version would go now."""


def doing_of(request: Request) -> Doing | None:
    """Return what can be done here, None where the pages only show."""
    found: Doing | None = getattr(request.app.state, "doing", None)
    return found
