"""Mails of one problem through the whole service: their subjects, what they refer to, and what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from notifier.testing import Mail, SmtpServer
from tests.processes import Service

EVENT: dict[str, Any] = {
    "service": "search",
    "message": "index replica set lost quorum",
    "fingerprint": ["quorum"],
    "labels": {"shard": "idx-7"},
    "links": [{"title": "runbook", "url": "https://wiki.example.com/quorum?a=1&b=2"}],
    "exception": {
        "type": "QuorumError",
        "message": "index replica set lost quorum\nDETAIL: 1 of 3 members answers",
        "frames": [
            {"file": "search/index.py", "function": "__init__", "line": 7, "code": "f(*args)", "in_app": True}
        ],
        "cause": {"type": "ConnectionResetError", "message": "reset by peer", "frames": []},
        "notes": ["seen from rack 4"],
    },
    "context": {"members": 3},
}
FACTS = (
    "https://wiki.example.com/quorum?a=1&b=2", "shard: idx-7", "DETAIL: 1 of 3 members answers",
    "caused by ConnectionResetError: reset by peer", "at search/index.py:7 in __init__", "seen from rack 4",
    "members=3", "nobody is on it yet", "CET",
)  # fmt: skip


def settings(smtp: SmtpServer) -> dict[str, Any]:
    mail = {"type": "email", "smtp": {"host": "127.0.0.1", "port": smtp.port}, "from": "notifier@example.com"}
    return {
        "server": {"url": "https://notifier.example.com"},
        "channels": {"mail": {**mail, "to": ["ada@example.com"], "time_zone": "Africa/Algiers"}},
        "route": {"channels": ["mail"], "group_wait": "0s", "group_interval": "0s"},
    }


def head(mail: Mail, name: str) -> str:
    return str(mail.message[name])


def test_a_raise_to_critical_is_a_conversation_of_its_own_that_outlives_a_restart(tmp_path: Path) -> None:
    """An error, then critical, then over: two subjects, of which the second refers to the first."""
    with SmtpServer() as smtp, Service(tmp_path, settings(smtp)) as service:
        service.post(EVENT)
        smtp.wait_for(1)
        service.post({**EVENT, "severity": "critical"})
        smtp.wait_for(2)
        service.settle()
        assert service.stop() == 0
        service.start()
        service.post({"service": "search", "fingerprint": ["quorum"], "status": "resolved"})
        first, raised, over = smtp.wait_for(3)
    title = "QuorumError: index replica set lost quorum"
    assert head(first, "Subject") == f"[search/production] error: {title}"
    assert head(raised, "Subject") == head(over, "Subject") == f"[search/production] critical: {title}"
    assert head(first, "Message-ID") in head(raised, "References").split()
    assert head(first, "References") in head(raised, "References").split()
    assert head(raised, "References") == head(over, "References")
    assert head(raised, "In-Reply-To") == head(over, "In-Reply-To") != head(first, "In-Reply-To")
    assert [head(mail, "Importance") for mail in (first, raised, over)] == ["normal", "high", "normal"]
    assert raised.text.startswith(f"Now critical: {title} · critical in search/production")
    for fact in FACTS:
        assert fact in raised.text
