"""The demonstration with two nodes, from simulated air to the same ledgers on both sides, and its checks."""

import json
import subprocess
import sys

import pytest

from cli.demo.checks import faults_of, joint_faults, single_faults


def state(party, **more):
    mails = {"sent": [["W", 1, "agency", party, "warning"]], "unsent": [], "files": 1, "twice": []}
    return {"party": party, "said": "a", "derived": "b", "mails": mails, "warnings": [], **more}


def warning(**more):
    signed = [["seoul", "kim", "t", "approve"], ["beijing", "wang", "t", "approve"]]
    joint = {"product": "joint_warning", "state": "issued", "complete": True, "digest": "d", "signed": signed}
    return {"warning": "W", "version": 1, "parties": ["beijing", "seoul"], "cities": [], **joint, **more}


def test_the_checks_find_what_does_not_hold():
    well = {p: state(p, warnings=[warning()]) for p in ("seoul", "beijing")}
    assert faults_of(well) == joint_faults(well) == []
    assert faults_of(well | {"seoul": state("seoul", said="c")}) == [
        "the signed messages differ: seoul c, beijing a"
    ]
    foreign = state("seoul", mails=state("beijing")["mails"] | {"twice": ["W|1"]})
    assert faults_of(well | {"seoul": foreign}) == ["seoul sent twice: W|1", "seoul mailed agency of beijing"]
    assert joint_faults(well | {"seoul": state("seoul")}) == ["no joint warning was issued"]
    other = state("beijing", warnings=[warning(digest="e")])
    assert "other words" in joint_faults(well | {"beijing": other})[0]
    assert len(single_faults(well)) == 2


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_demonstration_holds_on_simulated_air(tmp_path):
    words = ["demo-two-nodes", "--data-dir", str(tmp_path / "var"), "--json"]
    program = [sys.executable, "-c", "from cli.main import main; main()", *words]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = json.loads(done.stdout)
    account = "\n".join(found["account"])
    assert (found["holds"], found["faults"]) == (True, [])
    assert account.startswith("SIMULATED air")
    assert "the link between the nodes is CUT" in account
    assert account.index("is CUT") < account.index("the link is back")
    connected, cut = account.split("=== 2.")
    assert "approved" in connected
    assert "joint warning" in connected
    assert "single city warning" in cut
    for play in ("connected", "cut"):
        for party in ("seoul", "beijing"):
            mails = list((tmp_path / "var" / "two-nodes" / play / party / "outbox").glob("*.eml"))
            assert mails
