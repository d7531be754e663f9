"""Model files load only if this node signed their digest: a model file is a program, and is never exchanged.

The signature lies beside the file, as ``<model>.sig.json``. Whoever can alter file and ledger row, but has no
key of this node, cannot make it run anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows.anchoring import seal_fault, sealed
from flows.workspace import Workspace
from pipeline.errors import StorageError
from pipeline.files import write_atomic
from pipeline.storage.products import brought


def sign_model(ws: Workspace, path: Path, model_id: str, digest: str) -> None:
    """Sign that a model file with a digest was made here."""
    told = sealed(ws, _statement(model_id, digest))
    write_atomic(signature_path(path), (json.dumps(told, indent=1, sort_keys=True) + "\n").encode())


def check_signed(ws: Workspace, path: Path, model_id: str, digest: str) -> None:
    """Refuse a model file that this node did not sign.

    Raises
    ------
    StorageError
        naming what is wrong with the signature; the model is to be trained again
    """
    fault = _fault(ws, path, _statement(model_id, digest))
    if fault:
        raise StorageError(f"model {path} is not one that this node signed: {fault}; train it again")


def signature_path(path: Path) -> Path:
    """Return where the signature of a model file lies.

    >>> signature_path(Path("models/measured/m1.model")).as_posix()
    'models/measured/m1.sig.json'
    """
    return path.with_suffix(".sig.json")


def _statement(model_id: str, digest: str) -> dict[str, Any]:
    """Return what is signed of a model."""
    return {"kind": "model file", "model": model_id, "digest": digest}


def _fault(ws: Workspace, path: Path, statement: dict[str, Any]) -> str:
    """Return what is wrong with a model's signature, or nothing."""
    try:
        told = json.loads(brought(ws.settings, signature_path(path)).read_text("utf-8"))
    except FileNotFoundError:
        return "it has no signature"
    except (OSError, ValueError) as error:
        return f"its signature cannot be read ({error})"
    if not isinstance(told, dict) or {k: told.get(k) for k in statement} != statement:
        return "its signature is of another file"
    return seal_fault(ws, told)
