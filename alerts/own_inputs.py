"""What one party's message may say of the inputs of its forecast: its own, others only as lying elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from alerts.content import WarningContent
from pipeline.cities import all_cities

ELSEWHERE: Final = "an input from outside the city is missing"
"""A listed statement (``phrases`` of the vocabulary)."""


def with_own_inputs(content: WarningContent) -> WarningContent:
    """Return a content whose notes on inputs name no city of which the message does not speak.

    A joint warning is returned as it is.

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> both = example_content(inputs_missing=("beijing.pm2p5.reference", "seoul.pm10.reference"))
    >>> with_own_inputs(both).inputs_missing == both.inputs_missing
    True
    >>> single = example_content(product="single_city_warning", inputs_missing=both.inputs_missing,
    ...     degraded="no weather forecast; forecast without beijing air")
    >>> told = with_own_inputs(replace(single, cities=single.cities[1:]))
    >>> told.inputs_missing, told.degraded
    (('seoul.pm10.reference',), 'no weather forecast; an input from outside the city is missing')
    """
    if content.product == "joint_warning":
        return content
    others = set(all_cities()) - {c.city for c in content.cities}
    parts = [part.strip() for part in content.degraded.split(";") if part.strip()]
    own = [part for part in parts if not any(other in part.lower() for other in others)]
    missing = tuple(name for name in content.inputs_missing if name.partition(".")[0] not in others)
    hidden = len(own) < len(parts) or len(missing) < len(content.inputs_missing)
    return replace(content, degraded="; ".join([*own, *[ELSEWHERE] * hidden]), inputs_missing=missing)
