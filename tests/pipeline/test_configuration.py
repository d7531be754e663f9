"""The configuration file: own types, variables win, secrets are guarded, names checked."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.configuration import config_file, is_secret, origins, pin_file, read_config
from pipeline.configuration_example import example_text, toml_of
from pipeline.errors import UsageError
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
FIELDS = Settings.model_fields


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in [n for n in os.environ if n.startswith("SAMEAIR_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path, monkeypatch):
    def written(text, mode=0o600):
        path = tmp_path / "sameair.toml"
        path.write_text(text, "utf-8")
        path.chmod(mode)
        monkeypatch.setenv("SAMEAIR_CONFIG", str(path))
        return path

    return written


def test_every_setting_of_the_example_can_be_written_and_is_the_default(write):
    text = re.sub(r"^# (?=\w+ = )", "", example_text(FIELDS), flags=re.MULTILINE)
    path = write(text)
    assert set(read_config(path, FIELDS)) == set(FIELDS)
    plain, held = Settings.model_construct(), Settings()
    for name, field in FIELDS.items():
        default = getattr(plain, name)
        if default is None:
            assert getattr(held, name) == Path("/etc/sameair") / name
        elif name == "data_dir":
            assert held.data_dir == path.parent / default
        else:
            assert getattr(held, name) == default, field.description


def test_lists_tables_and_numbers_by_party_stand_in_their_own_type(write):
    write(
        'sources_off = ["ecmwf"]\nremind_minutes = [10, 20]\nlive_sources = true\n'
        '[exchange_links]\nbeijing = "https://b.example"\n[duty_telephone]\nseoul = "+82 2"\n'
    )
    held = Settings()
    assert (held.sources_off, held.remind_minutes, held.live_sources) == (("ecmwf",), (10, 20), True)
    assert held.exchange_links == {"beijing": "https://b.example"}
    assert held.duty_telephones == {"seoul": "+82 2"}


def test_variables_win_over_the_file_and_arguments_over_both(write, monkeypatch):
    path = write('data_dir = "a"\nsmtp_port = 25\nsmtp_host = "mail"\n')
    monkeypatch.setenv("SAMEAIR_SMTP_PORT", "26")
    monkeypatch.setenv("SAMEAIR_DATA_DIR", "b")
    held = Settings(data_dir="c")
    assert (held.data_dir, held.smtp_port, held.smtp_host) == (Path("c"), 26, "mail")
    found = origins(Settings, {"data_dir"})
    assert [found[n] for n in ("data_dir", "smtp_port", "smtp_host", "smtp_user")] == [
        "option", "variable", str(path), "default",
    ]  # fmt: skip


def test_relative_paths_count_from_the_files_folder(write, monkeypatch, tmp_path):
    path = write('policy_file = "p.toml"\ndata_dir = "air"\nsource_ca_file = "/etc/ca.pem"\n')
    monkeypatch.chdir("/")
    assert Settings().policy_file == path.parent / "p.toml"
    assert Settings().data_dir == path.parent / "air"
    assert Settings().source_ca_file == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smtp_prot = 1", "did you mean smtp_port?"),
        ("SAMEAIR_PARTY = 'seoul'", "did you mean party?"),
        ("zzzz = 1", "--example"),
        ("a = ", "no TOML"),
        ("a = '\x01'", "no TOML"),
        ('"x\\u001b[2J" = 1', "there is no setting"),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_the_nearest_name(write, text, said):
    path = write(text)
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        Settings()
    assert str(refused.value).startswith(str(path))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
@pytest.mark.parametrize(
    "text", ["smtp_password = 'hunter22'", "ledger_url = 'postgresql://kim:hunter22@db/air'"]
)
def test_a_secret_that_others_may_read_is_refused_and_not_shown(write, text, mode):
    write(text, mode)
    with pytest.raises(UsageError, match="chmod 600") as refused:
        Settings()
    assert "hunter22" not in str(refused.value)


def test_every_secret_setting_counts_as_one():
    secret = {name for name, field in FIELDS.items() if is_secret(field, "x")}
    assert secret == {n for n in FIELDS if isinstance(getattr(Settings.model_construct(), n), SecretStr)}


def test_a_secret_in_a_closed_file_and_no_secret_in_an_open_one_are_taken(write):
    write("smtp_password = 'hunter22'", 0o600)
    assert Settings().smtp_password.get_secret_value() == "hunter22"
    write("smtp_user = 'kim'", 0o644)
    assert Settings().smtp_user == "kim"
    write("smtp_user = 'kim'", 0o646)
    with pytest.raises(UsageError, match="everybody may write"):
        Settings()


def test_the_named_file_must_be_there_and_an_empty_name_reads_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sameair.toml").write_text("smtp_port = 25")
    assert Settings().smtp_port == 25
    monkeypatch.setenv("SAMEAIR_CONFIG", "")
    assert (config_file(), Settings().smtp_port) == (None, 587)
    monkeypatch.setenv("SAMEAIR_CONFIG", "gone.toml")
    with pytest.raises(UsageError, match=r"gone\.toml"):
        Settings()


def test_a_process_started_elsewhere_reads_the_pinned_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMEAIR_CONFIG", "sameair.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sameair.toml").write_text("smtp_port = 25")
    pin_file()
    code = "from pipeline.settings import Settings; print(Settings(data_dir='x').smtp_port)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=environment, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"25"


@pytest.mark.slow
def test_the_command_line_names_file_key_and_where_values_come_from(tmp_path):
    path = tmp_path / "air.toml"
    path.write_text("smtp_port = 25\nchannel = 'pigeon'")
    code = "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "--config", str(path), "settings", "--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (refused.returncode, f"{path}: channel" in refused.stderr) == (2, True)
    path.write_text("smtp_port = 25")
    shown = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert shown["file"] == str(path)
    assert shown["settings"]["SAMEAIR_SMTP_PORT"] == {"now": "25", "from": str(path)}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)


@given(st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.integers(-(2**60), 2**60), st.lists(TEXT))))
def test_what_is_written_as_toml_is_read_as_it_was(value):
    import tomllib

    assert tomllib.loads(f"value = {toml_of(value)}")["value"] == value
