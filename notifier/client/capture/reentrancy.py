"""Marks threads that run the client's own code. Nothing is reported there, to avoid endless recursion."""

from __future__ import annotations

import threading
from types import TracebackType


class _Depth(threading.local):
    depth = 0


here = _Depth()


class _Guarded:
    """Marks this thread as running the client's code until the block ends."""

    __slots__ = ()

    def __enter__(self) -> None:
        here.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        here.depth -= 1


_guarded = _Guarded()


def guarded() -> _Guarded:
    """A context manager around the client's code on an application's thread."""
    return _guarded


def in_client_code() -> bool:
    """Whether this thread runs the client's code, whose logs and exceptions are not reported."""
    return here.depth > 0
