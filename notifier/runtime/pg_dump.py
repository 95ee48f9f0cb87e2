"""Backups of PostgreSQL by its own `pg_dump`, if that is on the PATH."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from notifier.domain.errors import StoreError
from notifier.domain.postgres_address import postgres_address

PROGRAM = "pg_dump"
ABSENT = (
    "pg_dump is not on the PATH: install PostgreSQL's client programs, of the server's version or a newer one"
)
OLDER = (
    "pg_dump is older than the server, which it then refuses: install PostgreSQL's client programs, of the server's "
    "version or a newer one"
)

_SAME = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "options", "krbsrvname")
"""Parameters that libpq reads from environment variables of the same name."""


def is_there() -> bool:
    return shutil.which(PROGRAM) is not None


async def write(url: str, path: Path) -> None:
    """Writes a dump in PostgreSQL's custom format. Raises `StoreError` if that fails; the log has the reason."""
    if not is_there():
        raise StoreError(ABSENT)
    await _run(PROGRAM, "--format=custom", "--no-password", f"--file={path}", environ=environment(url))
    if shutil.which("pg_restore"):
        await _run("pg_restore", "--list", str(path), environ={})


async def version() -> int | None:
    """The major version of `pg_dump`. None if it is missing or unknown."""
    if not is_there():
        return None
    match = re.search(rb"\(PostgreSQL\) (\d+)", await _run(PROGRAM, "--version", environ={}))
    return None if match is None else int(match[1])


def environment(url: str) -> Mapping[str, str]:
    """The connection as environment variables, because arguments are visible to all users of the machine."""
    address = postgres_address(url)
    query = address.parameters
    ports = [str(port or "") for _, port in address.hosts]
    given = {
        "PGHOST": ",".join(host for host, _ in address.hosts) or query.get("host"),
        "PGPORT": ",".join(ports) if any(ports) else query.get("port"),
        "PGUSER": address.user or query.get("user"),
        "PGPASSWORD": address.password or query.get("password"),
        "PGDATABASE": address.database or query.get("dbname"),
        "PGTARGETSESSIONATTRS": query.get("target_session_attrs"),
        **{f"PG{name.upper()}": query.get(name) for name in _SAME},
    }
    return {name: value for name, value in given.items() if value}


async def _run(program: str, *arguments: str, environ: Mapping[str, str]) -> bytes:
    """The program's output. Raises `StoreError` if it fails; the log has the reason."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={**os.environ, **environ}
    )
    try:
        stdout, errors = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode and b"version mismatch" in errors:
        raise StoreError(OLDER)
    if process.returncode:
        from notifier.telemetry.logging import get  # noqa: PLC0415 - reading the configuration logs nothing

        get("notifier.runtime").error(
            "backup_program_failed", program=program, said=errors.decode("utf-8", "replace")[-1_000:]
        )
        raise StoreError(f"{program} ended with status {process.returncode}: the log has what it said")
    return stdout
