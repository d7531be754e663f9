"""How long a full training takes against its limit: PM2.5 and PM10 of both cities, all hours, in 5 minutes.

Learns from five years of an imported archive, as ``sameair run`` and ``sameair hindcast`` do, in two
processes of one thread each. ``python -m benchmarks.forecast_training --data-dir FOLDER``
"""

from __future__ import annotations

import pickle
import sys

import numpy as np

from benchmarks.forecast_scene import (
    CITIES,
    QUANTITIES,
    archive,
    instant,
    measured,
    options,
    peak_gib,
    verdict,
)
from forecasting.saying import variant
from forecasting.situation_memory import Remembered
from forecasting.train import train
from pipeline.asof import AsOfPanel, AsOfSeries

LIMIT_SECONDS, VARIANT_SECONDS = 300.0, 3.0
YEARS = 5


def cut(panel: AsOfPanel, first: np.datetime64) -> AsOfPanel:
    """Return the panel from an instant on."""
    kept = {}
    for key, s in panel.items():
        new = s.times >= first
        if new.any():
            kept[key] = AsOfSeries(s.times[new], s.received[new], s.values[new], s.interval_hours)
    return AsOfPanel(kept, panel.world, panel.batches)


def main() -> int:
    """Train both quantities, and solve one variant that was not solved beforehand."""
    chosen = options(__doc__).parse_args()
    until = instant(chosen.train_until)
    panel = cut(archive(chosen.data_dir), np.datetime64(f"{until.year - YEARS}-01-01", "ns"))
    kept, whole, read = [], 0.0, Remembered()
    for quantity in QUANTITIES:
        with measured() as spent:
            model = train(panel, CITIES, quantity, data_until=until, read=read)
        whole += spent.wall
        rows = {hour: len(h.past.issues) for hour, h in model.hours.items()}
        size = len(pickle.dumps(model, protocol=5)) / 1e6
        print(f"{quantity}: {spent}; issues learned from {rows}; {size:.0f} MB")
        known = model.hours[8]
        group = next(g for g in model.recipe.groups if (g,) not in known.variants)
        with measured() as spent:
            variant(model, 8, (group,))
        print(f"{quantity}: solved without {group} in {spent}")
        kept.append(verdict(f"  CPU of a variant, {quantity}", spent.cpu, VARIANT_SECONDS, "CPU-s"))
    kept.append(verdict("full training, both quantities, wall", whole, LIMIT_SECONDS, "s"))
    print(f"peak memory of this process {peak_gib():.2f} GiB")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
