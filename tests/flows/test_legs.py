"""One city's failure never delays the other's: a fault of one party's leg, at each step of a cycle."""

import contextlib
import importlib

import pytest

from flows.legs import LegFailed, lacking_legs, left_out_of, spare_legs
from flows.run import run_cycle
from flows.summary import summary_of
from pipeline.cities import all_cities
from pipeline.errors import SameairError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import list_versions

pytestmark = pytest.mark.flows

CITIES = sorted(all_cities())


class Broken(RuntimeError):
    """A fault that no code foresaw."""


def spoilt(monkeypatch, place, city):
    """Let a function fail whenever it is called for one city."""
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    real = getattr(owner, name)

    def fails(*args, **kwargs):
        for given in (*args, *kwargs.values()):
            many = given if isinstance(given, (list, tuple)) else [given]
            names = [one if isinstance(one, str) else getattr(one, "id", "") for one in many]
            if city in names:
                raise Broken(f"no {city}")
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, fails)


STEPS = {
    "reading its series": "flows.forecast:load_panel",
    "its forecast": "flows.forecast:forecast_issue",
    "its assessment": "alerts.assessment:assess_city",
    "its rules": "alerts.assessment:findings",
    "its bulletin": "flows.bulletin:_write_edition",
}
CASES = [(step, city) for n, step in enumerate(STEPS) for city in (CITIES if n == 1 else CITIES[n % 2 :][:1])]


def warned(ws, world):
    """Return the cities of which a warning in force speaks, and how many mails have left."""
    with ws.ledger.read() as conn:
        rows = [r for r in list_versions(conn, world) if r.state == "issued"]
        sent = [m for m in read_outbox(conn, world=world) if m.state == "sent"]
        assert verify_audit(conn).ok
    return {c["city"] for r in rows for c in r.content["cities"]}, sent


def once_each(ws):
    index = (ws.settings.outbox_dir / "index.jsonl").read_text("utf-8").splitlines()
    assert len(index) == len(set(index)) == len(list(ws.settings.outbox_dir.glob("*.eml")))


def call(ws, plan):
    with contextlib.suppress(Broken):
        run_cycle(ws, plan)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["reading its series", "its forecast"])
def test_a_fault_of_both_cities_together_leaves_out_none(past, plan, monkeypatch, step):
    module, _, name = STEPS[step].partition(":")
    real = getattr(importlib.import_module(module), name)

    def fails_together(*args, **kwargs):
        if any(isinstance(given, (list, tuple)) and len(given) == len(CITIES) for given in args):
            raise Broken("not both")
        return real(*args, **kwargs)

    monkeypatch.setattr(f"{module}.{name}", fails_together)
    run_cycle(past, plan)
    with past.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
        joint = [r.content["product"] for r in list_versions(conn, plan.world) if r.state == "issued"]
    assert "made of each party's cities alone: Broken: not both" in run.degraded
    assert lacking_legs(past, run) == ""
    assert warned(past, plan.world)[0] == set(CITIES)
    assert joint == ["joint_warning"]
    once_each(past)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "city"), CASES)
def test_a_fault_of_one_citys_leg_leaves_the_others_warning_in_time(past, plan, monkeypatch, step, city):
    [other] = [name for name in CITIES if name != city]
    with monkeypatch.context() as fault:
        spoilt(fault, STEPS[step], city)
        call(past, plan)
        cities, sent = warned(past, plan.world)
        with past.ledger.read() as conn:
            run = current_run(conn, plan.world, plan.cycle)
        assert other in cities, "the other city's people are warned in the same cycle"
        assert {m.warning_id for m in sent}
        if step != "its bulletin":
            assert cities == {other}
            assert lacking_legs(past, run).startswith(f"{city}: ")
        if step in ("reading its series", "its forecast"):
            assert f"{city}: left out, Broken: no {city}" in run.degraded
            told = [line.split(maxsplit=1) for line in summary_of(past, plan)["forecast"]]
            assert [said for name, said in told if name.lower() == city] == [
                "no forecast: left out of this run"
            ]
    run_cycle(past, plan)
    run_cycle(past, plan)
    with past.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    assert lacking_legs(past, run) == ""
    cities, _ = warned(past, plan.world)
    assert cities == set(CITIES), "what was left out is made up for"
    assert summary_of(past, plan)["products"]["bulletin"]
    once_each(past)


def listed(parts):
    return [name for part in parts for name in part]


def test_the_party_whose_cities_fail_alone_is_left_out():
    cities = list(all_cities().values())

    def make(chosen):
        if any(city.id == CITIES[0] for city in chosen):
            raise Broken("no")
        return [city.id for city in chosen]

    found = spare_legs(cities, make, listed)
    own = [c.id for c in cities if c.party == party_of(CITIES[0])]
    assert found.made == [city.id for city in found.cities] == [c.id for c in cities if c.id not in own]
    assert found.left_out == dict.fromkeys(own, "Broken: no")
    assert found.apart == "", "who is left out is told of instead"


def party_of(city):
    return all_cities()[city].party


def test_what_can_only_be_made_of_each_party_alone_is_joined():
    cities = list(all_cities().values())

    def make(chosen):
        if len({city.party for city in chosen}) > 1:
            raise Broken("together")
        return [city.id for city in chosen]

    found = spare_legs(cities, make, listed)
    assert sorted(found.made) == CITIES
    assert (found.cities, found.left_out, found.apart) == (cities, {}, "Broken: together")


def test_a_fault_of_every_party_is_raised():
    def make(_chosen):
        raise Broken("all")

    with pytest.raises(Broken):
        spare_legs(list(all_cities().values()), make, listed)


def test_a_leg_that_failed_is_an_error_that_names_itself():
    assert issubclass(LegFailed, SameairError)
    assert left_out_of(None) == {}
