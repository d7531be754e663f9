"""Trained models on disk: one file each, named by its content, read back only if it is what was written."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

from forecasting.model import Model
from pipeline.errors import StorageError
from pipeline.files import write_atomic


@dataclass(frozen=True)
class Stored:
    """Where a model lies and the SHA-256 of its file."""

    path: Path
    digest: str


def save_model(model: Model, folder: Path) -> Stored:
    """Write a model as one file, whole or not at all; the same model gives the same file name.

    The file is a pickle, which only the program itself writes and which is read only after its digest,
    kept in the ledger, was found right: never load a model file from elsewhere.
    """
    content = pickle.dumps(model, protocol=5)
    path = write_atomic(folder / model.world / f"{model.model_id}.model", content)
    return Stored(path, hashlib.sha256(content).hexdigest())


def load_model(path: Path, digest: str) -> Model:
    """Read a model back; raises StorageError if the file is gone or was altered."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"model {path} cannot be read: {error.strerror}; train it again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StorageError(f"model {path} is not the file that was registered; train it again")
    model = pickle.loads(content)  # noqa: S301 - its digest was checked against the ledger
    if not isinstance(model, Model):
        raise StorageError(f"model {path} holds a {type(model).__name__}; train it again")
    return model
