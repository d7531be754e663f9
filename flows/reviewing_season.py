"""What the page of duty can have done: who is on duty at each party, and notes between shifts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flows.duty import NOTES, enter_shift, note_handover, notes_of, rota_of
from flows.said import Speaker
from flows.workspace import Workspace
from pipeline.season import calendar_of
from pipeline.times import local_date

Plain = dict[str, Any]
_MOMENT: Final = timedelta(seconds=1)


class ReviewingSeason:
    """The part of ``review.doing.Doing`` that keeps the duty rota."""

    ws: Workspace

    def on_duty(self) -> Plain:
        """Return who has the present shift of each party, and whether Seasonal Management is in force."""
        now, calendar = self.ws.clock(), calendar_of(self.ws.settings.season_file)
        today = local_date(now, calendar.timezone)
        return {
            "mode": calendar.active(today),
            "changes": calendar.next_change(today).isoformat(),
            "now": rota_of(self.ws, now, now + _MOMENT),
        }

    def duty(self, party: str) -> Plain:
        """Return the rota of the next days with what only a party's own people see: numbers and notes."""
        now, calendar = self.ws.clock(), calendar_of(self.ws.settings.season_file)
        rows = rota_of(self.ws, now, now + calendar.rhythm.rota)
        return self.on_duty() | {
            "rota": [row if row["party"] == party else row | {"telephone": ""} for row in rows],
            "notes": [note for note in notes_of(self.ws, now - NOTES) if note["party"] == party][::-1],
        }

    def enter_shift(self, party: str, person: str, begins: str, name: str, telephone: str) -> Plain:
        """Enter who has a shift of the party."""
        return enter_shift(self.ws, Speaker(party, person), begins, name, telephone)

    def note_handover(self, party: str, person: str, text: str) -> Plain:
        """Leave a note for the next shift of the party."""
        return note_handover(self.ws, Speaker(party, person), text)
