"""The other side's forecast and ours of the same days, once the days are measured; each against persistence.

A statement counts as it stood at its issue, and ours is the newest cycle at or before that issue, so that
neither side knows more of the day than the other. It is that of our model alone, also where what others
stated is used. Both are for learning: nothing is ranked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from alerts.policy import load_policy
from flows.combine_claims import PARTS, day_number, met, readable
from flows.combine_past import DAILY, alone_rows
from flows.exchange_statements import SOURCE
from flows.workspace import Workspace
from forecasting.verification.pairs import day_means_by_number
from forecasting.verification.two_sides import two_sided_rows
from forecasting.verify import observed_truth
from pipeline.bulletins import StoredBulletin, read_versions
from pipeline.cities import all_cities
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.series import load_panel
from pipeline.times import from_ns, iso, local_date, local_day_bounds, to_ns

LEADS: Final = (1, 2, 3)
EVEN: Final = timedelta(minutes=30)
"""Our run may have known so much more than the hour that a statement is dated."""

OLDEST: Final = timedelta(hours=24)
"""Of a statement before which no cycle of ours ran within this time nothing is paired."""

BEFORE: Final = timedelta(days=5)
MANY: Final = 1_000_000
COLUMNS: Final = ["city", "valid_end", "q10", "q50", "q90"]


@dataclass(frozen=True)
class PairedSkill:
    """What was found of the days forecast by both and measured.

    Parameters
    ----------
    rows : by sender, city and lead, see ``forecasting.verification.two_sides.two_sided_rows``
    left_out : days stated that count for nothing, with how many: not measured, no run of ours,
        came after they had begun
    """

    first: str
    last: str
    as_of: str
    rows: tuple[dict[str, Any], ...]
    left_out: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self) | {"rows": list(self.rows)}


@dataclass(frozen=True)
class _Stated:
    """What one statement says of one city and day."""

    sender: str
    city: str
    day: int
    lead: int
    issued: datetime
    low: float
    high: float
    value: float


def paired_skill(ws: Workspace, world: str, start: datetime, end: datetime, as_of: datetime) -> PairedSkill:
    """Score what the other side stated of days that begin in [start, end) beside ours of the same days.

    Nothing received after ``as_of`` counts, neither statements nor measurements. Of several statements of a
    day and lead the last counts; one that came after its day had begun does not.
    """
    left = {"too late": 0, "no run of ours": 0, "not measured": 0}
    stated = _stated(ws, world, start, end, as_of, left)
    rows: tuple[dict[str, Any], ...] = ()
    if stated:
        pairs = _pairs(ws, world, stated, as_of, left)
        rows = tuple(
            {"sender": sender, **row}
            for sender, part in (pairs.groupby("sender", sort=True) if len(pairs) else ())
            for row in two_sided_rows(part)
        )
    return PairedSkill(iso(start), iso(end), iso(as_of), rows, left)


def _stated(
    ws: Workspace, world: str, start: datetime, end: datetime, as_of: datetime, left: dict[str, int]
) -> list[_Stated]:
    """Return the last statement of each sender, city, day and lead."""
    with ws.ledger.read() as conn:
        stored = read_versions(conn, world, since=start - BEFORE, as_of=as_of, kinds=("forecast",))
    found: dict[tuple[str, str, int, int], _Stated] = {}
    for issue in _issues([s for s in stored if _in_time(s)], ws.settings.party):
        for one in _of_issue(issue):
            begins, _ = local_day_bounds(_date(one.day), all_cities()[one.city].timezone)
            if start <= begins < end and one.lead in LEADS:
                found[one.sender, one.city, one.day, one.lead] = one
    asked = (s for s in stored if start <= s.bulletin.valid_from < end and not _in_time(s))
    left["too late"] = len({s.bulletin.key for issue in _issues(asked, ws.settings.party) for s in issue})
    return list(found.values())


def _in_time(stored: StoredBulletin) -> bool:
    """Tell whether a statement came before what it speaks of had begun."""
    return stored.received_at <= stored.bulletin.valid_from


def _issues(stored: Iterable[StoredBulletin], own: str) -> Iterator[list[StoredBulletin]]:
    """Yield what one sender said in one issue, the oldest issue first; our own that came back is left out."""
    issues: dict[tuple[datetime, str], list[StoredBulletin]] = {}
    for one in stored:
        sender = str(one.bulletin.content.get("sender") or "")
        if one.bulletin.source == SOURCE and not (own and sender.endswith(own)):
            issues.setdefault((one.bulletin.issued_at, sender), []).append(one)
    yield from (issues[key] for key in sorted(issues))


def _of_issue(issue: Sequence[StoredBulletin]) -> Iterator[_Stated]:
    """Yield what an issue says by city and day, its parts met together as where forecasts are combined."""
    issued = issue[0].bulletin.issued_at
    sender = str(issue[0].bulletin.content.get("sender") or SOURCE)
    values = _values(issue)
    for claim in {(c.city, c.day): c for c in met(issue)}.values():
        lead = claim.day - day_number(local_date(issued, all_cities()[claim.city].timezone))
        value = values.get((claim.city, claim.day), math.nan)
        yield _Stated(sender, claim.city, claim.day, lead, issued, claim.low, claim.high, value)


def _values(issue: Sequence[StoredBulletin]) -> dict[tuple[str, int], float]:
    """Return the means of PM2.5 that an issue states as numbers."""
    found: dict[tuple[str, int], float] = {}
    numbers = (s for s in issue if s.bulletin.content.get("pollutant") == PARTS[0])
    for one, claims in readable(numbers)[0]:
        regions: Mapping[str, Any] = one.bulletin.content["regions"]
        said = {r.get("city"): r.get("value") for r in regions.values()}
        told = {(c.city, c.day): said.get(c.city) for c in claims}
        found |= {key: float(value) for key, value in told.items() if value is not None}
    return found


def _pairs(
    ws: Workspace, world: str, stated: Sequence[_Stated], as_of: datetime, left: dict[str, int]
) -> pd.DataFrame:
    """Return the days that both forecast and that were measured, as ``two_sided_rows`` takes them."""
    seen = _measured(ws, world, stated, as_of)
    ours = _Ours(ws, world)
    policy = load_policy(ws.settings.policy_file)
    rows = []
    for one in stated:
        days = seen[one.city]
        own = ours.of(one)
        if own is None:
            left["no run of ours"] += 1
        elif one.day not in days.index:
            left["not measured"] += 1
        else:
            rows.append(
                {
                    "sender": one.sender,
                    "city": one.city,
                    "lead": one.lead,
                    "day": one.day,
                    "observed": float(days[one.day]),
                    "persistence": float(days.get(one.day - one.lead - 1, math.nan)),
                    "threshold": policy.thresholds(one.city)[0],
                    "theirs_low": one.low,
                    "theirs_high": one.high,
                    "theirs_value": one.value,
                    "ours_low": own[0],
                    "ours_value": own[1],
                    "ours_high": own[2],
                }
            )
    return pd.DataFrame(rows)


def _measured(ws: Workspace, world: str, stated: Sequence[_Stated], as_of: datetime) -> dict[str, pd.Series]:
    """Return by city the means of the days that were over and measured, by number of the day [ug m-3]."""
    cities = [
        replace(c, series=tuple(s for s in c.series if s.role == "reference")) for c in all_cities().values()
    ]
    days = [one.day for one in stated]
    first = from_ns(np.datetime64(min(days), "D")) - BEFORE
    last = from_ns(np.datetime64(max(days), "D")) + timedelta(days=2)
    panel = load_panel(ws.store, cities, world, start=first, end=last, as_of=as_of, around=False)
    truth = observed_truth(panel, cities, start=first, end=last, as_of=as_of, quantity=PARTS[0])
    ended = truth[truth["valid_end"] <= pd.Timestamp(as_of)]
    return {city.id: day_means_by_number(ended, city.id) for city in cities}


class _Ours:
    """What our model alone said of a city and day in the newest cycle at or before an instant."""

    def __init__(self, ws: Workspace, world: str) -> None:
        self._ws = ws
        self._tables: dict[str, pd.DataFrame] = {}
        with ws.ledger.read() as conn:
            runs = list_runs(conn, world, limit=MANY)
        self._runs = sorted(
            (r for r in runs if r.is_current and r.status == "finished"), key=lambda r: r.cycle, reverse=True
        )

    def of(self, stated: _Stated) -> tuple[float, float, float] | None:
        """Return the 10th, 50th and 90th percentile of the day that a statement is about [ug m-3]."""
        at = stated.issued
        run = next((r for r in self._runs if r.cycle <= at and r.as_of <= at + EVEN), None)
        if run is None or run.cycle <= at - OLDEST:
            return None
        table = self._table(run)
        _, end = local_day_bounds(_date(stated.day), all_cities()[stated.city].timezone)
        mine = table[(table["city"] == stated.city) & (table["valid_end"] == to_ns(end))]
        if mine.empty:
            return None
        row = mine.iloc[-1]
        return float(row["q10"]), float(row["q50"]), float(row["q90"])

    def _table(self, run: RunRow) -> pd.DataFrame:
        if run.id not in self._tables:
            self._tables[run.id] = self._read(run)
        return self._tables[run.id]

    def _read(self, run: RunRow) -> pd.DataFrame:
        rows = alone_rows(self._ws, run, DAILY)
        if rows.empty:
            return pd.DataFrame(columns=COLUMNS)
        rows = rows.dropna(subset=["q50"])
        ends = pd.to_datetime(rows["valid_end"], utc=True).dt.tz_localize(None)
        return rows.assign(valid_end=ends)


def _date(number: int) -> Any:
    return np.datetime64(number, "D").astype(object)
