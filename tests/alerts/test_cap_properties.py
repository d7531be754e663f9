"""Whatever a warning says, its CAP message is valid and whole, or refused for a reason that is true."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from alerts.areas import city_area
from alerts.cap import LAST_WORD, CapHeader, build_cap, cap_time
from alerts.cap_check import CAP_NAMESPACE, cap_problems
from alerts.content import Reference
from alerts.examples import example_content
from alerts.identifiers import alert_identifier
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.times import iso, parse_instant

BEGIN = parse_instant("2026-01-14T08:40Z")
NONE = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
AREAS = {name: city_area(city(name), NONE) for name in ("seoul", "beijing")}
TYPES = {"alert": "Alert", "update": "Update", "all_clear": "Update", "cancel": "Cancel"}

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=80)
hours = st.integers(-48, 96).map(lambda n: timedelta(hours=n))


@st.composite
def cases(draw):
    """Draw a content of any kind with any times, and when it is sent."""
    kind = draw(st.sampled_from(sorted(TYPES)))
    product = draw(st.sampled_from(["joint_warning", "single_city_warning", "notice"]))
    joint = example_content()
    cities = joint.cities if product == "joint_warning" else joint.cities[draw(st.integers(0, 1)) :][:1]
    before = draw(st.integers(1, 4)) if kind != "alert" else 0
    sent = BEGIN + before * timedelta(hours=6)
    references = tuple(
        Reference(v, alert_identifier(joint.warning_id, v), iso(BEGIN + v * timedelta(hours=5)))
        for v in range(1, before + 1)
    )
    own = {c.city for c in cities}
    return replace(
        joint,
        kind=kind,
        product=product,
        cities=cities,
        parties=tuple(c.party for c in cities),
        rules=tuple(r for r in joint.rules if r.city in own),
        origins=joint.origins if product == "joint_warning" else (),
        level=draw(st.sampled_from(["J1", "J2", "J3"])) if product == "joint_warning" else "",
        version=before + 1,
        references=references,
        reason=draw(texts) if kind != "alert" else "",
        degraded=draw(st.just("") | texts),
        onset=iso(sent + draw(hours)),
        expires=iso(sent + draw(hours)),
    ), sent


@given(cases(), texts)
@settings(max_examples=60, deadline=None, derandomize=True)
@example((example_content(), BEGIN), "desk <&> 서울")
def test_a_message_is_valid_and_whole_or_its_times_contradict_each_other(case, contact):
    content, sent = case
    header = CapHeader("desk@seoul.example", sent, contact)
    onset, expires = parse_instant(content.onset), parse_instant(content.expires)
    last = content.kind in ("all_clear", "cancel")
    if not last and (expires <= sent or onset >= expires):
        with pytest.raises(ContractError, match=r"not before expires|not after sent"):
            build_cap(content, header, AREAS)
        return
    xml = build_cap(content, header, AREAS)
    assert cap_problems(xml) == []
    root = etree.fromstring(xml)

    def said(name):
        return [node.text for node in root.iter(f"{{{CAP_NAMESPACE}}}{name}")]

    assert said("language") == ["ko-KR", "zh-CN", "en-US"]
    assert said("msgType") == [TYPES[content.kind]]
    assert said("sent") == [cap_time(sent)]
    assert said("effective") == 3 * [cap_time(sent)]
    assert said("onset") == ([] if last else 3 * [cap_time(onset)])
    assert said("expires") == 3 * [cap_time(max(expires, sent + LAST_WORD) if last else expires)]
    named = [triple.split(",")[1:] for text in said("references") for triple in text.split()]
    assert named == [[r.identifier, cap_time(parse_instant(r.sent))] for r in content.references]
    assert len(said("polygon")) == 3 * len(content.cities)
    pairs = dict(zip(said("valueName"), said("value"), strict=True))
    assert pairs["sameair:jointLevel"] == (content.level or "none")
