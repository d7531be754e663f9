"""What stands in for the forecast in an accelerated year: a run, a file, and the drafts of its episodes."""

import json
import re
from datetime import timedelta

import flows.assess
import flows.bulletin
import flows.cycle
import flows.run
import flows.worlds
from alerts.content import WarningContent
from alerts.examples import example_content
from alerts.policy import load_policy
from alerts.warnings import propose_version
from flows.bulletin import bulletin_path
from flows.delivering import deliver
from flows.issue import issue_approved
from flows.plan import CyclePlan
from pipeline.errors import ReviewError
from pipeline.files import write_atomic
from pipeline.ledger.runs import begin_run, current_run, finish_run, get_run, make_current
from pipeline.names import MEASURED
from pipeline.times import iso, parse_instant
from tests.flows.year_plan import drawn

HERE = None
"""The process that this is."""
EPISODES = {}
MODEL_DAY = parse_instant("2026-01-14")
DATE = re.compile(r"2026-01-(\d\d)")


def stand_in(seed, days, gaps):
    """Let cycles of this process do without model, pages, PDF and Prefect's server."""
    EPISODES.update({e.warning_id: e for e in drawn(seed, days, gaps).episodes})
    flows.run.begin_server = lambda _folder: None
    flows.run.await_server = lambda: None
    flows.cycle.cycle_flow = cheap_cycle
    flows.assess.propose_warnings = lambda ws, run_id: propose(ws, run_id)
    flows.bulletin.write_bulletin = page
    flows.worlds.write_bulletin = page


def episode_of(warning_id):
    """Return the episode that a joint warning is of, None of any other."""
    return EPISODES.get(warning_id)


def cheap_cycle(plan, _data_dir):
    """Run a cycle: its run, its drafts, what is signed, its page, and what waits to be sent."""
    wanted, ws = CyclePlan.from_dict(plan), HERE.ws
    with ws.ledger.write() as conn:
        run = begin_run(
            conn, world=MEASURED, cycle=wanted.cycle, as_of=wanted.as_of, code_version="1", at=ws.clock()
        )
    path = ws.settings.data_dir / "products" / MEASURED / f"{wanted.cycle:%Y%m%dT%H}" / "forecast.nc"
    write_atomic(path, run.encode())
    products = {"forecast": str(path.relative_to(ws.settings.data_dir))}
    with ws.ledger.write() as conn:
        before = current_run(conn, MEASURED, wanted.cycle)
        finish_run(conn, run, at=ws.clock(), model_id=None, inputs={}, degraded="", products=products)
        make_current(conn, run, expected=before.id if before else None)
    HERE.say("ran", cycle=iso(wanted.cycle), run=run)
    propose(ws, run)
    issue_approved(ws, MEASURED, wanted.as_of)
    page(ws, run)
    deliver(ws, MEASURED, ws.clock)


def propose(ws, run_id):
    """Draft what the episodes say of the run's cycle."""
    with ws.ledger.read() as conn:
        cycle = get_run(conn, run_id).cycle
    for episode in EPISODES.values():
        if cycle in (episode.cycle, episode.update):
            content = content_of(episode, cycle, run_id)
            try:
                with ws.ledger.write() as conn:
                    found = propose_version(conn, content, ws.clock())
            except ReviewError as error:
                HERE.say("refused", warning=episode.warning_id, why=str(error))
            else:
                HERE.say("proposed", warning=episode.warning_id, version=found.version, as_=found.outcome)


def page(ws, run_id):
    """Write something where the page of a run is looked for."""
    with ws.ledger.read() as conn:
        path = bulletin_path(ws, get_run(conn, run_id))
    write_atomic(path, run_id.encode())
    return path


def content_of(episode, cycle, run_id):
    """Return the worked example, moved to the episode's day, as an Actual warning of the measured world."""
    shift = episode.cycle.replace(hour=0) - MODEL_DAY

    def later(found):
        return f"{MODEL_DAY + shift + timedelta(days=int(found[1]) - MODEL_DAY.day):%Y-%m-%d}"

    live = example_content(simulated=False, cap_status="Actual", world=MEASURED, level=episode.level)
    plain = json.loads(DATE.sub(later, json.dumps(live.to_dict())))
    for city in plain["cities"]:
        city["episode_id"] = f"{city['city']}-{episode.warning_id}"
        city["peak_mean"] += 20.0 * (cycle != episode.cycle)
    plain |= {"warning_id": episode.warning_id, "run_id": run_id}
    plain |= {"issue_time": iso(cycle), "as_of": iso(cycle)}
    plain["review_deadline"] = iso(load_policy().review_deadline(cycle))
    return WarningContent.from_dict(plain)
