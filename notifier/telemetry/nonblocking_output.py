"""Non-blocking standard output and error: a stalled reader costs log lines, but does not block the service."""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from collections import deque
from typing import Final, TextIO

KEPT_BYTES: Final = 1 << 20
"""The size of the queue while nobody reads; further lines are dropped and counted."""
CHUNK: Final = 4096
"""How many bytes a ready pipe accepts without blocking (PIPE_BUF)."""
LAST_WORDS_S: Final = 1.0


class OutputDescriptor:
    """A descriptor that may block: a pipe that nobody reads, a terminal after Ctrl-S."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)

    def wait(self, seconds: float | None) -> bool:
        """Wait until the descriptor is writable. Returns False after `seconds`."""
        return bool(self._poll.poll(None if seconds is None else seconds * 1000))

    def take(self, data: bytes) -> bytes:
        """Write what fits without blocking, and return the rest. Raises `OSError` if writing fails."""
        while data and self._poll.poll(0):
            data = data[os.write(self._number, data[:CHUNK]) :]
        return data


class LogOutput(logging.Handler):
    """Writes lines at once if the descriptor is ready; otherwise lines are queued for a thread that waits for it.

    The number of dropped lines is logged once there is room again.
    """

    def __init__(self, descriptor: OutputDescriptor) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._left_out = 0
        self._writing = False
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)
            return
        if not self._kept:
            line = self._take(line)
        if line:
            self._keep(line)
        elif self._left_out and not (self._kept or self._torn):
            left_out, self._left_out = self._left_out, 0
            _say(left_out)

    def flush(self) -> None:
        """Wait a moment for the queued lines to be read, as at the end of the process."""
        self.acquire()
        try:
            while self._kept and self._descriptor.wait(LAST_WORDS_S):
                self._write_first()
        finally:
            self.release()

    def _keep(self, line: bytes) -> None:
        if self._kept_bytes + len(line) > KEPT_BYTES:
            self._left_out += 1
            return
        self._kept.append(line)
        self._kept_bytes += len(line)
        if not self._writing:
            self._writing = True
            threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def _write_on(self) -> None:
        is_done = False
        while not is_done:
            self._descriptor.wait(None)
            self.acquire()
            try:
                self._write_first()
                is_done = not self._kept
                if is_done:
                    self._writing, left_out, self._left_out = False, self._left_out, 0
            finally:
                self.release()
        if left_out:
            _say(left_out)

    def _write_first(self) -> None:
        if self._kept:
            line = self._kept.popleft()
            rest = self._take(line)
            self._kept_bytes -= len(line) - len(rest)
            if rest:
                self._kept.appendleft(rest)

    def _take(self, line: bytes) -> bytes:
        try:
            # On a full disk, the last line may be incomplete.
            rest = self._descriptor.take(b"\n" + line if self._torn else line)
        except OSError:
            self._left_out += 1
            self._torn = True
            return b""
        self._torn = False
        return rest


def _say(left_out: int) -> None:
    logging.getLogger("notifier.telemetry").warning("log_lines_left_out: %d", left_out)


def descriptor_of(stream: TextIO) -> OutputDescriptor | None:
    """The descriptor of a stream, or None if it has none, as in tests."""
    try:
        return OutputDescriptor(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None


def log_handler() -> logging.Handler:
    """The handler for the current standard error."""
    descriptor = descriptor_of(sys.stderr)
    return logging.StreamHandler(sys.stderr) if descriptor is None else LogOutput(descriptor)
