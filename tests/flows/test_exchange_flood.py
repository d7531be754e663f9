"""A way that brings rubbish without end, or breaks in an unforeseen manner, costs one round little."""

from dataclasses import dataclass, field

import pytest

from flows.exchange import MOST_REFUSED, exchange_round
from flows.joint import agreement_poster
from pipeline.exchange.arrivals import Parcel
from pipeline.ledger.envelopes import read_refused
from tests.flows.exchange_pair import Pair


@dataclass
class Way:
    """Brings what it is given."""

    parcels: object
    name: str = "test"
    pushed: list = field(default_factory=list)

    def pull(self, _wanted):
        yield from self.parcels

    def push(self, outgoing, _again):
        self.pushed += outgoing
        return len(outgoing)

    def tidy(self, handled):
        pass


@pytest.fixture
def pair(tmp_path):
    found = Pair(tmp_path)
    yield found
    found.close()


def rubbish():
    number = 0
    while True:
        number += 1
        yield Parcel("test", f"\x1b[2J{number}", b"rubbish %d" % number)


def broken():
    yield Parcel("test", "a", b"rubbish")
    raise ValueError("nobody foresaw this")


@pytest.mark.slow
def test_rubbish_without_end_is_cut_and_the_round_goes_on(pair):
    ways = [Way(rubbish()), Way(broken()), Way([])]
    report = exchange_round(pair.nodes["seoul"], pair.clock, lambda *_: ways)
    with pair.nodes["seoul"].ledger.read() as conn:
        assert len(read_refused(conn, 1000)) == MOST_REFUSED + 1
    trouble = " ".join(report.peers[0].trouble)
    assert "refused at once" in trouble
    assert "cannot be taken (ValueError)" in trouble
    assert all(way.pushed for way in ways), "what there is to say leaves all the same"


@pytest.mark.slow
def test_a_part_of_the_program_that_breaks_silences_no_other(pair, monkeypatch):
    def breaks(*_):
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr("flows.exchange.POSTERS", [breaks, agreement_poster])
    way = Way([])
    report = exchange_round(pair.nodes["seoul"], pair.clock, lambda *_: [way])
    assert "something cannot be said (KeyError)" in report.peers[0].trouble[0]
    assert way.pushed
