"""What happens in an accelerated year, drawn from a seed alone: faults, episodes, and when somebody looks."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 13, 20, tzinfo=UTC)
"""The nominal time of the first cycle."""
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
CALM = 3 * DAY
"""The last days, in which nothing goes wrong; of few days a third."""
LOOKS = (21 * MINUTE, 93 * MINUTE, 333 * MINUTE)
"""When, after a nominal time, the timetable is looked at; the cycle of 17 KST begins earlier."""
CONFIRMS = 8
"""The hour of that cycle [UTC]."""

MACHINE = {
    # what breaks the node itself, and for how long it may [hours]
    "off": (1, 3, 7, 13, 30, 80),
    "disk full": (2, 7, 20),
    "no room": (2, 7, 20),
    "locked": (1, 5, 9),
    "read-only": (1, 5, 9),
    "gone": (1, 7, 14),
    "killed": (8, 20, 40),
    "clock": (2, 5, 9),
}
MAIL = {"refused": (2, 7, 20), "4xx": (2, 7, 14), "5xx": (1, 3), "hangs up": (1, 4), "421": (2, 6)}
STEPS = (3 * MINUTE, -3 * MINUTE, HOUR, -HOUR, 30 * HOUR, -50 * MINUTE)
"""By how much a clock is wrong while it is."""
DISK = ("disk full", "no room")
LEDGER = ("locked", "read-only", "gone")


@dataclass(frozen=True)
class Window:
    """A stretch of true time in which something is wrong; ``step`` is by how much the clock is."""

    kind: str
    start: datetime
    end: datetime
    step: timedelta = timedelta()

    def holds(self, at):
        """Tell whether it is wrong at an instant."""
        return self.start <= at < self.end


@dataclass(frozen=True)
class Episode:
    """Bad air: which cycle first warns of it, at which level, who signs, and which later cycle says more."""

    cycle: datetime
    level: str
    signers: tuple[str, ...]
    update: datetime | None

    @property
    def warning_id(self):
        """Return the id that its warning is given."""
        return f"01KEX{self.cycle:%Y%m%d%H}".ljust(26, "0")


@dataclass
class Plan:
    """Everything that happens in a number of days."""

    seed: int
    days: int
    windows: list[Window] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)

    @property
    def end(self):
        """Return the instant after the last look."""
        return START + self.days * DAY

    def at(self, instant):
        """Return what is wrong at an instant of true time."""
        return [w for w in self.windows if w.holds(instant)]

    def cycles(self):
        """Return every nominal time of the cycle, by counting."""
        return [START + 6 * HOUR * n for n in range(4 * self.days)]

    def looks(self):
        """Yield when the timetable is looked at, in true time: after which cycle, and the how manieth time.

        The second time is when people look; they do where something may wait.
        """
        said = {t for e in self.episodes for t in (e.cycle, e.update) if t is not None}
        for cycle in self.cycles():
            for number, after in enumerate(LOOKS):
                early = number == 0 and cycle.hour == CONFIRMS
                if number != 1 or said & {cycle, cycle - 6 * HOUR}:
                    yield cycle, number, cycle + (3 * MINUTE if early else after)


def drawn(seed, days, gaps=(20, 150)):
    """Draw a plan; every kind of fault comes before any comes again.

    Parameters
    ----------
    gaps : least and most hours between two faults of the node
    """
    rng, plan = random.Random(seed), Plan(seed, days)
    last = plan.end - min(CALM, days * DAY / 3)
    plan.windows += _windows(rng, MACHINE, gaps, last)
    plan.windows += _windows(rng, MAIL, (gaps[0], 2 * gaps[1]), last)
    plan.windows += _windows(rng, {"two at once": (10, 40)}, (gaps[1], 4 * gaps[1]), last)
    plan.episodes = list(_episodes(rng, plan))
    return plan


def _windows(rng, kinds, gaps, last):
    """Draw stretches one after another."""
    found, queue, at = [], [], START + 14 * HOUR
    while True:
        queue = queue or rng.sample(sorted(kinds), len(kinds))
        kind = queue.pop()
        length = min(rng.choice(kinds[kind]) * HOUR, (last - START) / 6)
        if at + length > last:
            return found
        step = rng.choice(STEPS) if kind == "clock" else timedelta()
        found.append(Window(kind, at, at + length, step))
        at += length + rng.randrange(gaps[0] * 60, gaps[1] * 60) * MINUTE


def _episodes(rng, plan):
    """Draw episodes every few days, the last early enough to be over in quiet."""
    cycles = plan.cycles()
    number = rng.randrange(2, 6)
    while number < len(cycles) - 16:
        signers = rng.choice([("beijing", "seoul")] * 4 + [("seoul",), ("beijing",), ()])
        later = rng.choice([None, None, 2, 4])
        update = None if later is None else cycles[number + later]
        yield Episode(cycles[number], rng.choice(("J1", "J2", "J3")), signers, update)
        number += rng.randrange(6, 22)
