"""What services answer at an instant, in their documented shapes, from whatever is published by then."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from ingest.simulated import write_airkorea, write_cnemc, write_open_meteo
from ingest.simulated.published import Published
from pipeline.errors import UsageError
from pipeline.times import to_utc

Parameters = Mapping[str, str]
Writer = Callable[[Published, datetime, Parameters], Any]


def _wrapped(items: list[dict[str, Any]], asked: Parameters) -> dict[str, Any]:
    return write_airkorea.envelope(items, {"numOfRows": "1000", **asked})


WRITERS: Final[Mapping[tuple[str, str], Writer]] = {
    ("airkorea", "getCtprvnRltmMesureDnsty"): lambda p, now, asked: _wrapped(
        write_airkorea.newest_items(p, now, asked), asked
    ),
    ("airkorea", "getMsrstnAcctoRltmMesureDnsty"): lambda p, now, asked: _wrapped(
        write_airkorea.station_items(p, now, asked), asked
    ),
    ("airkorea", "getMsrstnList"): lambda p, _, asked: _wrapped(write_airkorea.list_items(p, asked), asked),
    ("cnemc", "GetAllAQIPublishLive"): lambda p, now, _: write_cnemc.country_now(p, now),
    ("cnemc", "GetAQIHistoryByConditionHis"): lambda p, now, asked: write_cnemc.country_then(
        p, now, asked.get("date", "")
    ),
    ("open_meteo", "forecast"): write_open_meteo.hourly,
}
"""By source and operation: what it answers."""


def answer(
    published: Published, source: str, operation: str, now: datetime, parameters: Parameters | None = None
) -> bytes:
    """Return the bytes the service would send at ``now``; what is not published by then is not in them.

    Raises
    ------
    UsageError
        for an operation that no writer has
    """
    writer = WRITERS.get((source, operation))
    if writer is None:
        raise UsageError(
            f"the simulated {source} has no operation {operation}; see ingest/simulated/services.py"
        )
    return json.dumps(writer(published, to_utc(now), parameters or {}), ensure_ascii=False).encode()
