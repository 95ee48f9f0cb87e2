"""The pages over a small service with a real database, and a browser without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.access.keyring import Keyring
from notifier.ingest.quota import KeyQuota
from notifier.ingest.run_intake import RunIntake
from notifier.store import keys
from notifier.store.sqlite import SqliteDatabase
from notifier.telemetry.metrics import Metrics
from notifier.testing import ManualClock
from notifier.web.live import LiveStreams
from notifier.web.site import Site
from notifier.web.table import PAGES
from tests.api.conftest import KEYS, StandIn, settings
from tests.browser import Browser
from tests.world import World


@dataclass(slots=True, kw_only=True)
class Pages:
    """The pages of a service, keys to sign in with, and browsers."""

    world: World
    service: StandIn
    site: Site
    secrets: dict[str, str]
    new_browser: Callable[[], Browser]

    async def browser(self, key: str = "manager") -> Browser:
        """A browser that is signed in with this key."""
        browser = self.new_browser()
        page = await browser.signs_in(self.secrets[key])
        assert page.status == 200
        return browser


@pytest.fixture
async def shop(sqlite_path: Path, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Pages]:
    """A shop's service on SQLite; the queries behind the pages are tested on both engines elsewhere."""
    database = SqliteDatabase(sqlite_path, clock=clock)
    world = await World.open(database, clock)
    secrets: dict[str, str] = {}
    for name, (project, scopes) in KEYS.items():
        secrets[name] = keys.make_secret()
        await database.write(_creating(name, project, scopes, secrets[name]))
    service = StandIn(
        settings=settings(tmp_path / "notifier.db"),
        database=database,
        rules=world.rules,
        channels={},
        runs=RunIntake(database, metrics=Metrics()),
        events_quota=KeyQuota(1_000_000, 60_000),
        new_id=world.new_id,
    )
    site = Site(service, Keyring(database), PAGES, LiveStreams(service, beat_s=0.2))
    clients: list[httpx.AsyncClient] = []

    def new_browser() -> Browser:
        transport = httpx.ASGITransport(site)
        clients.append(httpx.AsyncClient(transport=transport, base_url="https://notifier.example.com"))
        return Browser(clients[-1])

    yield Pages(world=world, service=service, site=site, secrets=secrets, new_browser=new_browser)
    for http in clients:
        await http.aclose()
    await database.aclose()


def _creating(name: str, project: str, scopes: list[str], secret: str) -> Callable[[Any], Any]:
    return lambda tx: keys.create(
        tx, id_=f"key-{name}", secret=secret, project=project, name=name, scopes=scopes
    )
