"""What was removed by age: a note beside it, so that who asks for it is told when it went and what it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import StorageError

NOTE: Final = "removed.json"
"""Name of the note in the folder from which files were removed."""


class RemovedByAge(StorageError):
    """What is asked for was there and is removed, as the table of retention says; nothing is wrong."""

    exit_code = 2


@dataclass(frozen=True)
class Removed:
    """A file that was removed by age.

    Parameters
    ----------
    sha256, bytes : what it was
    at : the instant of removal [UTC], ISO 8601
    rule : which rule of ``flows/retention.toml`` let it go
    """

    name: str
    sha256: str
    bytes: int
    at: str
    rule: str

    @property
    def told(self) -> str:
        """Return what a person who asks for it is told.

        >>> Removed("samples.nc", "ab12", 3, "2027-01-20T00:00:00Z", "products.working").told
        'samples.nc was removed by retention on 2027-01-20 (SHA-256 ab12)'
        """
        return f"{self.name} was removed by retention on {self.at[:10]} (SHA-256 {self.sha256})"


Note = dict[str, Removed]
"""What was removed from a folder, by name."""


def read_note(path: Path) -> Note:
    """Return what the note at a path tells; empty where there is none.

    Raises
    ------
    StorageError
        it is damaged

    >>> read_note(Path("/nowhere/removed.json"))
    {}
    """
    try:
        return note_of(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"the note {path} cannot be read ({error}); restore it") from error


def note_of(content: bytes) -> Note:
    """Return what the bytes of a note tell; raises StorageError if they are damaged."""
    try:
        return {str(one["name"]): Removed(**one) for one in json.loads(content)["removed"]}
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"a note of what was removed is damaged ({error}); restore {NOTE}") from error


def encoded(note: Note) -> bytes:
    """Return a note as bytes, the same for the same note.

    >>> one = Removed("samples.nc", "ab12", 3, "2027-01-20T00:00:00Z", "products.working")
    >>> note_of(encoded({one.name: one})) == {one.name: one}
    True
    """
    rows = [asdict(note[name]) for name in sorted(note)]
    return json.dumps({"removed": rows}, indent=1).encode()


def raise_if_removed(path: Path) -> None:
    """Raise RemovedByAge where the note beside a path says that the file was removed."""
    found = read_note(path.parent / NOTE).get(path.name)
    if found is not None:
        raise RemovedByAge(found.told)
