"""The sample application where there is no service: it works, and says what it cannot know."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from notifier.client import capture_reports
from notifier.demo.sample import app, notifier

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        yield client


async def test_without_a_service_the_dashboard_says_so(http: httpx.AsyncClient) -> None:
    """As a page and as JSON, with a status that is no success."""
    page = await http.get("/dashboard")
    document = await http.get("/dashboard", headers={"Accept": "application/json"})
    assert page.status_code == document.status_code == 503
    assert "NOTIFIER_URL and NOTIFIER_KEY are not set" in page.text
    assert "are not set" in document.json()["detail"]


async def test_without_a_service_tasks_run_and_can_be_asked_for(http: httpx.AsyncClient) -> None:
    """A status is the application's own to tell."""
    with capture_reports() as reports:
        made = (await http.post("/users/-3/process")).json()
    run = (await http.get(made["status_url"])).json()
    assert (run["status"], run["error"]["type"]) == ("failed", "LookupError")
    [report] = reports
    assert (report["severity"], report["task"]["id"]) == ("critical", made["task_id"])


async def test_what_is_logged_and_raised_is_one_report(http: httpx.AsyncClient) -> None:
    with capture_reports() as reports:
        assert (await http.post("/items/5/process")).status_code == 202
    assert [report["exception"]["type"] for report in reports] == ["ValueError"]
    assert notifier.counts().balanced
