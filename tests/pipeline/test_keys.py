"""Keys: private files stay private, two creators agree, damaged files are named."""

import stat
import subprocess
import sys

import pytest

from pipeline.errors import StorageError, UsageError
from pipeline.exchange.keyring import Keyring, PartyKey, read_keyring
from pipeline.exchange.keys import load_or_create_key, public_key_text, sign, verify

CREATE = """
import sys; from pathlib import Path
from pipeline.exchange.keys import load_or_create_key, public_key_text
sys.stdin.readline()
print(public_key_text(load_or_create_key(Path(sys.argv[1]), "seoul")))
"""


def test_the_private_file_is_for_its_owner_alone(tmp_path):
    load_or_create_key(tmp_path, "seoul")
    assert stat.S_IMODE((tmp_path / "seoul.key").stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["seoul.key", "seoul.pub"]


def test_processes_that_create_at_once_get_one_key(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=280)[0].strip() for process in processes}
    assert answers == {public_key_text(load_or_create_key(tmp_path, "seoul"))}
    assert read_keyring(tmp_path, ["seoul"]) == Keyring((PartyKey("seoul", answers.pop()),))


def test_a_key_that_others_may_read_is_refused(tmp_path):
    load_or_create_key(tmp_path, "seoul")
    (tmp_path / "seoul.key").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        load_or_create_key(tmp_path, "seoul")


def test_a_damaged_key_is_named(tmp_path):
    load_or_create_key(tmp_path, "seoul")
    (tmp_path / "seoul.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(StorageError, match=r"seoul\.key is damaged"):
        load_or_create_key(tmp_path, "seoul")


@pytest.mark.parametrize("name", ["", "../seoul", "a/b", "a b"])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(UsageError):
        load_or_create_key(tmp_path, name)


def test_a_missing_public_key_says_how_to_take_it(tmp_path):
    with pytest.raises(UsageError, match=r"no public key of beijing.*`sameair keys import beijing`"):
        read_keyring(tmp_path, ["beijing"])


@pytest.mark.parametrize("nonsense", ["", "AAAA", "not base64!", "é"])
def test_nonsense_is_not_a_valid_signature(tmp_path, nonsense):
    key = load_or_create_key(tmp_path, "seoul")
    good = sign(key, b"text")
    assert verify(public_key_text(key), b"text", good)
    assert not verify(public_key_text(key), b"text", nonsense)
    assert not verify(nonsense, b"text", good)
    assert not verify(public_key_text(key), b"other", good)
