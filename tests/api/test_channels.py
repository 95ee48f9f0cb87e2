"""`/v1/channels` and `/v1/routes/test`."""

from __future__ import annotations

import pytest

from notifier.api.models.responses_channels import ChannelList, ChannelTestAnswer
from notifier.api.models.responses_routes import RouteTestAnswer
from notifier.domain.calendar import Hours, Weekly
from notifier.domain.delivery import Outcome
from notifier.domain.route import Step, TimeInterval
from notifier.domain.time import HOUR, MINUTE, SECOND, format_duration, rfc3339
from notifier.domain.value import replace
from notifier.runtime.running_service import ChannelTestOutcome
from notifier.store import audit
from tests.api.conftest import Desk
from tests.world import ROUTES

pytestmark = pytest.mark.anyio


async def test_health_shows_every_target_and_nothing_secret(desk: Desk) -> None:
    """Each channel has its kind, `fallback` and its targets' health, but none of its settings."""
    answer = await desk.get("/v1/channels")
    page = answer.json()
    ChannelList.model_validate(page)
    hook, mail = page["items"]
    assert (hook["name"], hook["type"], hook["fallback"]) == ("hook", "webhook", True)
    assert (mail["name"], mail["type"], mail["fallback"]) == ("mail", "email", False)
    assert [one["target"] for one in mail["targets"]] == ["ada@example.com", "bo@example.com"]
    assert [one["tokens"] for one in mail["targets"]] == [30, 30]
    assert hook["targets"][0]["tokens"] is None
    assert {one["state"] for one in mail["targets"]} == {"ok"}
    assert "hunter2" not in answer.text


async def test_health_follows_what_happens(desk: Desk) -> None:
    """A message costs a token, a throttled target cools down, and one that is gone is disabled."""
    await desk.world.post()
    await desk.world.alert()
    ada, bo = await desk.world.claim()
    await desk.world.fail(ada, Outcome.THROTTLED, "slow down")
    await desk.world.fail(bo, Outcome.GONE, "550 no such user")
    await desk.world.post("another", service="shop")
    await desk.world.alert(10 * SECOND)
    (bo,) = await desk.world.claim()
    await desk.world.fail(bo, Outcome.GONE, "550 no such user")
    _, mail = (await desk.get("/v1/channels")).json()["items"]
    cooling, disabled = mail["targets"]
    assert (cooling["state"], cooling["last_error"]) == ("cooling", "throttled: slow down")
    assert cooling["cool_until"] > "2026-11-22T05:10:00Z"
    assert 29 <= cooling["tokens"] < 29.1
    assert (disabled["state"], disabled["disabled_why"]) == ("disabled", "550 no such user")
    assert (cooling["pending"], disabled["pending"], mail["pending"]) == (2, 0, 2)
    desk.world.clock.advance(HOUR)
    _, mail = (await desk.get("/v1/channels")).json()["items"]
    assert (mail["targets"][0]["state"], mail["targets"][0]["cool_until"]) == ("ok", None)
    assert mail["targets"][0]["tokens"] == 30


async def test_pending_counts_what_the_key_may_see(desk: Desk) -> None:
    """`pending` counts the key's project; with `admin`, all projects."""
    await desk.world.post()
    await desk.world.post(project="other")
    await desk.world.post(project="other", service="shipping")
    await desk.world.alert()
    counts = {}
    for key in ("reader", "stranger", "admin"):
        _, mail = (await desk.get("/v1/channels", key)).json()["items"]
        counts[key] = mail["pending"]
    assert counts == {"reader": 2, "stranger": 4, "admin": 6}


async def test_a_channel_test_answers_with_what_became_of_it(desk: Desk) -> None:
    """The answer is 200 with each target's outcome, `delivered` only if all are; the test is audited."""
    desk.service.outcomes = (
        ChannelTestOutcome(delivery="ada", target="ada@example.com", outcome="delivered", detail="250 ok"),
        ChannelTestOutcome(delivery="bo", target="bo@example.com", outcome="permanent", detail="550 no"),
    )
    answer = await desk.post("/v1/channels/mail/test", {"actor": "ada"}, key="admin")
    assert answer.status_code == 200
    ChannelTestAnswer.model_validate(answer.json())
    assert answer.json() == {
        "channel": "mail",
        "outcome": "permanent",
        "targets": [
            {"target": "ada@example.com", "outcome": "delivered", "detail": "250 ok"},
            {"target": "bo@example.com", "outcome": "permanent", "detail": "550 no"},
        ],
    }
    assert desk.service.tests == [("mail", "shop", "ada")]
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "mail"))
    assert (entry.actor, entry.key_name, entry.action) == ("ada", "admin", "test_channel")
    desk.service.outcomes = desk.service.outcomes[:1]
    assert (await desk.post("/v1/channels/mail/test", key="admin")).json()["outcome"] == "delivered"


async def test_an_unknown_channel_is_not_tested(desk: Desk) -> None:
    """An unknown channel is a 404, and nothing is sent."""
    for name in ("nobody", "%00", "mail%2f"):
        assert (await desk.post(f"/v1/channels/{name}/test", key="admin")).status_code == 404
    assert desk.service.tests == []


async def test_a_route_test_says_who_by_which_route_and_line(desk: Desk) -> None:
    """The matching routes have their line, timing as configured, and targets."""
    answer = await desk.post("/v1/routes/test", {"labels": {"service": "billing", "severity": "critical"}})
    assert answer.status_code == 200
    RouteTestAnswer.model_validate(answer.json())
    (route,) = answer.json()["routes"]
    assert (route["route"], route["line"]) == ('severity="critical"', "notifier.yaml:9")
    assert route["channels"] == ["hook", "mail"]
    assert route["targets"] == [
        {"channel": "hook", "target": "hooks.example.com"},
        {"channel": "mail", "target": "ada@example.com"},
        {"channel": "mail", "target": "bo@example.com"},
    ]
    assert route["group_by"] == ["service", "environment"]
    assert route["group"] == {"service": "billing", "environment": "production"}
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("0s", "5m", "4h")
    assert (route["escalate"], route["muted"], route["muted_until"]) == ([], False, None)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_route_test_says_who_is_told_later_and_whether_anybody_is_now(desk: Desk) -> None:
    """The answer has the escalation steps, and the end of the route's mute."""
    minute = desk.world.clock.now() // MINUTE % (24 * 60)
    hours = Hours(start=minute, end=(minute + 30) % (24 * 60) or 24 * 60)
    now = TimeInterval(name="now", windows=(Weekly(times=(hours,)),))
    always = TimeInterval(name="always", windows=(Weekly(),))
    steps = (Step(after=15 * MINUTE, channels=("hook",)), Step(after=90 * MINUTE, channels=("hook", "mail")))
    for muted, until in (((now,), (desk.world.clock.now() // MINUTE + 30) * MINUTE), ((always,), None)):
        tree = replace(ROUTES, routes=(), escalate=steps, mute_times=muted)
        desk.service.rules = replace(desk.service.rules, tree=tree)
        answer = await desk.post("/v1/routes/test", {"labels": {"service": "billing"}})
        RouteTestAnswer.model_validate(answer.json())
        (route,) = answer.json()["routes"]
        assert route["escalate"] == [
            {"after": "15m", "channels": ["hook"]},
            {"after": "90m", "channels": ["hook", "mail"]},
        ]
        assert route["muted"] is True
        assert route["muted_until"] == (None if until is None else rfc3339(until))


async def test_a_route_test_sees_labels_as_an_event_has_them(desk: Desk) -> None:
    """Labels get defaults, text values and normalized severities, secrets are removed, and `project` is the key's."""
    sent = {"project": "other", "severity": "Warn", "retry": 3, "ratio": 0.5, "beta": True}
    secrets = {"token": "hunter2", "dsn": 12345, "session": True, "url": "https://a:hunter2@b.example/"}
    answer = await desk.post("/v1/routes/test", {"labels": sent | secrets}, key="reader")
    assert answer.json()["labels"] == {
        "environment": "production",
        "severity": "warning",
        "project": "shop",
        "retry": "3",
        "ratio": "0.5",
        "beta": "true",
        "token": "[scrubbed]",
        "dsn": "[scrubbed]",
        "session": "true",
        "url": "https://a:[scrubbed]@b.example/",
    }
    assert answer.json()["routes"][0]["line"] == "notifier.yaml:3"
    assert (await desk.post("/v1/routes/test", {"labels": {}})).status_code == 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_wrong_labels_are_named_by_their_position(desk: Desk) -> None:
    """Errors name a label by position, not by the sender's text."""
    for labels in ({"a": "b", "hunter2": None}, {"a": "b", "hunter2": ["x"]}, {"a": 1, "hunter2": {}}):
        answer = await desk.post("/v1/routes/test", {"labels": labels})
        assert answer.status_code == 422
        assert "labels[1]" in answer.json()["detail"]
        assert "hunter2" not in answer.text
    many = {str(number): "x" for number in range(101)}
    bodies: tuple[dict[str, object], ...] = ({}, {"labels": []}, {"labels": "x"}, {"labels": many})
    for body in bodies:
        answer = await desk.post("/v1/routes/test", body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"] == "labels"


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0, "0s"), (90 * SECOND, "90s"), (5 * 60 * SECOND, "5m"), (24 * HOUR, "24h"), (1500, "1500ms")],
)
def test_durations_are_written_exactly(duration: int, text: str) -> None:
    """A duration is written in the largest unit without a remainder."""
    assert format_duration(duration) == text


async def test_a_route_to_nobody_says_so(desk: Desk) -> None:
    """A route without targets is explained with its line, and so is an unrouted severity."""
    nobody = replace(ROUTES.routes[0], channels=())
    desk.service.rules = replace(desk.service.rules, tree=replace(ROUTES, routes=(nobody,)))
    answer = (await desk.post("/v1/routes/test", {"labels": {"severity": "critical"}}, key="reader")).json()
    assert answer["summary"] == "nobody, by the route in line 9"
    assert [route["channels"] for route in answer["routes"]] == [[]]
    answer = (await desk.post("/v1/routes/test", {"labels": {}}, key="reader")).json()
    assert answer["summary"] == "mail, by the route in line 3"
    answer = (await desk.post("/v1/routes/test", {"labels": {"severity": "none"}}, key="reader")).json()
    assert answer["summary"] == "nobody, for the severity is none"


async def test_a_route_test_shows_the_way_and_doubts_labels(desk: Desk) -> None:
    """The tree of matching routes has depths; a label that no event has had is a warning with its place."""
    await desk.world.post()
    labels = {"service": "billing", "sevrity": "critical", "environment": "prod"}
    answer = (await desk.post("/v1/routes/test", {"labels": {**labels, "severity": "critical"}})).json()
    assert answer["tree"] == [
        {"depth": 0, "match": [], "line": "notifier.yaml:3", "tells": False},
        {"depth": 1, "match": ['severity="critical"'], "line": "notifier.yaml:9", "tells": True},
    ]
    assert [one["path"] for one in answer["warnings"]] == ["labels[1]", "labels[2]"]
    assert "name" in answer["warnings"][0]["message"]
    assert "value" in answer["warnings"][1]["message"]
