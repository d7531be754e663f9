"""Read a table from an R data file (`.rda`): XDR serialisation, version 2, vectors and attributes only."""

import bz2
import struct

import numpy as np
import pandas as pd

ATTRIBUTES, TAG = 0x200, 0x400
END, KNOWN_SYMBOL, SYMBOL, PAIRS, TEXT, INTEGERS, DOUBLES, LOGICALS = 254, 255, 1, 2, 9, 13, 14, 10
LISTS = (16, 19)


class Reader:
    def __init__(self, data):
        self.data, self.at, self.symbols = data, 0, []

    def number(self):
        self.at += 4
        return struct.unpack_from(">i", self.data, self.at - 4)[0]

    def numbers(self, kind, size):
        count = self.number()
        self.at += size * count
        return np.frombuffer(self.data, kind, count, self.at - size * count).astype(kind[1:])

    def item(self):
        return self.of(self.number())

    def of(self, flags):
        kind = flags & 255
        if kind == END:
            return None
        if kind == KNOWN_SYMBOL:
            return self.symbols[(flags >> 8) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == TEXT:
            length = self.number()
            self.at += max(length, 0)
            return None if length < 0 else self.data[self.at - length : self.at].decode()
        if kind == PAIRS:
            return self.pairs(flags)
        value = self.vector(kind)
        return value, dict(self.item()) if flags & ATTRIBUTES else {}

    def vector(self, kind):
        if kind == DOUBLES:
            return self.numbers(">f8", 8)
        if kind in (INTEGERS, LOGICALS):
            return self.numbers(">i4", 4)
        assert kind in LISTS, kind
        return [self.item() for _ in range(self.number())]

    def pairs(self, flags):
        found = []
        while flags & 255 == PAIRS:
            if flags & ATTRIBUTES:
                self.item()
            name = self.item() if flags & TAG else None
            found.append((name, self.item()))
            flags = self.number()
        return found


def read_table(path):
    data = bz2.decompress(path.read_bytes())
    assert data.startswith(b"RDX2\nX\n")
    reader = Reader(data)
    reader.at = 7 + 12
    ((_, (columns, attributes)),) = reader.item()
    names = attributes["names"][0]
    return pd.DataFrame({name: values for name, (values, _) in zip(names, columns, strict=True)})
