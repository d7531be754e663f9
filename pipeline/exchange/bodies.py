"""What the body of each kind of envelope may hold: one JSON schema a kind, asked on sending and on arrival.

The schemas lie beside this file, ``bodies/<kind>-1.schema.json`` (JSON Schema 2020-12). They refer to nothing
outside themselves, and nothing is ever fetched for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from pipeline.errors import ContractError
from pipeline.times import parse_instant

VERSION: Final = "1"
LONGEST: Final = 300
"""How much is said of what is wrong [characters]."""
YEARS: Final = (1970, 2199)
"""Years in which an instant of the exchange may lie."""
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z\Z")
WITH_LINES: Final = ("text", "card", "reason", "note", "report", "legal_basis", "area", "overall", "cause")
"""Members whose texts may have more than one line."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_BREAK = re.compile(r"[\t\n\r]")
_FOLDER = resources.files("pipeline") / "exchange" / "bodies"


def check_body(kind: str, body: Mapping[str, Any]) -> None:
    """Refuse a body that breaks the schema of its kind.

    Raises
    ------
    ContractError
        naming the place in the body and what is wrong there

    Examples
    --------
    >>> check_body("correction", {"what": "observations"})
    Traceback (most recent call last):
    ...
    pipeline.errors.ContractError: correction: $: 'mark' is a required property
    """
    error = next(iter(_validator(kind).iter_errors(_plain(body))), None)
    if error is not None:
        raise ContractError(f"{kind}: {error.json_path[:LONGEST]}: {_complaint(error)}")
    fault = _unusable(body)
    if fault:
        raise ContractError(f"{kind}: {fault}")


def body_schema(kind: str) -> dict[str, Any]:
    """Return the schema of a kind's body; raises ContractError where the kind has none.

    >>> body_schema("correction")["title"]
    'sameair body of a correction, version 1'
    """
    file = _FOLDER / f"{kind}-{VERSION}.schema.json"
    if not file.is_file():
        raise ContractError(f"{kind}: there is no schema of such a body")
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return schema


def _unusable(body: object) -> str:
    """Return which value of a body no program can use whatever the schema says, or nothing.

    >>> _unusable({"at": ["0001-01-01T00:00:00Z"]}), _unusable({"n": 2**60}), _unusable({"at": "2026-01-14"})
    ('a year outside 1970-2199', 'a whole number beyond 2^53', '')
    """
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [*(("", key) for key in value), *value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(name, item) for item in value]
        elif isinstance(value, str):
            fault = _hidden(value, has_lines=name in WITH_LINES) or _no_instant(value)
            if fault:
                return fault
        elif isinstance(value, int) and abs(value) > 2**53:
            return "a whole number beyond 2^53"
    return ""


def _hidden(text: str, *, has_lines: bool) -> str:
    r"""Return why a text would show otherwise than it is, on a terminal, in a mail or in XML, or nothing.

    >>> [bool(_hidden(t, has_lines=True)) for t in ("a\nb", "\x1b[2J", "\u202e", "\uffff", "서울, 北京")]
    [False, True, True, True, False]
    >>> _hidden("wang\nkim", has_lines=False)
    'a line break where there are no lines'
    """
    if _CONTROL.search(text):
        return "a text with a control or hidden sign"
    if not has_lines and _BREAK.search(text):
        return "a line break where there are no lines"
    return ""


def _no_instant(text: str) -> str:
    """Return why a text that is written as an instant is none, or nothing.

    >>> _no_instant("2026-02-30T00:00:00Z"), _no_instant("2026-02-28T00:00:00Z"), _no_instant("a text")
    ('an instant that is none', '', '')
    """
    if not _INSTANT.match(text):
        return ""
    if not YEARS[0] <= int(text[:4]) <= YEARS[1]:
        return f"a year outside {YEARS[0]}-{YEARS[1]}"
    try:
        parse_instant(text)
    except ValueError:
        return "an instant that is none"
    return ""


def _complaint(error: ValidationError) -> str:
    """Return what a place breaks, in words of the schema: what was sent is not quoted."""
    if error.validator == "required":
        return str(error.message)[:LONGEST]
    return f"breaks {error.validator} {error.validator_value!r:.{LONGEST}}"


@cache
def _validator(kind: str) -> Draft202012Validator:
    """Return what checks a kind; made once."""
    return Draft202012Validator(body_schema(kind))


def _plain(value: object) -> object:
    """Return tuples as lists and mappings as dicts, since a schema knows nothing else."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
