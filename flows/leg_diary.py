"""Where a cycle's process is, written beside its run: the next process knows in what the one before died."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from flows.workspace import Workspace
from pipeline.cities import City
from pipeline.errors import SameairError
from pipeline.ledger.runs import RunRow, get_run, note_under_way, runs_of_cycle

Made = TypeVar("Made")
Leg = tuple[str, tuple[str, ...]]
"""A step of a cycle, and the cities it is done for."""

LONGEST_LEG: Final = timedelta(minutes=5)
"""No leg of a few cities takes so long; what does, hangs."""
LONGER_PER_CITY: Final = timedelta(seconds=3)
OFTEN: Final = 2
"""A leg that ended so many processes of one cycle is not begun again."""
NAMED: Final = 5
"""So many cities of a leg are named."""

log = logging.getLogger(__name__)

_deadlines: dict[int, tuple[float, str]] = {}


class LegFatal(SameairError):
    """An earlier process of the same cycle ended, or was ended, in the midst of this leg."""


class Diary:
    """Limits how long legs take where the process is watched (``overdue``), and keeps nothing."""

    @contextmanager
    def under_way(self, step: str, cities: Sequence[City], *, fatal_at: float = 1) -> Iterator[None]:
        """Limit one leg; ``step`` is what is done, in words that follow "while"."""
        with limited(in_words(step, [c.id for c in cities]), longest_leg(len(cities))):
            yield


class RunDiary(Diary):
    """A diary in the row of a run.

    A leg in which a process died is not begun again before a run of the cycle was finished without it, so
    that others are not kept waiting, and not at all once it ended ``OFTEN`` processes; unless a person asks
    for the cycle again (``pipeline.ledger.runs.count_no_longer``).
    """

    def __init__(self, ws: Workspace, run_id: str) -> None:
        self._ws, self._run = ws, run_id
        self._under_way: list[dict[str, Any]] = []
        self._deaths, self._unserved = _deaths_before(ws, run_id)

    @contextmanager
    def under_way(self, step: str, cities: Sequence[City], *, fatal_at: float = 1) -> Iterator[None]:
        """Note a leg for as long as it lasts; what the process is killed in stays noted.

        Parameters
        ----------
        fatal_at : after so many deaths it is not begun at once again; one may have been a power cut

        Raises
        ------
        LegFatal
            see the class
        """
        names = [city.id for city in cities]
        leg = (step, tuple(names))
        deaths = self._deaths[leg]
        if deaths >= max(OFTEN, fatal_at) or (leg in self._unserved and deaths >= fatal_at):
            raise LegFatal(f"an earlier process of this cycle ended while {in_words(step, names)}")
        self._under_way.append({"step": step, "cities": names})
        self._note()
        try:
            with super().under_way(step, cities):
                yield
        finally:
            self._under_way.pop()
            self._note()

    def _note(self) -> None:
        """Write the innermost leg down; what a ledger out of reach prevents is said by what needs it."""
        leg = self._under_way[-1] if self._under_way else None
        try:
            with self._ws.ledger.write() as conn:
                note_under_way(conn, self._run, leg)
        except SameairError:
            log.exception("where run %s is could not be noted", self._run)


class Beside:
    """Makes what no warning needs: what fails, or ended two processes of the cycle before, is left out.

    Parameters
    ----------
    diary : of the run
    cities : of the run, by which it is limited
    """

    def __init__(self, diary: Diary, cities: Sequence[City]) -> None:
        self._diary, self._cities = diary, list(cities)

    def make(self, what: str, make: Callable[[], Made], otherwise: Made) -> Made:
        """Return what is made, or something else with a line in the log: the forecast goes on without it."""
        try:
            with self._diary.under_way(f"making {what} for", self._cities, fatal_at=OFTEN):
                return make()
        except Exception:
            log.exception("the run goes on without %s", what)
            return otherwise

    def products(self, what: str, make: Callable[[], Mapping[str, Path]]) -> dict[str, Path]:
        """Return the paths of what is written, by name; none where that fails."""
        none: Mapping[str, Path] = {}
        return dict(self.make(what, make, none))


def in_words(step: str, cities: Sequence[str]) -> str:
    """Return a leg in words.

    >>> in_words("forecasting", ["seoul", "beijing"])
    'forecasting seoul, beijing'
    >>> in_words("forecasting", list("abcdefg"))
    'forecasting a, b, c, d, e and 2 more'
    """
    more = f" and {len(cities) - NAMED} more" if len(cities) > NAMED else ""
    return f"{step} {', '.join(cities[:NAMED])}{more}"


def longest_leg(cities: int) -> timedelta:
    """Return how long a leg of so many cities may take.

    >>> print(longest_leg(2), longest_leg(200))
    0:05:06 0:15:00
    """
    return LONGEST_LEG + cities * LONGER_PER_CITY


@contextmanager
def limited(what: str, longest: timedelta) -> Iterator[None]:
    """Let ``overdue`` of this process tell of something that takes longer than it may."""
    key = threading.get_ident()
    before = _deadlines.get(key)
    _deadlines[key] = (time.monotonic() + longest.total_seconds(), f"{what} took longer than {longest}")
    try:
        yield
    finally:
        del _deadlines[key]
        if before is not None:
            _deadlines[key] = before


def overdue() -> str:
    """Return what this process has been at for longer than it may; empty where nothing is.

    >>> with limited("forecasting seoul", timedelta(seconds=-1)):
    ...     overdue()
    'forecasting seoul took longer than -1 day, 23:59:59'
    >>> overdue()
    ''
    """
    now = time.monotonic()
    return next((what for until, what in list(_deadlines.values()) if now > until), "")


def died_in(run: RunRow) -> str:
    """Return in words what leg a run's process died in; empty where it died in none."""
    leg = run.inputs.get("under_way") or run.inputs.get("died_in")
    return in_words(leg["step"], leg["cities"]) if leg else ""


def _deaths_before(ws: Workspace, run_id: str) -> tuple[Counter[Leg], set[Leg]]:
    """Return how many processes of a run's cycle died in each leg, and in which since its last forecast."""
    with ws.ledger.read() as conn:
        run = get_run(conn, run_id)
        earlier = runs_of_cycle(conn, run.world, run.cycle) if run is not None else []
    deaths: Counter[Leg] = Counter()
    unserved: set[Leg] = set()
    for one in earlier:
        if one.status == "finished":
            unserved = set()
        leg = one.inputs.get("under_way") if one.status == "failed" else None
        if leg:
            key = (str(leg["step"]), tuple(leg["cities"]))
            deaths[key] += 1
            unserved.add(key)
    return deaths, unserved
