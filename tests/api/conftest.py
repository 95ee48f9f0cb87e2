"""The API over a small service with a real database, and channels that only count."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from notifier.access.keyring import Keyring
from notifier.api.router import create_api
from notifier.domain.errors import ConfigError, StoreError
from notifier.domain.message import Message
from notifier.ingest.monitors import MonitorIntake
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.oncall.actor import Actor
from notifier.oncall.channels import ChannelFacts
from notifier.oncall.findings import Finding
from notifier.policy.rules import AlertingRules
from notifier.runtime.running_service import ChannelTestOutcome, Reloaded
from notifier.runtime.status import ServiceStatus
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.document import SourceFile
from notifier.settings.model import Settings
from notifier.settings.sections import (
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    RetentionSettings,
    ServerSettings,
)
from notifier.store import keys
from notifier.store.database import Database
from notifier.telemetry.metrics import Metrics
from tests.world import LIMITS, ROUTES, TARGETS, World


@dataclass(slots=True, kw_only=True)
class StandIn:
    """The parts of the runtime that the API uses."""

    settings: Settings
    database: Database
    rules: AlertingRules
    channels: Mapping[str, ChannelFacts]
    runs: RunIntake
    monitors: Any = None
    events_quota: KeyQuota
    new_id: Any
    callbacks: Any = None
    acceptance: Any = None
    problems: tuple[str, ...] = ()
    outcomes: tuple[ChannelTestOutcome, ...] = ()
    tests: list[tuple[str, str, str]] = field(default_factory=list)
    reloads: list[Reloaded | ConfigError] = field(default_factory=list)

    def preview(self, channel: str, message: Message) -> str | None:
        return None

    def sample(self, channel: str, project: str) -> str | None:
        return None

    async def status(self) -> ServiceStatus:
        raise StoreError("no page asks here")

    async def ready(self) -> tuple[str, ...]:
        return self.problems

    async def examine(self) -> tuple[Finding, ...]:
        return (Finding("channel", "mail", "problem", "it broke", "mend it"),)

    async def check_channel(self, name: str) -> tuple[Finding, ...]:
        return (Finding("channel", f"{name} (a)", "problem", "it <broke>", "mend it"),)

    async def exposition(self) -> bytes:
        return b"# HELP notifier_events_total Events.\n"

    async def test_channel(self, name: str, project: str, actor: str) -> tuple[ChannelTestOutcome, ...]:
        self.tests.append((name, project, actor))
        return self.outcomes

    async def reload(self, actor: Actor) -> Reloaded:
        await self.database.write(lambda tx: actor.record(tx, "reload", "configuration"))
        done = self.reloads.pop(0)
        if isinstance(done, ConfigError):
            raise done
        return done

    async def backup(self, path: Path) -> None:
        if self.database.dialect != "sqlite":
            raise StoreError("not here")
        source = sqlite3.connect(self.settings.database.url.removeprefix("sqlite:///"))
        with closing(source), closing(sqlite3.connect(path)) as target:
            source.backup(target)


@dataclass(slots=True, kw_only=True)
class Desk:
    """A caller of the API with several keys."""

    http: httpx.AsyncClient
    world: World
    service: StandIn
    secrets: dict[str, str]

    async def get(self, path: str, key: str | None = "reader", **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params, headers=self.headers(key))

    async def post(
        self, path: str, document: Any = None, *, key: str | None = "manager", **parts: Any
    ) -> httpx.Response:
        if document is not None:
            parts["json"] = document
        return await self.http.post(path, headers=self.headers(key), **parts)

    async def delete(self, path: str, key: str | None = "admin") -> httpx.Response:
        return await self.http.delete(path, headers=self.headers(key))

    def headers(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {"authorization": f"Bearer {self.secrets[key]}"}


@pytest.fixture(autouse=True)
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    """The service's log entries; without configuration, structlog would render tracebacks with locals."""
    with structlog.testing.capture_logs() as entries:
        yield entries


# name: (project, scopes)
KEYS = {
    "sender": ("shop", ["ingest"]),
    "reader": ("shop", ["read"]),
    "manager": ("shop", ["manage"]),
    "admin": ("shop", ["admin"]),
    "stranger": ("other", ["ingest", "read", "manage"]),
}


KINDS = {"mail": "email", "hook": "webhook"}


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    secrets: dict[str, str] = {}
    for name, (project, scopes) in KEYS.items():
        secrets[name] = keys.make_secret()
        await world.database.write(
            lambda tx, name=name, project=project, scopes=scopes: keys.create(  # type: ignore[misc]
                tx, id_=f"key-{name}", secret=secrets[name], project=project, name=name, scopes=scopes
            )
        )
    quota = KeyQuota(1_000_000, 60_000)
    service = StandIn(
        settings=settings(tmp_path / "notifier.db"),
        database=world.database,
        rules=world.rules,
        channels={
            name: ChannelFacts(
                type=KINDS[name], targets=tuple(targets), rate_limit=LIMITS.get(name), fallback=name == "hook"
            )
            for name, targets in TARGETS.items()
        },
        runs=RunIntake(world.database, metrics=Metrics()),
        monitors=MonitorIntake(
            world.database, quota=quota, declared=dict, new_id=world.new_id, metrics=Metrics()
        ),
        events_quota=quota,
        new_id=world.new_id,
    )
    api = create_api(service, Keyring(world.database))
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as http:
        yield Desk(http=http, world=world, service=service, secrets=secrets)


def settings(path: Path) -> Settings:
    source = SourceFile("notifier.yaml")
    return Settings(
        server=ServerSettings(url="https://notifier.example.com"),
        database=DatabaseSettings(url=f"sqlite:///{path}"),
        channels={
            name: ChannelBlock(name=name, type=kind, options={"password": "hunter2"}, source=source)
            for name, kind in KINDS.items()
        },
        fallback="hook",
        route=ROUTES,
        delivery=DeliverySettings(),
        ingest=IngestSettings(),
        retention=RetentionSettings(),
        source="notifier.yaml",
        version="0" * 12,
    )
