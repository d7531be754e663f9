"""What the review pages can have done in a workspace: the decisions of people, each for their own party."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.asked_for import Addressee, Choice, Ending, ProposedLetter, Question
from alerts.content import WarningContent
from alerts.vocabulary import Language
from flows.consult import answer, ask
from flows.desk import (
    Decision,
    approve_version,
    carry_out,
    decision_time,
    draft_ending,
    find_version,
    object_to_version,
)
from flows.edits import write_edit
from flows.proposed import addressees_of, proposed_letter
from flows.reviewing_dossiers import ReviewingDossiers
from flows.reviewing_operations import ReviewingOperations
from flows.reviewing_outlook import ReviewingOutlook
from flows.reviewing_season import ReviewingSeason
from flows.sent_again import send_message_again
from flows.signing import is_live
from flows.workspace import Workspace
from flows.worlds import deliver_everywhere

Plain = dict[str, Any]


class Reviewing(ReviewingOperations, ReviewingSeason, ReviewingDossiers, ReviewingOutlook):
    """A workspace that acts for the pages; what ``review.doing`` asks for.

    Decisions only sign: what they make ready is issued and sent by :meth:`carry_out`, after the page was
    answered, or within five minutes by the scheduled post if that was cut off.
    """

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws

    def signs_for(self, party: str) -> bool:
        """Tell whether decisions of a party are signed on this node."""
        return self.ws.settings.party in ("", party)

    def approve(self, choice: Choice) -> Plain:
        """Record the party's approval."""
        return approve_version(self.ws, choice.warning_id, choice.version, _decision(choice), choice.text)

    def object_(self, choice: Choice, reason: str) -> Plain:
        """Record the party's objection."""
        decision = _decision(choice)
        return object_to_version(self.ws, choice.warning_id, choice.version, decision, reason, choice.text)

    def edit(self, choice: Choice, content: WarningContent, reason: str) -> Plain:
        """Replace the text of the version."""
        return write_edit(self.ws, content, _decision(choice), reason)

    def close(self, choice: Choice, kind: Ending, reason: str) -> Plain:
        """Draft the all-clear or the cancellation of a warning in force."""
        return draft_ending(self.ws, choice.warning_id, kind, _decision(choice), reason)

    def carry_out(self, warning_id: str, version: int) -> Plain:
        """Issue and send what decisions have made ready."""
        return carry_out(self.ws, warning_id, version)

    def ask(self, question: Question) -> Plain:
        """Ask the other party about a warning; in an exercise at the exercise's own time."""
        at = self._exercise_time(question.warning_id)
        about = question.warning_id
        return ask(
            self.ws, about, question.text, question.person, question.within, party=question.party, at=at
        )

    def answer(self, question: str, party: str, person: str, text: str) -> Plain:
        """Answer a question of the other party."""
        return answer(self.ws, question, text, person, party=party)

    def send_again(self, outbox_id: str, party: str, person: str, reason: str) -> Plain:
        """Put a message to a recipient of the party back into the outbox."""
        return send_message_again(self.ws, outbox_id, party, person, reason)

    def deliver(self, world: str) -> Plain:
        """Send what stands in the outbox for a world."""
        return {"sent": len(deliver_everywhere(self.ws, world).sent)}

    def letter(self, content: WarningContent, language: Language, party: str) -> ProposedLetter:
        """Write a version as a reader of a party would get it."""
        return proposed_letter(self.ws, content, language, party)

    def addressees(self, content: WarningContent) -> tuple[Addressee, ...]:
        """Return to whom a version would go now."""
        return addressees_of(self.ws, content)

    def _exercise_time(self, warning_id: str) -> datetime | None:
        """Return the present of an exercise's world, None for a warning in earnest."""
        content = WarningContent.from_dict(find_version(self.ws, warning_id, None).content)
        return None if is_live(content) else decision_time(self.ws, content, None)


def _decision(choice: Choice) -> Decision:
    return Decision(choice.party, choice.person, shown=choice.shown, evidence=choice.evidence, act=False)
