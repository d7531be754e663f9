"""Two texts of one decision beside each other, in lines for forecasters; what differs is marked; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from alerts.content import DayOutlook, LinkEvidence, RuleFinding, WarningContent
from alerts.origin_note import OriginNote
from alerts.policy import load_policy
from pipeline.exchange.canonical import digest
from pipeline.origin_panel import UpwindReading

DIFFERS = "  <- differs"


def compared(
    theirs: WarningContent,
    mine: WarningContent | None,
    numbers: Mapping[tuple[str, str], DayOutlook],
    limit: float,
) -> list[str]:
    """Return what a text rests on, beside the own numbers.

    Parameters
    ----------
    theirs, mine : the offered text, and the own one of the decision, if there is one
    numbers : what the own text or run says of each (city, local day) [ug m-3, 1]
    limit : difference of probabilities from which a day is marked [1]

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> text = example_content()
    >>> lines = compared(text, None, {}, 0.3)
    >>> lines[2]
    'beijing 2026-01-14: theirs 88 (79 to 101), above 75: 100 % (67 % of the day measured); ours unknown'
    """
    coming = [(c.city, d) for c in theirs.cities for d in c.days if d.lead_day >= 0]
    return [
        *_facts(theirs, mine),
        *(_day(city, day, numbers, limit) for city, day in coming),
        *_links(theirs, mine),
        *_findings(theirs, mine),
        *_origins(theirs, mine),
    ]


def _facts(theirs: WarningContent, mine: WarningContent | None) -> Iterator[str]:
    """Yield run, data, model, and what was missing."""
    parts = [f"run {theirs.run_id}, data as of {theirs.as_of}, model {theirs.model_id}"]
    parts += [f"degraded: {theirs.degraded}"] * bool(theirs.degraded)
    parts += [f"without {', '.join(theirs.inputs_missing)}"] * bool(theirs.inputs_missing)
    yield "; ".join(parts)
    for name in ("level", "onset", "expires", "review_deadline", "policy_version"):
        said, ours = getattr(theirs, name), getattr(mine, name) if mine else None
        if name == "level" or (mine is not None and said != ours):
            yield f"{name.replace('_', ' ')}: theirs {said or 'none'}{_beside(said, ours)}"


def _day(city: str, day: DayOutlook, numbers: Mapping[tuple[str, str], DayOutlook], limit: float) -> str:
    """Return one day of a city, theirs beside ours, at the city's lowest threshold of the policy."""
    threshold = str(load_policy().thresholds(city)[0])
    own = numbers.get((city, day.day))
    said = f"{city} {day.day}: theirs {_figures(day, threshold)}"
    if day.observed_share > 0:
        said += f" ({_share(day.observed_share)} of the day measured)"
    if own is None:
        return f"{said}; ours unknown"
    apart = abs(day.probability.get(threshold, 0.0) - own.probability.get(threshold, 0.0)) >= limit
    outside = not day.q10 <= own.mean <= day.q90 or not own.q10 <= day.mean <= own.q90
    return f"{said}; ours {_figures(own, threshold)}{DIFFERS if apart or outside else ''}"


def _figures(day: DayOutlook, threshold: str) -> str:
    chance = day.probability.get(threshold, 0.0)
    return f"{day.mean:.0f} ({day.q10:.0f} to {day.q90:.0f}), above {threshold}: {_share(chance)}"


def _links(theirs: WarningContent, mine: WarningContent | None) -> Iterator[str]:
    """Yield the transport links that either text claims."""
    said, ours = _by_pair(theirs.links), _by_pair(mine.links) if mine else {}
    for pair in sorted({*said, *ours}):
        words = [_link(found.get(pair)) for found in (said, ours)]
        beside = f"; ours {words[1]}{DIFFERS if words[0] != words[1] else ''}" if mine else ""
        yield f"link {pair[0]} to {pair[1]}: theirs {words[0]}{beside}"


def _by_pair(links: tuple[LinkEvidence, ...]) -> dict[tuple[str, str], LinkEvidence]:
    return {(link.upwind, link.downwind): link for link in links}


def _link(link: LinkEvidence | None) -> str:
    if link is None:
        return "none"
    return f"lag {link.lag_hours:g} h, lift {link.lift:.2f} of {link.sample_size} {link.confidence}".strip()


def _findings(theirs: WarningContent, mine: WarningContent | None) -> Iterator[str]:
    """Yield the findings of national rules in which the texts differ; all of theirs where we have no text."""
    said, ours = _by_rule(theirs.rules), _by_rule(mine.rules) if mine else {}
    for key in sorted({*said, *ours}):
        words = [_finding(found.get(key)) for found in (said, ours)]
        if mine is None:
            yield f"rule {' '.join(key)}: theirs {words[0]}"
        elif words[0] != words[1]:
            yield f"rule {' '.join(key)}: theirs {words[0]}; ours {words[1]}{DIFFERS}"


def _by_rule(rules: tuple[RuleFinding, ...]) -> dict[tuple[str, str, str], RuleFinding]:
    return {(r.rule, r.city, r.day): r for r in rules}


def _finding(rule: RuleFinding | None) -> str:
    if rule is None:
        return "none"
    return f"{rule.level} {'undecided' if rule.probability is None else _share(rule.probability)}"


def _origins(theirs: WarningContent, mine: WarningContent | None) -> Iterator[str]:
    """Yield where the air comes from by either text, with what was measured upwind, and the digests."""
    ours = {o.city: o for o in mine.origins} if mine else {}
    for note in theirs.origins:
        own = ours.get(note.city)
        same = own is not None and _digest(own) == _digest(note)
        beside = "" if mine is None else f"; ours {_digest(own) if own else 'none'}{'' if same else DIFFERS}"
        yield f"origin of the air of {note.city}: theirs {_digest(note)} ({note.winds}){beside}"
        for reading in note.upwind:
            yield f"  measured upwind, theirs: {_reading(reading)}"


def _digest(note: OriginNote) -> str:
    return digest(asdict(note))[:12]


def _reading(reading: UpwindReading) -> str:
    """Return what was measured upwind, in words."""
    then = "not yet passed" if reading.value is None else f"{reading.value:g} at {reading.passed_at}"
    newest = "" if reading.latest is None else f", newest {reading.latest:g} at {reading.latest_at}"
    return f"{reading.place} {reading.quantity} {then}{newest}"


def _share(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")


def _beside(said: object, ours: object) -> str:
    if ours is None:
        return ""
    return f"; ours {ours or 'none'}{DIFFERS if said != ours else ''}"
