"""The one text that stands for a piece of data, so that both parties digest and sign the same bytes.

The form is RFC 8785 (JSON Canonicalization Scheme): UTF-8, no white space, members sorted by the UTF-16 code
units of their names, strings with the shortest escapes, numbers as ECMAScript prints them (so ``40.0`` and
``40`` are the same text), no NaN and no infinity. Stricter than the RFC: whole numbers that a double cannot
carry and lone surrogates are refused, as they do not survive every reader. Tuples count as lists.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline.errors import ContractError

_SAFE_INTEGER = 2**53 - 1


def canonical_json(value: object) -> bytes:
    """Return the canonical text of plain data; raises ContractError naming what cannot be written.

    >>> canonical_json({"b": [1.0, 0.1, 1e-7, 1e21], "a": "서울"}).decode()
    '{"a":"서울","b":[1,0.1,1e-7,1e+21]}'
    >>> canonical_json({"mean": float("nan")})
    Traceback (most recent call last):
    pipeline.errors.ContractError: $.mean: nan has no canonical form
    """
    return _write(value, "$").encode()


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal.

    >>> digest({"a": 1, "b": 2.5}) == digest({"b": 2.5, "a": 1.0})
    True
    >>> digest({})[:16]
    '44136fa355b3678a'
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _write(value: object, where: str) -> str:
    """Return the canonical text of one value at a path."""
    if isinstance(value, Mapping):
        return _write_object(value, where)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_write(item, f"{where}[{n}]") for n, item in enumerate(value)) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _write_string(value, where)
    if isinstance(value, int | float):
        return _write_number(value, where)
    raise ContractError(f"{where}: {type(value).__name__} has no canonical form; give plain JSON data")


def _write_object(value: Mapping[Any, object], where: str) -> str:
    """Return an object with its members in the order of their names' UTF-16 code units."""
    for name in value:
        if not isinstance(name, str):
            raise ContractError(f"{where}: the name {name!r} is not text")
    texts = {name: _write_string(name, where) for name in value}
    ordered = sorted(texts, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{texts[name]}:{_write(value[name], f'{where}.{name}')}" for name in ordered) + "}"


def _write_string(value: str, where: str) -> str:
    """Return a JSON string with only the escapes that JSON demands."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ContractError(f"{where}: text with a lone surrogate has no canonical form") from error
    return json.dumps(value, ensure_ascii=False)


def _write_number(value: float, where: str) -> str:
    """Return a number as ECMAScript's Number::toString prints it (ECMA-262 §6.1.6.1.20)."""
    if isinstance(value, int):
        return _write_integer(int(value), where)
    if not math.isfinite(value):
        raise ContractError(f"{where}: {float(value)} has no canonical form")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(float.__repr__(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    return ("-" if sign else "") + _place_point(text, len(text) + int(exponent))


def _write_integer(value: int, where: str) -> str:
    """Return a whole number; beyond 2^53 only if the nearest double is written with the same digits."""
    if abs(value) > _SAFE_INTEGER and (
        value.bit_length() > 70 or _write_number(float(value), where) != str(value)
    ):
        raise ContractError(f"{where}: {value} is beyond the whole numbers that JSON carries safely")
    return str(value)


def _place_point(digits: str, point: int) -> str:
    """Return the digits with the decimal point after ``point`` of them, exponential where ECMAScript is."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
