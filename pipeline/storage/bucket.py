"""An S3-compatible server: how it is reached, asked again, and what its refusals mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from pipeline.errors import StorageError
from pipeline.storage.settings import StorageSettings

Result = TypeVar("Result")

LONGEST_WAIT: Final = 10.0
"""Between two attempts at most [s]."""
CONNECTIONS: Final = 16
PASSING_CODES: Final = {
    "SlowDown",
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
}
SERVER_ERROR: Final = 500
NONE: Final = SecretStr("")

_REFUSALS: Final = {
    "NoSuchBucket": ("there is no such bucket", "make it, or put SAMEAIR_STORAGE_URL right"),
    "InvalidAccessKeyId": ("the access key is unknown", "put SAMEAIR_STORAGE_KEY_ID right"),
    "SignatureDoesNotMatch": ("the secret does not fit the access key", "put SAMEAIR_STORAGE_SECRET right"),
    "ExpiredToken": ("the credentials have expired", "renew them"),
    "RequestTimeTooSkewed": ("the clocks differ too much", "set the clock of this machine by NTP"),
    "InsufficientStorage": ("the server is full", "make room there, then repeat"),
}


class StorageRefused(StorageError):
    """The server of object storage refuses key, right, bucket or operation; a person must act."""


class StorageUnavailable(StorageError):
    """The server of object storage cannot be reached, or failed every time it was asked."""


@dataclass(frozen=True)
class Bucket:
    """Where objects lie and how they are reached; secrets print as stars, and it can be pickled.

    Parameters
    ----------
    timeout : for every answer [s]
    attempts : how often the same is asked before it counts as failed
    """

    url: str
    endpoint: str = ""
    region: str = ""
    key_id: SecretStr = NONE
    secret: SecretStr = NONE
    ca_file: Path | None = None
    timeout: float = 30.0
    attempts: int = 6

    @classmethod
    def of(cls, settings: StorageSettings) -> Bucket:
        """Return the bucket that the settings name.

        >>> Bucket.of(StorageSettings(storage_url="s3://air/seoul/")).prefix
        'seoul/'
        """
        return cls(
            settings.storage_url.rstrip("/"),
            settings.storage_endpoint,
            settings.storage_region,
            settings.storage_key_id,
            settings.storage_secret,
            settings.storage_ca_file,
            settings.storage_timeout,
        )

    @property
    def name(self) -> str:
        """Return the name of the bucket."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Return what every key begins with: empty, or ending in a slash."""
        rest = self.url.removeprefix("s3://").partition("/")[2]
        return f"{rest}/" if rest else ""

    def ask(self, what: str, call: Callable[[Any], Result]) -> Result:
        """Call the file system, again with growing pauses where that can help, and return the answer.

        Parameters
        ----------
        what : what is done, for the text of an error

        Raises
        ------
        FileNotFoundError
            there is no such object
        StorageRefused, StorageUnavailable
            it will not, or could not
        """
        attempts = Retrying(
            retry=retry_if_exception(is_passing),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential_jitter(multiplier=0.2, max=LONGEST_WAIT, jitter=0.2),
            retry_error_callback=_last,
        )
        try:
            return attempts(call, self._files())
        except StorageError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and _answer(error)[0] != "NoSuchBucket":
                raise
            raise self._told(what, error) from _without_secrets(error)

    def _files(self) -> Any:
        ca_file = None if self.ca_file is None else str(self.ca_file)
        way = (self.endpoint, self.region, self.timeout, ca_file)
        return _opened(way, self.key_id.get_secret_value(), self.secret.get_secret_value(), os.getpid())

    def _told(self, what: str, error: Exception) -> StorageError:
        """Return an error of the server or the way to it in one line, with the remedy."""
        code, status = _answer(error)
        place = f"storage {self.url} ({what})"
        if is_passing(error):
            said = f"{code} {status}" if status else type(error).__name__
            return StorageUnavailable(
                f"{place}: no answer that helps ({said.strip()}) in {self.attempts} attempts;"
                " see whether the server runs and is reached, then repeat"
            )
        if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            what_is = ("there are no credentials", "set SAMEAIR_STORAGE_KEY_ID and SAMEAIR_STORAGE_SECRET")
        elif isinstance(error, PermissionError):
            what_is = _REFUSALS.get(
                code, (f"it is not allowed ({code})", "see docs/object-storage.md: rights")
            )
        else:
            name = code or type(error).__name__
            what_is = _REFUSALS.get(code, (f"refused ({name})", "put the SAMEAIR_STORAGE settings right"))
        return StorageRefused(f"{place}: {what_is[0]}; {what_is[1]}")


def is_passing(error: BaseException) -> bool:
    """Tell whether the same request may well succeed a little later."""
    from botocore import exceptions
    from fsspec.exceptions import FSTimeoutError

    code, status = _answer(error)
    if status:
        return status >= SERVER_ERROR or code in PASSING_CODES
    if isinstance(error, exceptions.SSLError):
        return False
    broken = (exceptions.IncompleteReadError, exceptions.FlexibleChecksumError)
    unreached = (exceptions.HTTPClientError, exceptions.ConnectionError, FSTimeoutError)
    ways = (*broken, *unreached, TimeoutError, ConnectionError)
    return isinstance(error, ways) or _is_broken_off(error)


def _is_broken_off(error: BaseException) -> bool:
    """Tell whether a connection ended in the middle of an answer."""
    from aiohttp import ClientError

    return isinstance(error, ClientError)


def _answer(error: BaseException) -> tuple[str, int]:
    """Return code and HTTP status that the server gave for an error, empty and 0 where it said nothing."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if not isinstance(response, dict):
        return "", 0
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return str(response.get("Error", {}).get("Code", "")), int(status)


def _last(state: RetryCallState) -> Any:
    """Raise what the last attempt raised."""
    return state.outcome.result() if state.outcome is not None else None


def _without_secrets(error: Exception) -> Exception | None:
    """Return an error as the cause of ours, unless its text could repeat what was sent."""
    return error if isinstance(error, (TimeoutError, ConnectionError)) else None


@lru_cache(maxsize=4)
def _opened(way: tuple[str, str, float, str | None], key_id: str, secret: str, _process: int) -> Any:
    """Return the file system of a server; a forked process opens its own."""
    import s3fs

    endpoint, region, timeout, ca_file = way
    config = {
        "connect_timeout": min(timeout, 10.0),
        "read_timeout": timeout,
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": CONNECTIONS,
    }
    client: dict[str, Any] = {"region_name": region} if region else {}
    if ca_file is not None:
        client["verify"] = ca_file
    files = s3fs.S3FileSystem(
        key=key_id or None,
        secret=secret or None,
        endpoint_url=endpoint or None,
        client_kwargs=client,
        config_kwargs=config,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    files.retries = 1
    return files
