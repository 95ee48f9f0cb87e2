"""Threads inside the client's own code, where nothing is reported: a report of a report would not end."""

from __future__ import annotations

import threading
from types import TracebackType


class _Depth(threading.local):
    depth = 0


here = _Depth()


class _Guarded:
    """Marks this thread as the client's own until it is left."""

    __slots__ = ()

    def __enter__(self) -> None:
        here.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        here.depth -= 1


_guarded = _Guarded()


def guarded() -> _Guarded:
    """A context manager around what the client does on an application's thread."""
    return _guarded


def inside() -> bool:
    """Whether this thread is in the client's own code: what it logs or raises is its own affair."""
    return here.depth > 0
