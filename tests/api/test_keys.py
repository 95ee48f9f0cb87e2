"""`/v1/keys`, and the scopes of all calls."""

from __future__ import annotations

import re

import pytest

from notifier.api.models.responses_keys import CreatedKey, KeyList
from notifier.store import audit
from tests.api.conftest import KEYS, Desk

pytestmark = pytest.mark.anyio


async def test_a_new_key_is_shown_once_and_works(desk: Desk) -> None:
    """The secret is in the 201 and in no list; the key's project exists from then on."""
    desk.world.clock.advance(1)
    answer = await desk.post(
        "/v1/keys", {"project": "new", "name": "ci", "scopes": ["read", "ingest", "read"]}, key="admin"
    )
    assert answer.status_code == 201
    made = answer.json()
    CreatedKey.model_validate(made)
    assert re.fullmatch(r"ntf_[A-Za-z0-9]{32,}", made["key"])
    assert (made["project"], made["name"], made["scopes"]) == ("new", "ci", ["ingest", "read"])
    assert made["revoked_at"] is None
    assert answer.headers["cache-control"] == "no-store"
    desk.secrets["made"] = made["key"]
    assert (await desk.get("/v1/incidents", "made")).status_code == 200
    listed = await desk.get("/v1/keys", "admin")
    KeyList.model_validate(listed.json())
    assert made["key"] not in listed.text
    assert {**listed.json()["items"][0], "key": made["key"]} == made
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, made["id"]))
    assert (entry.action, entry.actor, entry.detail) == ("create_key", "admin", "ci of new: ingest read")


async def test_a_key_for_sentry_is_a_dsn(desk: Desk) -> None:
    """The DSN contains `server.url`; the key is accepted by that door only, and for posting only."""
    answer = await desk.post("/v1/keys", {"for": "sentry", "service": "billing"}, key="admin")
    assert answer.status_code == 201
    made = answer.json()
    assert made["dsn"] == f"https://{made['key']}@notifier.example.com/1"
    assert (made["for"], made["service"], made["last_used_at"]) == ("sentry", "billing", None)
    listed = (await desk.get("/v1/keys", "admin")).json()["items"]
    [one] = [item for item in listed if item["id"] == made["id"]]
    assert (one["for"], one["service"]) == ("sentry", "billing")
    desk.secrets["made"] = made["key"]
    refused = await desk.get("/v1/incidents", "made")
    assert refused.status_code == 403
    assert "sentry alone" in refused.json()["detail"]
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, made["id"]))
    assert entry.detail == "unnamed of shop: ingest, for sentry"


async def test_a_revoked_key_stops_at_once(desk: Desk) -> None:
    """The answer is 204, also if repeated; the next request with the key is a 401, and an unknown id a 404."""
    assert (await desk.get("/v1/incidents", "reader")).status_code == 200
    assert (await desk.delete("/v1/keys/key-reader")).status_code == 204
    refused = await desk.get("/v1/incidents", "reader")
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]
    assert (await desk.delete("/v1/keys/key-reader")).status_code == 204
    for unknown in ("nobody", "%00"):
        assert (await desk.delete(f"/v1/keys/{unknown}")).status_code == 404
    listed = (await desk.get("/v1/keys", "admin")).json()["items"]
    assert {one["id"] for one in listed if one["revoked_at"]} == {"key-reader"}


async def test_keys_are_listed_in_pages(desk: Desk) -> None:
    """All keys or a project's are listed once each, even if created in the same millisecond."""
    seen: list[str] = []
    params: dict[str, str] = {}
    while True:
        page = (await desk.get("/v1/keys", "admin", limit=2, **params)).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(f"key-{name}" for name in KEYS)
    others = (await desk.get("/v1/keys", "admin", project="other")).json()["items"]
    assert [one["id"] for one in others] == ["key-stranger"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_wrong_key_is_not_made(desk: Desk) -> None:
    """Invalid input is a 422 with the field."""
    for body, path in (
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes[0]"),
        ({"project": "a b"}, "project"),
        ({"project": "x" * 65}, "project"),
        ({"name": ""}, "name"),
        ({"name": "a\0"}, "name"),
        ({"scope": ["read"]}, ""),
        ({"for": "nobody"}, "for"),
        ({"for": "sentry", "scopes": ["ingest", "read"]}, "for"),
        ({"for": "sentry", "service": ""}, "service"),
    ):
        answer = await desk.post("/v1/keys", body, key="admin")
        assert answer.status_code == 422, body
        assert [error["path"] for error in answer.json()["errors"]] == [path]


CALLS = [
    ("GET", "/v1/incidents", "read"),
    ("GET", "/v1/incidents/1", "read"),
    ("GET", "/v1/incidents/1/events", "read"),
    ("GET", "/v1/groups", "read"),
    ("GET", "/v1/deliveries", "read"),
    ("GET", "/v1/deliveries/x", "read"),
    ("POST", "/v1/deliveries/x/redeliver", "manage"),
    ("GET", "/v1/dead-letters", "read"),
    ("POST", "/v1/dead-letters/redeliver", "manage"),
    ("POST", "/v1/dead-letters/discard", "manage"),
    ("GET", "/v1/channels", "read"),
    ("POST", "/v1/channels/mail/test", "admin"),
    ("POST", "/v1/routes/test", "read"),
    ("POST", "/v1/incidents/acknowledge", "manage"),
    ("POST", "/v1/incidents/snooze", "manage"),
    ("POST", "/v1/incidents/resolve", "manage"),
    ("GET", "/v1/hold", "admin"),
    ("POST", "/v1/hold/release", "admin"),
    ("POST", "/v1/data/export", "read"),
    ("POST", "/v1/data/delete", "admin"),
    ("POST", "/v1/sign-in-links", "admin"),
    ("POST", "/v1/fingerprint", "read"),
    ("GET", "/v1/keys", "admin"),
    ("POST", "/v1/keys", "admin"),
    ("DELETE", "/v1/keys/x", "admin"),
    ("POST", "/v1/backup", "admin"),
]
MAY = {
    "sender": set(),
    "reader": {"read"},
    "manager": {"read", "manage"},
    "admin": {"read", "manage", "admin"},
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_call_wants_its_scope(desk: Desk) -> None:
    """Without a key the answer is a 401 with a challenge, without the scope a 403."""
    for method, path, scope in CALLS:
        for header in (None, "Bearer ntf_nobody", "Basic x", "Bearer", "Bearer \xff", ""):
            headers = {} if header is None else {b"authorization": header.encode("latin-1")}
            answer = await desk.http.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, header)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for key, scopes in MAY.items():
            # The body is no object, so an authorized caller gets no further.
            answer = await desk.http.request(method, path, content=b"[]", headers=desk.headers(key))
            if path in {"/v1/backup", "/v1/keys/x"} and scope in scopes:
                continue
            assert (answer.status_code == 403) == (scope not in scopes), (method, path, key)
            assert answer.status_code != 401
            if answer.status_code == 403:
                assert f"`{scope}`" in answer.json()["detail"]
