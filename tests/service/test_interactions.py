"""Where a channel with buttons starts: a package's kind that reads its receiver's callbacks, in a whole service."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from notifier.testing import WebhookReceiver
from tests.processes import Service
from tests.snippets import block_of

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-that-the-receiver-has"


@pytest.fixture(scope="module")
def pager() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, pager: WebhookReceiver) -> Iterator[Service]:
    """A service with the package of the pager beside it."""
    folder = tmp_path_factory.mktemp("pager")
    info = folder / "site" / "notifier_pager-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notifier-pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[notifier.channels]\npager = notifier_pager:KIND\n")
    (folder / "site" / "notifier_pager.py").write_text(block_of("guides/own-channel", "Buttons", "python"))
    settings = {
        "channels": {
            "phone": {"type": "pager", "url": pager.url, "secret": SECRET},
            "other": {"type": "pager", "url": pager.url, "secret": "another"},
            "log": {"type": "console"},
        },
        "route": {
            "channels": ["phone"],
            "group_by": ["incident"],
            "group_wait": "0s",
            "group_interval": "1s",
        },
        "delivery": {"allow_private_addresses": True},
    }
    environ = {"PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}
    with Service(folder, settings, environ=environ) as running:
        yield running


def page(service: Service, pager: WebhookReceiver) -> dict[str, Any]:
    """What the pager was told of a new incident, of a service of its own."""
    count = len(pager.requests)
    service.post({"service": f"billing-{count}", "message": "could not charge order 1842"})
    document: dict[str, Any] = pager.wait_for(count + 1)[-1].json()
    service.wait_delivery("phone", "delivered")
    return document


def press(
    service: Service,
    told: dict[str, Any],
    act: str,
    *,
    channel: str = "phone",
    secret: str = SECRET,
    **changes: Any,
) -> httpx.Response:
    """As the receiver calls when somebody presses."""
    document = {**told, "act": act, "by": "ann", "id": f"{act}-{told['page']}", "at": int(time.time())}
    return call(service, json.dumps({**document, **changes}).encode(), channel=channel, secret=secret)


def call(service: Service, body: bytes, *, channel: str = "phone", secret: str = SECRET) -> httpx.Response:
    signature = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    url = f"{service.url}/v1/interactions/{channel}"
    return httpx.post(url, content=body, headers={"x-pager-signature": signature}, timeout=60)


def incident(service: Service) -> dict[str, Any]:
    """The newest."""
    newest: dict[str, Any] = service.items("/v1/incidents")[0]
    return newest


def test_a_press_acts_in_the_name_of_who_pressed(service: Service, pager: WebhookReceiver) -> None:
    """Acknowledged by way of that channel; a second press is told by whom, as the kind renders it."""
    told = page(service, pager)
    answer = press(service, told, "acknowledge")
    assert (answer.status_code, answer.json()) == (200, {"said": None})
    assert (incident(service)["state"], incident(service)["acknowledged_by"]) == ("acknowledged", "ann")
    again = press(service, told, "acknowledge", id="another", by="bo")
    assert "was acknowledged by ann at " in again.json()["said"]


def test_a_silence_is_by_the_clocks_of_the_channel(service: Service, pager: WebhookReceiver) -> None:
    """The sentence and the comment name the receiver as people call it; the answer goes to its address as well."""
    told = page(service, pager)
    count = len(pager.requests)
    answer = press(service, told, "silence", reply=pager.url)
    assert "(Europe/Berlin): " in answer.json()["said"]
    assert pager.wait_for(count + 1)[-1].json() == answer.json()
    [silence] = service.items("/v1/silences")
    assert silence["comment"] == "from Pager by ann"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"secret": "forged"}, 401),
        ({"secret": "another"}, 401),
        ({"channel": "other"}, 401),
        ({"channel": "log"}, 404),
        ({"channel": "nowhere"}, 404),
        ({"at": int(time.time()) - 3_600}, 401),
    ],
    ids=["forged", "another's", "of-another", "no-buttons", "no-channel", "old"],
)
def test_whose_callback_it_is_decides_the_kind(
    service: Service, pager: WebhookReceiver, parts: dict[str, Any], status: int
) -> None:
    """Nobody's, another channel's, and one that is older than what is remembered: nothing is done."""
    told = page(service, pager)
    assert press(service, told, "resolve", **parts).status_code == status
    assert incident(service)["state"] == "open"


def test_a_callback_counts_once(service: Service, pager: WebhookReceiver) -> None:
    """The same id again: 401."""
    told = page(service, pager)
    assert [press(service, told, "resolve").status_code for _ in range(2)] == [200, 401]


def test_a_page_that_is_another_s_does_nothing(service: Service, pager: WebhookReceiver) -> None:
    """The kind's own rule for who may act where, in its own words."""
    told = page(service, pager)
    assert press(service, told, "resolve", page="elsewhere").json() == {"said": "That page is another's."}
    assert incident(service)["state"] == "open"


def test_what_is_no_press_is_answered_by_the_kind(service: Service) -> None:
    """A receiver's own check, and what cannot be read."""
    assert call(service, b"{}").text == "pong"
    assert call(service, b"{").status_code == 400
