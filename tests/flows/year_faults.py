"""What is wrong with the machine of an accelerated year: its disk, and what keeps the ledger from working."""

import errno
import os
import resource
import shutil
import tempfile
from collections import namedtuple

from sqlalchemy import event

WRONG = set()
Usage = namedtuple("Usage", "total used free")
_MKSTEMP = tempfile.mkstemp
_SPOOL = os.environ.get("SAMEAIR_YEAR_SPOOL", "")


def prepare(pool):
    """Let faults reach files and database; without any a process that is killed need not wait for a disk."""
    os.fsync = lambda _: None
    tempfile.mkstemp = _made
    shutil.disk_usage = lambda _: Usage(2**40, 2**39, 0 if WRONG & {"disk full", "no room"} else 2**39)
    event.listen(pool, "checkout", _checked_out)


def begin(faults):
    """Make these the faults from now on.

    A full disk is a file size limit of nothing: whatever this process writes fails in the kernel. Where there
    is only no more room, what exists can be written but nothing can grow.
    """
    WRONG.clear()
    WRONG.update(faults)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0 if "disk full" in WRONG else most, most))


def _made(*args, **kwargs):
    if "no room" in WRONG:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _MKSTEMP(*args, **kwargs)


def _checked_out(connection, _record, _proxy):
    if not hasattr(connection, "isolation_level"):
        return
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA query_only = {int('read-only' in WRONG)}")
    connection.execute(f"PRAGMA busy_timeout = {100 if 'locked' in WRONG else 30000}")
    connection.execute(f"PRAGMA max_page_count = {1 if 'no room' in WRONG else 2**30}")
