from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from notifier.channels.base import Toolbox
from notifier.channels.http import GuardedClient
from notifier.telemetry.clock import SystemClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True, slots=True)
class FixedClock:
    at: int

    def now(self) -> int:
        return self.at


@pytest.fixture
async def toolbox() -> AsyncIterator[Toolbox]:
    """Real tools that may connect to loopback, with a short deadline."""
    clock = SystemClock()
    http = GuardedClient(clock=clock, allow_private_addresses=True, deadline=20_000)
    yield Toolbox(clock=clock, http=http)
    await http.aclose()
    await asyncio.sleep(0)
