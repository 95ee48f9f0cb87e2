"""Connections to PostgreSQL that may fall silent: nothing waits for one beyond its time.

A network that forgets a connection (a firewall, a failover behind a virtual address) gives no error. asyncpg then waits
for ever, and what it does when it is cancelled waits too. So time is kept beside it, and a connection that is late is
dropped: every wait on it ends at once, with an error, and the pool makes another.

A pooler (PgBouncer in transaction mode) gives each transaction another server's connection, where a statement that was
prepared is not known. No name is made twice, so that none means another's statement; once one is missing, statements
are prepared without a name, and anew each time.
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
"""The kernel asks a quiet peer after ten seconds and gives it up after 25 (tcp(7); the last is in milliseconds)."""
_ELSEWHERE: Final = {"26000", "42P05"}  # invalid_sql_statement_name, duplicate_prepared_statement


class Pool:
    """SQLAlchemy's pool of asyncpg connections, each use with a deadline.

    `_shared`: a pooler stands in between, so that nothing holds on the server for longer than a transaction.
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
        # What asyncpg would keep by itself has names that two processes give alike.
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
        event.listen(engine.sync_engine, "connect", self._made)
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return engine

    def _share(self) -> None:
        """Go on with statements that have no name; the connections from before are closed as they are given back."""
        left = asyncio.ensure_future(self._engine.dispose())
        self._left.add(left)
        left.add_done_callback(self._left.discard)
        self._engine = self._made_engine(
            {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
        )
        self._shared = True

    async def run(self, call: Callable[[Connection], T], *, within: float) -> T:
        """`call` on a connection of its own. Later than `within` seconds, or cancelled: the connection is dropped."""
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
                self._share()
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
        """A driver's connection for one user; it is dropped afterwards."""
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
        # SQLAlchemy asks a new connection for its types, and forgets it where that fails.
        timer = asyncio.get_running_loop().call_later(CONNECT_S, self._unmade, connection)
        self._making[id(connection)] = timer
        return connection

    def _made(self, connection: Any, _record: object) -> None:
        timer = self._making.pop(id(connection.driver_connection), None)
        if timer is not None:
            timer.cancel()

    def _unmade(self, connection: Any) -> None:
        del self._making[id(connection)]
        connection.terminate()

    async def aclose(self) -> None:
        """Close what is idle, and drop what is still in use or does not answer."""
        with contextlib.suppress(TimeoutError, sa.exc.SQLAlchemyError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self._engine.dispose()
        for timer in self._making.values():
            timer.cancel()
        for connection in list(self._connections):
            connection.terminate()


@contextlib.contextmanager
def dropped(raw: Any, after: float) -> Iterator[None]:
    """Drop a connection whose use takes longer than `after` seconds: what waits on it fails at once."""
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
    """Known without asking the server, which might be silent; one that was only silent shows at its first use."""
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
    """How what nobody waits for any more has ended; asked, so that asyncio does not complain."""
    if not work.cancelled():
        work.exception()
