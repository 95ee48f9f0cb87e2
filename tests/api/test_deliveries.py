"""`/v1/deliveries` and `/v1/dead-letters`."""

from __future__ import annotations

import pytest

from notifier import delivery
from notifier.api.models.responses_dead_letters import DeadLetterList
from notifier.api.models.responses_deliveries import DeliveryList, DeliveryWithAttempts
from notifier.delivery.jobs import LEASE
from notifier.domain.delivery import Outcome
from notifier.domain.value import replace
from notifier.store import audit, views
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

NOBODYS = "00000000-dead-7000-8000-000000000000"


async def states(desk: Desk) -> dict[str, str]:
    items = (await desk.get("/v1/deliveries")).json()["items"]
    return {one["id"]: one["state"] for one in items}


async def test_a_delivery_in_a_list_and_alone(desk: Desk) -> None:
    """Both have the same fields; a single delivery lists its attempts instead of counting them."""
    incident = await desk.world.post("it broke")
    await desk.world.alert()
    job = (await desk.world.claim())[0]
    await desk.world.fail(job, Outcome.TRANSIENT, "503 from the relay")
    page = (await desk.get("/v1/deliveries")).json()
    DeliveryList.model_validate(page)
    listed = next(one for one in page["items"] if one["id"] == job.id)
    assert listed["attempts"] == 1
    assert (listed["state"], listed["reason"], listed["outcome"]) == ("pending", "opened", "transient")
    assert (listed["channel"], listed["target"], listed["title"]) == ("mail", job.address, "it broke")
    assert listed["incidents"] == [incident]
    assert listed["due_at"] == "2026-11-22T05:10:05Z"
    alone = (await desk.get(f"/v1/deliveries/{job.id}")).json()
    DeliveryWithAttempts.model_validate(alone)
    (attempt,) = alone["attempts"]
    assert attempt == {
        "n": 1,
        "started_at": "2026-11-22T05:10:00Z",
        "finished_at": "2026-11-22T05:10:00Z",
        "outcome": "transient",
        "detail": "503 from the relay",
    }
    assert {**alone, "attempts": 1} == listed


async def test_deliveries_are_filtered_by_state_and_channel(desk: Desk) -> None:
    """Filters are validated; an unknown channel has no deliveries."""
    await desk.world.post("bad", severity="critical")
    await desk.world.alert()
    assert len((await desk.get("/v1/deliveries", channel="mail")).json()["items"]) == 2
    assert len((await desk.get("/v1/deliveries", channel="hook", state="pending")).json()["items"]) == 1
    assert (await desk.get("/v1/deliveries", channel="nobody")).json()["items"] == []
    assert (await desk.get("/v1/deliveries", state="delivered")).json()["items"] == []
    assert (await desk.get("/v1/deliveries", state="lost")).status_code == 422


async def test_a_dead_delivery_is_redelivered_under_its_id(desk: Desk) -> None:
    """It becomes pending under its id and can be claimed; the actor is audited."""
    first, _ = await desk.world.mark_dead()
    answer = await desk.post(f"/v1/deliveries/{first}/redeliver", {"actor": "ada"})
    assert answer.status_code == 200, answer.text
    DeliveryWithAttempts.model_validate(answer.json())
    assert (answer.json()["id"], answer.json()["state"]) == (first, "pending")
    assert [job.id for job in await desk.world.claim()] == [first]
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, first))
    assert (entry.actor, entry.key_name, entry.action) == ("ada", "manager", "redeliver")


async def test_what_is_not_dead_is_not_redelivered(desk: Desk) -> None:
    """The answer is 409 with the current state."""
    await desk.world.post()
    await desk.world.alert()
    job = (await desk.world.claim())[0]
    await desk.world.deliver(job)
    answer = await desk.post(f"/v1/deliveries/{job.id}/redeliver")
    assert answer.status_code == 409
    assert answer.json()["state"] == "delivered"
    assert (await desk.world.database.read(lambda tx: audit.entries(tx, job.id))) == ()


async def test_a_delivery_whose_target_was_removed_is_not_redelivered(desk: Desk) -> None:
    """A delivery without a target is a 409 with what to do instead, and is skipped in bulk."""
    ids = await desk.world.mark_dead()
    desk.service.rules = replace(desk.world.rules, targets={"hook": desk.world.rules.targets["hook"]})
    answer = await desk.post(f"/v1/deliveries/{ids[0]}/redeliver")
    assert (answer.status_code, answer.json()["state"]) == (409, "dead")
    assert "configuration" in answer.json()["detail"]
    bulk = (await desk.post("/v1/dead-letters/redeliver", {"ids": ids})).json()
    assert (bulk["count"], [one["state"] for one in bulk["skipped"]]) == (0, ["dead", "dead"])
    assert "configuration" in bulk["skipped"][0]["reason"]
    assert (await desk.post("/v1/dead-letters/discard", {"ids": ids})).json()["count"] == 2


async def test_dead_letters_name_their_kind_and_why(desk: Desk) -> None:
    """A dead letter is its delivery with kind, time, reason and title."""
    ids = await desk.world.mark_dead("it broke")
    page = (await desk.get("/v1/dead-letters")).json()
    DeadLetterList.model_validate(page)
    assert {one["id"] for one in page["items"]} == set(ids)
    letter = page["items"][0]
    assert (letter["kind"], letter["outcome"], letter["detail"]) == ("delivery", "blocked", "not allowed")
    assert (letter["title"], letter["at"]) == ("it broke", "2026-11-22T05:10:00Z")
    assert letter["at"] == letter["finished_at"]


async def test_dead_letters_are_decided_by_id(desk: Desk) -> None:
    """Others are skipped with their state; unknown ids and those of other projects are answered alike."""
    one, two = await desk.world.mark_dead("ours")
    (theirs, _) = await desk.world.mark_dead("theirs", project="other")
    done = (await desk.post("/v1/dead-letters/discard", {"ids": [two, two]})).json()
    assert done == {"count": 1, "ids": [two], "skipped": []}
    answer = await desk.post("/v1/dead-letters/redeliver", {"ids": [one, two, theirs, NOBODYS]})
    assert answer.status_code == 200
    assert answer.json() == {
        "count": 1,
        "ids": [one],
        "skipped": [
            {
                "id": two,
                "state": "discarded",
                "reason": "only a dead delivery is decided about, and this one is discarded",
            },
            {"id": theirs, "state": None, "reason": "there is no dead letter of this id"},
            {"id": NOBODYS, "state": None, "reason": "there is no dead letter of this id"},
        ],
    }
    assert await states(desk) == {one: "pending", two: "discarded"}


async def test_dead_letters_are_decided_by_channel(desk: Desk) -> None:
    """All dead letters of the project and channel are decided, and no others."""
    await desk.world.mark_dead("ours", severity="critical")
    await desk.world.mark_dead("theirs", project="other")
    answer = await desk.post("/v1/dead-letters/redeliver", {"channel": "mail"})
    assert answer.json()["count"] == 2
    assert sorted((await states(desk)).values()) == ["dead", "pending", "pending"]
    others = (await desk.get("/v1/deliveries", "stranger")).json()["items"]
    assert {one["state"] for one in others} == {"dead"}
    assert (await desk.post("/v1/dead-letters/discard", {"channel": "hook"})).json()["count"] == 1
    assert (await desk.get("/v1/dead-letters")).json()["items"] == []


async def test_an_admin_decides_for_another_project(desk: Desk) -> None:
    """An admin names ids of any project, or a channel with a project; other keys may not name a project."""
    ids = await desk.world.mark_dead("theirs", project="other")
    refused = await desk.post("/v1/dead-letters/discard", {"channel": "mail"}, params={"project": "other"})
    assert refused.status_code == 403
    one = await desk.post("/v1/dead-letters/redeliver", {"ids": ids[:1]}, key="admin")
    assert one.json()["ids"] == ids[:1]
    rest = await desk.post(
        "/v1/dead-letters/discard", {"channel": "mail"}, key="admin", params={"project": "other"}
    )
    assert rest.json()["ids"] == ids[1:]


WRONG: list[tuple[object, str]] = [
    ({}, ""),
    ({"ids": ["a"], "channel": "mail"}, ""),
    ({"ids": []}, "ids"),
    ({"ids": ["a"] * 1001}, "ids"),
    ({"ids": [1]}, "ids[0]"),
    ({"ids": ["ok", "a\0b"]}, "ids[1]"),
    ({"ids": "a"}, "ids"),
    ({"channel": ""}, "channel"),
    ({"channel": "mail", "hunter2": 1}, ""),
    ({"channel": "mail", "actor": "a\nb"}, "actor"),
    ([], ""),
]


async def test_a_decision_must_name_what_it_is_about(desk: Desk) -> None:
    """A missing selection is a 422 with its path, without an echo."""
    for body, path in WRONG:
        answer = await desk.post("/v1/dead-letters/discard", body)
        assert answer.status_code == 422, body
        assert [error["path"] for error in answer.json()["errors"]] == [path]
        assert "hunter2" not in answer.text


async def test_another_projects_delivery_is_not_there(desk: Desk) -> None:
    """Another project's delivery is answered like an unknown id."""
    (theirs, _) = await desk.world.mark_dead("theirs", project="other")
    unknown = await desk.get(f"/v1/deliveries/{NOBODYS}")
    hidden = await desk.get(f"/v1/deliveries/{theirs}")
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert (await desk.post(f"/v1/deliveries/{theirs}/redeliver")).status_code == 404
    assert (await desk.get(f"/v1/deliveries/{theirs}", "admin")).status_code == 200


async def test_a_superseded_delivery_names_what_carries_it(desk: Desk) -> None:
    """`carried_by` of an older message is the newer one of its thread."""
    await desk.world.post("one")
    await desk.world.alert()
    await desk.world.post("two")
    await desk.world.alert()
    jobs = await desk.world.claim()
    old = (await desk.get("/v1/deliveries", state="superseded")).json()["items"]
    assert {one["carried_by"] for one in old} == {job.id for job in jobs}
    newest = (await desk.get(f"/v1/deliveries/{jobs[0].id}")).json()
    assert len(newest["incidents"]) == 2
    assert newest["title"].endswith("(and 1 more)")


async def test_a_lost_worker_shows_as_an_attempt_without_a_start(desk: Desk) -> None:
    """An expired lease is an ambiguous attempt with `started_at` null."""
    await desk.world.post()
    await desk.world.alert()
    job = (await desk.world.claim())[0]
    desk.world.clock.advance(LEASE)
    await desk.world.database.write(lambda tx: delivery.sweep(tx, desk.world.rules, None))
    (attempt,) = (await desk.get(f"/v1/deliveries/{job.id}")).json()["attempts"]
    assert (attempt["n"], attempt["started_at"], attempt["outcome"]) == (1, None, "ambiguous")


async def test_many_dead_letters_go_in_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """All dead letters of a channel are decided, a bounded number per transaction."""
    monkeypatch.setattr("notifier.oncall.dead_letters.BATCH_SIZE", 2)
    for service in ("a", "b", "c"):
        await desk.world.mark_dead(service=service)
    assert (await desk.post("/v1/dead-letters/discard", {"channel": "mail"})).json()["count"] == 6
    page = await desk.world.database.read(
        lambda tx: views.find_dead_letters(tx, project="shop", after=None, limit=1)
    )
    assert page.items == ()
