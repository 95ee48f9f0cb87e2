"""Names in paths and bodies: ids, incident numbers, and suffixes of ids."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain.delivery import Outcome
from notifier.store import keys
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

RUN = {"task": "billing.charge", "service": "billing", "state": "failed"}


async def _dead(desk: Desk) -> str:
    await desk.world.post()
    await desk.world.alert()
    (job, *_) = await desk.world.claim()
    await desk.world.fail(job, Outcome.BLOCKED, "not there")
    return str(job.id)


async def _silence(desk: Desk) -> dict[str, Any]:
    until = "2027-01-01T00:00:00Z"
    body = {"matchers": ["service=billing"], "ends_at": until, "comment": "c"}
    made: dict[str, Any] = (await desk.post("/v1/silences", body)).json()
    return made


async def test_an_incident_is_found_by_the_end_of_its_id(desk: Desk) -> None:
    """Six characters of the id are enough to read and act; five are not."""
    id_ = await desk.world.post()
    for path in ("", "/events", "/timeline"):
        assert (await desk.get(f"/v1/incidents/{id_[-6:]}{path}")).status_code == 200
    for name in (id_[-12:], id_.upper(), id_[-12:].upper(), "1", "%231"):
        assert (await desk.get(f"/v1/incidents/{name}")).json()["id"] == id_
    assert (await desk.get(f"/v1/incidents/{id_[-5:]}x")).status_code == 404
    assert (await desk.post(f"/v1/incidents/{id_[-8:]}/acknowledge")).json()["id"] == id_
    many = await desk.post("/v1/incidents/resolve", {"ids": [id_[-8:], 1, "nothing-ends-so"]})
    assert many.json() == {
        "done": 1,
        "skipped": [{"id": "1", "reason": "already"}, {"id": "nothing-ends-so", "reason": "unknown"}],
    }


async def test_another_projects_ids_are_not_found_by_their_end(desk: Desk) -> None:
    """A suffix of another project's id is a 404, except for `admin`."""
    id_ = await desk.world.post()
    assert (await desk.get(f"/v1/incidents/{id_[-8:]}", "stranger")).status_code == 404
    assert (await desk.get(f"/v1/incidents/{id_[-8:]}", "admin")).status_code == 200


async def test_deliveries_are_found_by_the_end_of_their_id(desk: Desk) -> None:
    """A suffix works for reading, redelivering and among dead letters."""
    id_ = await _dead(desk)
    assert (await desk.get(f"/v1/deliveries/{id_[-8:]}")).json()["id"] == id_
    assert len((await desk.get(f"/v1/deliveries/{id_[-8:]}")).json()["attempts"]) == 1
    again = await desk.post(f"/v1/deliveries/{id_[-8:]}/redeliver")
    assert (again.status_code, again.json()["id"]) == (200, id_)
    (job, *_) = [one for one in await desk.world.claim() if one.id == id_]
    await desk.world.fail(job, Outcome.BLOCKED, "not there")
    discarded = await desk.post("/v1/dead-letters/discard", {"ids": [id_[-8:], id_]})
    assert discarded.json()["ids"] == [id_]


async def test_silences_are_found_by_the_end_of_their_id(desk: Desk) -> None:
    """A suffix works for reading, changing and ending."""
    end = (await _silence(desk))["id"][-8:]
    assert (await desk.get(f"/v1/silences/{end}")).status_code == 200
    headers = desk.headers("manager")
    changed = await desk.http.patch(f"/v1/silences/{end}", json={"comment": "new"}, headers=headers)
    assert changed.json()["comment"] == "new"
    assert (await desk.delete(f"/v1/silences/{end}", "manager")).status_code == 204
    assert (await desk.get(f"/v1/silences/{end}")).json()["state"] == "expired"


async def test_runs_and_keys_are_found_by_the_end_of_their_id(desk: Desk) -> None:
    """A suffix works for showing and replaying a run, and for revoking a key."""
    again = {"arguments": {"args": [], "kwargs": {}}, "replayable": "yes"}
    run = {"id": "0192f0c0-run-000001", **RUN, **again, "error": {"type": "E", "module": "b", "message": "m"}}
    await desk.post("/v1/task-runs", [run], key="sender")
    assert (await desk.get("/v1/task-runs/run-000001")).json()["id"] == run["id"]
    assert (await desk.post("/v1/task-runs/000001/replay")).json()["replay_of"] == run["id"]
    assert (await desk.delete("/v1/keys/sender")).status_code == 204
    known = {key.id: key.revoked_at for key in await desk.world.database.read(keys.listing)}
    assert known["key-sender"] is not None


async def test_an_end_that_several_have_is_refused_with_their_number(desk: Desk) -> None:
    """An ambiguous suffix is refused with the number of matches, without an echo; a whole id is never ambiguous."""
    for id_ in ("one-000001", "two-000001", "000001"):
        await desk.post("/v1/task-runs", [{"id": id_, **RUN, "state": "completed"}], key="sender")
    answer = await desk.get("/v1/task-runs/-000001")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "id: 2 task runs have an id that ends like this: give more of it"
    assert (await desk.get("/v1/task-runs/000001")).json()["id"] == "000001"
    many = await desk.post("/v1/dead-letters/discard", {"ids": ["-000001", "000001"]})
    assert [one["reason"] for one in many.json()["skipped"]] == [
        "only a failed or lost run is decided about, and this one is completed",
        "2 dead letters have an id that ends like this: give more of it",
    ]


@pytest.mark.parametrize("name", ["%25%25%25%25%25%25", "______", "99999999999999999999999", "é" * 9])
async def test_an_end_is_no_pattern(desk: Desk, name: str) -> None:
    """Characters of patterns and numbers are taken literally."""
    await desk.world.post()
    assert (await desk.get(f"/v1/incidents/{name}")).status_code == 404
