"""The frames of a journal: a header, and a compressed body of JSON records of one kind, one per line."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

RecordKind = Literal["events", "runs"]
KINDS: Final[tuple[RecordKind, ...]] = ("events", "runs")
MAGIC: Final = b"NTFJ"
_header = struct.Struct("<4sBIIIdq")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBatch:
    """Consecutive records of one kind. `frames` is their number of frames, `at` the time of the first."""

    kind: RecordKind
    records: Sequence[bytes]
    frames: int
    at: float


@dataclass(frozen=True, slots=True)
class JournalFrame:
    kind: RecordKind
    count: int
    at: float
    body: bytes
    # The position of the next frame.
    end: tuple[int, int] = (0, 0)
    mark: int = 0

    @property
    def data(self) -> bytes:
        """The frame as it is written to a file."""
        head = _header.pack(
            MAGIC,
            KINDS.index(self.kind),
            len(self.body),
            zlib.crc32(self.body),
            self.count,
            self.at,
            self.mark,
        )
        return head + self.body

    @property
    def records(self) -> list[bytes]:
        return zlib.decompress(self.body).split(b"\n")


def frame_of(kind: RecordKind, records: Sequence[bytes], at: float, mark: int) -> JournalFrame:
    """A frame of new records."""
    return JournalFrame(kind, len(records), at, zlib.compress(b"\n".join(records), 1), mark=mark)


def batch_of(frames: Sequence[JournalFrame], most: int, most_bytes: int) -> RecordBatch | None:
    """As many of the first frames as fit into one batch."""
    records: list[bytes] = []
    size, taken = 0, 0
    for frame in frames:
        if taken and (frame.kind != frames[0].kind or len(records) + frame.count > most or size > most_bytes):
            break
        lines = frame.records
        records += lines
        size += sum(map(len, lines))
        taken += 1
    if not taken:
        return None
    return RecordBatch(kind=frames[0].kind, records=records, frames=taken, at=frames[0].at)


def parsed(data: bytes, start: int, number: int, offset: int) -> JournalFrame | None:
    if start + _header.size > len(data):
        return None
    _, kind, length, checksum, count, at, mark = _header.unpack_from(data, start)
    end = start + _header.size + length
    body = data[start + _header.size : end]
    if kind >= len(KINDS) or len(body) != length or zlib.crc32(body) != checksum:
        return None
    return JournalFrame(KINDS[kind], count, at, body, (number, offset + end), mark)
