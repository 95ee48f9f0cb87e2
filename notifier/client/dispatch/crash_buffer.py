"""Keeps captured events in the mapped file until they are in the journal, so that they survive a crash.

The capturing thread writes them itself, without waiting or system calls. There is room for sixteen; in a storm, when
the writer is behind, further ones are only counted until they are written.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from notifier.client.dispatch.counters import ROOM, SIZE, Counters
from notifier.client.dispatch.encode import record
from notifier.client.transport import Document

PLACES: Final = 16
_EACH: Final = ROOM // PLACES
# The event's number (0 if there is none), and the length and checksum of the data.
_header = struct.Struct("<qII")


class CrashBuffer:
    """`rough` scrubs an event for storing it. If it is None, nothing is stored."""

    def __init__(self, counters: Counters, rough: Callable[[Document], Document] | None) -> None:
        self._counters, self._rough = counters, rough

    def keep(self, number: int, event: Document) -> bool:
        """Stores the `number`-th event. Returns whether it is safe now. Callable from any thread."""
        room, at = self._counters.room, _place(number)
        if room is None or self._rough is None or _number(room, at) > self._counters.get("taken"):
            return False
        data = record(self._rough(event))
        if len(data) > _EACH - _header.size:
            return False
        start = at + _header.size
        room[start : start + len(data)] = data
        _header.pack_into(room, at, number, len(data), zlib.crc32(data))
        return True


def recovered(counters: Counters, taken: int) -> list[Document]:
    """The events that a dead process captured after the first `taken`, in order, as far as they are stored."""
    room = counters.room
    events = [] if room is None else sorted(_read(room), key=lambda numbered: numbered[0])
    return [event for number, event in events if number > taken]


def _read(room: mmap.mmap) -> Iterator[tuple[int, Document]]:
    for at in map(_place, range(PLACES)):
        number, length, checksum = _header.unpack_from(room, at)
        start = at + _header.size
        data = bytes(room[start : start + min(length, _EACH - _header.size)])
        if number and zlib.crc32(data) == checksum:
            yield number, json.loads(data)


def _place(number: int) -> int:
    return SIZE + _EACH * (number % PLACES)


def _number(room: mmap.mmap, at: int) -> int:
    return int(_header.unpack_from(room, at)[0])
