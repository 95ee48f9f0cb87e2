"""A pool of PostgreSQL connections in which every use has a deadline.

A network that drops a connection silently (a firewall, a failover behind a virtual address) causes no error: asyncpg
then waits forever, even when it is cancelled. The pool therefore terminates a connection whose use exceeds its
deadline, which makes every wait on it fail, and opens another one.

A pooler (PgBouncer in transaction mode) assigns each transaction to some server connection, which may not know a
prepared statement. Names of prepared statements are globally unique, so that none refers to another's statement. Once
one is reported missing, the pool switches to unnamed statements, which are prepared for each execution.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, TypeVar
from uuid import uuid4
from weakref import WeakSet

import asyncpg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from notifier.store.postgres_address import DriverAddress

T = TypeVar("T")

CONNECT_S = 5.0
CLOSE_S = 2.0
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""The kernel probes an idle peer after ten seconds and gives up after 25 (tcp(7); the last value is in
milliseconds)."""
_ELSEWHERE: Final = {"26000", "42P05"}  # invalid_sql_statement_name, duplicate_prepared_statement


class Pool:
    """SQLAlchemy's pool of asyncpg connections, with a deadline for each use.

    `_shared` means that a pooler was detected: no state on the server outlives a transaction.
    """

    def __init__(self, address: DriverAddress, *, size: int) -> None:
        self._address = address
        self._size = size
        self._connections: WeakSet[Any] = WeakSet()
        self._making: dict[int, asyncio.TimerHandle] = {}
        self._left: set[asyncio.Task[None]] = set()
        self._shared = False
        self._engine = self._made_engine({"prepared_statement_name_func": _new_name})

    def _made_engine(self, statements: dict[str, Any]) -> AsyncEngine:
        # Names from asyncpg's own cache would collide between processes.
        connecting = {
            "async_creator_fn": self._connect,
            "timeout": CONNECT_S,
            "statement_cache_size": 0,
            **statements,
        }
        engine = create_async_engine(
            self._address.url,
            pool_size=self._size,
            max_overflow=4,
            pool_timeout=CONNECT_S,
            hide_parameters=True,
            connect_args=connecting,
        )
        event.listen(engine.sync_engine, "connect", self._on_connected)
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return engine

    def _use_unnamed_statements(self) -> None:
        """Switch to unnamed statements. Existing connections are closed when they are returned."""
        left = asyncio.ensure_future(self._engine.dispose())
        self._left.add(left)
        left.add_done_callback(self._left.discard)
        self._engine = self._made_engine(
            {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
        )
        self._shared = True

    async def run(self, call: Callable[[Connection], T], *, within: float) -> T:
        """Run `call` on a connection. After `within` seconds, or if cancelled, the connection is terminated."""
        used: list[Any] = []
        work = asyncio.ensure_future(self._run(call, used, asyncio.get_running_loop().time() + within))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_forget)
            if used:
                used[-1].terminate()
            else:
                work.cancel()
            raise

    async def _run(self, call: Callable[[Connection], T], used: list[Any], until: float) -> T:
        engine = self._engine
        try:
            return await self._use(call, used, until)
        except sa.exc.DBAPIError as error:
            if sqlstate(error) not in _ELSEWHERE or (self._shared and engine is self._engine):
                raise
            if engine is self._engine:
                self._use_unnamed_statements()
        return await self._use(call, used, until)

    async def _use(self, call: Callable[[Connection], T], used: list[Any], until: float) -> T:
        async with asyncio.timeout_at(until):
            connection = await self._engine.connect()
        raw = await _raw(connection)
        used.append(raw)
        with dropped(raw, until - asyncio.get_running_loop().time()):
            async with contextlib.aclosing(connection):
                return await connection.run_sync(call)

    @contextlib.asynccontextmanager
    async def alone(self, *, within: float) -> AsyncIterator[Any]:
        """Lend a driver connection for exclusive use; it is terminated afterwards."""
        async with asyncio.timeout(within):
            connection = await self._engine.connect()
        raw = await _raw(connection)
        try:
            yield raw
        finally:
            raw.terminate()
            await connection.close()

    async def _connect(self, *arguments: Any, **options: Any) -> Any:
        connection = await asyncpg.connect(self._address.dsn, *arguments, **options)
        _keep_alive(connection)
        self._connections.add(connection)
        # SQLAlchemy queries types on a new connection and loses it if that fails.
        timer = asyncio.get_running_loop().call_later(CONNECT_S, self._on_timeout, connection)
        self._making[id(connection)] = timer
        return connection

    def _on_connected(self, connection: Any, _record: object) -> None:
        timer = self._making.pop(id(connection.driver_connection), None)
        if timer is not None:
            timer.cancel()

    def _on_timeout(self, connection: Any) -> None:
        del self._making[id(connection)]
        connection.terminate()

    async def aclose(self) -> None:
        """Close idle connections, and terminate those that are in use or do not answer."""
        with contextlib.suppress(TimeoutError, sa.exc.SQLAlchemyError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self._engine.dispose()
        for timer in self._making.values():
            timer.cancel()
        for connection in list(self._connections):
            connection.terminate()


@contextlib.contextmanager
def dropped(raw: Any, after: float) -> Iterator[None]:
    """Terminate the connection if the block takes longer than `after` seconds, so that waits on it fail at once."""
    timer = asyncio.get_running_loop().call_later(max(0.0, after), raw.terminate)
    try:
        yield
    finally:
        timer.cancel()


def sqlstate(error: sa.exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def _new_name() -> str:
    return f"notifier_{uuid4().hex}"


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Reject a connection known to be closed, without asking the server, which may be silent."""
    if connection.driver_connection.is_closed():
        raise sa.exc.DisconnectionError


def _keep_alive(connection: Any) -> None:
    endpoint = connection._transport.get_extra_info("socket")  # noqa: SLF001 - asyncpg shows it nowhere else
    if endpoint is None or endpoint.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        option = getattr(socket, name, None)  # not on every platform
        if option is not None:
            endpoint.setsockopt(socket.IPPROTO_TCP, option, value)


def _forget(work: asyncio.Future[Any]) -> None:
    """Retrieve the exception of an abandoned future, so that asyncio does not log it."""
    if not work.cancelled():
        work.exception()
