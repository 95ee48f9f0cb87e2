"""Child processes of the demo: they exit with their parent, and are watched and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from notifier.demo.errors import CannotRun

STOP_WITHIN_S = 8.0
LOG_LINES = 5


class Subprocess:
    """A module in a child process. Its standard error is written to `log`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    @asynccontextmanager
    async def running(
        cls, name: str, *command: str, environ: Mapping[str, str], log: Path
    ) -> AsyncIterator[Self]:
        """Run `python -m COMMAND` until the block is left. The child does not receive the terminal's Ctrl-C."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "notifier.demo.exit_with_parent", *command,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                env=environ, start_new_session=True,
            )  # fmt: skip
        child = cls(name, process, log)
        try:
            yield child
        finally:
            await child._stop()

    async def line(self) -> str:
        """The next line of standard output. `CannotRun` is raised if the process has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            await self.ended()
        return line.decode("utf-8", "replace").rstrip()

    async def ended(self) -> None:
        """Wait for the process to end unexpectedly, then raise `CannotRun`."""
        status = await self._process.wait()
        raise CannotRun(f"{self.name} ended with status {status}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])

    async def _stop(self) -> None:
        """Send SIGTERM, then SIGKILL after a timeout, or at once after a second interrupt."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
