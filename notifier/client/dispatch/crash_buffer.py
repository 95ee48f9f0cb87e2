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

from notifier.client.dispatch.counters import BUFFER_BYTES, SIZE, Counters
from notifier.client.dispatch.encode import record
from notifier.client.transport import Document

SLOTS: Final = 16
_SLOT_BYTES: Final = BUFFER_BYTES // SLOTS
# The event's number (0 if there is none), and the length and checksum of the data.
_header = struct.Struct("<qII")


class CrashBuffer:
    """`rough` scrubs an event for storing it. If it is None, nothing is stored."""

    def __init__(self, counters: Counters, rough: Callable[[Document], Document] | None) -> None:
        self._counters, self._rough = counters, rough

    def keep(self, number: int, event: Document) -> bool:
        """Stores the `number`-th event. Returns whether it is safe now. Callable from any thread."""
        buffer, at = self._counters.buffer, _slot(number)
        if buffer is None or self._rough is None or _number(buffer, at) > self._counters.get("taken"):
            return False
        data = record(self._rough(event))
        if len(data) > _SLOT_BYTES - _header.size:
            return False
        start = at + _header.size
        buffer[start : start + len(data)] = data
        _header.pack_into(buffer, at, number, len(data), zlib.crc32(data))
        return True


def recovered(counters: Counters, taken: int) -> list[Document]:
    """The events that a dead process captured after the first `taken`, in order, as far as they are stored."""
    buffer = counters.buffer
    events = [] if buffer is None else sorted(_read(buffer), key=lambda numbered: numbered[0])
    return [event for number, event in events if number > taken]


def _read(buffer: mmap.mmap) -> Iterator[tuple[int, Document]]:
    for at in map(_slot, range(SLOTS)):
        number, length, checksum = _header.unpack_from(buffer, at)
        start = at + _header.size
        data = bytes(buffer[start : start + min(length, _SLOT_BYTES - _header.size)])
        if number and zlib.crc32(data) == checksum:
            yield number, json.loads(data)


def _slot(number: int) -> int:
    return SIZE + _SLOT_BYTES * (number % SLOTS)


def _number(buffer: mmap.mmap, at: int) -> int:
    return int(_header.unpack_from(buffer, at)[0])
