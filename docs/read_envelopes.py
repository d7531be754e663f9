"""Read a folder of envelopes, trusting nothing: signatures, digests, numbers, each sender's chain.

An independent reader of envelopes.md: no code of sameair, only Python and the package `cryptography`.
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

SCHEMA = "sameair-envelope/1"
PACKED, TEXT = 4 * 2**20, 32 * 2**20
MEMBERS = "body created_at key kind previous recipient schema sender sequence signature world"


def number(value: float) -> str:
    """Write a number as ECMAScript does (RFC 8785, 3.2.2.3); ValueError for what is none."""
    if isinstance(value, int):
        return str(value)
    sign, parts, exponent = Decimal(repr(value or 0.0)).normalize().as_tuple()
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
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(n)}:{canonical(value[n])}" for n in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


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
    if public is None or envelope["schema"] != SCHEMA:
        raise ValueError("of another schema, or signed with a key that was not given")
    verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    verifier.verify(signature, f"{SCHEMA}\n".encode() + signed)
    return envelope | {"digest": hashlib.sha256(signed).hexdigest()}


def check(chain: dict[int, dict]) -> list[str]:
    """Return what is missing or does not follow in one chain."""
    found = []
    for n in range(1, max(chain) + 1):
        before = chain.get(n - 1, {}).get("digest") if n > 1 else "0" * 64
        if n not in chain or before not in (None, chain[n]["previous"]):
            found.append(f"{n} does not follow" if n in chain else f"{n} is missing")
    return found


def main(folder: str, *given: str) -> int:
    """Read every file, then check every chain; 0 if all is well."""
    keys = {(p, hashlib.sha256(k.encode()).hexdigest()[:16]): k for p, k in (g.split("=", 1) for g in given)}
    chains, faults = {}, []
    for path in sorted(Path(folder).rglob("*.json.gz")):
        try:
            e = read(path.read_bytes(), keys)
        except (ValueError, KeyError, TypeError, RecursionError, zlib.error, InvalidSignature) as error:
            faults.append(f"{path.name}: refused: {str(error) or 'the signature does not fit'}")
            continue
        first = chains.setdefault(f"{e['sender']} to {e['recipient']}", {}).setdefault(e["sequence"], e)
        faults += [f"{path.name}: another {e['sequence']} is signed, too"] * (first["digest"] != e["digest"])
        sys.stdout.write(f"{path.name}: {e['kind']} of {e['created_at']}\n")
    faults += [f"{name}: {fault}" for name, chain in chains.items() for fault in check(chain)]
    sys.stdout.write("".join(f"{line}\n" for line in [*faults, f"{len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
