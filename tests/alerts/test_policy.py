"""The packaged policy, its deadlines, and every contradiction that must keep it from loading."""

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from datetime import timedelta
from itertools import pairwise

import pytest

from alerts.policy import PACKAGED_POLICY, load_policy, parse_policy
from pipeline.errors import PolicyError
from pipeline.names import PM_THRESHOLDS
from pipeline.times import iso, parse_instant

TEXT = PACKAGED_POLICY.read_text("utf-8")


def test_the_packaged_policy_is_consistent_and_frozen():
    policy = load_policy()
    for city in ("seoul", "beijing"):
        thresholds = policy.thresholds(city)
        assert all(a < b for a, b in pairwise(thresholds))
        assert set(thresholds) <= set(PM_THRESHOLDS)
    with pytest.raises(FrozenInstanceError):
        policy.version = "x"
    assert [policy.level_id(n) for n in range(4)] == ["", "J1", "J2", "J3"]


def test_a_file_is_worked_out_once_and_anew_when_it_says_something_else(tmp_path, monkeypatch):
    path = tmp_path / "own.toml"
    path.write_text(TEXT, "utf-8")
    first = load_policy(path)
    assert load_policy(path) is first
    path.write_text(TEXT.replace("open = 0.5", "open = 0.55", 1), "utf-8")
    changed = load_policy(path)
    assert (first.probability.open, changed.probability.open) == (0.5, 0.55)
    path.write_text(TEXT, "utf-8")
    monkeypatch.setattr("alerts.policy_checks.all_cities", lambda: {"seoul": None})
    monkeypatch.setattr("alerts.policy.all_cities", lambda: {"seoul": None})
    with pytest.raises(PolicyError, match="beijing"):
        load_policy(path)


@pytest.mark.parametrize(
    ("issue", "deadline"),
    [
        ("2026-01-14T02:00Z", "2026-01-14T07:30:00Z"),  # 11 KST: 16:30 KST
        ("2026-01-14T08:00Z", "2026-01-14T12:00:00Z"),  # 17 KST: four hours
        ("2026-01-14T14:00Z", "2026-01-14T18:00:00Z"),
        ("2026-01-14T20:00Z", "2026-01-15T00:00:00Z"),
    ],
)
def test_review_deadlines(issue, deadline):
    assert iso(load_policy().review_deadline(parse_instant(issue))) == deadline


FAULTS = [
    ("keep = 0.35", "keep = 0.51", "probability.keep"),
    ("open = 0.5", "open = 0.0", "probability.open"),
    ("classes = [0.5, 0.7, 0.9]", "classes = [0.5, 0.9, 0.7]", "probability.classes"),
    ("class_margin = 0.05", "class_margin = 0.5", "probability.class_margin"),
    ("immediate_lead_days = 2", "immediate_lead_days = 4", "persistence.immediate_lead_days"),
    ("immediate_probability = 0.7", "immediate_probability = 0.4", "persistence.immediate_probability"),
    ("cycles_to_open = 2", "cycles_to_open = 0", "persistence.cycles_to_open"),
    ("cycles_to_end = 2", "cycles_to_end = 0", "persistence.cycles_to_end"),
    ("merge_gap_hours = 36", "merge_gap_hours = 0", "persistence.merge_gap_hours"),
    ("minimum_share = 0.5", "minimum_share = 0.0", "assessment.minimum_share"),
    ("minimum_lift = 1.2", "minimum_lift = 0.9", "link.minimum_lift"),
    ("maximum_p_value = 0.1", "maximum_p_value = 0.5", "link.maximum_p_value"),
    ("maximum_lag_days = 3", "maximum_lag_days = 9", "link.maximum_lag_days"),
    ('silence = "expires"', 'silence = "issues"', "review.silence"),
    ("hours_otherwise = 4", "hours_otherwise = 7", "review.hours_otherwise"),
    ('{ "11" = "16:30" }', '{ "11" = "17:11" }', "review.deadline"),
    ('{ "11" = "16:30" }', '{ "11" = "10:59" }', "review.deadline"),
    ('{ "11" = "16:30" }', '{ "12" = "16:30" }', "review.deadline"),
    ('{ "11" = "16:30" }', '{ "11" = "late" }', "review.deadline"),
    ("cycle = 17", "cycle = 16", "timetable.cycle"),
    ('task = "watch"', 'task = "sleep"', "timetable.task"),
    ('before = "17:10"', 'before = "late"', "timetable.before"),
    ('recheck = "19:00"', 'recheck = "7 pm"', "duty.recheck"),
    ('night_to = "07:00"', 'night_to = "25:00"', "duty.night_to"),
    ("holidays = []", 'holidays = ["Seollal"]', "duty.holidays"),
    ("notice_probability = 0.2", "notice_probability = 0.6", "products.notice_probability"),
    ("minimum_hours = 6", "minimum_hours = 97", "expiry.minimum_hours"),
    ("all_clear_hours = 24", "all_clear_hours = 97", "expiry.all_clear_hours"),
    ('cap_status = "Exercise"', 'cap_status = "Actual"', "drill.cap_status"),
    ("{ seoul = 75, beijing = 115 }", "{ seoul = 50, beijing = 115 }", "level.threshold"),
    ("{ seoul = 75, beijing = 115 }", "{ seoul = 76, beijing = 115 }", "level.threshold"),
    ("{ seoul = 75, beijing = 115 }", "{ seoul = 75 }", "level.threshold"),
    ("{ seoul = 50, beijing = 75 }", "{ seoul = 50, beijing = 75, atlantis = 75 }", "level.threshold"),
    ('id = "J2"', 'id = "J1"', "level.id"),
    ("open = 0.5", "open = true", "probability.open"),
    ("open = 0.5", 'open = "half"', "probability.open"),
    ("open = 0.5\n", "", "probability.open is missing"),
    ("open = 0.5\n", "open = 0.5\nopened = 1\n", "probability.opened is not known"),
]


@pytest.mark.parametrize(("old", "new", "field"), FAULTS, ids=[f"{f} {n}" for _, n, f in FAULTS])
def test_a_contradiction_is_refused_by_line_and_field(old, new, field):
    assert TEXT.count(old) >= 1
    changed = TEXT.replace(old, new, 1)
    with pytest.raises(PolicyError, match=field) as refused:
        parse_policy(changed)
    line = int(str(refused.value).split("line ")[1].split(":")[0])
    section, key = field.split(" ")[0].split(".")
    assert changed.splitlines()[line - 1].startswith((key, f"[{section}", f"[[{section}"))


def test_broken_toml_and_a_file_elsewhere(tmp_path):
    with pytest.raises(PolicyError, match=r"policy\.toml"):
        parse_policy("version = ")
    path = tmp_path / "ours.toml"
    path.write_text(TEXT.replace('"2026-3"', '"2030-1"'), "utf-8")
    assert load_policy(path).version == "2030-1"


CHOSEN = 'city = "beijing"\nlevel = "J2"\nopen = [0.45, 0.45, 0.45, 0.5]\nkeep = [0.32, 0.32, 0.32, 0.35]'

CHOICE_FAULTS = [
    ("next_review = 2027-10-31", "next_review = 2028-10-31", "choice.next_review"),
    ("next_review = 2027-10-31", "next_review = 2026-10-31", "choice.next_review"),
    ("keep_share = 0.7", "keep_share = 1.1", "choice.keep_share"),
    ("ratio = { seoul = 0.45, beijing = 0.45 }", "ratio = { seoul = 0.45 }", "expense.ratio"),
    ("ratio = { seoul = 0.45, beijing = 0.45 }", "ratio = { seoul = 0.0, beijing = 0.4 }", "expense.ratio"),
    ('mark = "proposal"\nreason = "cars', 'mark = ""\nreason = "cars', "expense.reason"),
    (CHOSEN, CHOSEN.replace("J2", "J4"), "chosen.level"),
    (CHOSEN, CHOSEN.replace("0.45, 0.45, 0.45, 0.5]", "0.4, 0.45, 0.45, 0.5]"), "chosen.open"),
    (CHOSEN, CHOSEN.replace("0.45, 0.45, 0.45, 0.5]", "0.45, 0.45, 0.45]"), "chosen.open"),
    (CHOSEN, CHOSEN.replace("0.45, 0.45, 0.45, 0.5]", "0.45, 0.45, 0.45, 0.8]"), "chosen.open"),
    (CHOSEN, CHOSEN.replace("0.35]", "0.6]"), "chosen.keep"),
    ('version = "2026-3"\n\n', 'version = "2026-4"\n\n', "signed.version"),
    (
        'version = "2026-3"\nrole = "maintainer of the proposal"',
        'version = "2026-3"\nrole = ""',
        "signed.role",
    ),
    ("decided = 2026-11-22", 'decided = "yesterday"', "choice.decided"),
]


@pytest.mark.parametrize(("old", "new", "field"), CHOICE_FAULTS, ids=range(len(CHOICE_FAULTS)))
def test_a_choice_that_contradicts_the_policy_is_refused(old, new, field):
    text = TEXT.replace('version = "2026-3"\n', 'version = "2026-3"\n\n', 1)
    assert text.count(old) >= 1
    with pytest.raises(PolicyError, match=field):
        parse_policy(text.replace(old, new, 1))


def test_the_probability_needed_depends_on_city_level_and_lead_and_falls_back_without_rows():
    policy = load_policy()
    assert [policy.opening("seoul", 1, lead) for lead in range(4)] == [0.4, 0.35, 0.4, 0.4]
    assert [policy.keeping("beijing", 3, lead) for lead in range(4)] == [0.35, 0.35, 0.35, 0.39]
    assert policy.opening("seoul", 1, -1) == policy.opening("seoul", 1, 0)
    assert policy.opening("seoul", 1, 9) == policy.opening("seoul", 1, 3)
    bare = replace(policy, chosen=())
    assert {bare.opening(c, n, d) for c in ("seoul", "beijing") for n in (1, 2, 3) for d in range(4)} == {0.5}
    assert bare.keeping("seoul", 2, 1) == 0.35


def test_the_look_at_the_choice_is_due_every_year():
    policy = load_policy()
    assert not policy.review_overdue(policy.choice.next_review)
    assert policy.review_overdue(policy.choice.next_review + timedelta(days=1))


def test_every_number_of_the_policy_is_explained():
    policy = load_policy()
    sections = [f.name for f in fields(policy) if is_dataclass(getattr(policy, f.name))]
    for section in sections:
        before = TEXT.split(f"[{section}]")[0].rstrip("\n").splitlines()[-1]
        assert before.startswith("#"), section


@pytest.mark.parametrize(
    ("night_from", "night_to", "by_night"),
    [("22:00", "07:00", {0, 6, 22, 23}), ("00:00", "06:00", {0}), ("01:00", "07:00", {6})],
)
def test_a_night_may_begin_before_or_after_midnight(night_from, night_to, by_night):
    """14 January 2026 is a Wednesday; 15 UTC of the day before is its midnight in Seoul."""
    policy = parse_policy(TEXT.replace('"22:00"', f'"{night_from}"').replace('"07:00"', f'"{night_to}"'))
    midnight = parse_instant("2026-01-13T15:00Z")
    signers = {
        hour: policy.duty.signer(midnight + timedelta(hours=hour), policy.review.timezone)
        for hour in (0, 6, 7, 12, 21, 22, 23)
    }
    assert {hour for hour, who in signers.items() if who == policy.duty.night} == by_night
