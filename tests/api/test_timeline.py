"""Why was I told, why was I not: one ordered list per incident, made of what really happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from notifier.alerting.acknowledgements import end_acknowledgements
from notifier.api.models.responses_incidents import TimelineAnswer
from notifier.domain.delivery import RateLimit
from notifier.domain.matcher import parse
from notifier.domain.route import Inhibition, Route, Step, Threshold
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, rfc3339
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.store import configurations, hold
from notifier.store.compiled import insert
from notifier.store.database import Tx
from notifier.store.schema import silences
from tests.api.conftest import Desk
from tests.world import ROUTES, World

pytestmark = pytest.mark.anyio

VERSION = "1a2b3c4d5e6f"
KEYS = {"at", "kind", "count", "route", "channel", "actor", "text"}
Item = Mapping[str, Any]


@pytest.fixture
async def world(world: World) -> World:
    """Under a configuration whose version is known."""
    world.rules = replace(world.rules, version=VERSION)
    await world.database.write(lambda tx: configurations.remember(tx, VERSION, world.rules.tree))
    return world


async def _timeline(desk: Desk, name: str = "1") -> list[Item]:
    answer = await desk.get(f"/v1/incidents/{name}/timeline")
    assert answer.status_code == 200, answer.text
    TimelineAnswer.model_validate(answer.json())
    items: list[Item] = answer.json()["items"]
    for item in items:
        assert set(item) in ({*KEYS, "reason"}, {*KEYS, "held_by"}), item
    return items


def _why(items: list[Item], *kinds: str) -> list[str | None]:
    return [item.get("reason", item.get("held_by")) for item in items if item["kind"] in kinds]


def _only(items: list[Item], **wanted: Any) -> Item:
    (found,) = [item for item in items if all(item.get(name) == value for name, value in wanted.items())]
    return found


async def _silence(desk: Desk, **fields: Any) -> None:
    now = desk.world.clock.now()
    row = {
        "id": "s1",
        "project": "shop",
        "matchers": '["service=\\"billing\\""]',
        "starts_at": now,
        "ends_at": now + HOUR,
        "author": "ann",
        "comment": "db maintenance",
        "created_at": now,
        "created_by": "key",
        **fields,
    }
    await desk.world.database.write(lambda tx: insert(tx, silences, [row]))


def _routed(desk: Desk, **changes: Any) -> None:
    """One route for everything."""
    tree = replace(ROUTES, routes=(), group_wait=0, **changes)
    desk.world.rules = replace(desk.world.rules, tree=tree)
    desk.service.rules = desk.world.rules


async def test_a_life_in_order(desk: Desk) -> None:
    """First event, told, delivered, acknowledged, resolved: oldest first, with reasons, people and channels."""
    world = desk.world
    await world.post("boom", severity="critical")
    await world.alert(SECOND)
    for job in await world.claim():
        await world.deliver(job)
    world.clock.advance(MINUTE)
    until = rfc3339(world.clock.now() + HOUR)
    await desk.post("/v1/incidents/1/acknowledge", {"actor": "ada", "until": until})
    world.clock.advance(SECOND)
    await world.alert(SECOND)
    world.clock.advance(SECOND)
    await desk.post("/v1/incidents/1/notes", {"actor": "ada", "text": "the relay is down"})
    world.clock.advance(MINUTE)
    await desk.post("/v1/incidents/1/resolve", {"actor": "bo"})
    await world.alert(SECOND)
    # What depends on its being over is looked after, and nothing of that is news.
    await world.attend()
    items = await _timeline(desk)
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert [
        (item["kind"], item.get("reason"), item["actor"]) for item in items if item["kind"] != "delivery"
    ] == [
        ("event", None, None),
        ("told", "opened", None),
        ("action", None, "ada"),
        ("told", "acknowledged", None),
        ("action", None, "ada"),
        ("action", None, "bo"),
        ("told", "resolved", None),
        ("next", None, None),
    ]
    opened = _only(items, kind="told", reason="opened")
    assert opened["route"] == 'severity="critical"'
    assert opened["text"] == (
        f'Told: it was new. Route `severity="critical"` (notifier.yaml:9, configuration {VERSION}).'
    )
    assert [item["channel"] for item in items if item["kind"] == "delivery"][:3] == ["hook", "mail", "mail"]
    assert _only(items, kind="told", reason="acknowledged")["text"].startswith(
        "Told: ada had acknowledged it."
    )
    texts = [item["text"] for item in items]
    assert "ada acknowledged it until 06:01 UTC. [key manager]" in texts
    assert "ada noted: the relay is down [key manager]" in texts
    assert texts[-1] == "Nothing is due: it is resolved."


async def test_a_silence_says_whose_until_when_and_how_often(desk: Desk) -> None:
    """Not told, four times, by ann's silence; and next: when it ends."""
    await _silence(desk)
    _routed(desk)
    for severity in ("info", "warning", "error", "critical"):
        await desk.world.post("boom", severity=severity, fingerprint="one")
        await desk.world.alert(MINUTE)
    items = await _timeline(desk)
    held = _only(items, kind="held")
    assert (held["held_by"], held["count"], held["route"]) == ("silenced", 4, "default")
    assert held["text"] == (
        'Not told: silenced by ann until 06:00 UTC ("db maintenance"), 4 times between 05:01 UTC and 05:04 UTC. '
        f"Route `default` (notifier.yaml:3, configuration {VERSION})."
    )
    assert items[-1]["kind"] == "next"
    assert (items[-1]["held_by"], items[-1]["at"]) == ("silenced", "2026-11-22T06:00:00Z")
    assert "silenced by ann until 06:00 UTC" in items[-1]["text"]
    desk.world.clock.advance(HOUR)
    await desk.world.alert(0)
    items = await _timeline(desk)
    assert _why(items, "held", "told") == ["silenced", "unmuted"]
    assert "with 4 events" in _only(items, kind="told")["text"]


async def test_an_inhibited_incident_names_the_other(desk: Desk) -> None:
    """Its number and its title, before and now."""
    rule = Inhibition(
        key="rule",
        source=(parse('severity="critical"'),),
        target=(parse('severity="warning"'),),
        equal=("service",),
    )
    desk.world.rules = replace(desk.world.rules, inhibit=(rule,))
    await desk.world.post("down", severity="critical")
    await desk.world.alert()
    await desk.world.post("slow", severity="warning")
    await desk.world.alert()
    items = await _timeline(desk, "2")
    assert _why(items, "held", "next") == ["inhibited", "inhibited"]
    assert all(
        'inhibited by incident 1 ("down")' in item["text"] for item in items if item["kind"] != "event"
    )


async def test_a_snooze_says_whose(desk: Desk) -> None:
    """The action, what it held, and until when."""
    _routed(desk)
    await desk.world.post()
    until = rfc3339(desk.world.clock.now() + HOUR)
    await desk.post("/v1/incidents/1/snooze", {"actor": "bo", "until": until})
    await desk.world.alert(SECOND)
    items = await _timeline(desk)
    assert _why(items, "held", "next") == ["snoozed", "snoozed"]
    assert "snoozed by bo until 06:00 UTC. " in _only(items, kind="held")["text"]
    assert items[-1]["at"] == until


async def test_a_threshold_and_what_was_over_before_it(desk: Desk) -> None:
    """Too few events; and then nobody was told that it is over."""
    _routed(desk, notify_after=Threshold(events=3, within=10 * MINUTE))
    await desk.world.post("rare")
    await desk.world.alert(0)
    items = await _timeline(desk)
    assert _why(items, "held", "next") == ["below_threshold", "below_threshold"]
    assert "`notify_after`" in _only(items, kind="held")["text"]
    _routed(desk)
    await desk.world.post("short")
    await desk.post("/v1/incidents/2/resolve")
    await desk.world.alert(SECOND)
    items = await _timeline(desk, "2")
    assert _only(items, kind="held")["text"].startswith("Not told: it was over before anybody was told.")


async def test_nothing_new_waits_for_the_next_event(desk: Desk) -> None:
    """A repeat was due and nothing had arrived: held, and its next event tells."""
    _routed(desk, repeat_interval=HOUR)
    await desk.world.post()
    await desk.world.alert(0)
    assert "Told again at 06:00 UTC if events have come by then." in [
        item["text"] for item in await _timeline(desk)
    ]
    await desk.world.alert(HOUR)
    items = await _timeline(desk)
    assert _why(items, "told", "held", "next") == ["opened", "waiting", "waiting"]
    await desk.world.post()
    await desk.world.alert(MINUTE)
    items = await _timeline(desk)
    assert _why(items, "told", "held") == ["opened", "waiting", "repeated"]
    assert _only(items, kind="event", count=2)["text"] == "Last event: 2 so far, severity error at the most."


async def test_an_escalation_is_told_and_foretold(desk: Desk) -> None:
    """Before: when it will be, unless somebody takes it. Afterwards: which step, and what was delivered."""
    _routed(desk, escalate=(Step(after=15 * MINUTE, channels=("hook",)),))
    await desk.world.post()
    await desk.world.alert(0)
    assert any(item["text"].startswith("Escalated at 05:15 UTC, unless") for item in await _timeline(desk))
    await desk.world.alert(15 * MINUTE)
    items = await _timeline(desk)
    assert "step 1 of the route's `escalate`" in _only(items, kind="told", reason="escalated")["text"]
    assert _only(items, kind="delivery", reason="escalated")["channel"] == "hook"
    await desk.post("/v1/incidents/1/acknowledge", {"actor": "ada"})
    await desk.world.alert(SECOND)
    last = (await _timeline(desk))[-1]
    assert last["held_by"] == "acknowledged"
    assert last["text"] == "ada has it: no repeats and no escalation until it is reopened."


async def test_what_waits_before_it_is_decided(desk: Desk) -> None:
    """Until its group is due the end of the list says when that is; before it is routed, that it will be."""
    await desk.world.post()
    assert (await _timeline(desk))[-1]["text"] == "It is about to be routed."
    await desk.world.attend()
    last = (await _timeline(desk))[-1]
    assert (last["kind"], last["at"], last["route"]) == ("next", "2026-11-22T05:00:10Z", "default")
    assert last["text"].startswith("Decided at 05:00 UTC")


async def test_a_rate_limit_holds_a_delivery(desk: Desk) -> None:
    """Beyond its tokens a delivery is `rate_limited`; in the digest it says which one told it."""
    _routed(desk, group_by=("incident",))
    desk.world.limits = {"mail": RateLimit(messages=1, per=HOUR, burst=1)}
    for number in range(3):
        await desk.world.post(f"boom {number}")
        await desk.world.alert(SECOND)
        for job in await desk.world.claim():
            await desk.world.deliver(job)
    items = await _timeline(desk, "3")
    held = [item for item in items if item.get("held_by") == "rate_limited"]
    assert [item["channel"] for item in held] == ["mail", "mail"]
    assert "has used up its `rate_limit` until 06:00 UTC" in held[0]["text"]
    desk.world.clock.advance(HOUR)
    jobs = await desk.world.claim()
    assert {job.reason for job in jobs} == {"digest"}
    waiting = [item["text"] for item in await _timeline(desk, "3") if item["kind"] == "delivery"]
    assert all("it waits for its digest (delivery " in text for text in waiting)
    for job in jobs:
        await desk.world.deliver(job)
    told = [item["text"] for item in await _timeline(desk, "3") if item["kind"] == "delivery"]
    assert all("as part of a digest (delivery " in text and "delivered 06:00 UTC" in text for text in told)


async def test_what_never_arrived_says_why(desk: Desk) -> None:
    """A dead letter with its outcome and how to send it again; one that is tried again says when."""
    await desk.world.mark_dead()
    items = await _timeline(desk)
    dead = [item["text"] for item in items if item["kind"] == "delivery"]
    assert len(dead) == 2
    assert all("Never arrived through mail to" in text and "blocked (not allowed)" in text for text in dead)
    assert "notifier deliveries redeliver" in dead[0]


async def test_late_events_are_counted_and_told_to_nobody(desk: Desk) -> None:
    """They happened before the resolution and arrived after it."""
    _routed(desk)
    await desk.world.post()
    await desk.world.alert(MINUTE)
    late = replace(desk.world.event(), at=desk.world.clock.now() - SECOND)
    await desk.world.post(status="resolved")
    await desk.world.alert(MINUTE)
    await desk.world.post_all([late])
    items = await _timeline(desk)
    held = _only(items, kind="held", held_by="late")
    assert held["count"] == 1
    assert held["text"].startswith("Not told: 1 event arrived after it was resolved")
    assert "Resolved by an event that said so." in [item["text"] for item in items]


async def test_an_acknowledgement_that_ran_out_is_seen(desk: Desk) -> None:
    """Nobody wrote that down; the list says it all the same, once the loop has looked."""
    await desk.world.post()
    for hours in (1, 2):
        until = rfc3339(desk.world.clock.now() + hours * HOUR)
        await desk.post("/v1/incidents/1/acknowledge", {"actor": "ada", "until": until})
        desk.world.clock.advance(DAY)
        await desk.world.database.write(end_acknowledgements)
    ended = [item for item in await _timeline(desk) if "counts as open again" in item["text"]]
    assert [item["at"] for item in ended] == ["2026-11-22T06:00:00Z", "2026-11-23T07:00:00Z"]


async def test_a_version_that_nobody_knows_is_named_all_the_same(desk: Desk) -> None:
    """Its route is called what the present configuration calls it; one that is gone is said to be."""
    desk.world.rules = replace(desk.world.rules, version="older")
    await desk.world.post()
    await desk.world.alert()
    assert _only(await _timeline(desk), kind="told")["text"].endswith(
        "Route `default` (notifier.yaml:3, configuration older)."
    )
    gone = Route(key="other", name="other", channels=("mail",))
    desk.service.rules = replace(desk.world.rules, tree=gone)
    assert "A route that is gone (configuration older)." in _only(await _timeline(desk), kind="told")["text"]


async def test_a_long_story_keeps_its_end(desk: Desk) -> None:
    """At most 500 items, the newest, and the answer says that there are more."""
    await desk.world.post()
    await desk.world.alert()
    actor = Actor(
        name="manager", key_name="manager", project="shop", project_scope="shop", new_id=desk.world.new_id
    )

    def write(tx: Tx) -> None:
        for number in range(510):
            actions.note(replace(tx, now=tx.now + number), actor, "1", f"note {number}")

    await desk.world.database.write(write, limit=MINUTE)
    desk.world.clock.advance(SECOND)
    answer = (await desk.get("/v1/incidents/1/timeline")).json()
    assert (len(answer["items"]), answer["truncated"]) == (500, True)
    assert answer["items"][-2]["text"] == "manager noted: note 509"
    assert answer["items"][-1]["kind"] == "next"


async def test_another_projects_timeline_is_none(desk: Desk) -> None:
    """404 for strangers and for what is not there, 403 without `read`."""
    id_ = await desk.world.post()
    assert (await desk.get(f"/v1/incidents/{id_}/timeline")).status_code == 200
    assert (await desk.get(f"/v1/incidents/{id_}/timeline", "stranger")).status_code == 404
    assert (await desk.get("/v1/incidents/9/timeline")).status_code == 404
    assert (await desk.get(f"/v1/incidents/{id_}/timeline", "sender")).status_code == 403


async def test_what_the_hold_keeps_says_so(desk: Desk) -> None:
    """Decided, and not sent: `hold` holds it until somebody releases it."""
    await desk.world.database.write(lambda tx: hold.begin(tx, by="serve --hold"))
    id_ = await desk.world.post()
    await desk.world.alert()
    items = (await desk.get(f"/v1/incidents/{id_}/timeline")).json()["items"]
    held = [item for item in items if item.get("held_by") == "hold"]
    assert len(held) == 2
    assert all("deliveries are on hold until `notifier release`" in item["text"] for item in held)
