"""Trained models on disk: one file each, named by its content, read back only if it is what was written."""

from __future__ import annotations

import hashlib
import pickle
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from forecasting.model import Model
from pipeline.errors import NoUsableModel, StorageError
from pipeline.files import write_atomic

FORMAT: Final = 4
"""Number of the format of model files; raise it whenever a model's class or its meaning changes."""

COMPRESSION: Final = "zstd"
HEADER = re.compile(rb"sameair model (\d+)(?: (\d+))?\n")


class Trained(Protocol):
    """What the registry, cards and comparisons need to know of a trained model, whatever it is inside."""

    @property
    def model_id(self) -> str:
        """Return its name, which holds a digest of what it learned."""

    @property
    def world(self) -> str:
        """Return the world whose values it learned from."""

    @property
    def quantity(self) -> str:
        """Return what it forecasts."""

    @property
    def data_until(self) -> datetime:
        """Return until when what it learned from had been received."""

    @property
    def leave_out_years(self) -> tuple[int, ...]:
        """Return the years that it did not learn from."""

    def facts(self) -> dict[str, Any]:
        """Return what it was made of, as plain JSON.

        ``inputs`` : panel keys it reads; ``columns``, ``rows`` : size of what it learned from;
        ``scores`` : held-out scores, entries of city, lead_day, n, rmse, crps, bias, coverage_80, coverage_90
        """


@dataclass(frozen=True)
class Stored:
    """Where a model lies and the SHA-256 of its file."""

    path: Path
    digest: str


def save_model(model: Trained, folder: Path) -> Stored:
    """Write a model as one file, whole or not at all; the same model gives the same file name.

    The file is a line with its format and a compressed pickle, which only the program itself writes and
    reads only after its digest, kept in the ledger, was found right: never load a model file from elsewhere.
    """
    content = packed(pickle.dumps(model, protocol=5))
    path = write_atomic(folder / model.world / f"{model.model_id}.model", content)
    return Stored(path, hashlib.sha256(content).hexdigest())


def packed(content: bytes) -> bytes:
    """Return the content of a model file: a line with format and size, and a pickle in half the space.

    >>> packed(b"sameair" * 1000)[:21].decode().split()[-1], len(packed(b"sameair" * 1000)) < 100
    ('7000', True)
    """
    small: bytes = pa.Codec(COMPRESSION).compress(content, asbytes=True)
    return b"sameair model %d %d\n" % (FORMAT, len(content)) + small


def load_model(path: Path, digest: str) -> Model:
    """Read a model back.

    Raises
    ------
    StorageError
        the file is gone or was altered
    NoUsableModel
        it is of another format, written by another version of the program
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"model {path} cannot be read: {error.strerror}; train it again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StorageError(f"model {path} is not the file that was registered; train it again")
    header = HEADER.match(content)
    found = int(header[1]) if header else 1
    if not header or found != FORMAT:
        raise NoUsableModel(f"model {path} is of format {found}, this version reads {FORMAT}; train it again")
    try:
        size = int(header[2] or 0)
        pickled = pa.Codec(COMPRESSION).decompress(memoryview(content)[header.end() :], size)
        model = pickle.loads(pickled)  # noqa: S301 - its digest was checked
    except Exception as error:  # a pickle of classes that have changed can fail in any way
        raise NoUsableModel(f"model {path} is of another version ({error}); train it again") from error
    if not isinstance(model, Model):
        raise NoUsableModel(f"model {path} holds a {type(model).__name__}; train it again")
    return model
