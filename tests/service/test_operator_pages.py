"""The pages of an operator on a running service: a hold, a test of a channel, a reload, and the status."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from notifier.testing import WebhookReceiver
from tests.browser import Browser
from tests.processes import Service, eventually

pytestmark = pytest.mark.anyio


async def test_an_operator_releases_tests_and_reloads(tmp_path: Path) -> None:
    """Given a service on hold, then its pages say so, and each act is done by its button."""
    with WebhookReceiver() as receiver:
        settings = {
            "channels": {"hook": {"type": "webhook", "url": receiver.url}},
            "route": {"channels": ["hook"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        service = Service(tmp_path, settings).start("--hold")
        try:
            service.post({"service": "billing", "message": "one"})
            eventually(lambda: [one["state"] for one in service.items("/v1/deliveries")] == ["pending"])
            async with httpx.AsyncClient(base_url=service.url) as http:
                await _operates(Browser(http), service, receiver)
        finally:
            service.stop()


async def _operates(ann: Browser, service: Service, receiver: WebhookReceiver) -> None:
    assert service.key is not None
    assert (await ann.signs_in(service.key)).status == 200
    tested = await ann.sends((await ann.opens("/channels/hook")).form("/test"))
    assert "the receiver answered 200" in tested.text
    assert [one.json()["type"] for one in receiver.wait_for(1)] == ["incident.test"]
    status = await ann.opens("/status")
    assert "Nothing is lost" in status.text
    assert "Deliveries are held" in status.text
    assert "1 for hook, by default" in " ".join(status.text.split())
    sure = await ann.sends(status.form("/release"))
    assert "Let 1 delivery go?" in sure.text
    assert "Released" in (await ann.sends(sure.form("/release"))).text
    assert receiver.wait_for(2)[1].json()["type"] == "incident.opened"
    unchanged = await ann.sends(status.form("/reload"))
    assert "The file has not changed" in unchanged.text
    service.config.write_text(yaml.safe_dump({"server": {"port": service.port}, "secret-nonsense": 1}))
    refused = await ann.sends(unchanged.form("/reload"))
    assert "The file has problems" in refused.text
    assert f"{service.config.name}:" in refused.text
    assert "tried to reload the configuration" in refused.text
    assert "released what was held: 1 deliveries" in refused.text
    for path in ("/deliveries", "/dead-letters", "/silences", "/tasks", "/channels", "/routes", "/stats"):
        assert (await ann.opens(path)).status == 200
