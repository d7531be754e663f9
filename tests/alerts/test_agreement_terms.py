"""The terms of agreeing: packaged ones, those of a data folder, and what is refused."""

from datetime import timedelta
from importlib import resources

import pytest

from alerts.agreement_terms import load_terms
from pipeline.errors import PolicyError

TEXT = (resources.files("alerts") / "agreement.toml").read_text("utf-8")


def test_the_packaged_terms_are_a_proposal():
    terms = load_terms()
    assert terms.agreed_by == ()
    assert (terms.disagreement, terms.answer_within) == (0.3, timedelta(hours=1))


def test_a_file_in_the_data_folder_takes_their_place(tmp_path):
    (tmp_path / "agreement.toml").write_text(
        TEXT.replace("disagreement = 0.3", "disagreement = 0.2"), "utf-8"
    )
    assert load_terms(tmp_path).disagree(0.5, 0.3)
    assert not load_terms().disagree(0.5, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("disagreement = 0.3", "disagreement = 2", r"consultation\.disagreement"),
        ("disagreement = 0.3", "disagreement = true", r"consultation\.disagreement"),
        ("disagreement = 0.3", "limit = 0.3", r"consultation\.disagreement is missing"),
        ("answer_minutes = 60", "answer_minutes = 60\nmore = 1", r"consultation\.more is not known"),
        ('last_words = "nothing"', 'last_words = "issued"', r"silence\.last_words must be 'nothing'"),
        ('version = "2026-1"', "version = 1", "version must be a text"),
        ("[silence]", "[silence", "agreement.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_its_field(tmp_path, old, new, field):
    assert old in TEXT
    (tmp_path / "agreement.toml").write_text(TEXT.replace(old, new), "utf-8")
    with pytest.raises(PolicyError, match=field):
        load_terms(tmp_path)
