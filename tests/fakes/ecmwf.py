"""A fake of ECMWF's open data: an index and a GRIB file a step, given by byte ranges; winds by formula."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import eccodes
import numpy as np

from tests.fakes.server import FakeAnswer

DELAY = timedelta(hours=7, minutes=35)
KEPT = timedelta(days=3)
SPACING = 2.5
LATITUDE = 90.0 - SPACING * np.arange(73)
LONGITUDE = -180.0 + SPACING * np.arange(144)
FIELDS = [("gh", 500), ("t", 850), *[(p, level) for level in (500, 700, 850, 925, 1000) for p in "uvw"]]
FIELDS += [("gh", 700), ("gh", 850), ("gh", 925)]
_PATH = re.compile(r"/(\d{8})/(\d{2})z/ifs/0p25/oper/(\d{10})0000-(\d{1,3})h-oper-fc\.(index|grib2)")


def value_of(param, level, step, latitude, longitude):
    """What the fake forecasts, of a size that the quantity can have."""
    waves = np.sin(np.radians(longitude)) + latitude / 90.0
    scale = {"u": 10.0, "v": -8.0, "w": 0.5, "gh": 100.0, "t": 10.0}[param]
    base = {"gh": 44330.0 * (1 - (level / 1013.25) ** 0.19), "t": 270.0}.get(param, 0.0)
    return base + scale * waves + step / 24.0


@lru_cache(maxsize=64)
def step_file(run: str, step: int, packing: str = "grid_ccsds") -> tuple[bytes, bytes]:
    """The index and the messages of one step."""
    lines, parts, at = [], [], 0
    for param, level in FIELDS:
        message = grib_message(run, step, param, level, packing)
        parts.append(message)
        entry = {"domain": "g", "date": run[:8], "time": f"{run[8:]}00", "expver": "0001", "class": "od"}
        entry |= {"type": "fc", "stream": "oper", "levtype": "pl", "levelist": str(level), "step": str(step)}
        lines.append(json.dumps(entry | {"param": param, "_offset": at, "_length": len(message)}))
        at += len(message)
    lines.append(json.dumps({"levtype": "sfc", "param": "tp", "_offset": at, "_length": 179}))
    return "\n".join(lines).encode() + b"\n", b"".join(parts)


def grib_message(run: str, step: int, param: str, level: int, packing: str = "grid_ccsds") -> bytes:
    """One field of the globe."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    values = value_of(param, level, step, LATITUDE[:, None], LONGITUDE[None, :])
    for key, value in {
        "Ni": LONGITUDE.size,
        "Nj": LATITUDE.size,
        "latitudeOfFirstGridPointInDegrees": LATITUDE[0],
        "latitudeOfLastGridPointInDegrees": LATITUDE[-1],
        "longitudeOfFirstGridPointInDegrees": LONGITUDE[0],
        "longitudeOfLastGridPointInDegrees": LONGITUDE[-1],
        "iDirectionIncrementInDegrees": SPACING,
        "jDirectionIncrementInDegrees": SPACING,
        "dataDate": int(run[:8]),
        "dataTime": int(run[8:]) * 100,
        "step": step,
        "shortName": param,
        "level": level,
        "packingType": packing,
        "bitsPerValue": 16,
    }.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, values.ravel())
    message = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    return message


class EcmwfFake:
    """The server at its clock's instant; ``ranges`` False: it answers with the whole file."""

    source = "ecmwf"

    def __init__(self, clock: Callable[[], datetime], ranges: bool = True) -> None:
        self.clock, self.ranges = clock, ranges

    def answer(self, method, path, query, form, headers):
        match = _PATH.fullmatch(path)
        if match is None or match[1] + match[2] != match[3]:
            return self._absent()
        run = datetime.strptime(match[3], "%Y%m%d%H").replace(tzinfo=UTC)
        if not run + DELAY <= self.clock() < run + KEPT or int(match[4]) % 3:
            return self._absent()
        index, body = step_file(match[3], int(match[4]))
        if match[5] == "index":
            return FakeAnswer(200, "application/json", index)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        if wanted is None or not self.ranges:
            return FakeAnswer(200, "application/octet-stream", body)
        first, last = int(wanted[1]), int(wanted[2])
        said = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return FakeAnswer(206, "application/octet-stream", body[first : last + 1], said)

    def _absent(self):
        return FakeAnswer(404, "text/html", b"<html>404 Not Found</html>")
