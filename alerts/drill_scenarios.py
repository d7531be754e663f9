"""Scripted exercises as data: what each cycle foretells, and what the parties and the mail server then do.

A scenario says nothing of persons, dates or recipients; those are chosen when it is played. Day means are of
PM2.5 [ug m-3], today first, and hours count from the first cycle.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from alerts.cancel_reasons import cancel_reasons
from pipeline.cities import all_cities, all_parties, linked_cities
from pipeline.errors import PolicyError
from pipeline.times import FORECAST_DAYS

DRILL_FOLDER: Final = resources.files("alerts") / "drills"
CYCLE_HOURS: Final = 6
HIGHEST: Final = 500
"""Highest day mean that a scenario may tell [ug m-3]."""

Doing = Literal["cycle", "sign", "object", "cancel", "end", "wait"]
DOINGS: Final = ("cycle", "sign", "object", "cancel", "end", "wait")


@dataclass(frozen=True)
class Step:
    """One thing that happens: a cycle that foretells day means, a decision, or nothing but time passing.

    ``parties`` sign; ``party`` objects, ends or cancels with its ``reason``, a cancellation also ``because``
    of one of the catalogue (``alerts.cancel_reasons``); with ``mail`` "down" no mail can leave in this step.
    ``means`` is by city [ug m-3]; ``spread`` is that of ln of a day mean.
    """

    hours: float
    do: Doing
    means: dict[str, tuple[float, ...]] = field(default_factory=dict)
    spread: float = 0.12
    parties: tuple[str, ...] = ()
    party: str = ""
    reason: str = ""
    because: str = ""
    mail: str = "up"


@dataclass(frozen=True)
class Scenario:
    """One scripted episode; ``before`` is the mean of the days before it by city [ug m-3]."""

    id: str
    title: str
    trains: str
    before: dict[str, float]
    steps: tuple[Step, ...]

    @property
    def hours(self) -> float:
        """Return how long it lasts in its own time [h]."""
        return self.steps[-1].hours


@cache
def all_scenarios() -> dict[str, Scenario]:
    """Return the packaged scenarios by id; raises PolicyError naming what is wrong with one.

    >>> sorted(all_scenarios())
    ['false-alarm', 'joint-rise', 'mail-down', 'silent-partner', 'single-city']
    """
    files = sorted(
        (f for f in DRILL_FOLDER.iterdir() if f.name.endswith(".toml")), key=lambda file: file.name
    )
    found = [parse_scenario(tomllib.loads(file.read_text("utf-8")), file.name) for file in files]
    return {scenario.id: scenario for scenario in found}


def parse_scenario(table: dict[str, Any], source: str) -> Scenario:
    """Read a scenario from its table.

    Raises
    ------
    PolicyError
        naming the file, the step and what is wrong with it
    """
    try:
        rows = [_step(dict(row)) for row in table["step"]]
        scenario = Scenario(**{k: v for k, v in table.items() if k != "step"}, steps=tuple(rows))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"scenario {source}: {error}; compare it with docs/drills.md") from None
    faults = [*_faults(scenario), *(f for step in scenario.steps for f in _step_faults(step))]
    if faults:
        raise PolicyError(f"scenario {source}: {'; '.join(faults)}")
    return scenario


def _step(row: dict[str, Any]) -> Step:
    """Read one step, its day means standing under the names of the cities."""
    means = {name: tuple(map(float, row.pop(name))) for name in all_cities() if name in row}
    return Step(
        **{**row, "hours": float(row["hours"]), "parties": tuple(row.get("parties", ()))}, means=means
    )


def _faults(scenario: Scenario) -> list[str]:
    """Return what is wrong with a scenario as a whole."""
    if not scenario.steps:
        return ["it has no step"]
    hours, first = [step.hours for step in scenario.steps], scenario.steps[0]
    checks = {
        "it does not begin with a cycle at hour 0": (first.hours, first.do) != (0, "cycle"),
        "its steps are not in order of time": hours != sorted(hours),
        "before does not name every city": set(scenario.before) != set(linked_cities()),
    }
    return [fault for fault, is_so in checks.items() if is_so]


def _step_faults(step: Step) -> list[str]:
    """Return what is wrong with one step."""
    owners = set(all_parties())
    named = {*step.parties, *([step.party] if step.party else [])}
    lengths = {len(values) for values in step.means.values()}
    checks = {
        f"do is none of {', '.join(DOINGS)}": step.do not in DOINGS,
        "mail is up or down": step.mail not in ("up", "down"),
        f"unknown party {', '.join(sorted(named - owners))}": not named <= owners,
        "a cycle stands at a multiple of six hours": step.do == "cycle" and step.hours % CYCLE_HOURS != 0,
        f"a cycle foretells {FORECAST_DAYS + 1} day means of every city": step.do == "cycle"
        and (set(step.means) != set(linked_cities()) or lengths != {FORECAST_DAYS + 1}),
        f"day means lie between 0 and {HIGHEST}": any(
            not 0 < value <= HIGHEST for values in step.means.values() for value in values
        ),
        "spread lies between 0.01 and 1": not 0.01 <= step.spread <= 1,
        "sign needs parties": step.do == "sign" and not step.parties,
        f"{step.do} needs party and reason": step.do in ("object", "cancel", "end")
        and not (step.party and (step.reason.strip() or step.because)),
        f"because is none of {', '.join(cancel_reasons())}": step.because not in ("", *cancel_reasons()),
    }
    return [f"hour {step.hours:g}: {fault}" for fault, is_so in checks.items() if is_so]
