"""`/monitors`: the list, with monitors in trouble first, and removing one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import pytest

from notifier.domain.monitor import CheckIn, CheckInStatus, DeclaredMonitor, MonitorSchedule
from notifier.domain.time import HOUR, MINUTE
from notifier.domain.value import replace
from notifier.ingest.monitors import MonitorIntake
from notifier.ingest.quota import KeyQuota
from notifier.telemetry.metrics import Metrics
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

HOSTILE = "<b>job</b>"


@dataclass(frozen=True)
class Source:
    """A key of the project."""

    project: str = "shop"
    key_id: str = "key"
    service: str | None = None
    id: str = "key"
    kind: Literal["key"] = "key"


async def check_in(shop: Pages, *names: str, status: CheckInStatus = "ok") -> None:
    """Check in hourly monitors now."""
    intake = MonitorIntake(
        shop.world.database,
        quota=KeyQuota(1_000, MINUTE),
        declared=dict,
        new_id=shop.world.new_id,
        metrics=Metrics(),
    )
    schedule = MonitorSchedule(every=HOUR)
    said = [CheckIn(name=name, status=status, schedule=schedule, message="no rows") for name in names]
    await intake.take(Source(), said, service=None)


async def test_jobs_in_trouble_stand_first(shop: Pages) -> None:
    """The list shows their incidents and due times, and configured monitors without a check-in."""
    declared = {"nightly": DeclaredMonitor(schedule=MonitorSchedule(every=HOUR))}
    shop.service.settings = replace(shop.service.settings, monitors={**declared, "etl": declared["nightly"]})
    browser = await shop.browser()
    empty = await browser.opens("/monitors")
    assert "No job has checked in yet" in empty.text
    assert "https://notifier.example.com/v1/monitors/nightly-backup" in empty.text
    await check_in(shop, "backup", HOSTILE)
    await check_in(shop, "etl", status="error")
    page = await browser.opens("/monitors")
    assert page.text.index("etl") < page.text.index("backup")
    assert "from the first one on: nightly." in page.text
    assert "every 1 h, at most 5 min later" in page.text
    assert HOSTILE in page.text
    search = urlencode({"q": 'monitor="etl" environment="production"'})
    assert "no rows" in (await browser.opens(f"/incidents?{search}")).text
    assert f"/incidents?{search}" in page.hrefs()


async def test_a_job_is_forgotten_after_a_question(shop: Pages) -> None:
    """Removing asks for confirmation, needs the scope, and works once, in the own project."""
    await check_in(shop, HOSTILE)
    browser = await shop.browser()
    asked = await browser.sends((await browser.opens("/monitors")).form("/monitors/forget"))
    assert "Expect nothing of <b>job</b> any more?" in asked.text
    gone = await browser.sends(asked.form("/monitors/forget"))
    assert "This monitor is no longer watched." in gone.text
    assert HOSTILE not in gone.text
    assert (await browser.sends(asked.form("/monitors/forget"))).status == 404
    assert "Forget" not in (await (await shop.browser("reader")).opens("/monitors")).text
