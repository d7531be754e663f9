"""An episode with everything that a run may store about it."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd

from alerts.examples import example_content
from alerts.origin_example import example_panel
from pipeline.ledger.episodes import EpisodeRevision, open_episode, revise_episode
from pipeline.observations import ObservationStore
from pipeline.schema import STATION_COLUMNS
from pipeline.times import iso
from tests.review.desk_world import CYCLE, STATIONS, DeskWorld

EPISODE = "seoul-01KEXR9J00EXAMPLE"
EVIL = "<script>alert(1)</script>"
DAY = "2026-01-15"


def texts(said):
    return dict.fromkeys(("en", "ko", "zh"), said)


def evidence(came=12, n=30, flips=True):
    """Evidence of Seoul: a record of D+1 above 50, a reading that tips it, the forecast without Beijing."""
    past = [
        {"issue_time": f"2025-12-{1 + i % 28:02d}T08:00:00Z", "probability": 0.55,
         "mean": 60.0 if i < came else 40.0, "came": i < came,
         "kind": "issued" if i % 3 == 0 else "held_out"}
        for i in range(n)
    ]  # fmt: skip
    flip = {"key": "beijing.pm2p5.reference", "read": 118.4, "instead": 61.2, "spreads": 1.3}
    decision = {"lead_day": 1, "threshold": 50, "needed": 0.35}
    tipping = {"city": "seoul", "decision": decision, "probability": 0.55, "hours": 6, "until": iso(CYCLE),
               "flips": [flip] if flips else [], "looked_at": 11}  # fmt: skip
    day = {"lead_day": 1, "date": DAY, "median": 60.0, "median_without": 47.0,
           "probability": {"50": 0.55}, "probability_without": {"50": 0.41}}  # fmt: skip
    without = {
        "city": "seoul",
        "partner": "beijing",
        "series": 42,
        "days": [day],
        "hours": [1, 2],
        "course": [50, 51],
    }
    record = {"lead_day": 1, "threshold": 50, "probability": 0.55, "past": past}
    city = {"city": "seoul", "records": [record], "tipping": tipping, "without": without}
    return {"version": 1, "cities": [city]}


def reasons(text="Beijing 118 (last 6 h; usual 50)"):
    """Reasons of Seoul: one input put into words, five situations that were alike."""
    moved = [
        {"input": "beijing.air", "effect": 20.0, "median_without": 40.0, "named": True, "text": texts(text)},
        {"input": "sea.wind", "effect": -3.0, "median_without": 63.0, "named": False},
    ]
    day = {"lead_day": 1, "date": DAY, "usual": 40.0, "median": 60.0, "moved": moved, "rest": 2.0}
    shown = [
        {"issue_time": f"2025-01-{d:02d}T08:00:00Z", "likeness": 0.8, "followed": {"1": 71.3, "2": None}}
        for d in (3, 9, 17)
    ]
    alike = {"shown": shown, "counted": {"1": 20}, "exceeded": {"1": {"50": 13}}, "like_none": True}
    changes = {"city": "seoul", "lead_day": 1, "day": DAY, "threshold": 50, "probability": 0.55,
               "futures": 200, "changes": [], "refused": "noise"}  # fmt: skip
    city = {"city": "seoul", "days": [day | {"rest_inputs": 3, "recent_errors": 1.0}], "analogs": alike,
            "what_if": changes}  # fmt: skip
    return {"version": 2, "cities": [city]}


def combined(source="airkorea"):
    """What somebody stated of tomorrow."""
    member = {"source": source, "low": 35.5, "high": 75.5, "received_at": iso(CYCLE), "weight": 0.4,
              "cases": 90, "not_heard": ""}  # fmt: skip
    day = {"city": "seoul", "lead_day": 1, "day": DAY, "members": [member], "alone": {"median": 58.0},
           "combined": {"median": 60.0}}  # fmt: skip
    return {"version": 1, "mode": "beside", "days": [day], "left_out": []}


def everything():
    """All products that the page reads beside the predictions."""
    return {
        "evidence": evidence(),
        "reasons": reasons(),
        "combined": combined(),
        "origins": example_panel().to_dict(),
    }


class EpisodeWorld(DeskWorld):
    """A served installation with an episode of Seoul."""

    def place(self, city):
        """Enter the station whose air a test stores, without where it lies."""
        row = dict.fromkeys(STATION_COLUMNS) | {"station": STATIONS[city], "name": "x", "city": city}
        row |= dict.fromkeys(("latitude", "longitude", "altitude"), float("nan")) | {
            "interval_hours": 1,
            "note": "",
        }
        store = ObservationStore(self.settings.observations_dir, self.ledger, lambda: self.now)
        store.append_stations(pd.DataFrame([row]), source="archive-x", world="measured")

    def episode(self, run, *, world="measured", episode=EPISODE, level=0, cycle=CYCLE):
        """Enter an episode as one run has it: from tomorrow for a day."""
        onset, end = cycle + timedelta(hours=7), cycle + timedelta(hours=31)
        said = {
            "run_id": run, "issue_time": iso(cycle), "turn": "new", "status": "open", "level": level,
            "probability": 0.55, "onset": iso(onset), "end": iso(end), "peak_day": DAY, "peak_mean": 60.0,
            "cycles_met": 1, "cycles_missed": 0,
        }  # fmt: skip
        details = {"id": episode, "world": world, "party": "seoul", "city": "seoul", "quantity": "pm2p5",
                   "revisions": [said]}  # fmt: skip
        with self.ledger.write() as conn:
            open_episode(conn, episode, world=world, city="seoul", quantity="pm2p5", at=cycle)
            revision = EpisodeRevision(run, "open", onset, end, details)
            revise_episode(conn, episode, revision, cycle)

    def propose_about(self, world, episode, name):
        """Propose a single-city warning about an episode of Seoul; return its id."""
        (city,) = [c for c in example_content().cities if c.city == "seoul"]
        about = {"world": world, "cities": (replace(city, episode_id=episode),), "warning_id": name}
        alone = {"product": "single_city_warning", "level": "", "parties": ("seoul",), "links": ()}
        self.propose(**about, **alone, simulated=True, cap_status="Exercise")
        return name
