"""Every answer a receiver can give, through the whole service: what becomes of the delivery, and of the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import Answer, FakeSlack, Request, SmtpServer, WebhookReceiver
from tests.processes import Service, eventually
from tests.sockets import free_port

EVENT = {"service": "billing", "message": "could not charge", "fingerprint": ["charge"]}
HTML = b"<html><body>You are behind a proxy. ntf-do-not-repeat-me</body></html>"
MAIL = {"from": "notifier@example.com", "to": ["ada@example.com", "bo@example.com", "cy@example.com"]}
COOLS_S = 3


class Dated(WebhookReceiver):
    """Answers 429 once, with the HTTP-date of a moment a few seconds ahead."""

    def handle(self, request: Request) -> Answer:
        if len(self.requests) > 1:
            return Answer()
        then = datetime.now(UTC) + timedelta(seconds=COOLS_S + 1)  # a date has no fractions
        return Answer(status=429, headers={"Retry-After": format_datetime(then, usegmt=True)})


@contextmanager
def dripping() -> Iterator[int]:
    """A receiver that answers one byte a second, headers and all; its port."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok":
                connection.sendall(bytes([byte]))
                if stop.wait(1):
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@dataclass(frozen=True, kw_only=True)
class World:
    """One service, one event, and a receiver for each way to answer."""

    service: Service
    hooks: dict[str, WebhookReceiver]
    slacks: dict[str, FakeSlack]
    mails: dict[str, SmtpServer]
    healthy_within: float
    posted_at: float


SCRIPTS: dict[str, list[Answer]] = {
    "ok": [],
    "moved": [Answer(status=301, headers={"Location": "http://127.0.0.1:9/elsewhere"})] * 9,
    "missing": [Answer(status=404, body=HTML)] * 9,
    "gone": [Answer(status=410)] * 1,
    "broken": [Answer(status=500, body=HTML)],
    "silent": [Answer(close=True)],
    "slow-body": [Answer(body=b"x" * 600, drip=1.0)],
}


def webhook(url: str) -> dict[str, Any]:
    return {"type": "webhook", "url": url}


def email(port: int) -> dict[str, Any]:
    return {"type": "email", "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"}, **MAIL}


def slack(server: FakeSlack) -> dict[str, Any]:
    return {"type": "slack", "token": server.token, "channel": "#oncall", "base_url": server.base_url}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        hooks = {name: stack.enter_context(WebhookReceiver()) for name in (*SCRIPTS, "told-instead")}
        for name, answers in SCRIPTS.items():
            hooks[name].script(*answers)
        hooks["dated"] = stack.enter_context(Dated())
        slacks = {
            name: stack.enter_context(FakeSlack()) for name in ("s-429", "s-false", "s-html", "s-login")
        }
        slacks["s-429"].script(Answer(status=429, headers={"Retry-After": "2"}))
        slacks["s-false"].fail(*["channel_not_found"] * 9)
        slacks["s-html"].script(Answer(headers={"Content-Type": "text/html"}, body=HTML))
        slacks["s-login"].fail(*["invalid_auth"] * 9)
        mails = {name: stack.enter_context(SmtpServer()) for name in ("m-ok", "m-refuses", "m-hangs")}
        mails["m-refuses"].refuse["bo@example.com"] = "550 5.1.1 no such user"
        mails["m-hangs"].hang = 300.0
        channels = {
            **{name: webhook(server.url) for name, server in hooks.items()},
            "drips": webhook(f"http://127.0.0.1:{stack.enter_context(dripping())}/hook"),
            "nowhere": webhook("http://169.254.169.254/latest/meta-data"),
            "unnamed": webhook("http://no-such-host.invalid/hook"),
            **{name: slack(server) for name, server in slacks.items()},
            **{name: email(server.port) for name, server in mails.items()},
            "m-down": email(free_port()),
        }
        settings = {
            "channels": channels,
            "fallback": "told-instead",
            "route": {"channels": [name for name in channels if name != "told-instead"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        service = stack.enter_context(Service(tmp_path_factory.mktemp("outcomes"), settings))
        started = time.monotonic()
        assert service.post(EVENT).status_code == 202
        hooks["ok"].wait_for(1)
        mails["m-ok"].wait_for(3)
        healthy = time.monotonic() - started
        yield World(
            service=service,
            hooks=hooks,
            slacks=slacks,
            mails=mails,
            healthy_within=healthy,
            posted_at=started,
        )
        service.kill()  # a drain would wait for those that hang


def outcomes(delivery: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in delivery["attempts"]]


def attempted(
    world: World, channel: str, target: str | None = None, *, within: float = 15.0
) -> dict[str, Any]:
    """The delivery of a channel, once an attempt of it has ended."""

    def ended() -> dict[str, Any] | None:
        found = world.service.delivery(channel, target)
        return found if found is not None and found["attempts"] else None

    found: dict[str, Any] = eventually(ended, within=within)
    return found


def test_a_slow_or_broken_channel_starves_no_other(world: World) -> None:
    """While the others fail in every way, some by hanging, the healthy channels are told at once."""
    assert world.healthy_within < 20.0
    assert world.service.wait_delivery("ok", "delivered")["outcome"] == "delivered"

    def told() -> bool:
        mails = world.service.items("/v1/deliveries", channel="m-ok")
        return [one["state"] for one in mails] == ["delivered"] * 3

    # A mail is taken before its server is bidden farewell, and only then its delivery ends.
    eventually(told)


@pytest.mark.parametrize(
    ("channel", "outcome", "says"),
    [
        ("moved", "permanent", "redirects are not followed"),
        ("missing", "permanent", "404"),
        ("s-false", "permanent", "channel_not_found"),
        ("s-login", "permanent", "invalid_auth"),
    ],
)
def test_a_permanent_failure_is_tried_three_times_in_ten_minutes(
    world: World, channel: str, outcome: str, says: str
) -> None:
    """People correct configurations: the second try comes a minute later, and no redirect is followed."""
    found = attempted(world, channel)
    assert outcomes(found) == [outcome]
    assert found["state"] == "pending"
    assert says in found["detail"]
    waits = moment(found["due_at"]) - moment(found["attempts"][0]["finished_at"])
    assert 55 <= waits <= 75


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("channel", ["unnamed", "m-down"])
def test_what_cannot_be_reached_is_tried_again_after_five_seconds(world: World, channel: str) -> None:
    """No connection: transient, on the schedule's first step with its jitter."""
    found = attempted(world, channel)
    first = found["attempts"][0]
    assert first["outcome"] == "transient"
    if len(found["attempts"]) == 1 and found["state"] == "pending":
        assert 3.5 <= moment(found["due_at"]) - moment(first["finished_at"]) <= 12


@pytest.mark.parametrize(("channel", "first"), [("broken", "transient"), ("silent", "ambiguous")])
def test_a_retry_is_the_same_message_under_the_same_id(world: World, channel: str, first: str) -> None:
    """500, and a connection closed without an answer, are tried again: same `webhook-id`, same bytes."""
    found = world.service.wait_delivery(channel, "delivered")
    assert outcomes(found) == [first, "delivered"]
    before, after = world.hooks[channel].wait_for(2)
    assert before.headers["webhook-id"] == after.headers["webhook-id"] == found["id"]
    assert before.body == after.body


def test_a_status_is_an_answer_even_if_the_body_drips(world: World) -> None:
    """200 has said it: a body of one byte a second costs the worker five seconds, and nobody is told twice."""
    found = world.service.wait_delivery("slow-body", "delivered")
    assert outcomes(found) == ["delivered"]
    assert len(world.hooks["slow-body"].requests) == 1


@pytest.mark.parametrize(("channel", "least"), [("dated", COOLS_S), ("s-429", 2)])
def test_throttling_cools_the_target_and_uses_no_attempt(world: World, channel: str, least: float) -> None:
    """429 with seconds or with a date: the delivery waits as long as it was told to, then arrives."""
    found = world.service.wait_delivery(channel, "delivered")
    assert outcomes(found) == ["throttled", "delivered"]
    assert moment(found["finished_at"]) - moment(found["attempts"][0]["finished_at"]) >= least - 0.1
    [listed] = world.service.items("/v1/deliveries", channel=channel)
    assert listed["attempts"] == 1


def test_a_proxys_html_is_no_success_and_is_not_repeated(world: World) -> None:
    """200 with a page of HTML where Slack speaks JSON: transient, and the page is neither shown nor logged."""
    found = world.service.wait_delivery("s-html", "delivered")
    assert outcomes(found) == ["transient", "delivered"]
    assert "HTML" in found["attempts"][0]["detail"]
    assert "ntf-do-not-repeat-me" not in world.service.log
    assert "ntf-do-not-repeat-me" not in str(found)


def test_what_policy_forbids_is_dead_at_once(world: World) -> None:
    """Link-local is never dialled, whatever else is allowed."""
    found = world.service.wait_delivery("nowhere", "dead")
    assert outcomes(found) == ["blocked"]
    assert "address policy" in found["detail"]


def test_one_refused_recipient_costs_the_others_nothing(world: World) -> None:
    """550 5.1.1 for one of three: two mails arrive, one dead letter, and once is not enough to switch it off."""
    service = world.service
    refused = service.wait_delivery("m-refuses", "dead", target="bo@example.com")
    assert outcomes(refused) == ["gone"]
    for target in ("ada@example.com", "cy@example.com"):
        assert service.wait_delivery("m-refuses", "delivered", target=target)["outcome"] == "delivered"
    [channel] = [one for one in service.get("/v1/channels")["items"] if one["name"] == "m-refuses"]
    assert {one["target"]: one["state"] for one in channel["targets"]} == {
        "ada@example.com": "ok",
        "bo@example.com": "ok",
        "cy@example.com": "ok",
    }


def test_the_fallback_is_told_of_each_notification_once(world: World) -> None:
    """Several deliveries of one notification died; the fallback gets the alert once, saying what failed."""
    service = world.service
    service.wait_delivery("gone", "dead")
    [request] = world.hooks["told-instead"].wait_for(1)
    document = request.json()
    assert document["type"] == "incident.fallback"
    assert document["data"]["incidents"][0]["title"] == "could not charge"
    assert len(world.hooks["told-instead"].requests) == 1


def test_a_dead_letter_is_listed_and_redelivered_under_its_id(world: World) -> None:
    """410 is a dead letter; after a successful test it is redelivered, and arrives as the same delivery."""
    service = world.service
    dead = service.wait_delivery("gone", "dead")
    assert outcomes(dead) == ["gone"]
    letters = {one["id"]: one for one in service.items("/v1/dead-letters")}
    assert letters[dead["id"]]["kind"] == "delivery"
    assert letters[dead["id"]]["outcome"] == "gone"
    with service.client() as client:
        tested = client.post("/v1/channels/gone/test")
        assert tested.status_code == 200
        assert tested.json()["outcome"] == "delivered"
        answer = client.post("/v1/dead-letters/redeliver", json={"ids": [dead["id"]]})
        assert answer.status_code == 200
        assert answer.json()["ids"] == [dead["id"]]
        again = client.post(f"/v1/deliveries/{dead['id']}/redeliver")
        assert again.status_code == 409
    requests = world.hooks["gone"].wait_for(3)
    assert requests[-1].headers["webhook-id"] == requests[0].headers["webhook-id"] == dead["id"]
    assert requests[-1].body == requests[0].body
    eventually(lambda: service.get(f"/v1/deliveries/{dead['id']}")["state"] == "delivered")
    assert outcomes(service.get(f"/v1/deliveries/{dead['id']}")) == ["gone", "delivered"]


@pytest.mark.parametrize("channel", ["drips", "m-hangs"])
def test_no_answer_in_time_is_ambiguous(world: World, channel: str) -> None:
    """A header of one byte a second, a mail server silent after the dot: nobody knows, so it is tried again."""
    found = attempted(world, channel, within=40)
    assert outcomes(found)[0] == "ambiguous"
    assert found["state"] in {"pending", "sending"}
    assert "did not answer in time" in found["attempts"][0]["detail"]


def test_the_books_balance_after_all_of_it(world: World) -> None:
    """Whatever became of each, nothing is unaccounted for; and no log line holds a traceback."""
    books = world.service.accounting()
    assert books["balanced"]
    states = ("pending", "sending", "delivered", "coalesced", "superseded", "dead", "discarded")
    assert sum(books[name] for name in states) == books["created"]
    assert "Traceback" not in world.service.log


def test_what_expires_is_a_dead_letter_with_that_reason(tmp_path: Path) -> None:
    """Retries end at `expires_after`; nothing is dropped silently."""
    with WebhookReceiver(default=Answer(status=503)) as hook:
        settings = {
            "channels": {"down": webhook(hook.url)},
            "route": {"channels": ["down"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True, "expires_after": "3s"},
        }
        with Service(tmp_path, settings) as service:
            service.post(EVENT)
            dead = service.wait_delivery("down", "dead", outcome="expired")
            assert outcomes(dead)[0] == "transient"
            assert 2.5 <= moment(dead["finished_at"]) - moment(dead["created_at"]) <= 6
            assert [one["outcome"] for one in service.items("/v1/dead-letters")] == ["expired"]
            assert service.accounting()["balanced"]
