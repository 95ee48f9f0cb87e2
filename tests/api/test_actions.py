"""Acknowledge, snooze, resolve, reopen and note, over the API."""

from __future__ import annotations

from itertools import product

import pytest

from notifier.api.models.responses_incidents import IncidentAnswer
from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import DAY, HOUR, MINUTE, rfc3339
from notifier.store import audit
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

ACTIONS = ("acknowledge", "snooze", "resolve", "reopen", "notes")


async def _told(desk: Desk) -> str:
    id_ = await desk.world.post()
    await desk.world.alert()
    return id_


async def _entries(desk: Desk, id_: str) -> tuple[AuditEntry, ...]:
    return await desk.world.database.read(lambda tx: audit.entries(tx, id_))


def _later(desk: Desk, span: int = HOUR) -> str:
    return rfc3339(desk.world.clock.now() + span)


async def test_an_incident_is_acknowledged_by_whom_the_body_names(desk: Desk) -> None:
    """The answer is 200 with the incident; the audit trail has key and actor. An empty body uses the key's name."""
    id_ = await _told(desk)
    until = _later(desk)
    answer = await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada", "until": until})
    assert answer.status_code == 200, answer.text
    IncidentAnswer.model_validate(answer.json())
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acknowledged", "ada")
    assert answer.json() == (await desk.get(f"/v1/incidents/{id_}")).json()
    (entry,) = await _entries(desk, id_)
    assert (entry.actor, entry.key_name, entry.action, entry.detail) == (
        "ada",
        "manager",
        "acknowledge",
        f"until {until}",
    )
    assert (await desk.post("/v1/incidents/1/reopen")).json()["state"] == "open"
    assert (await desk.post("/v1/incidents/1/acknowledge")).json()["acknowledged_by"] == "manager"


async def test_the_same_again_is_200_and_another_is_409(desk: Desk) -> None:
    """Repeating is 200; a conflict is a 409 with the state, who was first, when, and what to do."""
    id_ = await _told(desk)
    at = _later(desk, 0)
    for _ in range(2):
        answer = await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada"})
        assert answer.status_code == 200
    answer = await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "bo"})
    assert (answer.status_code, answer.json()["state"]) == (409, "acknowledged")
    assert f"acknowledged by ada at {at}" in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    for _ in range(2):
        assert (await desk.post(f"/v1/incidents/{id_}/resolve", {"actor": "bo"})).status_code == 200
    answer = await desk.post(f"/v1/incidents/{id_}/resolve", {"actor": "ada"})
    assert (answer.status_code, answer.json()["state"]) == (409, "resolved")
    for _ in range(2):
        assert (await desk.post(f"/v1/incidents/{id_}/reopen", {"actor": "bo"})).json()["state"] == "open"
    answer = await desk.post(f"/v1/incidents/{id_}/reopen", {"actor": "ada"})
    assert (answer.status_code, answer.json()["state"]) == (409, "open")
    assert [entry.action for entry in await _entries(desk, id_)] == ["acknowledge", "resolve", "reopen"]


async def test_a_snooze_needs_its_end(desk: Desk) -> None:
    """A conflicting snooze is a 409 with the state; without `until` it is a 422."""
    id_ = await _told(desk)
    snooze = f"/v1/incidents/{id_}/snooze"
    assert (await desk.post(snooze, {"until": _later(desk), "actor": "ada"})).status_code == 200
    assert (await desk.post(snooze, {"until": _later(desk, DAY), "actor": "ada"})).status_code == 200
    answer = await desk.post(snooze, {"until": _later(desk), "actor": "bo"})
    assert (answer.status_code, answer.json()["state"]) == (409, "open")
    assert "snoozed by ada until" in answer.json()["detail"]
    answer = await desk.post(snooze, {})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "until")


NO_ENDS = ("soon", "2026-11-23T10:11:12", 5555, "2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "x" * 99)


async def test_an_end_that_makes_no_sense_is_422(desk: Desk) -> None:
    """An invalid, past or distant `until`, or one without offset, is a 422 with a sentence."""
    id_ = await _told(desk)
    for action, until in product(("acknowledge", "snooze"), NO_ENDS):
        answer = await desk.post(f"/v1/incidents/{id_}/{action}", {"until": until})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "until"), until
        assert str(until) not in answer.text
        assert await _entries(desk, id_) == ()


async def test_a_note_is_sanitised(desk: Desk) -> None:
    """A note's NUL becomes a replacement character; an empty or long one is a 422."""
    id_ = await _told(desk)
    await desk.post(f"/v1/incidents/{id_}/resolve")
    answer = await desk.post(f"/v1/incidents/{id_}/notes", {"text": "restarted\0 it", "actor": "ada"})
    assert (answer.status_code, answer.json()["state"]) == (200, "resolved")
    entry = (await _entries(desk, id_))[-1]
    assert (entry.actor, entry.action, entry.detail) == (
        "ada",
        "note",
        "restarted\N{REPLACEMENT CHARACTER} it",
    )
    for body in ({}, {"text": ""}, {"text": "  "}, {"text": "x" * 4_001}, {"text": 5}):
        answer = await desk.post(f"/v1/incidents/{id_}/notes", body)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "text"), body


async def test_an_older_incident_names_the_newer(desk: Desk) -> None:
    """Reopening an older incident of the same identity is refused, and names the newest."""
    first = await _told(desk)
    await desk.post(f"/v1/incidents/{first}/resolve")
    desk.world.clock.advance(MINUTE)
    await desk.world.post()
    answer = await desk.post(f"/v1/incidents/{first}/reopen")
    assert (answer.status_code, answer.json()["state"]) == (409, "resolved")
    assert " 2 is newer" in answer.json()["detail"]


@pytest.mark.parametrize("action", ACTIONS)
async def test_actions_need_manage_and_their_own_project(desk: Desk, action: str) -> None:
    """403 without the scope, 401 without a key, 404 for an unknown incident or one of another project."""
    id_ = await _told(desk)
    body = {"text": "x"} if action == "notes" else {"until": _later(desk)} if action == "snooze" else None
    for key, name, status in (
        ("reader", id_, 403),
        (None, id_, 401),
        ("stranger", id_, 404),
        ("manager", "99", 404),
        ("manager", "nothing", 404),
    ):
        answer = await desk.post(f"/v1/incidents/{name}/{action}", body, key=key)
        assert answer.status_code == status, answer.text
    answer = await desk.post(f"/v1/incidents/{id_}/{action}", {**(body or {}), "untill": "x"})
    assert answer.status_code == 422


async def test_one_call_acts_on_many(desk: Desk) -> None:
    """`ids` or `q` select incidents; the answer counts those changed and lists those skipped, with reasons."""
    first, second = await _told(desk), await desk.world.post("another")
    path = "/v1/incidents/acknowledge"
    answer = await desk.post(path, {"ids": [first, 2, "no-such"], "actor": "ada", "until": _later(desk)})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"done": 2, "skipped": [{"id": "no-such", "reason": "unknown"}]}
    (entry,) = await _entries(desk, second)
    assert (entry.actor, entry.key_name) == ("ada", "manager")
    answer = await desk.post("/v1/incidents/snooze", {"q": 'service="billing"', "until": _later(desk)})
    assert answer.json() == {"done": 2, "skipped": []}
    answer = await desk.post("/v1/incidents/resolve", {"q": "another"})
    assert answer.json() == {"done": 1, "skipped": []}
    answer = await desk.post("/v1/incidents/resolve", {"ids": [second]})
    assert answer.json() == {"done": 0, "skipped": [{"id": second, "reason": "already"}]}


WRONG_CHOICES = [
    {},
    {"ids": []},
    {"ids": ["1"], "q": "x"},
    {"q": ""},
    {"q": "{}"},
    {"q": 'a=~"("'},
    {"ids": ["1"] * 1_001},
    {"ids": [0]},
    {"ids": [None]},
    {"ids": ["1"], "until": "yesterday"},
    {"ids": ["1"], "until": "2001-01-01T00:00:00Z"},
    {"ids": ["1"], "surprise": 1},
]


async def test_a_wrong_choice_of_many_is_422(desk: Desk) -> None:
    """An invalid selection is a 422 with a sentence."""
    id_ = await _told(desk)
    for body in WRONG_CHOICES:
        answer = await desk.post("/v1/incidents/acknowledge", body)
        assert answer.status_code == 422, (body, answer.text)
        assert not await _entries(desk, id_)


async def test_acting_on_many_needs_the_right_to_manage(desk: Desk) -> None:
    """A key with `read` only may not act."""
    for action in ("acknowledge", "snooze", "resolve"):
        answer = await desk.post(f"/v1/incidents/{action}", {"ids": ["1"]}, key="reader")
        assert answer.status_code == 403


async def test_a_secret_in_a_note_or_a_name_is_not_kept(desk: Desk) -> None:
    """Secrets in notes and names are redacted, as people paste by mistake."""
    id_ = await _told(desk)
    text = "restarted with PGPASSWORD=hunter2 psql, and curl -u ann:hunter2 https://db"
    body = {"text": text, "actor": "ann password=hunter2"}
    assert (await desk.post(f"/v1/incidents/{id_}/notes", body)).status_code == 200
    name = {"actor": "token=hunter2"}
    for _ in range(2):
        answer = await desk.post(f"/v1/incidents/{id_}/acknowledge", name)
        assert answer.json()["acknowledged_by"] == "token=[scrubbed]"
    note, _ = await _entries(desk, id_)
    assert note.detail == "restarted with PGPASSWORD=[scrubbed] psql, and curl -u ann:[scrubbed] https://db"
    assert note.actor == "ann password=[scrubbed]"
    assert "hunter2" not in (await desk.get(f"/v1/incidents/{id_}/timeline")).text


async def test_another_takes_over(desk: Desk) -> None:
    """`take_over` changes the owner; the timeline and a notification name the former."""
    id_ = await _told(desk)
    await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada"})
    await desk.world.alert()
    desk.world.clock.advance(MINUTE)
    until = _later(desk)
    for _ in range(2):
        answer = await desk.post(
            f"/v1/incidents/{id_}/acknowledge", {"actor": "bo", "take_over": True, "until": until}
        )
        assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "bo")
    details = [entry.detail for entry in await _entries(desk, id_)]
    assert details == [None, f"until {until}; taken over from ada"]
    items = (await desk.get(f"/v1/incidents/{id_}/timeline")).json()["items"]
    assert any("bo acknowledged it until" in item["text"] and "from ada" in item["text"] for item in items)
    refused = await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada", "take_over": False})
    assert (refused.status_code, refused.json()["state"]) == (409, "acknowledged")


async def test_an_acknowledgement_is_taken_back(desk: Desk) -> None:
    """The incident is open again and a snooze continues; repeating is 200, by another actor 409."""
    id_ = await _told(desk)
    await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada"})
    await desk.post(f"/v1/incidents/{id_}/snooze", {"actor": "ada", "until": _later(desk)})
    for _ in range(2):
        answer = await desk.post(f"/v1/incidents/{id_}/unacknowledge", {"actor": "ada"})
        assert (answer.status_code, answer.json()["state"]) == (200, "open")
        assert answer.json()["acknowledged_by"] is None
    another = await desk.post(f"/v1/incidents/{id_}/unacknowledge", {"actor": "bo"})
    assert (another.status_code, another.json()["state"]) == (409, "open")
    snoozed = await desk.post(f"/v1/incidents/{id_}/snooze", {"actor": "bo", "until": _later(desk)})
    assert snoozed.status_code == 409
    assert [entry.action for entry in await _entries(desk, id_)] == [
        "acknowledge",
        "snooze",
        "unacknowledge",
    ]


async def test_a_snooze_is_ended(desk: Desk) -> None:
    """An acknowledgement continues; repeating is 200, by another actor 409."""
    id_ = await _told(desk)
    await desk.post(f"/v1/incidents/{id_}/acknowledge", {"actor": "ada"})
    await desk.post(f"/v1/incidents/{id_}/snooze", {"actor": "ada", "until": _later(desk)})
    for _ in range(2):
        answer = await desk.post("/v1/incidents/1/unsnooze", {"actor": "bo"})
        assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
    another = await desk.post("/v1/incidents/1/unsnooze", {"actor": "ada"})
    assert (another.status_code, another.json()["state"]) == (409, "acknowledged")
    (entry,) = [one for one in await _entries(desk, id_) if one.action == "unsnooze"]
    assert (entry.actor, entry.detail) == ("bo", "it was ada's")


@pytest.mark.parametrize("action", ["unacknowledge", "unsnooze"])
async def test_nothing_to_end_is_409(desk: Desk, action: str) -> None:
    """Ending what is not active is a 409; an unknown incident is a 404."""
    id_ = await _told(desk)
    answer = await desk.post(f"/v1/incidents/{id_}/{action}")
    assert (answer.status_code, answer.json()["state"]) == (409, "open")
    await desk.post(f"/v1/incidents/{id_}/resolve")
    answer = await desk.post(f"/v1/incidents/{id_}/{action}")
    assert (answer.status_code, answer.json()["state"]) == (409, "resolved")
    assert (await desk.post(f"/v1/incidents/99/{action}")).status_code == 404


async def test_the_end_of_a_snooze_tells_what_is_open(desk: Desk) -> None:
    """News that the snooze held is notified as unmuted."""
    id_ = await _told(desk)
    await desk.post(f"/v1/incidents/{id_}/snooze", {"until": _later(desk, DAY)})
    await desk.world.post()
    desk.world.clock.advance(6 * MINUTE)
    await desk.world.alert()
    await desk.post(f"/v1/incidents/{id_}/unsnooze")
    desk.world.clock.advance(6 * MINUTE)
    await desk.world.alert()
    items = (await desk.get(f"/v1/incidents/{id_}/timeline")).json()["items"]
    assert [item["reason"] for item in items if item["kind"] == "told"] == ["opened", "unmuted"]


async def test_who_takes_over_and_who_gives_back_is_told(desk: Desk) -> None:
    """A group is notified of a new owner, and of none."""
    id_ = await _told(desk)
    for action, body in (
        ("acknowledge", {"actor": "ada"}),
        ("acknowledge", {"actor": "bo", "take_over": True}),
        ("unacknowledge", {"actor": "bo"}),
    ):
        desk.world.clock.advance(MINUTE)
        assert (await desk.post(f"/v1/incidents/{id_}/{action}", body)).status_code == 200
        await desk.world.alert()
    items = (await desk.get(f"/v1/incidents/{id_}/timeline")).json()["items"]
    told = [item for item in items if item["kind"] == "told"]
    assert [item["reason"] for item in told] == ["opened", "acknowledged", "acknowledged", "reopened"]
    assert [name in told[place]["text"] for place, name in ((1, "ada"), (2, "bo"))] == [True, True]
    assert items[-1]["kind"] == "next"
