"""Log lines: one a record, as text for people or as one JSON object, without secrets and without forgery.

What a source, a person or another node wrote may stand in a message; no sign of it begins a line of its own,
steers a terminal or changes the order of others.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from pipeline.redaction import REDACTOR
from pipeline.settings import Settings

FIELDS: Final = ("flow", "flow_run", "task", "job", "run", "cycle", "party")
"""What a line may say of the work it came from, in this order; what is not known is left out."""

OF_PREFECT: Final = {"flow_name": "flow", "flow_run_name": "flow_run", "task_name": "task"}
"""Attributes that Prefect's own records carry, by our names."""

ROOMS: Final = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")
"""Loggers of ours, to which the chosen level applies; others write from ``warning`` on."""

_about: ContextVar[Mapping[str, str]] = ContextVar("about")


@contextmanager
def logged_about(**fields: str) -> Iterator[None]:
    """Have every log line within say what it is about.

    >>> with logged_about(flow="cycle", run="01J"):
    ...     told()
    {'flow': 'cycle', 'run': '01J'}
    """
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise ValueError(f"no field of a log line: {', '.join(sorted(unknown))}")
    token = _about.set({**told(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def told() -> dict[str, str]:
    """Return what log lines here say they are about."""
    return dict(_about.get({}))


def printable_line(text: str) -> str:
    r"""Return text in one line, each sign that is not plainly shown written out.

    >>> printable_line("a\nERROR b\x1b[2J\u202e서울")
    'a\\nERROR b\\x1b[2J\\u202e서울'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Line(logging.Formatter):
    r"""Writes a record as one line of text, or as one JSON object in one line.

    A traceback is the value ``error`` of the object; in text its lines follow, each behind a bar.

    Examples
    --------
    >>> said = {"name": "flows.x", "levelname": "ERROR", "msg": "a\nb", "created": 0}
    >>> Line("json").format(logging.makeLogRecord(said))
    '{"time": "1970-01-01T00:00:00.000Z", "level": "error", "logger": "flows.x", "message": "a\\nb"}'
    >>> Line("text").format(logging.makeLogRecord(said))
    '1970-01-01T00:00:00.000Z ERROR flows.x: a\\nb'
    """

    def __init__(self, style: Literal["text", "json"] = "text", party: str = "") -> None:
        super().__init__()
        self._writes_json, self._party = style == "json", party

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = self._fields(record)
        error = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        if self._writes_json:
            about = {"time": _instant(record), "level": record.levelname.lower(), "logger": record.name}
            found = {**about, **fields, "message": record.getMessage()} | ({"error": error} if error else {})
            return _json(found)
        said = "".join(f" {name}={printable_line(value)}" for name, value in fields.items())
        head = f"{_instant(record)} {record.levelname} {printable_line(record.name)}:"
        lines = [f"{head} {printable_line(record.getMessage())}{said}"]
        return "\n".join(lines + [f"    | {printable_line(part)}" for part in error.splitlines()])

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        """Return what is known of the work that a record came from."""
        known = {ours: vars(record)[theirs] for theirs, ours in OF_PREFECT.items() if theirs in vars(record)}
        known |= {"party": self._party, **told()}
        return {name: REDACTOR.clean(str(known[name])) for name in FIELDS if known.get(name)}


def _instant(record: logging.LogRecord) -> str:
    """Return when a record was made, in UTC, to the millisecond."""
    seconds, milliseconds = divmod(round(record.created * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


def _json(found: Mapping[str, str]) -> str:
    """Return one JSON object in which nothing but plain signs stands unescaped."""
    text = json.dumps(found, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


class StandardError(logging.StreamHandler[IO[str]]):
    """Writes to whatever standard error is at that moment, every secret taken out before."""

    def __init__(self, settings: Settings) -> None:
        logging.Handler.__init__(self)
        REDACTOR.learn(secrets_of(settings))
        self.setFormatter(Line("json" if settings.log_format == "json" else "text", settings.party))
        self.addFilter(REDACTOR)

    @property
    def stream(self) -> IO[str]:
        """Return standard error as it is now."""
        return sys.stderr

    @stream.setter
    def stream(self, value: IO[str]) -> None:
        """Refuse nothing and keep nothing: the stream is always standard error."""


def begin_logs(settings: Settings) -> None:
    """Have this process write its log lines as the settings say; doing it again only takes them over."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, StandardError)]:
        root.removeHandler(handler)
    root.addHandler(_handler(settings))


def handler_of_process() -> logging.Handler:
    """Return what writes the lines of a process that Prefect starts, by the settings as it finds them."""
    return _handler(readable_settings())


def _handler(settings: Settings) -> logging.Handler:
    """Return the handler, the level of our own loggers set as well."""
    chosen: Any = settings.log_level.upper() if settings.log_level != "warning" else logging.NOTSET
    for room in ROOMS:
        logging.getLogger(room).setLevel(chosen)
    return StandardError(settings)


def secrets_of(settings: Settings) -> list[SecretStr]:
    """Return every secret of the settings, passwords within addresses too, each form that may be shown.

    >>> [s.get_secret_value() for s in secrets_of(Settings(ledger_url="postgresql://kim:h%40nter@db/air"))]
    ['h%40nter', 'h@nter']
    """
    values = [getattr(settings, name) for name in type(settings).model_fields]
    found = [value for value in values if isinstance(value, SecretStr) and value.get_secret_value()]
    texts = [value for value in values if isinstance(value, str)]
    texts += [part for value in values if isinstance(value, dict) for part in map(str, value.values())]
    passwords = [urlsplit(part).password for text in texts for part in text.split() if "://" in part]
    written = dict.fromkeys(form for given in passwords if given for form in (given, unquote(given)))
    return [*found, *map(SecretStr, written)]


def readable_settings() -> Settings:
    """Return the settings of this process, the defaults where they cannot be read."""
    try:
        return Settings()
    except Exception:  # noqa: BLE001 - whoever needs the settings says what is wrong with them
        return Settings.model_construct()
