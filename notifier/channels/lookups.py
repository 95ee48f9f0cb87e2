"""Lookups of names: one whose servers do not answer holds up nobody but those who ask for it.

An event loop looks names up in a few threads that all share (four with uvloop), and one name that does not answer fills
them for as long as the system tries. Here each name has a thread of its own while it is looked up, whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 100
"""Names that are looked up at the same time; more than that fail, to be tried again."""

AddressInfo = tuple[Any, ...]
"""A row of `socket.getaddrinfo`."""
_Key = tuple[asyncio.AbstractEventLoop, str, int]

_running: dict[_Key, asyncio.Future[Any]] = {}


async def stream_addresses(host: str, port: int) -> Sequence[AddressInfo]:
    """The addresses of a host for a stream. Raises what `socket.getaddrinfo` does, `OSError` or `UnicodeError`."""
    return await _asked(host, port, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))


async def own_full_name() -> str:
    """The full name of this machine, as `socket.getfqdn` finds it."""
    return await _asked("", 0, socket.getfqdn)


async def _asked(host: str, port: int, look: Callable[[], T]) -> T:
    """The answer. Who stops waiting leaves the lookup to the others."""
    key = (asyncio.get_running_loop(), host, port)
    found: asyncio.Future[T] | None = _running.get(key)
    if found is None:
        if len(_running) >= AT_ONCE:
            raise socket.gaierror(socket.EAI_AGAIN, "too many names are looked up")
        found = _running[key] = key[0].create_future()
        found.add_done_callback(partial(_forget, key))
        threading.Thread(target=_run, args=(key, found, look), name="lookup", daemon=True).start()
    return await asyncio.shield(found)


def _forget(key: _Key, done: asyncio.Future[Any]) -> None:
    _running.pop(key, None)
    done.exception()  # read, for there may be nobody who waits


def _run(key: _Key, found: asyncio.Future[T], look: Callable[[], T]) -> None:
    try:
        settle: Callable[[], None] = partial(found.set_result, look())
    except (OSError, UnicodeError) as error:
        settle = partial(found.set_exception, error)
    try:
        key[0].call_soon_threadsafe(settle)
    except RuntimeError:  # the loop has ended meanwhile
        with contextlib.suppress(KeyError):
            del _running[key]
