"""Ledgers as each released schema held them: invented rows of every table, kept beside this file.

``PYTHONPATH=. python -m tests.pipeline.released_ledgers`` writes what is lacking; what was written once is
never written again, for a released migration does not change.
"""

import hashlib
import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pipeline.ledger.audit import append_audit
from pipeline.ledger.types import UTCDateTime

FOLDER = Path(__file__).parent / "released"
VERSIONS = Path("pipeline/migrations/versions")
NOW = datetime(2026, 1, 14, 8, 0, 0, 123456, tzinfo=UTC)
NOT_FILLED = ("alembic_version", "audit", "audit_head")
SPECIAL = {
    ("jobs", "state"): "done",
    ("school_answers", "probability"): 0.4,
    ("recipients", "leave_from"): NOW,
    ("recipients", "leave_until"): NOW + timedelta(days=2),
}


def revisions():
    """Return the released migrations, the oldest first."""
    return [path.name[:4] for path in sorted(VERSIONS.glob("0*.py"))]


def digest_of(revision):
    """Return the SHA-256 of a migration as it is in the tree."""
    (path,) = VERSIONS.glob(f"{revision}_*.py")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def migrate_to(conn, revision):
    """Let a migration be the newest."""
    config = Config()
    config.set_main_option("script_location", "pipeline:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def reflected(conn):
    """Return the tables that are there, with instants as the program reads them."""
    metadata = sa.MetaData()
    metadata.reflect(conn)
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, sa.DateTime):
                column.type = UTCDateTime()
    return metadata


def rows_of(conn, table):
    """Return the rows of a table as JSON holds them."""
    key = list(table.primary_key.columns)
    return [
        {name: plain(value) for name, value in row._mapping.items()}
        for row in conn.execute(sa.select(table).order_by(*key))
    ]


def plain(value):
    """Return a value as JSON holds it."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def unplain(value):
    """Return what a value of a kept row stands for."""
    if isinstance(value, dict) and set(value) == {"at"}:
        return datetime.fromisoformat(value["at"])
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) and set(value) == {"bytes"} else value


def insert_rows(conn, kept):
    """Enter kept rows into the tables of the same schema."""
    metadata = reflected(conn)
    for table in metadata.sorted_tables:
        for row in kept.get(table.name, []):
            conn.execute(sa.insert(table).values({name: unplain(value) for name, value in row.items()}))


def invented(conn):
    """Fill every table of a ledger with a row, the audit trail with three."""
    metadata, made = reflected(conn), {}
    for table in metadata.sorted_tables:
        if table.name in NOT_FILLED:
            continue
        checks = sa.inspect(conn).get_check_constraints(table.name)
        allowed = {}
        for check in checks:
            for name, values in re.findall(r"(\w+) IN \(([^)]*)\)", check["sqltext"]):
                texts = re.findall(r"'([^']*)'", values)
                allowed.setdefault(name, texts[0] if texts else int(values.split(",")[0]))
        row = {c.name: value_for(table, c, allowed, made) for c in table.columns}
        conn.execute(sa.insert(table).values(row))
        made[table.name] = row
    for number, text in enumerate(("초안", '{"x": "\\\\"}', "北京")):
        payload = {"text": text, "number": number / 3}
        at = NOW + timedelta(hours=number)
        append_audit(conn, at=at, actor="김", action="test.made", subject=str(number), payload=payload)


def value_for(table, column, allowed, made):
    """Return an invented value of a column."""
    for key in column.foreign_keys:
        place = key.target_fullname.partition(".")
        if place[0] in made:
            return made[place[0]][place[2]]
    if (table.name, column.name) in SPECIAL:
        return SPECIAL[table.name, column.name]
    if column.name in allowed:
        return allowed[column.name]
    kind = column.type
    if isinstance(kind, UTCDateTime):
        return NOW
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, sa.Integer):
        return 7
    if isinstance(kind, (sa.Float, sa.Numeric)):
        return 37.1 / 3
    if isinstance(kind, sa.LargeBinary):
        return bytes(range(8))
    if isinstance(kind, sa.JSON):
        return {"ä": "北京", "tiny": 5e-324, "none": None}
    return f"{table.name} {column.name} 서울"[: getattr(kind, "length", None)]


def kept(revision):
    """Return what is kept of a released ledger: digest of its migration, and rows by table."""
    return json.loads((FOLDER / f"{revision}.json").read_text("utf-8"))


def write_lacking():
    """Write a ledger of each schema that has none yet."""
    for revision in revisions():
        target = FOLDER / f"{revision}.json"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            engine = sa.create_engine(f"sqlite:///{folder}/ledger.sqlite")
            with engine.begin() as conn:
                migrate_to(conn, revision)
                invented(conn)
                metadata = reflected(conn)
                rows = {t.name: rows_of(conn, t) for t in metadata.sorted_tables if t.name != NOT_FILLED[0]}
            engine.dispose()
        lines = [f'"{name}": {json.dumps(held, ensure_ascii=False)}' for name, held in rows.items()]
        head = f'{{"migration": "{digest_of(revision)}",\n"rows": {{\n'
        target.write_text(head + ",\n".join(lines) + "\n}}\n", "utf-8")


if __name__ == "__main__":
    write_lacking()
