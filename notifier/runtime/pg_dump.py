"""A backup of PostgreSQL by its own `pg_dump`, where that is on the PATH."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from notifier.domain.errors import StoreError
from notifier.telemetry.logging import get

PROGRAM = "pg_dump"
ABSENT = (
    "pg_dump is not on the PATH: install PostgreSQL's client programs, of the server's version or a newer one"
)

log = get("notifier.runtime")


def is_there() -> bool:
    return shutil.which(PROGRAM) is not None


async def write(url: str, path: Path) -> None:
    """Fill a file with a dump in PostgreSQL's custom form; `StoreError` where that fails, and the log says why."""
    if not is_there():
        raise StoreError(ABSENT)
    await _run(PROGRAM, "--format=custom", "--no-password", f"--file={path}", environ=environment(url))
    if shutil.which("pg_restore"):
        await _run("pg_restore", "--list", str(path), environ={})


def environment(url: str) -> Mapping[str, str]:
    """The variables that say what to connect to: arguments are seen by everybody on the machine."""
    from sqlalchemy import make_url  # noqa: PLC0415 - who only reads the configuration needs none of it

    at = make_url(url)
    query = {name: value for name, value in at.query.items() if isinstance(value, str)}
    given = {
        "PGHOST": query.get("host") or at.host,
        "PGPORT": query.get("port") or at.port,
        "PGUSER": at.username,
        "PGPASSWORD": at.password,
        "PGDATABASE": at.database,
        "PGSSLMODE": query.get("sslmode") or query.get("ssl"),
        "PGSSLROOTCERT": query.get("sslrootcert"),
        "PGSSLCERT": query.get("sslcert"),
        "PGSSLKEY": query.get("sslkey"),
    }
    return {name: str(value) for name, value in given.items() if value}


async def _run(program: str, *arguments: str, environ: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env={**os.environ, **environ}
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        log.error("backup_program_failed", program=program, said=said.decode("utf-8", "replace")[-1_000:])
        raise StoreError(f"{program} ended with status {process.returncode}: the log has what it said")
