"""A network to PostgreSQL that silently drops connections: bytes go nowhere, and no error is reported."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Self

import sqlalchemy as sa

CHUNK = 65_536


class SilentProxy:
    """Forwards TCP connections to PostgreSQL's unix socket in its own thread.

    `silence()` stops all traffic; connections are still accepted. `forget()` leaves current connections silent for ever
    and serves new ones. `speak()` ends a silence.
    """

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        folder = parsed.query["host"]
        assert isinstance(folder, str)
        self._path = f"{folder}/.s.PGSQL.{parsed.port or parsed.query.get('port', 5432)}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._forgotten: set[asyncio.Task[None]] = set()
        self._pipes: set[asyncio.Task[None]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parsed.set(
            host="127.0.0.1", port=self._listener.getsockname()[1], query={}
        ).render_as_string(hide_password=False)

    def silence(self) -> None:
        self._loop.call_soon_threadsafe(self._speaks.clear)

    def speak(self) -> None:
        self._loop.call_soon_threadsafe(self._speaks.set)

    def forget(self) -> None:
        self._loop.call_soon_threadsafe(lambda: self._forgotten.update(self._pipes))

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, sock=self._listener), self._loop
        ).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far, out = await asyncio.open_unix_connection(self._path)
            pipes = [
                asyncio.ensure_future(self._pipe(near, out)),
                asyncio.ensure_future(self._pipe(far, back)),
            ]
            self._pipes.update(pipes)
            await asyncio.gather(*pipes, return_exceptions=True)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        try:
            while data := await source.read(CHUNK):
                await self._speaks.wait()
                if me in self._forgotten:
                    await asyncio.Event().wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=5)
