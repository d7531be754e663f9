"""Damage to answers: bytes that flip and go missing, JSON of wrong types, tables of wrong cells, bombs."""

import gzip
import io
import json
import random
import re
import zipfile
import zlib

NUMBERS = (0, -1, 1, 9999, -999, 2**31, 2**63, -(2**63) - 1, 10**400, 1e-320, 1e308, -1e308)
WORDS = (
    "", " ", "-", "/", "NA", "nan", "NaN", "inf", "-Infinity", "1e999", "9" * 5000, "0x10", "1_000", "٣", "½",
    "null", "true", "\x00", "a\ud800b", "\u202e", "가" * 300, "x" * 5000, "\ufeff", "'; drop table", "%s{0}",
    "0000-00-00 00:00", "2025-02-30 12:00", "2025-01-01 24:00", "2025-01-01 25:00", "9999-12-31 24:00",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2025-02-10T17:00", "2025-02-10T17:30:00+08:00",
    "/Date(99999999999999999999)/", "/Date(-62135596800000)/", "/Date(nan)/", "209912312400", "202502301200",
    "9999.12.31.24:00", "2025-02-10 29시 발표", "서울 : 나쁨", "서울 :,:,", "O", "00", "22", "[", "{", '"',
)  # fmt: skip
OTHERS = (None, True, False, float("nan"), float("inf"), -float("inf"), [], {}, [[]], [{}], {"": None})
DEEP = b"[" * 100_000
BOMBS = (
    b"",
    b"\x00",
    b"\xff\xfe\x00\x00",
    b"\xef\xbb\xbf",
    b"null",
    b"[]",
    b"{}",
    b"[[]]",
    b"NaN",
    b"9" * 5000,
    DEEP,
    b"[" * 1_000 + b"]" * 1_000,
    b'{"a":' * 100_000,
    b'{"response":' + DEEP,
    b'{"items": ' + b'{"item":' * 900 + b"1" + b"}" * 901,
    b"<!DOCTYPE html><html>",
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "'
    + b"x" * 999
    + b'"><!ENTITY b "'
    + b"&a;" * 999
    + b'">]>'
    b"<r><returnReasonCode>&b;</returnReasonCode></r>",
    b"<returnReasonCode>" + b"9" * 9999 + b"</returnReasonCode>",
    gzip.compress(bytes(80 * 2**20), 9, mtime=0),
    gzip.compress(gzip.compress(bytes(2**20), mtime=0), mtime=0),
    b"\x1f\x8b" + bytes(40),
    b"#" * 50_000,
    b"#START7777\n" + b"," * 50_000 + b"\n#7777END",
    b"a," * 50_000 + b"\n" + b'"' * 9999,
    b"\n" * 50_000,
    b'"' + b"x" * 200_000,
    b"GRIB" + bytes(60),
    b"GRIB\x00\x00\x00\x02" + b"\xff" * 8 + b"7777",
    b"PK\x03\x04" + bytes(60),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
)
"""What every reader is given once."""


def damaged(payload: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Return an answer with one or several kinds of damage, those that fit its format more often."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        payload = rng.choice(_fitting(payload))(payload, rng)
    if rng.random() < 0.03:
        other = rng.choice(others)
        payload = payload[: rng.randrange(len(payload) + 1)] + other[rng.randrange(len(other) + 1) :]
    return payload


def _fitting(payload):
    start = payload.lstrip()[:4]
    anyhow = (flip, cut_off, cut_out, insert, twice)
    if start[:1] in (b"[", b"{"):
        return (*anyhow, json_nodes, json_nodes, json_nodes, json_nodes, json_nodes, tokens)
    if start[:2] == b"\x1f\x8b":
        return (flip, cut_off, inside_gzip, inside_gzip, inside_gzip, inside_gzip)
    if start == b"PK\x03\x04":
        return (flip, cut_off, inside_zip, inside_zip, inside_zip, inside_zip)
    if start == b"GRIB":
        return (*anyhow, flip, numbers_of_bytes, numbers_of_bytes)
    return (*anyhow, tokens, tokens, tokens, tokens, lines)


def flip(payload, rng):
    """Change some bytes."""
    if not payload:
        return payload
    changed = bytearray(payload)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cut_off(payload, rng):
    """Lose the end."""
    return payload[: rng.randrange(len(payload) + 1)]


def cut_out(payload, rng):
    """Lose a piece."""
    start, length = rng.randrange(len(payload) + 1), rng.choice((1, 2, 4, 16, 200))
    return payload[:start] + payload[start + length :]


def insert(payload, rng):
    """Gain a piece of noise or a word."""
    at = rng.randrange(len(payload) + 1)
    word = rng.choice((rng.randbytes(rng.choice((1, 4, 40))), _encoded(rng.choice(WORDS))))
    return payload[:at] + word + payload[at:]


def twice(payload, rng):
    """Repeat a piece, or all."""
    start = rng.randrange(len(payload) + 1)
    piece = payload[start : start + rng.choice((8, 100, 1000, len(payload) + 1))]
    return payload[:start] + piece + payload[start:]


def numbers_of_bytes(payload, rng):
    """Write an extreme number over one of a binary format's."""
    if len(payload) < 16:
        return payload
    width = rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), 2 ** (8 * width - 1) - 1))
    at = rng.choice((rng.randrange(min(len(payload), 220)), rng.randrange(len(payload)))) % (
        len(payload) - width
    )
    return payload[:at] + value.to_bytes(width, "big") + payload[at + width :]


def tokens(payload, rng):
    """Write words over some cells of a table, or values of a text."""
    parts = re.split(rb"([,;\t\n\r |:=]+)", payload)
    for _ in range(rng.choice((1, 1, 3, 20))):
        at = rng.randrange(0, len(parts), 2)
        parts[at] = rng.choice(
            (_encoded(rng.choice(WORDS)), str(rng.choice(NUMBERS)).encode(), b"-" + parts[at])
        )
    return b"".join(parts)


def lines(payload, rng):
    """Lose, repeat, shuffle or join lines."""
    rows = payload.splitlines(keepends=True)
    if not rows:
        return payload
    at = rng.randrange(len(rows))
    kind = rng.randrange(4)
    if kind == 0:
        del rows[at]
    elif kind == 1:
        rows.insert(at, rng.choice(rows))
    elif kind == 2:
        rng.shuffle(rows)
    else:
        rows[at] = rows[at].strip()
    return b"".join(rows)


def json_nodes(payload, rng):
    """Change the type, the size or the place of some nodes."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return tokens(payload, rng)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        content = _one_node(content, rng)
    text = json.dumps(content, ensure_ascii=rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _one_node(content, rng):
    places = _places(content)
    if not places:
        return _hostile(content, rng, content)
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.12:
        del holder[key]
    elif kind < 0.2 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind < 0.2:
        holder[rng.choice(WORDS)] = holder.pop(key)
    else:
        holder[key] = _hostile(holder[key], rng, content)
    return content


def _places(content):
    """Return every (holder, key) of a tree; of long lists a few members."""
    found, waiting = [], [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            keys = list(node)
        elif isinstance(node, list):
            keys = list(range(len(node)))[:: max(1, len(node) // 6)]
        else:
            continue
        found += [(node, key) for key in keys]
        waiting += [node[key] for key in keys]
    return found


def _hostile(old, rng, content):
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(WORDS)
    if kind == 3:
        return rng.choice(NUMBERS)
    if kind == 4:
        return json.loads(json.dumps(rng.choice(OTHERS)))
    if kind == 5:
        return (
            str(old)[:200]
            if not isinstance(old, str)
            else rng.choice((old + "x", old[:-1], [old], {"item": old}))
        )
    if kind == 6:
        return json.loads("[" * 300 + "]" * 300)
    return json.loads(json.dumps(_somewhere(content, rng)))


def _somewhere(content, rng):
    """Return a small part of a tree."""
    places = _places(content)
    if not places:
        return content
    holder, key = rng.choice(places)
    found = holder[key]
    return found if len(str(found)) < 2000 else key


def inside_gzip(payload, rng):
    """Damage what is packed."""
    try:
        content = gzip.decompress(payload)
    except (OSError, EOFError, zlib.error):
        return flip(payload, rng)
    return gzip.compress(damaged(content, rng, [content]), mtime=0)


def inside_zip(payload, rng):
    """Damage one member."""
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as old, zipfile.ZipFile(out, "w") as new:
            names = old.namelist()
            hit = rng.choice(names)
            for name in names:
                content = old.read(name)
                new.writestr(
                    name,
                    rng.choice((flip, cut_off, tokens, xml_words))(content, rng) if name == hit else content,
                )
    except (
        OSError,
        ValueError,
        IndexError,
        zipfile.BadZipFile,
        NotImplementedError,
        EOFError,
        zlib.error,
        RuntimeError,
    ):
        return flip(payload, rng)
    return out.getvalue()


def xml_words(payload, rng):
    """Write words over texts and attributes of XML."""
    parts = re.split(rb"([<>\"])", payload)
    at = rng.randrange(0, len(parts), 2)
    parts[at] = rng.choice((_encoded(rng.choice(WORDS)), str(rng.choice(NUMBERS)).encode(), parts[at] * 2))
    return b"".join(parts)


def _encoded(word):
    return word.encode("utf-8", "surrogatepass")
