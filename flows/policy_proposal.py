"""A proposal for a policy file: the file in force with chosen probabilities, to be signed by roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from alerts.policy import PACKAGED_POLICY, Policy, parse_policy
from flows.workspace import Workspace
from pipeline.files import write_atomic

REVIEW_AFTER: Final = timedelta(days=343)
"""Within a year, and before the next season where the choice is made after one."""

REPLACED: Final = ("choice", "chosen")

HEAD: Final = """\
# When the probabilities below were chosen, from what, and by when they are looked at again: base rates fall
# from year to year. A probability that opens a level, times `keep_share`, keeps it.
"""

ROWS: Final = """\
# Probabilities from which a day opens and keeps a level, for D+0 to D+3: chosen by `sameair policy choose`
# from the ratios above and the reliability of the forecasts; without rows those of [probability] hold.
"""


def write_proposal(ws: Workspace, policy: Policy, found: Mapping[str, Any]) -> Path:
    """Write the policy in force with what was chosen to the reports, checked as any policy is.

    Raises
    ------
    PolicyError
        what was chosen contradicts the rest of the policy
    """
    path = ws.settings.policy_file
    today = ws.clock().date()
    text = proposal((path or PACKAGED_POLICY).read_text("utf-8"), policy, found, today)
    name = f"policy-proposal-{today.isoformat()}.toml"
    parse_policy(text, name)
    return write_atomic(ws.settings.data_dir / "reports" / name, text.encode())


def proposal(text: str, policy: Policy, found: Mapping[str, Any], today: date) -> str:
    """Return a policy file's text with new rows under a new version, and a row for who is to sign it."""
    version = f"{policy.version}-proposal-{today.isoformat()}"
    kept = "".join(block for name, block in _blocks(text) if name not in REPLACED)
    kept = re.sub(r'(?m)^version = ".*"', f"version = {json.dumps(version)}", kept, count=1)
    evidence = _evidence(found)
    parts = [
        kept.rstrip("\n") + "\n",
        _choice(policy, evidence, today),
        _rows(found["chosen"]),
        "# To be replaced by the roles that sign for both parties.\n"
        + _table("[[signed]]", version=version, role="sameair policy choose", date=today, reason=evidence),
    ]
    return "\n".join(parts)


def _evidence(found: Mapping[str, Any]) -> str:
    years = f"{found['years'][0]}-{found['years'][-1]}"
    source = found["source"]
    told = [str(found["world"]), years, str(source.get("weather", ""))]
    if source.get("train_until"):
        told.append(f"learned until {source['train_until']}")
    return ", ".join(part for part in [*told, *found["caveats"]] if part)


def _choice(policy: Policy, evidence: str, today: date) -> str:
    return HEAD + _table(
        "[choice]",
        decided=today,
        next_review=today + REVIEW_AFTER,
        evidence=evidence,
        keep_share=policy.choice.keep_share,
    )


def _rows(chosen: Sequence[Mapping[str, Any]]) -> str:
    return ROWS + "\n".join(_table("[[chosen]]", **row) for row in chosen)


def _table(header: str, **values: Any) -> str:
    lines = [f"{key} = {_plain(value)}" for key, value in values.items()]
    return "\n".join([header, *lines]) + "\n"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield every table of a TOML text with its name and the comments that stand before it.

    >>> [name for name, _ in _blocks("a = 1\n\n# why\n[b]\nc = 2\n[[d]]\n")]
    ['', 'b', 'd']
    """
    name, block, waiting = "", "", ""
    for line in text.splitlines(keepends=True):
        if header := re.match(r"\[+([\w.]+)\]+", line):
            yield name, block
            name, block, waiting = header[1], waiting + line, ""
        elif line.startswith("#") or not line.strip():
            waiting += line
        else:
            block, waiting = block + waiting + line, ""
    yield name, block + waiting
