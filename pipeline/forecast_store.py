"""Other agencies' forecasts (weather, CAMS): one CF NetCDF file a run, read as it was known at an instant.

Like observations: the file first, named by its content, then its listing in the ledger. Nothing is
overwritten or taken away, so that what a forecast of ours could know then can be read again.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from sqlalchemy import Row, insert, select

from pipeline.batches import partition_key
from pipeline.errors import ContractError, StorageError
from pipeline.ledger.batches import next_receipt
from pipeline.ledger.connect import Ledger
from pipeline.ledger.source_tables import forecast_files
from pipeline.names import TIME_ENCODING
from pipeline.previous_runs import forecast_as_known, reach
from pipeline.removed import NOTE, RemovedByAge, note_of
from pipeline.storage.folder import Folder
from pipeline.storage.local import folder_of
from pipeline.times import Clock, from_ns, to_utc
from pipeline.weather_schema import (
    check_previous_runs,
    check_weather_forecast,
    is_previous_runs,
    valid_times,
    with_weather_attributes,
)

PREVIOUS_RUNS: Final = "previous_runs"
FORECAST: Final = "forecast"
KEPT_FILES: Final = 6
"""What a reader keeps in memory, such as months of previous runs."""
_COLUMNS: Final = [c for c in forecast_files.c if c.name != "seq"]


@dataclass(frozen=True)
class StoredForecast:
    """One listed file; ``received_at`` is when a reader of that time could first have it.

    ``kind`` is ``forecast``, or ``previous_runs`` for what ``pipeline.previous_runs`` reads.
    """

    id: str
    world: str
    source: str
    reference_time: datetime
    first_time: datetime
    last_time: datetime
    received_at: datetime
    receipt: str
    path: str
    kind: str
    attributes: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ForecastStore:
    """Forecast fields under a folder of the disk or of object storage, listed in the ledger.

    Parameters
    ----------
    root : folder of the files, see ``pipeline.storage.opening.stored_in``
    ledger : where they are listed
    clock : dates what is received
    """

    root: Path | Folder
    ledger: Ledger
    clock: Clock

    def put(
        self, dataset: xr.Dataset, *, source: str, world: str, assumed_receipt: datetime | None = None
    ) -> bool:
        """Store a forecast (or previous runs); False where the very same is stored already.

        Parameters
        ----------
        source : the feed that delivered it
        assumed_receipt : for what was fetched long after it was published: when it counts as received

        Raises
        ------
        ContractError
            it breaks ``pipeline.weather_schema``, or previous runs come without an assumed receipt
        StorageError
            the disk or the ledger cannot be used; nothing of it is visible then
        """
        span = _span(dataset, assumed_receipt)
        content = _encode(dataset)
        name = hashlib.sha256(content).hexdigest()
        listed = (
            forecast_files.c.world == world,
            forecast_files.c.source == source,
            forecast_files.c.id == name,
        )
        with self.ledger.read() as conn:
            if conn.execute(select(forecast_files.c.seq).where(*listed)).first() is not None:
                return False
        folder = partition_key(world, source, span["reference_time"].strftime("%Y-%m"))
        key = f"{folder}/{name}.nc"
        files = folder_of(self.root)
        files.put(key, content)
        files.secure([key])
        with self.ledger.write() as conn:
            if conn.execute(select(forecast_files.c.seq).where(*listed)).first() is not None:
                return False
            at = (
                next_receipt(conn, world, self.clock())
                if assumed_receipt is None
                else to_utc(assumed_receipt)
            )
            values = {
                **span,
                "id": name,
                "world": world,
                "source": source,
                "received_at": at,
                "receipt": "live" if assumed_receipt is None else "assumed",
                "path": key,
            }
            conn.execute(insert(forecast_files).values(**values))
        return True

    def listed(
        self,
        world: str,
        *,
        source: str | None = None,
        as_of: datetime | None = None,
        times: tuple[datetime | None, datetime | None] = (None, None),
    ) -> list[StoredForecast]:
        """Return what is stored, in the order of listing.

        Parameters
        ----------
        as_of : only what had been received by then
        times : only what speaks of valid times after the first, up to the second
        """
        query = select(*_COLUMNS).where(forecast_files.c.world == world)
        if source is not None:
            query = query.where(forecast_files.c.source == source)
        if as_of is not None:
            query = query.where(forecast_files.c.received_at <= as_of)
        if times[0] is not None:
            query = query.where(forecast_files.c.last_time > times[0])
        if times[1] is not None:
            query = query.where(forecast_files.c.first_time <= times[1])
        with self.ledger.read() as conn:
            return [_stored(row) for row in conn.execute(query.order_by(forecast_files.c.seq))]

    def newest(self, source: str, world: str, as_of: datetime) -> xr.Dataset | None:
        """Return the newest forecast of a source as it was known at an instant, None where there was none.

        Of several with the newest reference time the one received last counts. Previous runs come as the
        forecast that they let a reader know then (``pipeline.previous_runs.forecast_as_known``).
        """
        return _newest(self.listed(world, source=source, as_of=as_of), as_of, self.read)

    def reader(self, source: str, world: str) -> Callable[[datetime], xr.Dataset | None]:
        """Return ``newest`` of a source for many instants: listed once, now, and files kept a while."""
        every = self.listed(world, source=source)
        files: dict[str, xr.Dataset] = {}

        def read(stored: StoredForecast) -> xr.Dataset:
            if stored.path not in files:
                while len(files) >= KEPT_FILES:
                    del files[next(iter(files))]
                files[stored.path] = self.read(stored)
            return files[stored.path]

        def answer(as_of: datetime) -> xr.Dataset | None:
            return _newest([one for one in every if one.received_at <= as_of], as_of, read)

        return answer

    def read(self, stored: StoredForecast) -> xr.Dataset:
        """Read one file into memory.

        Raises
        ------
        RemovedByAge
            retention has removed it
        StorageError
            the file is lost or damaged
        """
        files = folder_of(self.root)
        path = files.shown(stored.path)
        try:
            content = files.read(stored.path)
            if hashlib.sha256(content).hexdigest() != stored.id:
                raise StorageError(f"the forecast {path} is damaged; restore it from a backup")
            with xr.open_dataset(io.BytesIO(content), engine="h5netcdf", decode_timedelta=False) as dataset:
                return (
                    dataset.drop_vars("time").load() if "forecast_period" in dataset.dims else dataset.load()
                )
        except FileNotFoundError as error:
            _raise_if_removed(files, stored.path)
            raise StorageError(f"the forecast {path} is gone; restore it") from error
        except OSError as error:
            raise StorageError(f"the forecast {path} cannot be read ({error}); restore it") from error


def _raise_if_removed(files: Folder, key: str) -> None:
    """Raise RemovedByAge where the note beside a file says that it was removed."""
    folder, _, name = key.rpartition("/")
    with suppress(FileNotFoundError):
        found = note_of(files.read(f"{folder}/{NOTE}")).get(name)
        if found is not None:
            raise RemovedByAge(found.told)


def _newest(
    found: Sequence[StoredForecast], as_of: datetime, read: Callable[[StoredForecast], xr.Dataset]
) -> xr.Dataset | None:
    """Return what was newest among the files received by an instant; see ``ForecastStore.newest``."""
    if not found:
        return None
    if not any(one.kind == PREVIOUS_RUNS for one in found):
        return read(max(found, key=lambda one: (one.reference_time, one.received_at)))
    start, end = reach(as_of, max(int(one.attributes.get("most_days", 7)) for one in found))
    parts = [read(one) for one in found if one.last_time > start and one.first_time <= end]
    return forecast_as_known(parts, as_of)


def _span(dataset: xr.Dataset, assumed_receipt: datetime | None) -> dict[str, Any]:
    """Check a dataset and return its columns of the listing: reference, first and last valid time."""
    attributes: dict[str, Any] = {str(k): str(v) for k, v in dataset.attrs.items()}
    if is_previous_runs(dataset):
        times = check_previous_runs(dataset)["time"].to_numpy()
        if assumed_receipt is None:
            raise ContractError(
                "previous runs need an assumed receipt; see pipeline.previous_runs.earliest_known"
            )
        reference = times[0]
        attributes |= {"kind": PREVIOUS_RUNS, "most_days": int(dataset["lead_day"].max())}
    else:
        times = valid_times(check_weather_forecast(dataset))
        reference = dataset["forecast_reference_time"].to_numpy()
        attributes["kind"] = FORECAST
    return {
        "reference_time": from_ns(np.datetime64(reference)),
        "first_time": from_ns(times[0]),
        "last_time": from_ns(times[-1]),
        "attributes": attributes,
    }


def _stored(row: Row[Any]) -> StoredForecast:
    values = dict(row._mapping)
    return StoredForecast(**values, kind=str(values["attributes"].get("kind", FORECAST)))


def _encode(dataset: xr.Dataset) -> bytes:
    """Return a dataset as the bytes of a NetCDF-4 file; the same dataset gives the same bytes."""
    ready = with_weather_attributes(dataset)
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in ready.variables.items():
        variable.encoding = {}
        if variable.dtype.kind == "M":
            encoding[str(name)] = dict(TIME_ENCODING)
        elif variable.dtype.kind == "f" and name in ready.data_vars:
            encoding[str(name)] = {"dtype": "float32", "zlib": True, "_FillValue": np.float32(np.nan)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            beside = Path(folder) / "forecast.nc"
            ready.to_netcdf(beside, engine="h5netcdf", encoding=encoding)
            return beside.read_bytes()
    except OSError as error:
        raise StorageError(f"a forecast cannot be written ({error}); free the disk, then repeat") from error
