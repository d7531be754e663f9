"""Canonical JSON: the samples of RFC 8785, and that a trip through JSON changes nothing."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ContractError
from pipeline.exchange.canonical import canonical_json, digest

RFC_8785_APPENDIX_B = {
    0.0: "0",
    5e-324: "5e-324",
    -5e-324: "-5e-324",
    1.7976931348623157e308: "1.7976931348623157e+308",
    9007199254740992.0: "9007199254740992",
    295147905179352825856.0: "295147905179352830000",
    9.999999999999997e22: "9.999999999999997e+22",
    1e23: "1e+23",
    1.0000000000000001e23: "1.0000000000000001e+23",
    999999999999999700000.0: "999999999999999700000",
    1e21: "1e+21",
    9.999999999999997e-7: "9.999999999999997e-7",
    0.000001: "0.000001",
    333333333.3333332: "333333333.3333332",
    -0.0000033333333333333333: "-0.0000033333333333333333",
    1424953923781206.25: "1424953923781206.2",
}

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(("number", "text"), RFC_8785_APPENDIX_B.items())
def test_numbers_are_written_as_in_the_rfc(number, text):
    assert canonical_json(number).decode() == text


def test_negative_zero_is_zero():
    assert canonical_json(-0.0) == b"0"


def test_members_are_sorted_by_utf16_as_in_the_rfc():
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]  # RFC 8785 §3.2.3
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    written = json.loads(canonical_json(dict.fromkeys(names, 0)), object_pairs_hook=list)
    assert [name for name, _ in written] == order


def test_strings_are_escaped_as_in_the_rfc():
    text = "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/"  # RFC 8785 §3.2.2
    assert canonical_json(text).decode() == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


@given(plain)
def test_a_trip_through_json_keeps_text_and_digest(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text
    assert digest(json.loads(json.dumps(value))) == digest(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_it_was(number):
    assert float(canonical_json(number)) == number


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, 2**53 + 1, 10**400, {1: 2}, object(), "\ud800", b"x", {"a": [set()]}]
)
def test_what_has_no_canonical_form_is_refused(bad):
    with pytest.raises(ContractError):
        canonical_json(bad)
