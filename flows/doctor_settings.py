"""Looking over what the settings name: files, folders, certificates, addresses, mail, unknown variables."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from flows.doctor_exchange import Found
from flows.mailbox import place_of
from flows.workspace import Workspace
from pipeline.configuration import VARIABLE, config_file
from pipeline.errors import SameairError
from pipeline.settings import Settings

OTHER_VARIABLES: Final = frozenset(
    {VARIABLE, "SAMEAIR_TRACEBACK", "SAMEAIR_NO_SKIPS", "SAMEAIR_FUZZ_EXAMPLES"}
)
ENDS_SOON: Final = timedelta(days=30)
"""So long before a certificate ends the operator is told."""
FOLDERS: Final = frozenset({"data_dir", "exchange_inbox"})
"""Settings that name folders, into which we write; every other path is a file that we read."""
SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "exchange_sftp": ("sftp",),
    "mailbox_url": ("imaps", "maildir"),
    "exchange_links": ("sftp", "https", ""),
    "source_urls": ("https", "http"),
}
"""Ways that an address may name; an empty one is a folder."""


def settings_checks(ws: Workspace, environment: Mapping[str, str] = os.environ) -> list[Found]:
    """Return subject, verdict, finding and remedy of everything that the settings name."""
    checks: list[Callable[[Workspace], Found]] = [_paths, _certificates, _addresses, _mail, _provider]
    return [_file(environment), _variables(environment), *[_guarded(check, ws) for check in checks]]


def _guarded(check: Callable[[Workspace], Found], ws: Workspace) -> Found:
    """Turn an error of a check into what it found."""
    try:
        return check(ws)
    except (SameairError, OSError, ValueError) as error:
        return (check.__name__.strip("_"), "trouble", str(error), "correct the setting it names")


def _file(environment: Mapping[str, str]) -> Found:
    found = config_file(environment)
    if found is None:
        remedy = "`sameair settings --example > sameair.toml` begins one"
        return ("configuration", "note", "no file; variables and defaults count", remedy)
    mode = stat.S_IMODE(found.stat().st_mode)
    return ("configuration", "ok", f"{found}, mode {mode:04o}", "")


def _variables(environment: Mapping[str, str]) -> Found:
    """Look for variables that look like ours and are not read."""
    known = {f"SAMEAIR_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    unknown = sorted(v for v in environment if v.upper().startswith("SAMEAIR_") and v.upper() not in known)
    if not unknown:
        return ("variables", "ok", "every SAMEAIR_ variable is a setting", "")
    near = difflib.get_close_matches(unknown[0].upper(), known, 1)
    remedy = f"write {near[0]}" if near else "`sameair settings` shows which there are"
    return ("variables", "warning", f"{', '.join(unknown)}: no setting; it changes nothing", remedy)


def _named(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Path):
            yield name, value


def _paths(ws: Workspace) -> Found:
    """Look whether every named file can be read, and every named folder be written."""
    wrong = []
    for name, path in _named(ws.settings):
        wanted = os.R_OK | os.W_OK | os.X_OK if name in FOLDERS else os.R_OK
        is_there = path.is_dir() if name in FOLDERS else path.is_file()
        if not is_there:
            wrong.append(
                f"SAMEAIR_{name.upper()}: there is no {'folder' * (name in FOLDERS) or 'file'} {path}"
            )
        elif not os.access(path, wanted):
            wrong.append(f"SAMEAIR_{name.upper()}: this account may not use {path}")
    if wrong:
        return (
            "paths",
            "trouble",
            "; ".join(wrong),
            "correct the setting, or owner and mode",
        )
    return ("paths", "ok", f"{len(list(_named(ws.settings)))} named files and folders can be used", "")


def _certificates(ws: Workspace) -> Found:
    """Look when the extra certificate authorities end."""
    files = [
        (name, path) for name, path in _named(ws.settings) if name.endswith("_ca_file") and path.is_file()
    ]
    ends: list[tuple[datetime, str]] = []
    for name, path in files:
        try:
            held = x509.load_pem_x509_certificates(path.read_bytes())
        except ValueError:
            remedy = "give a PEM file that begins with -----BEGIN CERTIFICATE-----"
            return ("certificates", "trouble", f"SAMEAIR_{name.upper()}: {path} holds no certificate", remedy)
        ends.append((min(one.not_valid_after_utc for one in held), f"SAMEAIR_{name.upper()}"))
    first = min(ends, default=None)
    if first is None:
        return ("certificates", "ok", "none is named; the system's authorities count", "")
    now = ws.clock().astimezone(UTC)
    said = f"{first[1]} ends on {first[0]:%Y-%m-%d}"
    if first[0] < now + ENDS_SOON:
        verdict: Found = ("certificates", "trouble" if first[0] < now else "warning", said, "get the new one")
        return verdict
    return ("certificates", "ok", said, "")


def _addresses(ws: Workspace) -> Found:
    """Look whether addresses name a way that exists and a host."""
    wrong = []
    for name, schemes in SCHEMES.items():
        value = getattr(ws.settings, name)
        texts = value.values() if isinstance(value, dict) else [value]
        wrong += [
            f"SAMEAIR_{name.upper()}: {_shown(part)}"
            for text in texts
            for part in text.split()
            if not _leads_somewhere(part, schemes)
        ]
    if wrong:
        ways = "a folder that exists, or scheme://host/…; `sameair settings --example` shows each"
        return ("addresses", "trouble", f"not understood: {'; '.join(wrong)}", f"write {ways}")
    return ("addresses", "ok", "every address names a way and a host", "")


def _shown(address: str) -> str:
    """Return an address without what stands before its host."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if parts.scheme else address


def _leads_somewhere(address: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(address)
        number = parts.port
    except ValueError:
        return False
    if parts.scheme not in schemes or number == 0:
        return False
    if not parts.scheme:
        return Path(address).is_dir()
    return Path(parts.path).is_dir() if parts.scheme == "maildir" else bool(parts.hostname)


def _mail(ws: Workspace) -> Found:
    """Look whether mail could leave for real, and whether replies come back to somebody."""
    s = ws.settings
    if s.channel == "folder":
        remedy = "set SAMEAIR_CHANNEL=smtp when it is in earnest"
        return ("mail", "note", f"mails are written into {s.outbox_dir}; none leaves", remedy)
    if s.mail_from == Settings.model_fields["mail_from"].default:
        remedy = "set SAMEAIR_MAIL_FROM to an address that somebody reads"
        return ("mail", "warning", f"mails come from {s.mail_from}, which nobody reads", remedy)
    if not s.smtp_starttls:
        remedy = "set SAMEAIR_SMTP_STARTTLS=true"
        return ("mail", "warning", f"mails go to {s.smtp_host} without TLS", remedy)
    if not s.mailbox_url:
        remedy = "set SAMEAIR_MAILBOX_URL to the mailbox of SAMEAIR_MAIL_FROM"
        return ("mail", "warning", "no mailbox is read; bounces and replies are not seen", remedy)
    place_of(ws)
    return ("mail", "ok", f"by {s.smtp_host}:{s.smtp_port} as {s.mail_from}; `--live` tries it", "")


def _provider(ws: Workspace) -> Found:
    """Look whether signing in by a provider is set up whole, or not at all."""
    s = ws.settings
    if bool(s.oidc_issuer) != bool(s.oidc_client):
        missing = "SAMEAIR_OIDC_CLIENT" if s.oidc_issuer else "SAMEAIR_OIDC_ISSUER"
        return (
            "sign-in",
            "trouble",
            f"the identity provider is set up by half: {missing} is empty",
            "set both",
        )
    if s.oidc_issuer and not s.review_url:
        remedy = "set SAMEAIR_REVIEW_URL"
        return ("sign-in", "warning", "the provider cannot lead people back: no review address", remedy)
    return ("sign-in", "ok", "by a provider" if s.oidc_issuer else "by passwords of these pages", "")
