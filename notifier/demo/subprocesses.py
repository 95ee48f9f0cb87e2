"""The demo's own processes: started so that they exit with their parent, watched, and ended."""

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
TOLD_LINES = 5


class Subprocess:
    """One module in a process of its own. Its standard error goes to `log`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    @asynccontextmanager
    async def running(
        cls, name: str, *command: str, environ: Mapping[str, str], log: Path
    ) -> AsyncIterator[Self]:
        """`python -m COMMAND`, until the block is left. A Ctrl-C in the terminal reaches the demo alone."""
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
        """The next line of its standard output. `CannotRun` where it has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            await self.ended()
        return line.decode("utf-8", "replace").rstrip()

    async def ended(self) -> None:
        """Wait until it ends by itself, which it should not: then raise `CannotRun`."""
        status = await self._process.wait()
        raise CannotRun(f"{self.name} ended with status {status}:\n{self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-TOLD_LINES:])

    async def _stop(self) -> None:
        """SIGTERM, then SIGKILL to one that does not end in time, or at once when somebody is in a hurry."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
