"""`/v1/monitors`: check-ins, their answers and refusals."""

from __future__ import annotations

import pytest

from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_an_empty_check_in_says_that_all_is_well(desk: Desk) -> None:
    """The answer is the monitor, which is listed and can be removed."""
    answer = await desk.post("/v1/monitors/nightly%20backup", key="sender")
    assert answer.status_code == 200, answer.text
    monitor = answer.json()
    assert monitor["name"] == monitor["service"] == "nightly backup"
    assert (monitor["state"], monitor["environment"], monitor["schedule"]) == ("ok", "production", None)
    said = {"status": "error", "message": "no space", "every": "1d", "grace": "30m", "severity": "critical"}
    monitor = (await desk.post("/v1/monitors/nightly%20backup", said, key="sender")).json()
    assert (monitor["state"], monitor["severity"], monitor["declared_by"]) == ("error", "critical", "client")
    assert (monitor["schedule"]["every"], monitor["schedule"]["grace"]) == (86_400_000, 1_800_000)
    [incident] = (await desk.get("/v1/incidents")).json()["items"]
    assert (incident["title"], incident["severity"], incident["id"]) == (
        "no space", "critical", monitor["incident_id"],
    )  # fmt: skip
    assert incident["labels"]["monitor"] == "nightly backup"
    listing = (await desk.get("/v1/monitors", limit=1)).json()
    assert (listing["items"], listing["next_cursor"]) == ([monitor], None)
    assert (await desk.get("/v1/monitors", key="stranger")).json()["items"] == []
    assert (await desk.delete("/v1/monitors/nightly%20backup", key="stranger")).status_code == 404
    assert (await desk.delete("/v1/monitors/nightly%20backup", key="manager")).status_code == 204
    assert (await desk.delete("/v1/monitors/nightly%20backup", key="manager")).status_code == 404
    assert (await desk.get("/v1/monitors")).json()["items"] == []


async def test_the_last_heard_come_first_a_page_at_a_time(desk: Desk) -> None:
    """A cursor continues after the page."""
    for name in ("a", "b", "c"):
        await desk.post(f"/v1/monitors/{name}", key="sender")
        desk.world.clock.advance(1_000)
    first = (await desk.get("/v1/monitors", limit=2)).json()
    second = (await desk.get("/v1/monitors", limit=2, cursor=first["next_cursor"])).json()
    assert [one["name"] for one in first["items"] + second["items"]] == ["c", "b", "a"]


async def test_what_is_refused(desk: Desk) -> None:
    """An invalid field gives a sentence; a key without the scope is refused."""
    for body, path in (
        ({"status": "fine"}, "status"),
        ({"every": "soon"}, "every"),
        ({"every": "0s"}, "every"),
        ({"every": 10**18}, "every"),
        ({"every": 1e18}, "every"),
        ({"every": "1d", "grace": -1}, "grace"),
        ({"grace": "5m"}, ""),
        ({"duration_ms": -1}, "duration_ms"),
        ({"environment": ""}, "environment"),
        ({"evry": "1d"}, ""),
        ({"severity": "bad"}, "severity"),
    ):
        answer = await desk.post("/v1/monitors/backup", body, key="sender")
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["path"] == path, answer.text
    assert (await desk.post("/v1/monitors/backup", key="reader")).status_code == 403
    assert (await desk.post("/v1/monitors/backup", key=None)).status_code == 401
    assert (await desk.post("/v1/monitors/" + "x" * 129, key="sender")).status_code == 422
    assert (await desk.post("/v1/monitors/a%00b", key="sender")).status_code == 422
