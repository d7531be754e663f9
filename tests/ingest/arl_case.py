"""Writes ARL-packed files, byte by byte, and a small one to read."""

import numpy as np

from ingest.arl_records import LABEL, checksum

GRID = (90, 0, 10, 20, 0, 0, 0, 1, 1, -60, 20)
"""Pole, 10 and 20 degrees apart, no size: latitudes and longitudes from 60 S 20 E."""


def packed(values):
    """Pack a field as its writers do: differences from the west, in the first column from the south."""
    values = np.asarray(values, np.float64)
    west = np.abs(np.diff(values, axis=1)).max(initial=0.0)
    spread = max(west, np.abs(np.diff(values[:, 0])).max(initial=0.0), 1e-12)
    exponent = int(np.floor(np.log2(1.05 * spread))) + 1  # a step to spare for what rounding carries on
    scale = 2.0 ** (7 - exponent)
    out = np.zeros(values.shape, np.uint8)
    south = values[0, 0]
    for j, row in enumerate(values):
        last = south
        for i, value in enumerate(row):
            out[j, i] = int((value - last) * scale + 127.5)
            last = (out[j, i] - 127.0) / scale + last
            south = last if i == 0 else south
    return exponent, float(values[0, 0]), out.tobytes()


def number(value):
    """Write a number as Fortran's E14.7 does, from 0.1 to 1 times a power of ten."""
    exponent = 0 if value == 0 else int(np.floor(np.log10(abs(value)))) + 1
    return f"{value / 10.0**exponent:10.7f}E{exponent:+03d}"


def record(time, level, name, values, lead=0):
    exponent, first, data = packed(values)
    stamp = np.datetime_as_string(time, "h")
    date = f"{stamp[2:4]}{stamp[5:7]}{stamp[8:10]}{stamp[11:13]}"
    label = f"{date}{lead:2d}{level:2d}99{name}{exponent:4d}{number(0.0)}{number(first)}"
    assert len(label) == LABEL
    return label.encode() + data


def arl(times, fields, grid=GRID, coordinate=2, levels=(0.0, 1000.0, 500.0), lead=0):
    """Write a file: ``fields`` gives (level, name): values(time index)."""
    whole, fields = b"", dict(sorted(fields.items(), key=lambda f: f[0][0]))
    for n, time in enumerate(np.asarray(times, "M8[ns]")):
        records = {k: record(time, k[0], k[1], v(n), lead) for k, v in fields.items()}
        ny, nx = next(iter(fields.values()))(0).shape
        text = f"TEST{lead:3d} 0" + "".join(f"{g:7.2f}" for g in (*grid, 0))
        text += f"{nx:3d}{ny:3d}{len(levels):3d}{coordinate:2d}{{length:4d}}"
        for at, level in enumerate(levels):
            names = [k[1] for k in fields if k[0] == at]
            text += f"{level:6.5g}"[:6].rjust(6) + f"{len(names):2d}"
            text += "".join(f"{name}{checksum(records[at, name][LABEL:]):3d} " for name in names)
        text = text.format(length=len(text) - len("{length:4d}") + 4)
        index = record(time, 0, "INDX", np.zeros((ny, nx)), lead)[:LABEL]
        whole += index + text.encode().ljust(ny * nx)
        whole += b"".join(records.values())
    return whole


def ramp(base, step=1.0, shape=(16, 18)):
    """A field that grows by a step to the east and two to the north, whole steps: packed exactly."""
    return lambda n: base + n + step * (np.arange(shape[1])[None] + 2 * np.arange(shape[0])[:, None])


FIELDS = {
    (0, "PRSS"): ramp(900.0),
    (1, "UWND"): ramp(-3.0),
    (1, "VWND"): ramp(4.0),
    (1, "TEMP"): ramp(280.0),
    (1, "WWND"): ramp(0.0, 2.0**-10),
    (2, "UWND"): ramp(10.0),
    (2, "VWND"): ramp(-7.0),
    (2, "TEMP"): ramp(250.0),
}
TIMES = np.array(["2019-03-03T00", "2019-03-03T06", "2019-03-03T12"], "M8[ns]")
