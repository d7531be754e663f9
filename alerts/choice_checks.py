"""Every way in which the chosen probabilities of a policy can contradict it, as (field, complaint)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pipeline.times import FORECAST_DAYS

if TYPE_CHECKING:
    from alerts.policy import Policy
    from alerts.policy_parts import Chosen

LONGEST_REVIEW: Final = timedelta(days=400)
"""Base rates fall from year to year, so a choice is looked at again before every season."""


def choice_faults(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield every contradiction of the choice, its cost-loss ratios, its rows and its signatures."""
    choice = policy.choice
    if not timedelta() < choice.next_review - choice.decided <= LONGEST_REVIEW:
        yield "choice.next_review", f"must lie within {LONGEST_REVIEW.days} days after choice.decided"
    if not 0 < choice.keep_share <= 1:
        yield "choice.keep_share", "must be above 0 and at most 1"
    yield from _expense_faults(policy)
    yield from _chosen_faults(policy)
    if any(not (row.version and row.role and row.reason) for row in policy.signed):
        yield "signed.role", "or version or reason is empty"
    if not any(row.version == policy.version for row in policy.signed):
        yield "signed.version", f"names version {policy.version} in no row: a change is signed by a role"


def _expense_faults(policy: Policy) -> Iterator[tuple[str, str]]:
    levels = [level.id for level in policy.level]
    if sorted(row.level for row in policy.expense) != sorted(levels):
        yield "expense.level", f"must name each of {', '.join(levels)} once"
    for row in policy.expense:
        named = set(row.ratio) == set(policy.level[0].threshold)
        if not named or not all(0 < value < 1 for value in row.ratio.values()):
            yield "expense.ratio", f"of {row.level} must give each city a number between 0 and 1"
        if not (row.reason and row.mark):
            yield "expense.reason", f"or mark of {row.level} is empty"


def _chosen_faults(policy: Policy) -> Iterator[tuple[str, str]]:
    wanted = sorted((city, level.id) for city in policy.level[0].threshold for level in policy.level)
    if policy.chosen and sorted((row.city, row.level) for row in policy.chosen) != wanted:
        yield "chosen.level", "must have one row for each city and level, or no row at all"
        return
    for row in policy.chosen:
        yield from _row_faults(row, policy)
    order = [level.id for level in policy.level]
    rows = sorted(policy.chosen, key=lambda row: (row.city, order.index(row.level)))
    for lower, higher in pairwise(rows):
        rises = all(a <= b for a, b in zip(lower.open, higher.open, strict=False))
        if lower.city == higher.city and not rises:
            yield "chosen.open", f"of {higher.level} lies below that of {lower.level}, which it stands on"


def _row_faults(row: Chosen, policy: Policy) -> Iterator[tuple[str, str]]:
    least, most = policy.products.notice_probability, policy.persistence.immediate_probability
    where = f"of {row.city} {row.level}"
    if len(row.open) != FORECAST_DAYS + 1 or len(row.keep) != FORECAST_DAYS + 1:
        yield "chosen.open", f"and keep {where} need {FORECAST_DAYS + 1} numbers, D+0 to D+{FORECAST_DAYS}"
        return
    if not all(least <= value <= most for value in row.open):
        yield "chosen.open", f"{where} must lie between the probabilities of a notice and of acting at once"
    if not all(0 < keep <= value for keep, value in zip(row.keep, row.open, strict=True)):
        yield "chosen.keep", f"{where} must be above 0 and at most chosen.open"
