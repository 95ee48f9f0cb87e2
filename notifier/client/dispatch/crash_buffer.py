"""Where an event is safe from the moment it is captured: in the mapped file, until the journal has it.

Whoever captures puts it there itself, which neither waits nor asks the kernel for anything. There is room for sixteen;
in a storm, when the writer is behind, the others are counted alone until they are written.
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
# The event's number (0: there is none), the length and the checksum of what follows.
_header = struct.Struct("<qII")


class CrashBuffer:
    """`rough` makes of an event what the disk may hold; None: nothing of it."""

    def __init__(self, counters: Counters, rough: Callable[[Document], Document] | None) -> None:
        self._counters, self._rough = counters, rough

    def keep(self, number: int, event: Document) -> bool:
        """Whether the `number`-th event is safe from now on. Called by any thread."""
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
    """The events that a dead process had captured after the first `taken`, in order, as far as they are here."""
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
