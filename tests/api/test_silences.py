"""Silences over the API: creating, listing, changing, ending, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.api.models.responses_silences import SilenceAnswer
from notifier.domain.time import HOUR, MINUTE, rfc3339
from notifier.store import audit
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

BILLING = ['service="billing"']


def _body(desk: Desk, **changes: Any) -> dict[str, Any]:
    usual = {
        "matchers": BILLING,
        "ends_at": rfc3339(desk.world.clock.now() + HOUR),
        "author": "ann",
        "comment": "moving the database",
    }
    given = usual | changes
    return {name: value for name, value in given.items() if value is not None}


async def _create(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = await desk.post("/v1/silences", _body(desk, **changes))
    assert answer.status_code == 201, answer.text
    SilenceAnswer.model_validate(answer.json())
    made: dict[str, Any] = answer.json()
    return made


async def _patch(desk: Desk, path: str, document: dict[str, Any]) -> Any:
    return await desk.http.patch(path, json=document, headers=desk.headers("manager"))


async def _told(desk: Desk) -> list[str]:
    await desk.world.alert(wait=MINUTE)
    return sorted({job.reason.value for job in await desk.world.claim()})


async def test_a_silence_is_made_listed_and_shown(desk: Desk) -> None:
    """The answer is 201 with all fields; it starts now, and key and author are audited."""
    made = await _create(desk, actor="bo")
    now = desk.world.clock.now()
    assert made["state"] == "active"
    assert made["matchers"] == BILLING
    assert (made["starts_at"], made["ends_at"]) == (rfc3339(now), rfc3339(now + HOUR))
    assert (made["author"], made["comment"], made["recur"], made["held"]) == (
        "ann",
        "moving the database",
        None,
        0,
    )
    assert (await desk.get(f"/v1/silences/{made['id']}")).json() == made
    assert (await desk.get("/v1/silences")).json() == {"items": [made], "next_cursor": None}
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, made["id"]))
    assert (entry.actor, entry.action) == ("bo", "silence")


async def test_the_list_is_newest_first_in_pages_and_by_state(desk: Desk) -> None:
    """The states pending, active and expired are those of now."""
    first = await _create(desk)
    desk.world.clock.advance(MINUTE)
    later = rfc3339(desk.world.clock.now() + MINUTE)
    second = await _create(desk, starts_at=later)
    page = (await desk.get("/v1/silences", limit=1)).json()
    assert [one["id"] for one in page["items"]] == [second["id"]]
    rest = (await desk.get("/v1/silences", limit=1, cursor=page["next_cursor"])).json()
    assert [one["id"] for one in rest["items"]] == [first["id"]]
    assert rest["next_cursor"] is None
    for state, wanted in (("pending", second), ("active", first)):
        found = (await desk.get("/v1/silences", state=state)).json()["items"]
        assert [one["id"] for one in found] == [wanted["id"]]
    assert (await desk.get("/v1/silences", state="expired")).json()["items"] == []


async def test_a_secret_in_a_matcher_is_kept_nowhere(desk: Desk) -> None:
    """Secrets in matchers are redacted in answers, the audit trail, changes and previews."""
    matcher, kept = 'token="hunter2-of-ann"', 'token="[scrubbed]"'
    made = await _create(desk, matchers=[matcher])
    await _patch(desk, f"/v1/silences/{made['id']}", {"matchers": [*BILLING, matcher]})
    shown = await desk.get(f"/v1/silences/{made['id']}")
    entries = await desk.world.database.read(lambda tx: audit.entries(tx, made["id"]))
    assert made["matchers"] == [kept]
    assert shown.json()["matchers"] == [*BILLING, kept]
    assert "hunter2" not in str(entries)
    await desk.world.post(labels={"token": "[scrubbed]"})
    preview = await desk.post("/v1/silences/preview", {"matchers": [matcher]})
    assert (preview.json()["matching"], "hunter2" in preview.text) == (1, False)


async def test_what_it_holds_is_counted_and_told_when_it_is_ended(desk: Desk) -> None:
    """The answer is 204, also if repeated; it is listed as expired, and open incidents are notified as unmuted."""
    made = await _create(desk)
    await desk.world.post()
    assert await _told(desk) == []
    assert (await desk.get(f"/v1/silences/{made['id']}")).json()["held"] == 1
    for _ in range(2):
        assert (await desk.delete(f"/v1/silences/{made['id']}")).status_code == 204
    ended = (await desk.get(f"/v1/silences/{made['id']}")).json()
    assert ended["state"] == "expired"
    assert await _told(desk) == ["unmuted"]


async def test_one_that_is_extended_goes_on_and_one_that_is_narrowed_lets_go(desk: Desk) -> None:
    """A change takes effect at once, whether it extends or narrows the silence."""
    made = await _create(desk)
    await desk.world.post()
    assert await _told(desk) == []
    later = rfc3339(desk.world.clock.now() + 3 * HOUR)
    changed = await _patch(desk, f"/v1/silences/{made['id']}", {"ends_at": later})
    assert (changed.status_code, changed.json()["ends_at"]) == (200, later)
    desk.world.clock.advance(2 * HOUR)
    assert await _told(desk) == []
    narrowed = await _patch(desk, f"/v1/silences/{made['id']}", {"matchers": ['service="shop"']})
    assert narrowed.json()["matchers"] == ['service="shop"']
    assert await _told(desk) == ["unmuted"]


async def test_what_is_over_is_not_changed(desk: Desk) -> None:
    """An expired silence is a 409 with its state, and what to do instead."""
    made = await _create(desk)
    await desk.delete(f"/v1/silences/{made['id']}")
    answer = await _patch(desk, f"/v1/silences/{made['id']}", {"comment": "again"})
    assert (answer.status_code, answer.json()["state"]) == (409, "expired")
    assert "make a new one" in answer.text


async def test_a_silence_recurs_on_days_of_months_and_years(desk: Desk) -> None:
    """Days of months, months and years are stored and shown; named holidays are for the configuration only."""
    recur = {
        "weekdays": ["monday:sunday"],
        "days_of_month": ["-1", "1:5"],
        "months": ["january:march", "may"],
        "years": ["2026:2030"],
        "times": [{"start_time": "22:00", "end_time": "06:00"}],
        "location": "Europe/Berlin",
    }
    made = await _create(desk, recur=recur)
    assert made["recur"] == recur
    assert (await desk.get(f"/v1/silences/{made['id']}")).json()["recur"] == recur
    refused = await desk.post("/v1/silences", _body(desk, recur={"holidays": ["de"]}))
    assert refused.status_code == 422
    assert "time_intervals" in refused.json()["detail"]


async def test_several_matchers_of_a_silence_may_stand_in_braces(desk: Desk) -> None:
    """Matchers in braces are shown individually."""
    made = await _create(desk, matchers=['{service="billing", severity=~"error|critical"}', 'region="eu"'])
    assert made["matchers"] == ['service="billing"', 'severity=~"error|critical"', 'region="eu"']
    for wrong in ('{service="billing"', "{}"):
        refused = await desk.post("/v1/silences", _body(desk, matchers=[wrong]))
        assert refused.json()["errors"][0]["path"] == "matchers[0]"


async def test_null_takes_an_end_or_the_hours_away(desk: Desk) -> None:
    """Null removes the end or the hours if the other remains; for other fields it changes nothing."""
    recur = {
        "weekdays": ["sunday"],
        "times": [{"start_time": "00:00", "end_time": "24:00"}],
        "location": "UTC",
    }
    made = await _create(desk, recur=recur)
    path = f"/v1/silences/{made['id']}"
    endless = await _patch(desk, path, {"ends_at": None, "comment": None})
    assert endless.status_code == 200, endless.text
    window = {"starts_at": made["starts_at"], "ends_at": "2026-11-23T00:00:00Z"}
    assert endless.json() == {**made, "ends_at": None, "window": window}
    refused = await _patch(desk, path, {"recur": None})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "ends_at")
    plain = await _patch(desk, path, {"recur": None, "ends_at": made["ends_at"]})
    assert plain.json() == {**made, "recur": None, "window": None}


async def test_an_admin_silences_another_project(desk: Desk) -> None:
    """`?project=` works for listing, previewing and creating with `admin` only."""
    await desk.world.post(project="other")
    body = _body(desk, author=None)
    made = await desk.post("/v1/silences?project=other", body, key="admin")
    assert (made.status_code, made.json()["author"]) == (201, "admin")
    assert (await desk.get("/v1/silences", "stranger")).json()["items"] == [made.json()]
    assert (await desk.get("/v1/silences")).json()["items"] == []
    assert (await desk.post("/v1/silences?project=other", body)).status_code == 403
    assert await _told(desk) == []


async def test_one_that_recurs_needs_no_end(desk: Desk) -> None:
    """Weekly hours in a zone are returned in full."""
    recur = {
        "weekdays": ["saturday:sunday"],
        "times": [{"start_time": "22:00", "end_time": "06:00"}],
        "location": "Europe/Berlin",
    }
    made = await _create(desk, ends_at=None, recur=recur)
    assert (made["ends_at"], made["recur"]) == (None, recur)
    desk.world.clock.advance(HOUR)
    await desk.world.post()
    assert await _told(desk) == ["opened"]  # Sunday morning, after its window


async def test_a_preview_shows_what_would_be_met(desk: Desk) -> None:
    """Unresolved incidents are counted; nothing is silenced."""
    await desk.world.post("one")
    id_ = await desk.world.post("two")
    await desk.world.post("three", service="shop")
    await desk.post(f"/v1/incidents/{id_}/acknowledge")
    seen = (await desk.post("/v1/silences/preview", {"matchers": ['service=~"bill.*"']})).json()
    assert (seen["matching"], seen["unresolved"]) == (2, 3)
    assert (seen["counted_all"], seen["everything"]) == (True, False)
    assert [one["title"] for one in seen["incidents"]] == ["two", "one"]
    assert (await desk.get("/v1/silences")).json()["items"] == []


EVERYTHING = [
    ['service=~".*"'],
    ['service!=""'],
    ['region!="eu"'],
    ['severity=~"critical|error|warning|info"'],
    ['x=""'],
    ['project="shop"', 'service=~"[a-z0-9-]+"'],
    ['service!="billing"'],
    ['environment=~".+"'],
]


async def test_what_would_silence_everything_wants_force(desk: Desk) -> None:
    """Without `force` it is a 422 that says so; so does a preview."""
    for matchers in EVERYTHING:
        answer = await desk.post("/v1/silences", _body(desk, matchers=matchers))
        assert answer.status_code == 422, matchers
        assert answer.json()["errors"][0]["path"] == "matchers"
        assert "force" in answer.text
        assert (await desk.post("/v1/silences/preview", {"matchers": matchers})).json()["everything"] is True
        await _create(desk, matchers=matchers, force=True)


SOMETHING = [
    ['service=~".*-service"'],
    ['environment!="production"'],
    ['severity!="critical"'],
    ['service=~".*"', 'region="eu"'],
    ['project="shop"', *BILLING],
]


async def test_what_leaves_something_needs_no_force(desk: Desk) -> None:
    """A silence that does not match everything needs no `force`."""
    for matchers in SOMETHING:
        await _create(desk, matchers=matchers)
        assert (await desk.post("/v1/silences/preview", {"matchers": matchers})).json()["everything"] is False


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"matchers": []}, "matchers", "must not be empty"),
    ({"matchers": [*BILLING, 'a=~"("']}, "matchers[1]", "does not compile"),
    ({"matchers": ['a=~"((a{1,99}){1,99}){1,99}"']}, "matchers[0]", "does not compile"),
    ({"matchers": ["nonsense"]}, "matchers[0]", "no operator"),
    ({"comment": "  "}, "comment", "says why"),
    ({"comment": None}, "comment", "missing"),
    ({"ends_at": None}, "ends_at", "a silence ends"),
    ({"ends_at": "2026-11-22T04:00:00Z"}, "ends_at", "before it begins"),
    ({"starts_at": "2026-11-20T04:00:00Z", "ends_at": "2026-11-22T04:00:00Z"}, "ends_at", "over already"),
    ({"ends_at": "2027-03-28T02:30:00"}, "ends_at", "time zone is missing"),
    ({"ends_at": "tomorrow"}, "ends_at", "RFC 3339"),
    ({"ends_at": "9999-12-31T23:59:59-01:00"}, "ends_at", "RFC 3339"),
    ({"starts_at": "0001-01-01T00:00:00+23:59"}, "starts_at", "RFC 3339"),
    ({"recur": {"location": "Europe/Atlantis"}}, "recur", "time zone"),
    ({"recur": {"weekdays": ["caturday"]}}, "recur", "weekdays[0]"),
]


async def test_a_mistake_is_named_by_its_place(desk: Desk) -> None:
    """An error is a 422 with its place, without an echo."""
    for changes, path, says in MISTAKES:
        answer = await desk.post("/v1/silences", _body(desk, **changes))
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["path"] == path, changes
        assert says in error["message"], error
        assert "Atlantis" not in answer.text
        assert (await desk.get("/v1/silences")).json()["items"] == []


async def test_silences_need_their_scopes(desk: Desk) -> None:
    """`read` may list and preview; `manage` may create, change and end."""
    made = await _create(desk)
    one = f"/v1/silences/{made['id']}"
    assert (await desk.get("/v1/silences", "sender")).status_code == 403
    assert (await desk.get("/v1/silences", None)).status_code == 401
    assert (await desk.post("/v1/silences/preview", {"matchers": BILLING}, key="reader")).status_code == 200
    assert (await desk.post("/v1/silences", _body(desk), key="reader")).status_code == 403
    for method in ("PATCH", "DELETE"):
        answer = await desk.http.request(method, one, headers=desk.headers("reader"), json={})
        assert answer.status_code == 403
    assert (await desk.get(one)).json() == made


async def test_another_projects_silence_is_not_there(desk: Desk) -> None:
    """A silence of another project is a 404."""
    made = await _create(desk)
    for method in ("GET", "PATCH", "DELETE"):
        answer = await desk.http.request(
            method,
            f"/v1/silences/{made['id']}",
            headers=desk.headers("stranger"),
            json={} if method == "PATCH" else None,
        )
        assert answer.status_code == 404


async def test_a_secret_in_a_comment_is_not_kept(desk: Desk) -> None:
    """Secrets in comments and authors are redacted, when creating and changing."""
    made = await _create(desk, comment="moving to postgres://a:hun/ter2@db", author="ann token=hunter2")
    assert (made["comment"], made["author"]) == (
        "moving to postgres://a:[scrubbed]@db",
        "ann token=[scrubbed]",
    )
    changed = await _patch(desk, f"/v1/silences/{made['id']}", {"comment": "--password hunter2"})
    assert changed.json()["comment"] == "--password [scrubbed]"


async def test_one_that_recurs_is_active_within_its_window_only(desk: Desk) -> None:
    """Outside its window it is pending, and `window` is the next one; lists filter by that."""
    night = {"weekdays": ["sat"], "times": [{"start_time": "22:00", "end_time": "04:00"}]}
    today = {"weekdays": ["sun"], "times": [{"start_time": "04:00", "end_time": "08:00"}]}
    later = await _create(desk, recur=night, ends_at="2026-12-31T00:00:00Z")
    now = await _create(desk, recur=today, ends_at="2026-11-22T07:00:00Z")
    plain = await _create(desk)
    never = await _create(desk, recur={"years": ["2020"]}, ends_at="2026-12-31T00:00:00Z")
    assert later["state"] == "pending"
    assert later["recur"]["weekdays"] == ["saturday"]
    assert later["window"] == {"starts_at": "2026-11-28T22:00:00Z", "ends_at": "2026-11-29T04:00:00Z"}
    assert now["state"] == "active"
    assert now["window"] == {"starts_at": "2026-11-22T05:00:00Z", "ends_at": "2026-11-22T07:00:00Z"}
    assert (plain["state"], plain["window"]) == ("active", None)
    assert (never["state"], never["window"]) == ("pending", None)

    async def listed(state: str) -> list[str]:
        ids: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = (await desk.get("/v1/silences", state=state, limit=1, **more)).json()
            ids += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                return ids
            more = {"cursor": page["next_cursor"]}

    assert await listed("pending") == [never["id"], later["id"]]
    assert await listed("active") == [plain["id"], now["id"]]
    assert await listed("expired") == []


async def test_a_preview_warns_of_a_label_that_nobody_has_sent(desk: Desk) -> None:
    """A name or value that no event has had is a warning with its place; optional labels are not."""
    await desk.world.post(labels={"region": "eu"})

    async def warned(*matchers: str, key: str = "reader") -> list[tuple[str, bool]]:
        answer = await desk.post("/v1/silences/preview", {"matchers": list(matchers)}, key=key)
        assert answer.status_code == 200, answer.text
        return [(one["path"], "value" in one["message"]) for one in answer.json()["warnings"]]

    assert await warned('service="billing"', 'region="eu"', 'region=~"e.*"', 'team!="ops"') == []
    assert await warned('service="biling"', 'regoin="eu"', '{region="us", host=~"a.*"}') == [
        ("matchers[0]", True),
        ("matchers[1]", False),
        ("matchers[2]", True),
    ]
    await desk.world.post(labels={"region": "us"})
    assert await warned('region="eu"', 'region="us"') == []
    assert await warned('region="eu"', key="stranger") == [("matchers[0]", False)]


async def test_who_ends_a_silence_is_kept(desk: Desk) -> None:
    """The actor of a DELETE is in the query, else it is the key."""
    for query, actor in (("?actor=ann", "ann"), ("", "manager")):
        made = await _create(desk)
        assert (await desk.delete(f"/v1/silences/{made['id']}{query}", "manager")).status_code == 204
        entries = await desk.world.database.read(lambda tx, id_=made["id"]: audit.entries(tx, id_))  # type: ignore[misc]
        assert (entries[-1].action, entries[-1].actor) == ("end_silence", actor)
