"""What a party lets leave its node, and under which marks: rules of a table, everything else is refused.

Marks travel with the data. What a party received it never passes on: sources that begin with
``RECEIVED`` are another party's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import PolicyError
from pipeline.names import QUANTITIES, is_simulated
from pipeline.times import to_ns

RECEIVED: Final = "party."
"""How the source of everything begins that another party sent."""
PACKAGED = resources.files("pipeline") / "sharing.toml"
WORLDS: Final = ("simulated", "measured")
STATEMENTS: Final = ("bulletin", "measures", "model_card", "verification")
REDISTRIBUTION: Final = ("none", "parties", "public")


@dataclass(frozen=True)
class Mark:
    """What a receiver must hold to: it travels with every value.

    Parameters
    ----------
    embargo_hours : after the end of its interval before which a value may not be used or shown
    redistribution : one of REDISTRIBUTION; ``none``: kept and not used
    """

    rule: str
    licence: str
    attribution: str
    redistribution: str
    embargo_hours: float


@dataclass(frozen=True)
class Rule:
    """Which measurements may leave, when, under which mark; patterns as of ``fnmatch``."""

    name: str
    world: str
    stations: tuple[str, ...]
    quantities: tuple[str, ...]
    delay_hours: float
    look_back_hours: float
    mark: Mark

    def is_of(self, world: str) -> bool:
        """Tell whether the rule speaks of a world."""
        return self.world == _kind(world)


@dataclass(frozen=True)
class Sharing:
    """What one party shares: stations it speaks for, rules, and which statements leave of which worlds.

    ``quotes`` names by world the stations of nobody's rule whose readings its joint texts may repeat.
    """

    party: str
    networks: tuple[str, ...]
    rules: tuple[Rule, ...]
    statements: Mapping[str, tuple[str, ...]]
    quotes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def speaks_for(self, station: str) -> bool:
        """Tell whether a station is of the party's own networks."""
        network, colon, _ = station.partition(":")
        return bool(colon) and network in self.networks

    def states(self, kind: str, world: str) -> bool:
        """Tell whether a statement of a kind may leave.

        >>> own = sharing_of("seoul")
        >>> own.states("bulletin", "measured"), own.states("diary", "measured")
        (True, False)
        """
        return _kind(world) in self.statements.get(kind, ())

    def may_leave(self, rule: Rule, versions: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that a rule lets out, with ``leaves_at``: when each may leave at the earliest.

        Parameters
        ----------
        versions : VERSION_COLUMNS of the rule's world
        """
        stations = [s for s in versions["station"].unique() if self._is_shared(rule, str(s))]
        keep = versions["station"].isin(stations) & versions["quantity"].isin(rule.quantities)
        keep &= ~versions["source"].astype(str).str.startswith(RECEIVED)
        rows = versions[keep].reset_index(drop=True)
        delay = np.timedelta64(round(rule.delay_hours * 3600), "s")
        earliest = rows["time"].to_numpy("datetime64[ns]") + delay
        leaves_at = np.maximum(earliest, rows["received_at"].to_numpy("datetime64[ns]"))
        return rows.assign(leaves_at=leaves_at)

    def may_be_told(self, versions: pd.DataFrame, world: str, at: datetime) -> npt.NDArray[np.bool_]:
        """Tell of each value whether a text for the other parties may repeat it by an instant.

        What another party sent is used under its mark, or not stored at all. An own value needs a rule that
        lets it leave and be used by then; of other stations ``quotes`` must name it.

        Parameters
        ----------
        versions : VERSION_COLUMNS of the world
        """
        stations = versions["station"].astype(str)
        received = versions["source"].astype(str).str.startswith(RECEIVED).to_numpy(bool)
        own = stations.map(self.speaks_for).to_numpy(bool)
        quoted = self.quotes.get(_kind(world), ())
        named = stations.map(lambda s: any(fnmatchcase(s, p) for p in quoted)).to_numpy(bool)
        told: npt.NDArray[np.bool_] = received | (~own & named)
        for rule in (r for r in self.rules if r.is_of(world)):
            held = np.timedelta64(round(max(rule.delay_hours, rule.mark.embargo_hours) * 3600), "s")
            is_over = versions["time"].to_numpy("datetime64[ns]") + held <= to_ns(at)
            shared = stations.map(lambda s, r=rule: self._is_shared(r, s)).to_numpy(bool)
            fits = shared & versions["quantity"].isin(rule.quantities).to_numpy(bool)
            told |= own & fits & is_over & (rule.mark.redistribution != "none")
        return told

    def why(self, station: str, quantity: str, world: str) -> list[str]:
        """Return in words what becomes of a station's values of a quantity, a line for each rule about them.

        >>> sharing_of("seoul").why("airkorea:1", "pm2p5", "measured")
        ['stays: no rule for measured air names it']
        """
        if not self.speaks_for(station):
            networks = ", ".join(self.networks) or "none"
            return [f"stays: {self.party} does not speak for it (its networks: {networks})"]
        rules = [r for r in self.rules if r.is_of(world) and self._is_shared(r, station)]
        found = [f"leaves {_words(r)}" for r in rules if quantity in r.quantities]
        lacking = f"the rules that name it do not name {quantity}" if rules else f"no rule for {_kind(world)}"
        return found or [f"stays: {lacking}" if rules else f"stays: {lacking} air names it"]

    def _is_shared(self, rule: Rule, station: str) -> bool:
        return self.speaks_for(station) and any(fnmatchcase(station, p) for p in rule.stations)


def sharing_of(party: str, path: Path | None = None) -> Sharing:
    """Return what a party shares; a party without a table shares nothing.

    Parameters
    ----------
    path : the installation's own file; None: the packaged one

    Raises
    ------
    PolicyError
        the file cannot be read, or a rule is incomplete or names what does not exist
    """
    name = "sharing.toml" if path is None else str(path)
    try:
        text = PACKAGED.read_text("utf-8") if path is None else path.read_text("utf-8")
        table = tomllib.loads(text).get(party, {})
    except (OSError, ValueError) as error:
        raise PolicyError(f"{name} cannot be read: {error}") from error
    return parse_sharing(party, table, name)


def parse_sharing(party: str, table: Mapping[str, Any], name: str = "sharing.toml") -> Sharing:
    """Read the table of one party; raises PolicyError naming what is wrong.

    >>> parse_sharing("seoul", {"networks": ["airkorea"], "rule": [{"name": "all"}]})
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: sharing.toml: seoul, rule 1: lacks attribution, delay_hours, ...
    """
    _check(not set(table) - {"networks", "statements", "rule", "quotes"}, f"{name}: {party}: unknown tables")
    statements = {kind: tuple(worlds) for kind, worlds in table.get("statements", {}).items()}
    for kind, worlds in statements.items():
        known = kind in STATEMENTS and set(worlds) <= set(WORLDS)
        _check(known, f"{name}: {party}: statements of {kind} in {', '.join(worlds)} are unknown")
    quotes = {world: tuple(patterns) for world, patterns in table.get("quotes", {}).items()}
    _check(set(quotes) <= set(WORLDS), f"{name}: {party}: quotes are for {' and '.join(WORLDS)}")
    rules = [
        _rule(row, f"{name}: {party}, rule {number}") for number, row in enumerate(table.get("rule", ()), 1)
    ]
    twice = len({rule.name for rule in rules}) < len(rules)
    _check(not twice, f"{name}: {party}: two rules of one name")
    return Sharing(party, tuple(table.get("networks", ())), tuple(rules), statements, quotes)


_FIELDS: Final = frozenset(
    (
        *("name", "world", "stations", "quantities", "delay_hours", "embargo_hours", "look_back_hours"),
        *("licence", "attribution", "redistribution"),
    )
)


def _rule(row: Mapping[str, Any], where: str) -> Rule:
    lacking, odd = sorted(_FIELDS - set(row)), sorted(set(row) - _FIELDS)
    _check(not lacking, f"{where}: lacks {', '.join(lacking)}")
    _check(not odd, f"{where}: unknown {', '.join(odd)}")
    unknown = sorted(set(row["quantities"]) - set(QUANTITIES))
    _check(not unknown, f"{where}: unknown quantities {', '.join(unknown)}")
    _check(row["world"] in WORLDS, f"{where}: world is one of {', '.join(WORLDS)}")
    _check(row["redistribution"] in REDISTRIBUTION, f"{where}: redistribution is unknown")
    _check(bool(row["licence"]), f"{where}: names no licence")
    hours = [row[name] for name in ("delay_hours", "embargo_hours", "look_back_hours")]
    _check(all(isinstance(h, int | float) and h >= 0 for h in hours), f"{where}: hours are numbers from 0 on")
    mark = Mark(
        rule=row["name"],
        licence=row["licence"],
        attribution=row["attribution"],
        redistribution=row["redistribution"],
        embargo_hours=row["embargo_hours"],
    )
    return Rule(
        name=row["name"],
        world=row["world"],
        stations=tuple(row["stations"]),
        quantities=tuple(row["quantities"]),
        delay_hours=row["delay_hours"],
        look_back_hours=row["look_back_hours"],
        mark=mark,
    )


_USE: Final = {
    "none": "kept there and not used",
    "parties": "for agencies of the parties",
    "public": "for anybody",
}


def _words(rule: Rule) -> str:
    """Return when a rule lets values leave, and under which mark."""
    mark = rule.mark
    said = f"{rule.delay_hours:g} h after its interval by rule {rule.name}: {_USE[mark.redistribution]}"
    if mark.embargo_hours and mark.redistribution != "none":
        said += f", used there {mark.embargo_hours:g} h after its interval"
    return f"{said}; {mark.licence}"


def _kind(world: str) -> str:
    """Return of which kind a world is, as rules name it."""
    return "simulated" if is_simulated(world) else "measured"


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise PolicyError(message)
