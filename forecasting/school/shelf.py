"""Where lessons lie: a file each, by world and day, written once."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

from forecasting.school.lesson import Lesson
from pipeline.errors import ContractError, StorageError
from pipeline.files import write_atomic
from pipeline.names import is_simulated

FOLDER: Final = "school"
_ID: Final = re.compile(r"([a-z][a-z0-9-]{0,40})\.\d{4}-\d{2}-\d{2}")
KEPT_OPEN: Final = 64


def lessons_folder(data_dir: Path) -> Path:
    """Return where an installation keeps its lessons.

    >>> lessons_folder(Path("var")).as_posix()
    'var/school'
    """
    return data_dir / FOLDER


@dataclass(frozen=True)
class Shelved:
    """A lesson as it stands on the shelf, unread."""

    id: str
    world: str
    day: date


def shelved(folder: Path) -> list[Shelved]:
    """Return the lessons that there are: those of measured worlds first.

    Within a world they come in an order that says nothing of their days.
    """
    files = [file for file in folder.glob("*/*.json") if _path(folder, file.stem) == file]
    found = [one for file in files if (one := _shelved(file.stem)) is not None]
    return sorted(found, key=lambda one: (is_simulated(one.world), one.world, _digest(one.id.encode())))


def _shelved(name: str) -> Shelved | None:
    """Return what a file's name says, None where that is no lesson's."""
    world, _, day = name.partition(".")
    try:
        return Shelved(name, world, date.fromisoformat(day))
    except ValueError:
        return None


def read_lesson(folder: Path, lesson: str) -> tuple[Lesson, str] | None:
    """Return a lesson and the SHA-256 of its file, None where there is none that can be read."""
    path = _path(folder, lesson)
    if path is None:
        return None
    try:
        state = path.stat()
        return _read(path, (state.st_mtime_ns, state.st_size))
    except (OSError, ValueError, KeyError, TypeError, ContractError):
        return None


def write_lesson(folder: Path, lesson: Lesson) -> bool:
    """Write a lesson; False where one of that day lies there already, which stays as people began it.

    Raises
    ------
    StorageError
        it cannot be written, or its world's name is none
    """
    path = _path(folder, lesson.id)
    if path is None:
        raise StorageError(f"no lesson can be named {lesson.id}")
    if path.exists():
        return False
    write_atomic(path, json.dumps(lesson.to_dict(), ensure_ascii=False, allow_nan=False).encode())
    return True


@lru_cache(maxsize=KEPT_OPEN)
def _read(path: Path, _state: tuple[int, int]) -> tuple[Lesson, str]:
    content = path.read_bytes()
    return Lesson.from_dict(json.loads(content)), _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _path(folder: Path, lesson: str) -> Path | None:
    """Return the file of a lesson, None for what is no id of one."""
    named = _ID.fullmatch(lesson)
    return folder / named[1] / f"{lesson}.json" if named else None
