"""Fixtures of all tests: both engines behind one fixture, and a manual clock.

`database` runs a test once on SQLite and once on PostgreSQL, both under `clock`. A test that needs several replicas
opens its own from `postgres_url`; one that changes tables uses `own_postgres_url` or `own_database`.

Slow imports are made inside fixtures, so that only tests that need them wait.
"""

from __future__ import annotations

import gc
import os
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests import examples  # noqa: F401 - the profiles, before any test module asks for one

if TYPE_CHECKING:
    from notifier.store.database import Database
    from notifier.testing import ManualClock
    from tests.postgres import KeptPool, PostgresCluster
    from tests.world import World

ROOT = Path(__file__).parents[1]
ENGINES = ("sqlite", "postgresql")
WAITING = {"acceptance", "chaos", "service"}
"""Folders whose tests start services and mostly wait for them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Five workers for the whole suite and for slow tests, which wait half of their time; none for a selection."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
    return 5 if whole and config.option.markexpr in {"not slow", "slow"} else 0


def pytest_configure(config: pytest.Config) -> None:
    """Run the slow tests of a file in parallel, and share compiled code.

    Bytecode is kept in pytest's cache if the environment forbids it beside the sources; otherwise workers, services and
    commands would each compile everything. The service is compiled here, so that workers need not.
    """
    if config.option.markexpr == "slow" and config.option.dist == "loadfile":
        config.option.dist = "loadgroup"  # each test by itself, in the order below
    if sys.dont_write_bytecode and config.pluginmanager.hasplugin("cacheprovider"):
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("compiled"))
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    app = ROOT / "notifier" / "app" / "__init__.py"
    if config.option.dist != "no" and not Path(cache_from_source(str(app))).exists():
        import_module("notifier.app")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore files without the marker `slow` if only slow tests are run, so that they are not imported."""
    if config.option.markexpr != "slow" or not collection_path.name.startswith("test_"):
        return None
    return "mark.slow" not in collection_path.read_text() or None


def pytest_collection(session: pytest.Session) -> None:
    """Disable garbage collection while collecting, which would repeatedly scan a million live objects.

    Each worker imports different modules first, so that no module is compiled by all of them.
    """
    gc.disable()
    worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{name}") for name in ("", "_COUNT"))
    if worker and workers:
        _import_share(session.config, int(worker.removeprefix("gw")), int(workers))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start long tests early, and mix files that mostly wait with those that compute, to keep all cores busy.

    The last tests compute: they are short, so no worker is left alone for long.
    """
    if config.option.markexpr == "slow":
        items.sort(key=_takes, reverse=True)
        return
    files = list(dict.fromkeys(item.path for item in items))
    working = [file for file in files if file.parent.name not in WAITING]
    waiting = [file for file in files if file.parent.name in WAITING]
    places: dict[Path, float] = {file: number for number, file in enumerate(working)}
    apart = 0.8 * len(working) / max(1, len(waiting))
    places |= {file: number * apart - 0.5 for number, file in enumerate(waiting)}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Exclude imported modules and collected tests from later garbage collections."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _authorities_once() -> None:
    """Load the certificate authorities once: httpx loads them for each client, which is slower than most requests."""
    default: Any = import_module("httpx._transports.default")
    create: Callable[..., ssl.SSLContext] = default.create_ssl_context

    @cache
    def created(_file: str | None, **options: Any) -> ssl.SSLContext:
        return create(**options)

    def kept(**options: Any) -> ssl.SSLContext:
        return created(os.environ.get("SSL_CERT_FILE"), **options)

    default.create_ssl_context = kept


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    from notifier.testing import ManualClock

    return ManualClock()


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresCluster]:
    """One PostgreSQL server for all workers, each with its own databases; it is started on first use."""
    from tests.postgres import shared_cluster

    folder, worker = tmp_path_factory.getbasetemp(), os.environ.get("PYTEST_XDIST_WORKER")
    with shared_cluster(folder.parent if worker else folder, worker or "alone") as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    """The database that a worker's tests share, with all tables and no rows."""
    return postgres_cluster.emptied()


@pytest.fixture
def own_postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database for one test, with all tables and no rows, for tests that change more than rows."""
    with postgres_cluster.database() as name:
        yield postgres_cluster.url(name)


@pytest.fixture(scope="module")
async def kept_pools() -> AsyncIterator[dict[str, KeptPool]]:
    """Connections shared by the tests of a module, by the database's address."""
    pools: dict[str, KeptPool] = {}
    yield pools
    for pool in pools.values():
        await pool.close()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows, made once and copied for each test."""
    from notifier.store.schema import metadata
    from notifier.store.sqlite import create_engine

    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    engine = create_engine(path)
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_path(empty_sqlite: Path, tmp_path: Path) -> Path:
    """A database file for one test, with all tables and no rows."""
    return shutil.copyfile(empty_sqlite, tmp_path / "notifier.db")


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, clock: ManualClock, kept_pools: dict[str, KeptPool]
) -> AsyncIterator[Database]:
    """An open, empty database, once per engine, under the manual clock."""
    if request.param == "sqlite":
        database = _sqlite(request, clock)
    else:
        from notifier.store.postgres import PostgresDatabase
        from tests.postgres import KeptPool

        url = cast("str", request.getfixturevalue("postgres_url"))
        pool = kept_pools.get(url) or kept_pools.setdefault(url, KeptPool(url))
        database = PostgresDatabase(pool, clock=clock, replica="main")
    yield database
    await database.aclose()


@pytest.fixture(params=ENGINES)
async def own_database(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Database]:
    """Like `database`, but shared with no other test, nor are its connections."""
    if request.param == "sqlite":
        database = _sqlite(request, clock)
    else:
        from notifier.store.postgres import PostgresDatabase

        url = cast("str", request.getfixturevalue("own_postgres_url"))
        database = await PostgresDatabase.open(url, replica="main", clock=clock, pool_size=4)
    yield database
    await database.aclose()


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    """The database with routes and targets, and methods to drive them."""
    from tests.world import World

    return await World.open(database, clock)


def _takes(item: pytest.Item) -> int:
    """The seconds that a slow test declares to take."""
    mark = item.get_closest_marker("slow")
    return 0 if mark is None else int(mark.kwargs.get("takes", 0))


def _import_share(config: pytest.Config, number: int, count: int) -> None:
    """Import every `count`th test module; import errors are left to pytest to report."""
    folders = [folder for folder in map(Path, config.args) if folder.is_dir()]
    paths = sorted(path for folder in folders for path in folder.resolve().rglob("test_*.py"))
    for path in paths[number::count]:
        if not pytest_ignore_collect(path, config):
            with suppress(Exception, pytest.skip.Exception):
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def _sqlite(request: pytest.FixtureRequest, clock: ManualClock) -> Database:
    from notifier.store.sqlite import SqliteDatabase

    return SqliteDatabase(request.getfixturevalue("sqlite_path"), clock=clock)
