"""`/v1/incidents` and `/v1/groups`."""

from __future__ import annotations

import pytest

from notifier.api.models.responses_groups import GroupList
from notifier.api.models.responses_incidents import EventList, IncidentList
from notifier.domain.time import HOUR, MINUTE
from notifier.domain.value import replace
from notifier.oncall.paging import encode
from notifier.store import views
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_a_list_shows_each_incident_as_it_is_everywhere(desk: Desk) -> None:
    """Items are `Incident.as_json`, newest first, with the latest event and a link."""
    await desk.world.post("first")
    id_ = await desk.world.post("second", labels={"region": "eu"})
    answer = await desk.get("/v1/incidents")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    page = answer.json()
    IncidentList.model_validate(page)
    assert [one["title"] for one in page["items"]] == ["second", "first"]
    assert page["next_cursor"] is None
    known = await desk.world.database.read(
        lambda tx: views.incident(tx, id_, project="shop", url="https://notifier.example.com")
    )
    assert known is not None
    assert page["items"][0] == known.as_json()
    assert page["items"][0]["latest_event"]["message"] == "second"


async def test_one_is_found_by_id_and_by_number(desk: Desk) -> None:
    """The number and the id find the same incident."""
    id_ = await desk.world.post()
    by_id = (await desk.get(f"/v1/incidents/{id_}")).json()
    by_number = (await desk.get(f"/v1/incidents/{by_id['number']}?id={by_id['id']}")).json()
    assert by_id == by_number
    assert by_id["url"] == f"https://notifier.example.com/incidents/{by_id['number']}?id={by_id['id']}"


async def test_links_of_an_earlier_event_stay(desk: Desk) -> None:
    """The newest links are shown, with the event that they come from."""
    world = desk.world
    links = [{"title": "runbook", "url": "https://wiki.example/billing"}]
    document = '{"id":"%s","links":[{"title":"runbook","url":"https://wiki.example/billing"}]}'
    linked = [replace(world.event(), document=document % name) for name in ("old", "new")]
    (id_, *_) = await world.post_all(linked)
    first = (await desk.get(f"/v1/incidents/{id_}")).json()["latest_event"]
    assert first == {"id": "new", "links": links}
    await world.post()
    listed = (await desk.get("/v1/incidents")).json()["items"][0]["latest_event"]
    shown = (await desk.get(f"/v1/incidents/{id_}")).json()["latest_event"]
    assert shown == listed
    assert (shown["links"], shown["links_from"]) == (links, "new")
    assert shown["id"] not in {"old", "new"}


async def test_the_query_filters(desk: Desk) -> None:
    """State, matchers and words are combined."""
    await desk.world.post("gateway timed out", labels={"region": "eu"})
    await desk.world.post("gateway refused", labels={"region": "us"})
    await desk.world.post("gateway timed out", service="shipping")

    async def titles(**params: str) -> list[str]:
        answer = await desk.get("/v1/incidents", **params)
        assert answer.status_code == 200, answer.text
        return [one["title"] + "/" + one["labels"]["service"] for one in answer.json()["items"]]

    assert await titles(q='service="billing"') == ["gateway refused/billing", "gateway timed out/billing"]
    assert await titles(q='{service="billing", region=~"e.*"}') == ["gateway timed out/billing"]
    assert await titles(q="TIMED gateway") == ["gateway timed out/shipping", "gateway timed out/billing"]
    assert await titles(q='"timed out" service=shipping') == ["gateway timed out/shipping"]
    assert await titles(state="resolved") == []
    assert len(await titles(state="open", q="gateway")) == 3
    assert len(await titles(q="  ")) == 3


async def test_cursors_walk_the_whole_list(desk: Desk) -> None:
    """`next_cursor` leads through all pages, until it is null."""
    await desk.world.post_all([desk.world.event(f"e{n}") for n in range(5)])
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await desk.get("/v1/incidents", limit=2, **cursor)).json()
        seen += [one["title"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        await desk.world.post(f"meanwhile {len(seen)}")
    assert seen == ["e4", "e3", "e2", "e1", "e0"]


WRONG: list[tuple[dict[str, str], str]] = [
    ({"limit": "0"}, "limit"),
    ({"limit": "1001"}, "limit"),
    ({"limit": "9" * 400}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"state": "closed"}, "state"),
    ({"cursor": "hunter2"}, "cursor"),
    ({"cursor": "WyJkZWxpdmVyaWVzIiwieCJd"}, "cursor"),
    ({"cursor": "ümläut"}, "cursor"),
    ({"q": 'service=~"("'}, "q"),
    ({"q": 'service="open'}, "q"),
    ({"q": "service==x"}, "q"),
    ({"q": "a\0b"}, "q"),
    ({"q": "x" * 3000}, "q"),
    ({"q": "x " * 21}, "q"),
    ({"project": "a\0b"}, "project"),
]


async def test_a_wrong_question_says_where_it_is_wrong(desk: Desk) -> None:
    """An invalid parameter is a 422 with its name and a sentence, without an echo."""
    for params, path in WRONG:
        answer = await desk.get("/v1/incidents", **params)
        assert answer.status_code == 422, params
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert [error["path"] for error in problem["errors"]] == [path]
        assert problem["detail"].startswith(f"{path}: ")
        assert "hunter2" not in answer.text
        assert len(answer.text) < 600


async def test_another_projects_incident_is_as_if_there_were_none(desk: Desk) -> None:
    """The answer is byte for byte that for an unknown id; `admin` sees the incident."""
    id_ = await desk.world.post("theirs", project="other")
    number = (await desk.get(f"/v1/incidents/{id_}", "stranger")).json()["number"]
    unknown = await desk.get("/v1/incidents/00000000-dead-7000-8000-000000000000")
    assert unknown.status_code == 404
    for path in (f"/v1/incidents/{id_}", f"/v1/incidents/{number}", f"/v1/incidents/{id_}/events"):
        hidden = await desk.get(path)
        assert (hidden.status_code, hidden.content) == (404, unknown.content)
        assert (await desk.get(path, "admin")).status_code == 200
    assert (await desk.get("/v1/incidents")).json()["items"] == []


async def test_only_admin_lists_another_project(desk: Desk) -> None:
    """`?project=` needs `admin`, except for the key's own project."""
    await desk.world.post("ours")
    await desk.world.post("theirs", project="other")
    assert (await desk.get("/v1/incidents", project="other")).status_code == 403
    assert (await desk.get("/v1/incidents", project="shop")).status_code == 200
    own = (await desk.get("/v1/incidents", "admin")).json()["items"]
    other = (await desk.get("/v1/incidents", "admin", project="other")).json()["items"]
    assert [one["title"] for one in own] == ["ours"]
    assert [one["title"] for one in other] == ["theirs"]


async def test_what_is_no_id_is_not_found(desk: Desk) -> None:
    """Any invalid id is a 404, not a database error."""
    numbers = ["0", "-1", "9" * 18, "9" * 19, "9" * 400, "1e3"]
    for name in ("%00", "%F0%9F%92%A9", "%ED%A0%80", "..%2f", "'", "%", *numbers):
        for path in (f"/v1/incidents/{name}", f"/v1/incidents/{name}/events", f"/v1/deliveries/{name}"):
            assert (await desk.get(path)).status_code == 404, path


async def test_events_are_the_documents_that_were_posted(desk: Desk) -> None:
    """Samples are the posted documents, newest first, in pages."""
    id_ = await desk.world.post()
    await desk.world.post()
    await desk.world.post()
    page = (await desk.get(f"/v1/incidents/{id_}/events", limit=2)).json()
    EventList.model_validate(page)
    rest = (await desk.get(f"/v1/incidents/{id_}/events", cursor=page["next_cursor"])).json()
    ids = [event["id"] for event in page["items"] + rest["items"]]
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert page["items"][0]["service"] == "billing"


async def test_groups_say_what_waits_until_when_and_why(desk: Desk) -> None:
    """A group has its route, line, due time, and what holds its incidents."""
    id_ = await desk.world.post()
    await desk.world.attend()
    page = (await desk.get("/v1/groups")).json()
    GroupList.model_validate(page)
    (group,) = page["items"]
    assert (group["route"], group["line"], group["channels"]) == ("default", "notifier.yaml:3", ["mail"])
    assert group["labels"] == {"service": "billing", "environment": "production"}
    assert group["due_at"] == "2026-11-22T05:00:10Z"
    assert [one["id"] for one in group["incidents"]] == [id_]
    await desk.world.alert()
    await desk.world.alert(wait=4 * HOUR + MINUTE)
    (group,) = (await desk.get("/v1/groups")).json()["items"]
    assert (group["due_at"], group["held"]) == (None, {"waiting": 1})
    assert group["incidents"][0]["held_by"] == "waiting"
    assert (await desk.get("/v1/groups", "stranger")).json() == {"items": [], "next_cursor": None}


async def test_a_list_is_sorted_and_its_cursor_carries_that(desk: Desk) -> None:
    """The order is by severity, count or last event, then newest first, over all pages."""
    world = desk.world
    for message, severity, count in (
        ("a", "warning", 1),
        ("b", "critical", 2),
        ("c", "error", 3),
        ("d", "critical", 1),
    ):
        for _ in range(count):
            await world.post(message, severity=severity)
            world.clock.advance(MINUTE)
    await world.post("a", severity="warning")

    async def pages(sort: str, **params: str) -> str:
        found, cursor = "", None
        while True:
            more = {"cursor": cursor} if cursor else {"sort": sort}
            answer = await desk.get("/v1/incidents", limit=1, **more, **params)
            assert answer.status_code == 200, answer.text
            found += "".join(one["title"] for one in answer.json()["items"])
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return found

    assert await pages("newest") == "dcba"
    assert await pages("severity") == "dbca"
    assert await pages("count") == "cbad"
    assert await pages("last_seen") == "adcb"
    assert await pages("severity", q='service=~"bill.*"') == "dbca"
    assert await pages("severity", q='severity="critical"') == "db"


async def test_a_cursor_of_another_sort_is_refused(desk: Desk) -> None:
    """A cursor of another or an unknown order is a 422."""
    for message in "ab":
        await desk.world.post(message)
    by_count = (await desk.get("/v1/incidents", sort="count", limit=1)).json()["next_cursor"]
    newest = (await desk.get("/v1/incidents", limit=1)).json()["next_cursor"]
    for sort, cursor in (("severity", by_count), ("newest", by_count), ("count", newest)):
        answer = await desk.get("/v1/incidents", sort=sort, cursor=cursor)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "cursor")
    assert (await desk.get("/v1/incidents", sort="count", cursor=by_count)).status_code == 200
    forged = encode("incidents-by", ("title", 1, 1))
    assert (await desk.get("/v1/incidents", cursor=forged)).status_code == 422
    assert (await desk.get("/v1/incidents", sort="oldest")).status_code == 422


async def test_unresolved_is_open_and_acknowledged(desk: Desk) -> None:
    """`unresolved` means open and acknowledged."""
    for message in "abc":
        await desk.world.post(message)
    await desk.post("/v1/incidents/1/acknowledge")
    await desk.post("/v1/incidents/2/resolve")
    items = (await desk.get("/v1/incidents", state="unresolved")).json()["items"]
    assert [one["number"] for one in items] == [3, 1]
