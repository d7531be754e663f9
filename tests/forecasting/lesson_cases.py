"""A small lesson whose numbers tell by themselves when they were known."""

from datetime import date, timedelta

import numpy as np

from forecasting.school.lesson import MODEL, PERSISTENCE, Lesson, Said, Target, ask_times, lesson_id
from pipeline.asof import AsOfSeries
from pipeline.cities import all_cities
from pipeline.times import cycles_between, hour_range, local_day_bounds, to_ns

DAY = date(2026, 1, 8)
OUTCOMES = {"seoul": 41.37, "beijing": 163.91}
THRESHOLDS = {"seoul": (35, 75), "beijing": (75, 150)}
SAID = {MODEL: 0.625, PERSISTENCE: 0.375}
REASON = "what would have told"


def lesson(day=DAY, world="measured", late=0.0):
    """Return a lesson: each hour's value is its number, received an hour later, plus ``late`` hours."""
    asks = ask_times(day, 8, (3, 2, 1))
    targets = tuple(
        Target(c.id, *local_day_bounds(day, c.timezone), THRESHOLDS[c.id], OUTCOMES[c.id])
        for c in all_cities().values()
    )
    end = max(t.end for t in targets)
    grid = hour_range(asks[0] - timedelta(hours=72), end)
    received = grid + np.timedelta64(round((1 + late) * 3600), "s")
    readings = {
        key: AsOfSeries(grid, received, start + np.arange(len(grid), dtype=float))
        for key, start in (
            ("seoul.pm2p5", 1000.0),
            ("beijing.pm2p5", 3000.0),
            ("seoul.wind_speed", 5000.0),
            ("seoul.wind_from_direction", 270.0),
            ("around.pm2p5.dalian_air", 7000.0),
        )
    }
    said = tuple(
        Said(
            t.city,
            source,
            cycle,
            t.start + timedelta(days=back),
            t.end + timedelta(days=back),
            (10.0, 20.0, 30.0, 40.0, 50.0),
            dict.fromkeys(t.thresholds, share),
        )
        for cycle in cycles_between(asks[0], end)
        for t in targets
        for source, share in SAID.items()
        for back in (-1, 0)
    )
    reasons = tuple({"seoul": {one: ["Seoul", REASON] for one in ("en", "ko", "zh")}} for _ in asks)
    made = {"how": "held-out", "model": "kernel-test", "note": ""}
    return Lesson(lesson_id(world, day), world, day, targets, asks, said, readings, reasons, made)


def value_at(known, key, when):
    """Return what a lesson knows of an hour, None where it knows nothing."""
    times, values = known.readings[key].window(to_ns(when) - np.timedelta64(1, "h"), to_ns(when), to_ns(when))
    return float(values[-1]) if len(times) else None
