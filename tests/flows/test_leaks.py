"""A whole cycle of a node that holds values it may not share: they stand in nothing that leaves it."""

from __future__ import annotations

import gzip
import logging
import math
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lxml import html

from flows.assess import propose_warnings
from flows.bulletin import write_bulletin
from flows.delivering import deliver
from flows.desk import Decision, approve_version
from flows.exchange import exchange_round
from flows.forecast import forecast_cycle
from flows.ingest import ingest
from flows.signed_models import sign_model
from flows.workspace import open_workspace
from flows.worlds import issue_everywhere
from pipeline.exchange.keys import load_or_create_key
from pipeline.ledger.envelopes import read_sent
from pipeline.ledger.models import list_models
from pipeline.ledger.warnings import list_versions
from pipeline.settings import Settings
from pipeline.times import iso
from tests.pipeline.test_read_envelopes import read

SECRET = {"cnemc:9101A": 487.625, "cnemc:9102A": 478.375, "cnemc:9103A": 469.125, "cnemc:9104A": 496.875}
EMBARGOED = {"cnemc:1001A": 393.625}
"""Of upwind stations that no rule names, and of one that is shared under an embargo."""

RULES = """
[seoul]
networks = ["airkorea"]

[seoul.quotes]
simulated = ["*"]

[seoul.statements]
bulletin = ["simulated"]
verification = ["simulated"]
model_card = ["simulated"]

[beijing]
networks = ["cnemc"]

[beijing.quotes]
simulated = ["*"]

[beijing.statements]
bulletin = ["simulated"]
verification = ["simulated"]
model_card = ["simulated"]

[[beijing.rule]]
name = "city"
world = "simulated"
stations = ["cnemc:1*"]
quantities = ["pm2p5"]
delay_hours = 0
embargo_hours = 12
look_back_hours = 24
licence = "as agreed"
attribution = "Beijing"
redistribution = "parties"
"""
PEER = {"seoul": "beijing", "beijing": "seoul"}
ROOMS = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


def as_shown(values):
    """Return a value as it may be written: whole, rounded, and what is derived from it alone."""
    found = set()
    for value in values:
        derived = [math.log(value), math.log1p(value), math.sqrt(value), value / 1000]
        found |= {f"{value:.{n}f}" for n in (0, 1, 2, 3)} | {f"{value:g}"}
        found |= {f"{one:.{n}f}" for one in derived for n in (4, 5, 6)}
    return found


def logged(caplog):
    """Return what the program logged, and of libraries what an operator would see."""
    own = [r for r in caplog.records if r.levelno >= logging.WARNING or r.name.partition(".")[0] in ROOMS]
    return "\n".join(record.getMessage() for record in own)


def texts_of(folder):
    """Yield every file of a folder by name as text: unpacked, tables and grids as their numbers."""
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            yield name, pd.read_parquet(path).to_csv(index=False, float_format="%.3f")
        elif path.suffix == ".nc":
            import xarray as xr

            with xr.open_dataset(path) as held:
                numbers = [held[n].to_numpy().ravel() for n in held.variables if held[n].dtype.kind == "f"]
                yield name, "\n".join("\n".join(f"{v:.3f}" for v in np.unique(part)) for part in numbers)
        elif path.suffix == ".gz":
            yield name, gzip.decompress(path.read_bytes()).decode()
        else:
            yield name, path.read_bytes().decode("utf-8", "replace")


def told_in(folder, values, *, but=()):
    """Return the files in which a value stands, whole, rounded or derived."""
    wanted = as_shown(values)
    return [
        name
        for name, text in texts_of(folder)
        if wanted & set(NUMBER.findall(text)) and not any(part in name for part in but)
    ]


def text_of_page(path):
    """Return the words of a page, without drawings and styles."""
    tree = html.fromstring(path.read_text("utf-8"))
    for part in tree.xpath("//style|//*[local-name()='svg']"):
        part.drop_tree()
    return tree.text_content()


class Nodes:
    """Beijing's node with the simulated world's history, Seoul's with nothing, a folder between them."""

    def __init__(self, past, folder, plan):
        self.folder, self.plan, self.now = folder, plan, plan.as_of
        (folder / "mount").mkdir()
        (folder / "sharing.toml").write_text(RULES, "utf-8")
        shutil.copytree(past, folder / "beijing")
        self.ws = {}
        self.keys = {party: load_or_create_key(folder / party / "keys", party) for party in PEER}
        for party, peer in PEER.items():
            shutil.copy(folder / peer / "keys" / f"{peer}.pub", folder / party / "keys" / f"{peer}.pub")
            settings = Settings(
                data_dir=folder / party,
                party=party,
                sharing_file=folder / "sharing.toml",
                exchange_links={peer: str(folder / "mount")},
            )
            self.ws[party] = open_workspace(settings, lambda: self.now)
        for row in self._models():
            path = self.ws["beijing"].settings.data_dir / row.path
            sign_model(self.ws["beijing"], path, row.id, row.digest)

    def _models(self):
        with self.ws["beijing"].ledger.read() as conn:
            return list_models(conn)

    def measure(self, values):
        """Let Beijing's stations have measured values all of the last day."""
        ws, end = self.ws["beijing"], np.datetime64(self.plan.cycle.replace(tzinfo=None), "ns")
        times = end - np.arange(24) * np.timedelta64(1, "h")
        rows = [
            {"station": station, "quantity": "pm2p5", "time": time, "value": value, "qc": 0}
            for station, value in values.items()
            for time in times
        ]
        store = replace(ws.store, clock=lambda: self.plan.as_of - timedelta(seconds=1))
        table = pd.DataFrame(rows).astype({"qc": np.int8, "time": "M8[ns]"})
        store.append(table, source="cnemc", world=self.plan.world)

    def rounds(self, number=3):
        for _ in range(number):
            for ws in self.ws.values():
                self.now += timedelta(minutes=1)
                report = exchange_round(ws, lambda: self.now)
                assert not [line for line in report.notes if "fail" in line], report.notes

    def joint(self, party):
        with self.ws[party].ledger.read() as conn:
            rows = list_versions(conn, self.plan.world)
        return [r for r in rows if r.content["product"] == "joint_warning"]

    def approve(self, party):
        (row,) = {r.warning_id: r for r in self.joint(party)}.values()
        decision = Decision(party, "kim", iso(self.now), deliver=False)
        approve_version(self.ws[party], row.warning_id, None, decision)

    def write_sent(self):
        """Write all that was ever sent as files; returns their names by kind."""
        names = {}
        for party, peer in PEER.items():
            with self.ws[party].ledger.read() as conn:
                rows = read_sent(conn, peer)
            for row in rows:
                path = self.folder / "sent" / party / f"{row.sequence:04}-{row.kind}.json.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(row.packed)
                names.setdefault(row.kind, []).append(f"{party}/{path.name}")
        return names

    def deliver(self):
        for ws in self.ws.values():
            issue_everywhere(ws)
            deliver(ws, self.plan.world, lambda: self.now)

    def close(self):
        for ws in self.ws.values():
            ws.ledger.close()


@pytest.fixture
def nodes(past, tmp_path, plan):
    past.ledger.close()
    (tmp_path / "two").mkdir()
    nodes = Nodes(past.settings.data_dir, tmp_path / "two", plan)
    yield nodes
    nodes.close()


@pytest.mark.slow
def test_what_may_not_be_shared_stands_in_nothing_that_leaves(nodes, caplog):
    caplog.set_level(logging.DEBUG)
    ws = nodes.ws["beijing"]
    ingest(ws, nodes.plan)
    nodes.measure(SECRET | EMBARGOED)
    run = forecast_cycle(ws, nodes.plan)
    propose_warnings(ws, run)
    nodes.rounds()
    nodes.approve("beijing")
    nodes.approve("seoul")
    nodes.rounds()
    nodes.deliver()
    states = [{r.warning_id: r.state for r in nodes.joint(party)} for party in PEER]
    assert states[0] == states[1]
    assert set(states[0].values()) == {"issued"}

    sent = nodes.write_sent()
    assert set(sent) >= {"observations", "bulletin", "verification", "proposal", "approval", "issue"}
    assert told_in(ws.settings.runs_dir, SECRET.values())  # it is found where it may stand
    assert told_in(nodes.folder / "sent", SECRET.values()) == []
    assert told_in(nodes.folder / "seoul", SECRET.values()) == []
    for folder in ("warnings", "outbox"):
        assert told_in(nodes.folder / "beijing" / folder, SECRET.values()) == []
    page = text_of_page(write_bulletin(ws, run))
    assert not as_shown(SECRET.values()) & set(NUMBER.findall(page))
    assert not as_shown(SECRET.values()) & set(NUMBER.findall(logged(caplog)))

    assert told_in(nodes.folder / "sent", EMBARGOED.values()) == sent["observations"]
    assert told_in(nodes.folder / "seoul", EMBARGOED.values()) == []
    assert nodes.ws["seoul"].store.worlds() == []
    assert (read(nodes.folder / "sent", keys=nodes.keys)[1])[-1] == "0 faults"
