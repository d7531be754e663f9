"""What of the evidence stood on the screen, as plain data: it is kept with a decision that was made there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.times import iso
from review.episode.subject import Subject


def on_screen(subject: Subject, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers that an episode page shows, as JSON values."""
    latest, record, tipping = shown["measured"].latest, shown["record"], shown["tipping"]
    return {
        "page": "episode",
        "episode": subject.row.id,
        "revision": subject.row.revision,
        "run": subject.run.id,
        "at": iso(subject.at),
        "degraded": subject.run.degraded,
        "measured": None if latest is None else {"until": iso(latest[0]), "value": round(latest[1], 1)},
        "choices": [
            {
                "day": one.day.isoformat(),
                "threshold": one.threshold,
                "probability": round(one.chance, 3),
                "needed": round(one.needed, 3),
                "shown": one == subject.focus,
            }
            for one in subject.choices
        ],
        "stability": shown["stability"]["sentence"] if shown["stability"] else "",
        "record": dict(record["words"]) if record else None,
        "tipping": None if tipping is None else {"decision": tipping["decision"], "flips": tipping["flips"]},
        "without": shown["without"]["days"] if shown["without"] else None,
        "stated": [
            {"day": day["day"], "source": one["source"], "low": one["low"], "high": one["high"]}
            for day in shown["stated"]
            for one in day["members"]
        ],
    }
