"""What goes wrong in a soak, drawn from a seed: outages by source and hour, kills, hours switched off."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

from pipeline.times import parse_instant

START = parse_instant("2024-12-18T00:00Z")
"""Hour 0; a month from here crosses a new year."""
MINUTE = timedelta(minutes=27)
OUTAGES = (
    "reset",
    "cut short",
    "error 500",
    "error 503",
    "empty body",
    "HTML with 200",
    "cut JSON",
    "malformed",
    "wrong content type",
    "redirect elsewhere",
    "redirect without end",
    "forbidden",
    "rate limited",
    "rate limited for hours",
)
"""Faults of every request of an hour."""
DAMAGE = ("cut JSON", "malformed", "wrong content type")
"""Those whose answers go to quarantine."""
PASSING = ("reset", "cut short", "error 500", "error 503", "empty body", "HTML with 200", "rate limited")
"""Faults that may hit the first requests of an hour and are cured by another try."""
SLOW = ("silent", "slow")
"""They cost real time; a drip uses up all that one request has."""


@dataclass
class Schedule:
    """What happens in each of ``hours`` hours; the last ``calm`` are quiet.

    ``turns`` says of each source every how many hours it is asked, and in which of them.
    ``faults`` is by source and hour: kind, and for how many requests (None: all).
    ``kills`` holds the hours in which the process is killed and how many it is then off.
    """

    seed: int
    hours: int
    calm: int
    turns: dict[str, tuple[int, int]]
    faults: dict[tuple[str, int], tuple[str, int | None]] = field(default_factory=dict)
    kills: dict[int, int] = field(default_factory=dict)

    def asked(self, hour):
        """Return the sources that are asked in an hour; in the first hour all are."""
        return [s for s, (every, first) in self.turns.items() if not hour or hour % every == first]

    def fault(self, source, hour):
        """Return what is wrong with a source in an hour."""
        return self.faults.get((source, hour), ("", None))

    def state(self, source, hour):
        """Return whether a source can be had in an hour: yes, no, or perhaps."""
        for ago in (1, 2):
            if self.fault(source, hour - ago)[0] == "rate limited for hours":
                return "perhaps"
        kind, times = self.fault(source, hour)
        if kind == "slow":
            return "perhaps"
        return "no" if kind in OUTAGES and times is None else "yes"

    def damages(self, source, hour):
        """Tell whether a source's answers are damaged in an hour."""
        kind, times = self.fault(source, hour)
        return kind in DAMAGE and times is None


def drawn(seed, hours, turns, longest, *, calm, kills, healthy):
    """Draw a schedule.

    Parameters
    ----------
    turns : source → every how many hours it is asked; exchange files are looked for in every hour
    longest : source → hours of an outage that it surely has
    kills : how many
    healthy : mean time between two troubles of a source [h]; troubles are counted in its rounds
    """
    rng = random.Random(seed)
    places = {source: (every, n % every) for n, (source, every) in enumerate(turns.items())}
    made = Schedule(seed, hours, calm, places)
    for source, (every, first) in places.items():
        rounds = range(first, hours - calm, every)
        at = 1
        while (at := at + int(rng.expovariate(every / healthy))) < len(rounds):
            at += _trouble(made, source, rounds[at:], rng) + 1
    for source, length in longest.items():
        first = rng.randrange(6, max(7, hours - calm - length))
        for hour in range(first, min(first + length, hours - calm)):
            made.faults[source, hour] = (rng.choice(OUTAGES[:13]), None)
    for hour in rng.sample(range(3, hours - calm), kills):
        made.kills[hour] = rng.choice((0, 0, 0, 0, 1, 3))
    return made


def _trouble(made, source, rounds, rng):
    """Draw one trouble of a source from a round on; return how many rounds it lasts."""
    kind = rng.random()
    if kind < 0.35:
        fault = rng.choice(SLOW) if rng.random() < 0.06 else rng.choice(PASSING)
        made.faults[source, rounds[0]] = (fault, 1 if fault in SLOW else rng.choice((1, 2)))
        return 1
    if kind < 0.42:
        made.faults[source, rounds[0]] = ("duplicated rows", None)
        return 1
    length = rng.choice((1, 1, 2, 3, 4, 7))
    fault = rng.choice(OUTAGES)
    for hour in rounds[:length]:
        made.faults[source, hour] = (fault, None)
        if rng.random() < 0.2:
            fault = rng.choice(OUTAGES)
    return length
