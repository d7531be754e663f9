"""What the timetable's flows do: no step stops another; what is overtaken or not due is left."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

import flows.duties
from flows.steps import Steps


class Broken(RuntimeError):
    """A fault that no code foresaw."""


def test_steps_go_on_after_one_that_failed_and_tell_the_first_failure():
    done, steps = [], Steps()
    for name in ("one", "two", "three"):
        with steps.tried(name):
            if name != "two":
                done.append(name)
            if name != "three":
                raise Broken(name)
    assert done == ["one", "three"]
    with pytest.raises(Broken, match="one"):
        steps.settle()


@pytest.mark.parametrize("broken", ["hear_before_deadline", "issue_everywhere", "keep_timetable"])
def test_a_post_sends_what_waits_whatever_failed_before(monkeypatch, broken):
    sent = []

    def fails(*_):
        raise Broken(broken)

    for name in ("hear_before_deadline", "issue_everywhere", "keep_timetable"):
        monkeypatch.setattr(flows.duties, name, fails if name == broken else lambda *_: [])
    monkeypatch.setattr(flows.duties, "deliver_everywhere", sent.append)
    with pytest.raises(Broken, match=broken):
        flows.duties.do_post(SimpleNamespace(), None, None)
    assert len(sent) == 1


def cycle_at(monkeypatch, now, nominal):
    ws = SimpleNamespace(clock=lambda: now)
    monkeypatch.setattr(flows.duties, "wait_for_data", lambda *_: [])
    return flows.duties.do_cycle(ws, None, nominal)


def test_a_cycle_that_the_next_one_overtook_is_left_out_and_not_tried_again(monkeypatch):
    nominal = datetime(2026, 1, 14, 8, tzinfo=UTC)
    monkeypatch.setattr(flows.duties, "run_cycle", pytest.fail)
    found = cycle_at(monkeypatch, nominal + timedelta(hours=6, minutes=1), nominal)
    assert "overtaken by the next cycle" in found["left"]


def test_an_outlook_is_drafted_on_its_day_of_the_season_alone(monkeypatch):
    """2026-01-15 is a Thursday, on which the packaged calendar asks for one at 16 KST, 07 UTC."""
    drafted = SimpleNamespace(subject="week-20260115", version=1)
    monkeypatch.setattr("flows.outlook.build_outlook", lambda *_: drafted)

    def on(month, day):
        now = datetime(2026, month, day, 3, 10, tzinfo=UTC)
        ws = SimpleNamespace(clock=lambda: now, settings=SimpleNamespace(season_file=None))
        return flows.duties.do_outlook(ws, None, None)

    assert on(1, 15) == {"outlook": "week-20260115", "version": 1}
    assert [set(on(1, day)) for day in (13, 14, 16)] == [{"left"}] * 3
    assert set(on(7, 16)) == {"left"}, "a Thursday in July, when the mode is not in force"
