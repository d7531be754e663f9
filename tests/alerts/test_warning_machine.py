"""Whatever people, runs, clocks and crashes do in whatever order, the promises of design §6 hold."""

import shutil
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alerts.content import WarningContent
from alerts.examples import example_content
from alerts.fallback import settle_overdue
from alerts.signoff import object_, required_parties
from alerts.warnings import TRANSITIONS, open_review
from pipeline.errors import ReviewError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import list_versions, read_events, read_signatures
from pipeline.times import iso

parties = st.sampled_from(["seoul", "beijing"])


class WarningLife(RuleBasedStateMachine):
    """One joint warning, its stand-ins and its mails; ``make_desk`` is set by the test."""

    make_desk = None

    @initialize()
    def begin(self):
        self.desk = type(self).make_desk()
        self.issued = {}
        self.cycle = self.desk.now.replace(minute=0)

    def teardown(self):
        if hasattr(self, "desk"):
            with self.desk.ledger.read() as conn:
                assert verify_audit(conn).ok
            self.desk.ledger.close()
            shutil.rmtree(self.desk.folder)

    def attempt(self, action):
        """Do something that may be refused; a refusal must change nothing, which the invariants see."""
        with suppress(ReviewError):
            action()

    def newest(self):
        with self.desk.ledger.read() as conn:
            return list_versions(conn)[:3]

    @rule(
        level=st.sampled_from(["J1", "J2", "J3"]),
        kind=st.sampled_from(["alert", "alert", "all_clear", "cancel"]),
    )
    def run_proposes(self, level, kind):
        content = example_content(
            level=level,
            kind=kind,
            issue_time=iso(self.cycle),
            as_of=iso(self.cycle),
            review_deadline=iso(self.cycle + timedelta(hours=2)),
        )
        self.attempt(lambda: self.desk.propose(content))

    @rule(party=parties, which=st.integers(0, 2))
    def person_approves(self, party, which):
        for row in self.newest()[which : which + 1]:
            self.attempt(lambda row=row: self.desk.approve(row.warning_id, row.version, party))

    @rule(level=st.sampled_from(["J1", "J2", "J3"]))
    def a_cycle_goes_well(self, level):
        self.time_passes(360)
        self.run_proposes(level, "alert")
        self.both_approve()
        self.flow_settles()

    @rule()
    def both_approve(self):
        for row in self.newest()[:1]:
            self.attempt(lambda row=row: self.desk.approve(row.warning_id, row.version, "seoul", "beijing"))

    @rule(party=parties)
    def person_objects(self, party):
        for row in self.newest()[:1]:
            signer = self.desk.signers[party]

            def act(row=row, signer=signer):
                with self.desk.write() as conn:
                    object_(conn, row.warning_id, row.version, signer, "no", self.desk.now)

            self.attempt(act)

    @rule()
    def person_opens(self):
        for row in self.newest()[:1]:

            def act(row=row):
                with self.desk.write() as conn:
                    open_review(conn, row.warning_id, row.version, "kim", self.desk.now)

            self.attempt(act)

    @rule(which=st.integers(0, 2))
    def flow_issues(self, which):
        for row in self.newest()[which : which + 1]:
            self.attempt(lambda row=row: self.desk.issue(row.warning_id, row.version))

    @rule(minutes=st.sampled_from([20, 90, 360]))
    def time_passes(self, minutes):
        self.desk.wait(minutes=minutes)
        while self.cycle + timedelta(hours=6) <= self.desk.now:
            self.cycle += timedelta(hours=6)

    @rule()
    def flow_settles(self):
        with self.desk.write() as conn:
            ready = settle_overdue(conn, self.desk.now).ready
        for warning_id, version in ready:
            self.attempt(lambda w=warning_id, v=version: self.desk.issue(w, v))

    @rule()
    def flow_delivers(self):
        self.desk.deliver()

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "desk"):
            return
        with self.desk.ledger.read() as conn:
            rows = list_versions(conn)
            lives = {row.warning_id: read_events(conn, row.warning_id) for row in rows}
            signed = {_key(row): read_signatures(conn, *_key(row)) for row in rows}
            outbox = read_outbox(conn)
        for row in rows:
            life = [e.state for e in lives[row.warning_id] if e.version == row.version]
            assert all(after in TRANSITIONS[before] for before, after in pairwise(life)), "legal steps only"
            if "issued" in life:
                before = self.issued.setdefault(_key(row), row.content_text)
                assert before == row.content_text, "what is issued stays as it was"
                approved = {
                    s.party
                    for s in signed[_key(row)]
                    if s.decision == "approve" and s.content_digest == row.content_digest
                }
                needed = set(required_parties(WarningContent.from_dict(row.content)))
                assert approved >= needed, "nothing issued lacks a signature"
        in_force = [row.warning_id for row in rows if row.state == "issued"]
        assert len(in_force) == len(set(in_force)), "one version is the latest in force"
        assert all((m.warning_id, m.version) in self.issued for m in outbox), "mails of issued versions only"
        assert self.desk.mails() == sorted(f"{m.id}.eml" for m in outbox if m.state == "sent"), "once each"


def _key(row):
    return row.warning_id, row.version


@pytest.mark.slow
def test_no_order_of_events_breaks_a_promise(make_desk):
    machine = type("Life", (WarningLife,), {"make_desk": staticmethod(make_desk)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_orders_of_events(make_desk):
    machine = type("Life", (WarningLife,), {"make_desk": staticmethod(make_desk)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
