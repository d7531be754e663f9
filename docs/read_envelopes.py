"""Read a folder of envelopes (envelopes.md), trusting nothing: form, signatures, numbers, chains, receipts.

It shares no code with sameair and needs only Python and the package `cryptography`.
Call: python read_envelopes.py FOLDER seoul=BASE64_PUBLIC_KEY beijing=BASE64_PUBLIC_KEY
"""

import base64
import hashlib
import json
import sys
import zlib
from decimal import Decimal
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SCHEMA, PREFIX, STATEMENTS = "sameair-envelope/1", b"sameair-envelope/1\n", ("receipt", "heartbeat")
PACKED, TEXT = 4 * 2**20, 32 * 2**20
FAULTS = (ValueError, OverflowError, TypeError, RecursionError, zlib.error, InvalidSignature)
MEMBERS = "body created_at key kind previous recipient schema sender sequence signature world"


def number(value: float) -> str:
    """Write a number as ECMAScript does (RFC 8785, 3.2.2.3); ValueError for what is none."""
    sign, parts, exponent = Decimal(repr(float(value) or 0.0)).normalize().as_tuple()
    text, point = "".join(map(str, parts)), len(parts) + int(exponent)
    if len(text) <= point <= 21:
        text += "0" * (point - len(text))
    elif 0 < point <= 21:
        text = text[:point] + "." + text[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + text
    else:
        text = text[0] + ("." + text[1:] if len(text) > 1 else "") + f"e{point - 1:+d}"
    return "-" * sign + text


def canonical(value: object) -> str:
    """Write JSON in the one form that is digested and signed (RFC 8785)."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(n)}:{canonical(v)}" for n, v in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return number(value) if type(value) in (int, float) else json.dumps(value, ensure_ascii=False)


def read(packed: bytes, keys: dict) -> dict:
    """Return an envelope with its digest; raises ValueError or InvalidSignature."""
    unpack = zlib.decompressobj(wbits=31)
    text = unpack.decompress(packed, TEXT + 1)
    if len(packed) > PACKED or len(text) > TEXT or not unpack.eof or unpack.unused_data:
        raise ValueError("too large, cut off, or with something behind its end")
    envelope = json.loads(text)
    if canonical(envelope).encode() != text or " ".join(envelope) != MEMBERS:
        raise ValueError("not canonical, or of other members")
    signature = base64.b64decode(envelope.pop("signature"), validate=True)
    signed, public = canonical(envelope).encode(), keys.get((envelope["sender"], envelope["key"]))
    if public is None or envelope["schema"] != SCHEMA or not isinstance(envelope["body"], dict):
        raise ValueError("of another schema, or signed with a key that was not given")
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(signature, PREFIX + signed)
    return envelope | {"digest": hashlib.sha256(signed).hexdigest()}


def check(chain: dict[int, dict], other: dict[int, dict]) -> list[str]:
    """Return what is missing or does not follow in one chain, and what it confirms otherwise of the other."""
    found = [f"{n} is missing" for n in range(min(chain), max(chain)) if n not in chain]
    held = {str(n): e["digest"] for n, e in other.items()}
    for n, e in sorted(chain.items()):
        if e["previous"] != (chain.get(n - 1, {"digest": e["previous"]})["digest"] if n > 1 else "0" * 64):
            found.append(f"{n} does not follow")
        said = str(e["body"].get("handled"))
        if e["kind"] in STATEMENTS and held.get(said, "") not in ("", e["body"].get("handled_digest")):
            found.append(f"{n} confirms another {said} than that here")
    return found


def main(folder: str, *given: str) -> int:
    """Read every file, then check every chain; 0 if all is well."""
    keys = {(p, hashlib.sha256(k.encode()).hexdigest()[:16]): k for p, k in (g.split("=", 1) for g in given)}
    chains, faults = {}, []
    for path in sorted(Path(folder).rglob("*.json.gz")):
        try:
            e = read(path.read_bytes(), keys)
        except FAULTS as error:
            faults.append(f"{path.name}: refused: {str(error) or 'the signature does not fit'}")
            continue
        first = chains.setdefault((e["sender"], e["recipient"]), {}).setdefault(e["sequence"], e)
        faults += [f"{path.name}: another {e['sequence']} is signed, too"] * (first["digest"] != e["digest"])
        sys.stdout.write(f"{path.name}: {e['kind']} of {e['created_at']}\n")
    for (a, b), chain in chains.items():
        sys.stdout.write(f"{a} to {b}: {min(chain)} to {max(chain)}\n")
        faults += [f"{a} to {b}: {fault}" for fault in check(chain, chains.get((b, a), {}))]
    sys.stdout.write("".join(f"{line}\n" for line in [*faults, f"{len(faults)} faults"]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
