"""Model files: another format or version is refused with a remedy, an altered one before it is read."""

import hashlib
import pickle

import pytest

from forecasting.registry import FORMAT, load_model, packed
from pipeline.errors import NoUsableModel, StorageError


def written(path, content):
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps({"any": 1}), f"of format 1, this version reads {FORMAT}; train it again"),
        (b"sameair model 99\n" + pickle.dumps({}), "of format 99, .*; train it again"),
        (b"sameair model %d\n" % FORMAT + b"no pickle", "of another version .*; train it again"),
        (
            packed(b"cforecasting.gone\nModel\n."),
            "of another version .*train it again",
        ),
        (packed(pickle.dumps({})), "holds a dict; train it again"),
    ],
)
def test_what_is_no_model_of_this_version_says_to_train_again(tmp_path, content, said):
    path = tmp_path / "m.model"
    with pytest.raises(NoUsableModel, match=said):
        load_model(path, written(path, content))


def test_an_altered_file_is_refused_before_it_is_unpickled(tmp_path):
    path = tmp_path / "m.model"
    digest = written(path, b"sameair model 2\nx")
    path.write_bytes(b"sameair model 2\ncos\nsystem\n(S'false'\ntR.")
    with pytest.raises(StorageError, match="not the file that was registered"):
        load_model(path, digest)


def test_a_file_that_is_gone_says_to_train_again(tmp_path):
    with pytest.raises(StorageError, match="train it again"):
        load_model(tmp_path / "none.model", "0")
