"""The doctor looks at everything that the settings name, and says of each trouble what to do."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from flows import doctor_machine
from flows.doctor import local_checks
from flows.doctor_live import mail_checks
from flows.doctor_machine import machine_checks
from flows.doctor_settings import SCHEMES, settings_checks
from flows.workspace import open_workspace
from pipeline.ledger.audit import append_audit
from pipeline.settings import Settings

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


@pytest.fixture
def look(tmp_path):
    """Return what the doctor finds of settings, by subject."""

    def looked(environment=None, **settings):
        ws = open_workspace(Settings(data_dir=tmp_path / "air", **settings), lambda: NOW)
        try:
            found = settings_checks(ws, environment or {"SAMEAIR_CONFIG": ""}) + machine_checks(ws)
        finally:
            ws.ledger.close()
        return {one[0]: one for one in found}

    return looked


def authority(path, ends):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "air")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, ends - timedelta(days=99), ends)
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def test_a_fresh_installation_has_no_trouble_and_every_doubt_says_what_to_do(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path / "air"), lambda: NOW)
    found = local_checks(ws)
    ws.ledger.close()
    assert not [c for c in found if c.verdict == "trouble" and c.subject != "packages"]
    assert not [c.subject for c in found if c.verdict in ("warning", "trouble") and not c.remedy]
    assert len({c.subject for c in found}) == len(found)


@pytest.mark.parametrize("name", [n for n, f in Settings.model_fields.items() if n.endswith("_file")])
def test_every_named_file_must_be_there(look, tmp_path, name):
    verdict = look(**{name: tmp_path / "gone"})["paths"]
    assert verdict[1] == "trouble"
    assert f"SAMEAIR_{name.upper()}" in verdict[2]


@pytest.mark.slow
@pytest.mark.parametrize(("days", "verdict"), [(31, "ok"), (29, "warning"), (-1, "trouble")])
def test_a_certificate_is_asked_for_before_it_ends(look, tmp_path, days, verdict):
    path = authority(tmp_path / "ca.pem", NOW + timedelta(days=days))
    assert look(smtp_ca_file=path)["certificates"][1] == verdict
    path.write_text("no certificate")
    assert look(smtp_ca_file=path)["certificates"][1] == "trouble"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "is_well"),
    [
        ({"exchange_links": {"beijing": "https://b.example"}}, True),
        ({"exchange_links": {"beijing": "sftp://a@b.example:22/x https://b.example"}}, True),
        ({"exchange_links": {"beijing": "/no/such/folder"}}, False),
        ({"exchange_links": {"beijing": "https://"}}, False),
        ({"exchange_sftp": "ftp://a@b.example"}, False),
        ({"mailbox_url": "imaps://kim:geheim99@b.example:99999"}, False),
        ({"mailbox_url": "imap://kim:geheim99@b.example"}, False),
        ({"mailbox_url": "maildir:///"}, True),
        ({"source_urls": {"cnemc": "relay.example"}}, False),
    ],
)
def test_addresses_name_a_way_and_a_host_and_show_no_password(look, settings, is_well):
    _, verdict, found, remedy = look(**settings)["addresses"]
    assert verdict == ("ok" if is_well else "trouble")
    assert bool(remedy) is not is_well
    assert "geheim99" not in found
    assert set(settings) <= set(SCHEMES)


@pytest.mark.parametrize(
    ("settings", "verdict", "said"),
    [
        ({}, "note", "CHANNEL"),
        ({"channel": "smtp"}, "warning", "MAIL_FROM"),
        ({"channel": "smtp", "mail_from": "a@b.example", "smtp_starttls": False}, "warning", "STARTTLS"),
        ({"channel": "smtp", "mail_from": "a@b.example"}, "warning", "MAILBOX_URL"),
        ({"channel": "smtp", "mail_from": "a@b.example", "mailbox_url": "maildir:///tmp"}, "ok", ""),
    ],
)
def test_mail_that_would_not_leave_or_come_back_is_told(look, settings, verdict, said):
    found = look(**settings)["mail"]
    assert found[1] == verdict
    assert said in found[3]


def test_half_a_provider_is_trouble(look):
    assert look(oidc_issuer="https://id.example")["sign-in"][1] == "trouble"
    assert look(oidc_client="air")["sign-in"][1] == "trouble"
    both = {"oidc_issuer": "https://id.example", "oidc_client": "air"}
    assert look(**both)["sign-in"][1] == "warning"
    assert look(**both, review_url="https://review.example")["sign-in"][1] == "ok"


def test_a_variable_that_changes_nothing_is_named_with_what_was_meant(look):
    found = look({"SAMEAIR_CONFIG": "", "SAMEAIR_SMTP_PROT": "25"})["variables"]
    assert (found[1], found[3]) == ("warning", "write SAMEAIR_SMTP_PORT")
    assert look({"SAMEAIR_CONFIG": "", "SAMEAIR_SMTP_PORT": "25"})["variables"][1] == "ok"


def test_a_clock_that_was_set_back_is_trouble(tmp_path, look):
    assert look()["clock"][1] == "ok"
    ws = open_workspace(Settings(data_dir=tmp_path / "air"), lambda: NOW)
    with ws.ledger.write() as conn:
        append_audit(conn, at=NOW + timedelta(hours=1), actor="a", action="b", subject="c", payload={})
    ws.ledger.close()
    assert look()["clock"][1] == "trouble"


def test_a_file_system_with_another_clock_is_told(look, monkeypatch):
    true_clock = doctor_machine.time.time
    monkeypatch.setattr(doctor_machine.time, "time", lambda: true_clock() + 90)
    _, verdict, found, _ = look()["file clock"]
    assert verdict == "warning"
    assert "90 s" in found or "89 s" in found


def test_few_free_inodes_are_told(look, monkeypatch):
    assert look()["inodes"][1] == "ok"
    monkeypatch.setattr(doctor_machine, "FREE_FILES", 2**63)
    assert look()["inodes"][1] in ("warning", "ok" if os.statvfs("/").f_files == 0 else "warning")


def test_a_damaged_ledger_is_trouble(tmp_path):
    url = f"sqlite+pysqlite:///{tmp_path}/air/ledger.sqlite"
    ws = open_workspace(Settings(data_dir=tmp_path / "air", ledger_url=url), lambda: NOW)
    with ws.ledger.write() as conn:
        for n in range(200):
            append_audit(conn, at=NOW, actor="a" * 200, action="b", subject=str(n), payload={})
    ws.ledger.close()
    path = tmp_path / "air" / "ledger.sqlite"
    held = bytearray(path.read_bytes())
    found = {one[0]: one for one in machine_checks(ws)}
    assert found["schema"][1] == "ok"
    ws.ledger.close()
    held[-8192:] = b"\xff" * 8192
    path.write_bytes(held)
    found = {one[0]: one for one in machine_checks(ws)}
    ws.ledger.close()
    assert found["schema"][1] == "trouble"


def test_a_folder_of_another_account_is_trouble(tmp_path, look, monkeypatch):
    assert look()["folders"][1] == "ok"
    (tmp_path / "air" / "runs").mkdir()
    may = os.access
    monkeypatch.setattr(doctor_machine.os, "access", lambda p, mode: Path(p).name != "runs" and may(p, mode))
    _, verdict, found, _ = look()["folders"]
    assert verdict == "trouble"
    assert "in runs" in found


def test_units_that_are_missing_or_not_enabled_are_told(tmp_path, monkeypatch):
    ws = open_workspace(Settings(data_dir=tmp_path / "air"), lambda: NOW)
    monkeypatch.setattr(doctor_machine.shutil, "which", lambda name: "/usr/bin/systemctl")

    def verdict():
        return next(one for one in machine_checks(ws, tmp_path / "units") if one[0] == "units")[1:4:2]

    assert verdict()[0] == "note"
    (tmp_path / "units" / "multi-user.target.wants").mkdir(parents=True)
    assert "install-service" in verdict()[1]
    unit = tmp_path / "units" / doctor_machine.UNIT
    unit.touch()
    assert "enable" in verdict()[1]
    (tmp_path / "units" / "multi-user.target.wants" / doctor_machine.UNIT).symlink_to(unit)
    assert verdict() == ("ok", "")
    ws.ledger.close()


def test_packages_are_compared_with_what_was_pinned(monkeypatch, look):
    for wanted, verdict in (
        (("prefect==0.1",), "trouble"),
        (("no-such-package",), "trouble"),
        (("psycopg[binary]", 'eccodes; extra == "grib"', "numpy"), "ok"),
        ((), "note"),
    ):
        monkeypatch.setattr(doctor_machine, "requires_of", lambda wanted=wanted: wanted)
        assert look()["packages"][1] == verdict, wanted


def test_a_mail_server_that_is_away_and_a_mailbox_that_is_gone_are_told(tmp_path):
    box = tmp_path / "box"
    settings = {"channel": "smtp", "smtp_port": 9, "smtp_password": SecretStr("geheim99")}
    ws = open_workspace(
        Settings(data_dir=tmp_path / "air", mailbox_url=f"maildir://{box}", **settings), lambda: NOW
    )
    found = list(mail_checks(ws))
    ws.ledger.close()
    assert [(c.subject, c.verdict) for c in found] == [("mail server", "trouble"), ("mailbox", "trouble")]
    assert all(c.remedy for c in found)
    assert Path(box).exists() is False
