"""A restored backup pages nobody: the service is started with `--hold`, looked at, and released."""

from __future__ import annotations

from pathlib import Path

from notifier.testing import WebhookReceiver
from tests.processes import Service, eventually


def test_a_hold_outlives_restarts_and_ends_by_release(tmp_path: Path) -> None:
    """Flushes go on, deliveries wait, a test passes; `release --dry-run` shows what `release` then sends."""
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
            assert '"on_hold"' in service.log
            assert service.cli("test-channel", "hook").returncode == 0
            assert [one.json()["type"] for one in receiver.wait_for(1)] == ["incident.test"]
            service.stop()
            service.start()
            shown = service.cli("release", "--dry-run")
            assert shown.returncode == 0, shown.stderr
            assert [line.split() for line in shown.stdout.splitlines()][1:] == [["1", "hook", "default"]]
            assert "would send 1 delivery." in shown.stderr
            with service.client() as client:
                assert "\nnotifier_hold 1.0" in client.get("/metrics").text
            assert len(receiver.requests) == 1
            released = service.cli("release")
            assert released.stderr.splitlines()[-1] == "Released: 1 delivery."
            assert receiver.wait_for(2)[1].json()["type"] == "incident.opened"
            assert service.cli("release").stderr.splitlines()[-1] == "Nothing was on hold."
            service.settle()
        finally:
            service.stop()
