"""Which cycle to run, in which world, and how: decided once, before anything is read."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from pipeline.errors import UsageError
from pipeline.names import MEASURED
from pipeline.times import is_cycle, iso, latest_cycle, parse_instant

Mode = Literal["live", "replay", "simulated"]


@dataclass(frozen=True)
class CyclePlan:
    """One cycle of one world; ``as_of`` is the instant of the snapshot.

    ``mode`` is simulated for simulated worlds, replay for a past cycle of measurements, live for the
    newest one; only live cycles of the measured world may ever lead to a warning that is not a drill.
    """

    world: str
    cycle: datetime
    as_of: datetime
    mode: Mode
    drill: bool
    seed: int = 0
    quiet_season: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON-ready data."""
        return {**asdict(self), "cycle": iso(self.cycle), "as_of": iso(self.as_of)}

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> CyclePlan:
        """Rebuild a plan from :meth:`to_dict`."""
        instants = {k: parse_instant(str(data[k])) for k in ("cycle", "as_of")}
        return cls(**{**data, **instants})  # type: ignore[arg-type]


def world_name(seed: int, quiet_season: bool) -> str:
    """Return the name of a simulated world.

    >>> world_name(7, False), world_name(7, True)
    ('simulated-7', 'simulated-7-quiet')
    """
    return f"simulated-{seed}" + ("-quiet" if quiet_season else "")


def world_of(name: str) -> tuple[int, bool]:
    """Return seed and season of a simulated world by its name; raises UsageError for any other name.

    >>> world_of("simulated-7-quiet")
    (7, True)
    """
    found = re.fullmatch(r"simulated-(\d{1,9})(-quiet)?", name)
    if found is None:
        raise UsageError(f"--world {name}: write 'measured', simulated-SEED or simulated-SEED-quiet")
    return int(found[1]), found[2] is not None


def plan_measured(at: str | None, now: datetime, drill: bool) -> CyclePlan:
    """Plan a cycle of the measured world: the newest one, or the past one named by ``at``.

    Raises
    ------
    UsageError
        ``at`` cannot be read, lies in the future or is no nominal cycle

    Examples
    --------
    >>> from datetime import UTC
    >>> plan_measured("2019-03-03T17:00+09:00", datetime(2026, 1, 1, tzinfo=UTC), False).mode
    'replay'
    """
    if at is None:
        cycle = latest_cycle(now)
        return CyclePlan(MEASURED, cycle, now, "live", drill)
    try:
        cycle = parse_instant(at)
    except ValueError as error:
        raise UsageError(f"--at {at}: {error}; write it like 2019-03-03T08:00Z") from None
    if cycle > now:
        raise UsageError(f"--at {at} lies in the future; a cycle can be run when it is due")
    if not is_cycle(cycle):
        near = iso(latest_cycle(cycle))
        raise UsageError(f"--at {at} is no cycle (02, 08, 14, 20 UTC); the one before it is {near}")
    mode: Mode = "live" if cycle == latest_cycle(now) else "replay"
    return CyclePlan(MEASURED, cycle, cycle if mode == "replay" else now, mode, drill)
