"""Whatever people, runs, clocks and crashes do in whatever order, the promises of design §6 hold."""

import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alerts.areas import city_area
from alerts.cap import CapHeader, build_cap
from alerts.content import WarningContent
from alerts.edits import edit_version
from alerts.examples import example_content
from alerts.fallback import replaced_messages, settle_overdue
from alerts.identifiers import alert_identifier
from alerts.signoff import object_, required_parties
from alerts.versions import CLOSED, IN_FORCE, OPEN
from alerts.warnings import TRANSITIONS, issue_times, open_review, propose_version
from pipeline.cities import city
from pipeline.errors import ContractError, ReviewError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import list_versions, read_events, read_signatures
from pipeline.times import iso, parse_instant

parties = st.sampled_from(["seoul", "beijing"])
levels = st.sampled_from(["J1", "J2", "J3"])
NONE = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
AREAS = {name: city_area(city(name), NONE) for name in ("seoul", "beijing")}


class Crash(BaseException):
    """The process dies: nothing that is written for errors sees it."""


class DyingChannel:
    """A channel whose process dies before or after a message has left."""

    def __init__(self, real, after):
        self.real, self.after, self.name = real, after, real.name

    def send(self, envelope):
        if self.after:
            self.real.send(envelope)
        raise Crash

    def has_sent(self, envelope):
        return self.real.has_sent(envelope)

    def close(self):
        self.real.close()


class WarningLife(RuleBasedStateMachine):
    """A joint warning, its stand-ins, a city's own and all their mails; ``make_desk`` is set by the test."""

    make_desk = None

    @initialize()
    def begin(self):
        self.desk = type(self).make_desk()
        self.issued = {}
        self.replaced = {}
        self.cycle = self.desk.now.replace(minute=0)

    def teardown(self):
        if hasattr(self, "desk"):
            self.check_messages()
            self.desk.ledger.close()
            shutil.rmtree(self.desk.folder)

    def attempt(self, action):
        """Do something that may be refused; a refusal must change nothing, which the invariants see."""
        with suppress(ReviewError):
            action()

    def newest(self):
        with self.desk.ledger.read() as conn:
            return list_versions(conn)[:3]

    def content(self, **changes):
        """Return a content of this cycle under an id that has not come to its end."""
        with self.desk.ledger.read() as conn:
            closed = {r.warning_id for r in list_versions(conn) if r.state in CLOSED}
        ids = (f"01KEXAMP0E00000000000000{n:02d}" for n in range(99))
        return example_content(
            warning_id=next(i for i in ids if i not in closed),
            issue_time=iso(self.cycle),
            as_of=iso(self.cycle),
            review_deadline=iso(self.cycle + timedelta(hours=2)),
            expires=iso(self.cycle + timedelta(hours=30)),
            onset=iso(self.cycle - timedelta(hours=4)),
            **changes,
        )

    @rule(level=levels, kind=st.sampled_from(["alert", "alert", "all_clear", "cancel"]))
    def run_proposes(self, level, kind):
        content = self.content(level=level, kind=kind, reason="over" if kind != "alert" else "")
        self.attempt(lambda: self.desk.propose(content))

    @rule(party=parties)
    def run_proposes_for_one_city(self, party):
        joint = self.content()
        cities = tuple(c for c in joint.cities if c.party == party)
        single = replace(
            joint,
            warning_id=f"X{joint.warning_id[1:]}",
            product="single_city_warning",
            level="",
            parties=(party,),
            cities=cities,
            rules=(),
            origins=(),
        )
        self.attempt(lambda: self.desk.propose(single))

    @rule(party=parties, kind=st.sampled_from(["all_clear", "cancel"]), which=st.integers(0, 2))
    def person_ends(self, party, kind, which):
        for row in self.newest()[which : which + 1]:
            now = self.desk.now
            content = replace(
                WarningContent.from_dict(row.content),
                kind=kind,
                reason="no ground",
                onset=iso(now),
                expires=iso(now + timedelta(hours=24)),
                review_deadline=iso(now + timedelta(hours=4)),
            )

            def act(content=content):
                with self.desk.write() as conn:
                    propose_version(conn, content, self.desk.now, actor=party)

            self.attempt(act)

    @rule(level=levels, which=st.integers(0, 2))
    def person_edits(self, level, which):
        for row in self.newest()[which : which + 1]:
            given = replace(WarningContent.from_dict(row.content), level=level)

            def act(given=given):
                with self.desk.write() as conn:
                    edit_version(conn, given, "kim", "as agreed", self.desk.now)

            self.attempt(act)

    @rule(party=parties, which=st.integers(0, 2))
    def person_approves(self, party, which):
        for row in self.newest()[which : which + 1]:
            self.attempt(lambda row=row: self.desk.approve(row.warning_id, row.version, party))

    @rule(level=levels)
    def a_cycle_goes_well(self, level):
        self.time_passes(360)
        self.run_proposes(level, "alert")
        self.both_approve()
        self.flow_settles()

    @rule(party=parties)
    def a_cycle_ends_with_a_silent_party(self, party):
        self.time_passes(360)
        self.run_proposes("J2", "alert")
        self.person_approves(party, 0)
        self.time_passes(150)
        self.flow_settles()

    @rule(party=parties)
    def a_joint_one_follows_a_stand_in(self, party):
        self.a_cycle_ends_with_a_silent_party(party)
        self.a_cycle_goes_well("J2")

    @rule(kind=st.sampled_from(["all_clear", "cancel"]))
    def a_last_word_goes_well(self, kind):
        self.run_proposes("J1", kind)
        self.both_approve()
        self.flow_settles()

    @rule()
    def both_approve(self):
        for row in self.newest()[:1]:
            who = required_parties(WarningContent.from_dict(row.content))
            self.attempt(lambda row=row, who=who: self.desk.approve(row.warning_id, row.version, *who))

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

    def issue(self, warning_id, version):
        """Issue a version, having noted which messages of other warnings it would replace."""
        with self.desk.ledger.read() as conn:
            rows = {_key(r): r for r in list_versions(conn)}
            content = WarningContent.from_dict(rows[warning_id, version].content)
            replaced = replaced_messages(conn, content)
        if self.desk.issue(warning_id, version).is_new:
            self.replaced[warning_id, version] = replaced
            with self.desk.ledger.read() as conn:
                assert replaced_messages(conn, content) == (), "what it replaces has ended"

    @rule(which=st.integers(0, 2))
    def flow_issues(self, which):
        for row in self.newest()[which : which + 1]:
            self.attempt(lambda row=row: self.issue(row.warning_id, row.version))

    @rule(which=st.integers(0, 2), place=st.sampled_from(["insert_outbox", "take_over", "append_audit"]))
    def flow_dies_while_issuing(self, which, place):
        for row in self.newest()[which : which + 1]:
            with patch(f"alerts.outbox.{place}", side_effect=Crash), suppress(Crash, ReviewError):
                self.desk.issue(row.warning_id, row.version)

    @rule(minutes=st.sampled_from([20, 20, 90, 90, 360, 2000]))
    def time_passes(self, minutes):
        self.desk.wait(minutes=minutes)
        while self.cycle + timedelta(hours=6) <= self.desk.now:
            self.cycle += timedelta(hours=6)

    @rule()
    def flow_settles(self):
        with self.desk.write() as conn:
            ready = settle_overdue(conn, self.desk.now).ready
        for warning_id, version in ready:
            self.attempt(lambda w=warning_id, v=version: self.issue(w, v))
        with self.desk.ledger.read() as conn:
            rows = list_versions(conn)
        for row in rows:
            if row.state in OPEN:
                assert row.expires >= self.desk.now, "what is no longer valid waits for nobody"
            if row.state == "issued":
                assert row.expires >= self.desk.now, "what is no longer valid is not in force"

    @rule()
    def flow_delivers(self):
        self.desk.deliver()

    @rule(after=st.booleans())
    def flow_dies_while_sending(self, after):
        with suppress(Crash):
            self.desk.deliver(channel=DyingChannel(self.desk.channel, after))
        self.desk.wait(minutes=20)
        self.desk.deliver()

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "desk"):
            return
        with self.desk.ledger.read() as conn:
            assert verify_audit(conn).ok, "the audit chain is whole"
            rows = list_versions(conn)
            lives = {row.warning_id: read_events(conn, row.warning_id) for row in rows}
            signed = {_key(row): read_signatures(conn, *_key(row)) for row in rows}
            outbox = read_outbox(conn)
        for row in rows:
            life = [e.state for e in lives[row.warning_id] if e.version == row.version]
            assert all(after in TRANSITIONS[before] for before, after in pairwise(life)), "legal steps only"
            if "issued" in life:
                self.check_issued(row, lives[row.warning_id], signed[_key(row)])
        in_force = [row.warning_id for row in rows if row.state == "issued"]
        assert len(in_force) == len(set(in_force)), "one version is the latest in force"
        over = {row.warning_id for row in rows if row.state in CLOSED}
        assert not over & {row.warning_id for row in rows if row.state in IN_FORCE}, "it ends as a whole"
        assert all((m.warning_id, m.version) in self.issued for m in outbox), "mails of issued versions only"
        assert len({m.id for m in outbox}) == len(outbox)
        assert self.desk.mails() == sorted(f"{m.id}.eml" for m in outbox if m.state == "sent"), "once each"

    def check_issued(self, row, events, signatures):
        """Check what was issued: unaltered, signed by all, and naming every message in force before it."""
        before = self.issued.setdefault(_key(row), row.content_text)
        assert before == row.content_text, "what is issued stays as it was"
        approved = {
            s.party for s in signatures if s.decision == "approve" and s.content_digest == row.content_digest
        }
        needed = set(required_parties(WarningContent.from_dict(row.content)))
        assert approved >= needed, "nothing issued lacks a signature"
        earlier = [e for e in events if e.state == "issued" and e.version < row.version]
        named = [(r["version"], r["identifier"], r["sent"]) for r in row.content["references"]]
        assert named == [
            (e.version, alert_identifier(row.warning_id, e.version), iso(e.at)) for e in earlier
        ], "the references are complete"

    def check_messages(self):
        """Write the CAP message of everything that was issued: whole, valid, or over before it was sent."""
        with self.desk.ledger.read() as conn:
            rows = {_key(r): r for r in list_versions(conn)}
            times = {i: issue_times(conn, i) for i, _ in self.issued}
        for key in self.issued:
            content = WarningContent.from_dict(rows[key].content)
            sent = times[key[0]][key[1]]
            header = CapHeader("desk@a.example", sent, "desk", replaces=self.replaced.get(key, ()))
            is_last = content.kind in ("all_clear", "cancel")
            if parse_instant(content.expires) <= sent and not is_last:
                with pytest.raises(ContractError, match="expires"):
                    build_cap(content, header, AREAS)
                continue
            xml = build_cap(content, header, AREAS).decode()
            names = [r.identifier for r in (*header.replaces, *content.references)]
            assert all(f",{name}," in xml for name in names)


def _key(row):
    return row.warning_id, row.version


def run_machine(make_desk, **more):
    """Play the machine with settings."""
    machine = type("Life", (WarningLife,), {"make_desk": staticmethod(make_desk)})
    run_state_machine_as_test(
        machine, settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **more)
    )


@pytest.mark.slow
@pytest.mark.ledger
def test_no_order_of_events_breaks_a_promise(make_desk):
    run_machine(make_desk, max_examples=20, stateful_step_count=40)


def test_a_few_orders_of_events(make_desk):
    run_machine(make_desk, max_examples=6, stateful_step_count=25, derandomize=True)
