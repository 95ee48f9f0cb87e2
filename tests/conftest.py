"""What all tests share: both engines behind one fixture, and a clock that stands still until it is moved.

`database` runs a test once on SQLite and once on PostgreSQL; both stand under `clock`. A test that needs several
replicas opens its own from `postgres_url`; one that changes tables asks for `own_postgres_url` or `own_database`.

What is imported inside a fixture is slow to import, and waits until a test asks for it.
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
    """Five workers for the whole suite and for the slow tests, half of whose time is waiting; none for a selection."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
    return 5 if whole and config.option.markexpr in {"not slow", "slow"} else 0


def pytest_configure(config: pytest.Config) -> None:
    """The slow tests of a file need not wait for each other: some are the longest of all.

    Compiled code is kept, in pytest's own cache where the environment wants none beside the sources: workers, services
    and commands would each compile everything anew. Of what no run has compiled yet, the service is compiled here, so
    that workers need not do it one beside the other.
    """
    if config.option.markexpr == "slow" and config.option.dist == "loadfile":
        config.option.dist = "loadgroup"  # each by itself, in the order below
    if sys.dont_write_bytecode and config.pluginmanager.hasplugin("cacheprovider"):
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("compiled"))
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    app = ROOT / "notifier" / "app" / "__init__.py"
    if config.option.dist != "no" and not Path(cache_from_source(str(app))).exists():
        import_module("notifier.app")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are asked for, a file that never names the marker is not even imported."""
    if config.option.markexpr != "slow" or not collection_path.name.startswith("test_"):
        return None
    return "mark.slow" not in collection_path.read_text() or None


def pytest_collection(session: pytest.Session) -> None:
    """Collect no garbage meanwhile: of a million objects that stay it is looked for again and again.

    Each worker begins with other modules, so that none is compiled by all of them.
    """
    gc.disable()
    worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{name}") for name in ("", "_COUNT"))
    if worker and workers:
        _import_share(session.config, int(worker.removeprefix("gw")), int(workers))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins early, and files that mostly wait lie among those that compute: so no core is idle.

    The last of all compute: they are short, and no worker is alone with one for long.
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
    """Leave what was imported and collected to no later garbage collection either."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _authorities_once() -> None:
    """Each client of httpx reads the authorities anew, which takes longer than most calls to loopback."""
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
    """One for all workers, each with databases of its own; started by the first test that wants it."""
    from tests.postgres import shared_cluster

    folder, worker = tmp_path_factory.getbasetemp(), os.environ.get("PYTEST_XDIST_WORKER")
    with shared_cluster(folder.parent if worker else folder, worker or "alone") as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    """The database that tests have one after the other, with all tables and no rows."""
    return postgres_cluster.emptied()


@pytest.fixture
def own_postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database of this test's own, with all tables and no rows, for what changes more than rows."""
    with postgres_cluster.database() as name:
        yield postgres_cluster.url(name)


@pytest.fixture(scope="module")
async def kept_pools() -> AsyncIterator[dict[str, KeptPool]]:
    """Connections that the tests of a module have one after the other, by the database's address."""
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
    """A database file of this test's own, with all tables and no rows."""
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
    """As `database`, but no other test ever sees it, nor its connections."""
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
    """The database with routes and targets, and steps to drive them."""
    from tests.world import World

    return await World.open(database, clock)


def _takes(item: pytest.Item) -> int:
    """About how many seconds a slow test says that it takes."""
    mark = item.get_closest_marker("slow")
    return 0 if mark is None else int(mark.kwargs.get("takes", 0))


def _import_share(config: pytest.Config, number: int, count: int) -> None:
    """Import every `count`th module of the tests; pytest imports, and complains of, what cannot be imported."""
    folders = [folder for folder in map(Path, config.args) if folder.is_dir()]
    paths = sorted(path for folder in folders for path in folder.resolve().rglob("test_*.py"))
    for path in paths[number::count]:
        if not pytest_ignore_collect(path, config):
            with suppress(Exception, pytest.skip.Exception):
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def _sqlite(request: pytest.FixtureRequest, clock: ManualClock) -> Database:
    from notifier.store.sqlite import SqliteDatabase

    return SqliteDatabase(request.getfixturevalue("sqlite_path"), clock=clock)
