"""Receivers that know Alertmanager's, PagerDuty's and CloudEvents' bodies are told, and of the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.testing import WebhookReceiver
from tests.environments import run_program
from tests.processes import Service, eventually

pytestmark = pytest.mark.slow

FAILURE = {
    "service": "billing", "severity": "critical", "fingerprint": ["card"],
    "exception": {"type": "CardError", "message": "no card"},
}  # fmt: skip


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A second notifier: its doors take what their senders' own clients send."""
    settings = {"channels": {"console": {"type": "console"}}, "route": {"channels": ["console"]}}
    with Service(tmp_path_factory.mktemp("other"), settings) as service:
        yield service


def key_of(service: Service) -> str:
    with service.client() as client:
        return str(client.post("/v1/keys", json={"scopes": ["ingest"]}).json()["key"])


def telling(folder: Path, **channels: dict[str, Any]) -> Service:
    """A notifier whose webhooks these are, which tells at once, acts and ends too."""
    hooks = {name: {"type": "webhook", **options} for name, options in channels.items()}
    route = {"channels": list(channels), "group_wait": "0s", "group_interval": "1s", "resolve_after": "0s"}
    return Service(folder, {"channels": hooks, "route": route, "delivery": {"allow_private_addresses": True}})


def acted(service: Service, act: str) -> None:
    [incident] = service.items("/v1/incidents")
    with service.client() as client:
        answer = client.post(f"/v1/incidents/{incident['id']}/{act}", json={"actor": "ann"})
        assert answer.status_code == 200, answer.text


def states(service: Service) -> dict[str, str]:
    return {one["title"]: one["state"] for one in service.items("/v1/incidents")}


def test_another_notifier_takes_all_of_them(other: Service, tmp_path: Path) -> None:
    """At the doors of their formats: opened, acknowledged where the format knows that, resolved."""
    key = key_of(other)
    channels: dict[str, dict[str, Any]] = {
        "alertmanager": {
            "format": "alertmanager-v4", "url": f"{other.url}/v1/ingest/alertmanager?key={key}",
        },
        "pagerduty": {"format": "pagerduty-v2", "url": f"{other.url}/v2/enqueue", "routing_key": key},
        "cloud": {"format": "cloudevents", "url": f"{other.url}/v1/events?key={key}"},
    }  # fmt: skip
    with telling(tmp_path, **channels) as service:
        service.post(FAILURE)
        alert, pager = "CardError: CardError: no card", "New: CardError: no card"
        eventually(lambda: {alert, pager} < states(other).keys())
        acted(service, "acknowledge")
        eventually(lambda: states(other)[pager] == "acknowledged")
        assert states(other)[alert] == "open"
        acted(service, "resolve")
        eventually(lambda: states(other)[pager] == states(other)[alert] == "resolved")
        # CloudEvents know no end: each is an event of its own.
        kinds = {title.partition(":")[0] for title in states(other) if title.startswith("incident.")}
        assert kinds == {"incident.opened", "incident.acknowledged", "incident.resolved"}
        assert {one["state"] for one in service.items("/v1/deliveries")} == {"delivered"}


def test_the_library_of_cloudevents_reads_them(tmp_path: Path) -> None:
    """The package `cloudevents`, from the request's headers and body."""
    with (
        WebhookReceiver() as hook,
        telling(tmp_path, cloud={"format": "cloudevents", "url": hook.url}) as service,
    ):
        service.post(FAILURE)
        [request] = eventually(lambda: hook.requests)
    program = """
        import json, sys
        from cloudevents.http import from_http
        event = from_http(json.loads(sys.argv[1]), sys.argv[2])
        assert (event["type"], event["specversion"]) == ("incident.opened", "1.0")
        assert event.data["incidents"][0]["title"] == "CardError: no card"
    """
    headers = json.dumps(dict(request.headers))
    run_program(program, headers, request.body.decode(), packages=["cloudevents<2"])
