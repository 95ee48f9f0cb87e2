"""The client over a memory of its own: what it would have sent is there to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from notifier.client import MemoryTransport, Notifier


@dataclass(slots=True)
class App:
    """An instrumented application, what it reported, and a person who calls it."""

    app: FastAPI
    notifier: Notifier
    memory: MemoryTransport
    http: TestClient

    @property
    def errors(self) -> list[str]:
        """The reported exceptions' types."""
        return [event["exception"]["type"] for event in self.memory.events]

    @property
    def only(self) -> dict[str, Any]:
        """The one report there is."""
        (event,) = self.memory.events
        return event

    def states(self) -> dict[str, str]:
        """The runs' last states, by the last part of their task's name."""
        return {run["task"].rpartition(".")[2]: run["state"] for run in self.memory.runs.values()}


@pytest.fixture
def memory() -> MemoryTransport:
    return MemoryTransport()


@pytest.fixture
def notifier(memory: MemoryTransport) -> Notifier:
    return Notifier("billing", transport=memory, release="1.4.2", host="worker-3")


@pytest.fixture
def app(notifier: Notifier, memory: MemoryTransport) -> App:
    made = FastAPI()
    notifier.instrument(made)
    made.include_router(notifier.router)
    return App(made, notifier, memory, TestClient(made, raise_server_exceptions=False))
