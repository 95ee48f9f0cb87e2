"""`/v1/data/export` and `/v1/data/delete`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.conftest import Desk

# The queries are tested on both engines in `tests.store.test_erasure`.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]

ANN = {"person": "ann@example.com"}
CUSTOMER = {"label": "customer", "value": "c-4711"}


async def exported(desk: Desk, asked: dict[str, Any], key: str) -> list[dict[str, Any]]:
    answer = await desk.post("/v1/data/export", asked, key=key)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_it_is_handed_over_line_by_line(desk: Desk) -> None:
    """Rows are NDJSON with decoded documents, of the key's project only; `read` is enough."""
    await desk.world.post("could not mail ann@example.com", labels={"customer": "c-4711"})
    await desk.world.post("other", project="another", labels={"customer": "c-4711"})
    for asked in (ANN, CUSTOMER):
        lines = await exported(desk, asked, "reader")
        assert {line["table"] for line in lines} >= {"incidents", "events"}
        [incident] = [line["row"] for line in lines if line["table"] == "incidents"]
        assert incident["labels"]["customer"] == "c-4711"
    assert len([one for one in await exported(desk, CUSTOMER, "admin") if one["table"] == "incidents"]) == 2


async def test_it_is_shown_before_it_is_removed(desk: Desk) -> None:
    """A label with open incidents is refused; `dry_run` changes nothing; the audit trail does not contain the value."""
    await desk.world.post("could not mail ann@example.com", labels={"customer": "c-4711"})
    refused = await desk.post("/v1/data/delete", CUSTOMER, key="admin")
    assert (refused.status_code, refused.json()["state"]) == (409, "unfinished")
    shown = (await desk.post("/v1/data/delete", {**ANN, "dry_run": True}, key="admin")).json()
    assert shown == {"removed": {}, "redacted": {"incidents": 1, "events": 1}, "dry_run": True}
    done = (await desk.post("/v1/data/delete", {**ANN, "actor": "ada"}, key="admin")).json()
    assert done == {**shown, "dry_run": False}
    assert await exported(desk, ANN, "admin") == []
    assert (await desk.get("/v1/incidents", "reader")).json()["items"][0][
        "title"
    ] == "could not mail [deleted]"


async def test_what_makes_no_sense_is_said_and_removal_needs_admin(desk: Desk) -> None:
    for asked in ({}, {**ANN, **CUSTOMER}, {"person": "x"}, {"label": "a"}, {"value": "a"}, {"name": 1}):
        assert (await desk.post("/v1/data/export", asked, key="reader")).status_code == 422
    for key in ("reader", "manager", "sender"):
        assert (await desk.post("/v1/data/delete", ANN, key=key)).status_code == 403
