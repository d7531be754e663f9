"""How long a hindcast of a year takes against its limit: 1,460 cycles with fixed models in 60 s and 2 GiB.

Replays the year after training, PM2.5 and PM10, the model and both baselines, in one process of one thread.
``python -m benchmarks.hindcast_year --data-dir FOLDER``
"""

from __future__ import annotations

import sys
from datetime import timedelta

from benchmarks.forecast_scene import CITIES, archive, measured, models, options, peak_gib, verdict
from forecasting.hindcast import hindcast, issues_between

LIMIT_SECONDS, LIMIT_GIB = 60.0, 2.0


def main() -> int:
    """Replay a year twice: the second time nothing has to be solved any more."""
    parser = options(__doc__)
    parser.add_argument("--days", type=int, default=365)
    chosen = parser.parse_args()
    panel = archive(chosen.data_dir)
    fixed = models(panel, chosen)
    issues = issues_between(chosen.train_until, chosen.train_until + timedelta(days=chosen.days - 1))
    kept = []
    for what in ("first", "again"):
        with measured() as spent:
            tables = hindcast(panel, CITIES, issues, fixed)
        rows = sum(len(table) for table in tables.values())
        print(f"{len(issues)} cycles, {rows} rows, {what}: {spent}")
        kept.append(verdict(f"  CPU of the hindcast, {what}", spent.cpu, LIMIT_SECONDS, "CPU-s"))
    kept.append(verdict("peak memory, panel and models included", peak_gib(), LIMIT_GIB, "GiB"))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
