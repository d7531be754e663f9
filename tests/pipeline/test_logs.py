"""Log lines: one a record whatever is written into it, secrets out of every part, JSON that reads back."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.logs import ROOMS, Line, StandardError, begin_logs, logged_about, told
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
FOREIGN = st.text(max_size=40)


def record(message, **extra):
    return logging.makeLogRecord(
        {"name": "flows.x", "levelname": "ERROR", "levelno": 40, "msg": message, **extra}
    )


@given(FOREIGN, FOREIGN)
def test_no_text_makes_a_second_line_or_steers_a_terminal(message, flow):
    with logged_about(flow=flow):
        for style in ("text", "json"):
            line = Line(style).format(record(message))
            assert line.isprintable()
            assert len(line.splitlines()) == 1


@given(FOREIGN, FOREIGN)
def test_an_object_says_just_what_was_logged(message, flow):
    with logged_about(flow=flow):
        read = json.loads(Line("json", "seoul").format(record(message)))
    assert read["message"] == message
    assert read.get("flow", "") == flow
    assert (read["party"], read["level"], read["logger"]) == ("seoul", "error", "flows.x")


def test_what_a_line_is_about_ends_with_its_block():
    with logged_about(flow="cycle", cycle="2019-03-03T08:00Z"):
        with logged_about(run="01J"):
            assert told() == {"flow": "cycle", "cycle": "2019-03-03T08:00Z", "run": "01J"}
        assert "run" not in told()
    assert told() == {}
    with pytest.raises(ValueError, match="colour"), logged_about(colour="red"):
        pass


def test_prefects_own_records_say_their_flow_and_task():
    line = Line("json").format(
        record("late", flow_name="sameair-post", flow_run_name="mad-owl", task_name="send")
    )
    read = json.loads(line)
    assert [read[k] for k in ("flow", "flow_run", "task")] == ["sameair-post", "mad-owl", "send"]


@pytest.fixture
def lines(capsys):
    """Read what our handler on the root logger writes; loggers and levels are put back."""
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in ROOMS}
    yield lambda: capsys.readouterr().err
    for handler in [h for h in root.handlers if isinstance(h, StandardError)]:
        root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


SECRET = {
    "smtp_password": SecretStr('pa"ss\\w0rd'),
    "airkorea_key": SecretStr("k+y/=="),
    "ledger_url": "postgresql://kim:geheim99@db/air",
}


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_secret_of_the_settings_is_in_any_part_of_a_line(lines, style):
    begin_logs(Settings(log_format=style, **SECRET))
    log = logging.getLogger("flows.probe")
    shown = ['pa"ss\\w0rd', "k+y/==", "k%2By%2F%3D%3D", "geheim99"]
    with logged_about(job=shown[3]):
        log.warning("said %s", " ".join(shown))
        try:
            raise ValueError(" ".join(shown))
        except ValueError:
            log.exception("failed with %s", shown[0])
    text = lines()
    assert text.count("***") >= 2 * len(shown)
    for secret in [*shown, json.dumps(shown[0])[1:-1]]:
        assert secret not in text


def test_a_traceback_forges_no_line_and_is_one_value_of_the_object(lines):
    begin_logs(Settings(log_format="json"))
    forged = 'x\n{"level": "info", "message": "all well"}'
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("flows.probe").exception("broken")
    (line,) = lines().splitlines()
    assert forged in json.loads(line)["error"]
    begin_logs(Settings(log_format="text"))
    try:
        raise ValueError("x\n2026-01-01T00:00:00.000Z INFO flows.x: all well")
    except ValueError:
        logging.getLogger("flows.probe").exception("broken")
    first, *rest = lines().splitlines()
    assert "ERROR flows.probe: broken" in first
    assert rest
    assert all(line.startswith("    | ") for line in rest)


def test_the_level_counts_for_our_loggers_and_begins_anew_each_time(lines):
    begin_logs(Settings(log_level="info"))
    begin_logs(Settings(log_level="info"))
    logging.getLogger("flows.probe").info("heard")
    logging.getLogger("urllib3.connectionpool").info("not heard")
    assert [line.split(": ")[1] for line in lines().splitlines()] == ["heard"]
    begin_logs(Settings(log_level="error"))
    logging.getLogger("flows.probe").warning("not heard")
    assert "not heard" not in lines()


FLOW = """
import logging, os, sys
from pathlib import Path
from flows.runtime import prepare_prefect
prepare_prefect(Path(sys.argv[1]), quiet=False)
from prefect import flow, get_run_logger
from prefect.settings import temporary_settings, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE
@flow(name="sameair-probe")
def probe():
    get_run_logger().warning("by prefect k3y-of-air\\nforged")
    logging.getLogger("flows.probe").warning("by us k3y-of-air")
with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}):
    probe()
"""


@pytest.mark.slow
@pytest.mark.flows
def test_prefects_lines_and_ours_have_one_shape(tmp_path):
    config = tmp_path / "sameair.toml"
    config.write_text('log_format = "json"\nlog_level = "info"\nparty = "seoul"\nkma_key = "k3y-of-air"\n')
    config.chmod(0o600)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SAMEAIR_"))}
    environment = {**clean, "PYTHONPATH": str(ROOT), "SAMEAIR_CONFIG": str(config)}
    command = [sys.executable, "-c", FLOW, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    read = [json.loads(line) for line in done.stderr.splitlines()]
    ours = {r["message"]: r for r in read}
    assert ours["by prefect ***\nforged"]["flow"] == "sameair-probe"
    assert ours["by us ***"]["party"] == "seoul"
    assert all({"time", "level", "logger", "message"} <= set(r) for r in read)
    assert "k3y-of-air" not in done.stderr
