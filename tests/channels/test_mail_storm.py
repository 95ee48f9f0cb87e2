"""Many mails at once through the whole service."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from notifier.channels import email
from notifier.testing import SmtpServer
from tests.processes import Service

PEOPLE = ["ann@example.com", "bob@example.com", "eve@example.com"]
ALERTS = 40


def test_a_mail_server_sees_no_more_sessions_than_the_kind_allows(tmp_path: Path) -> None:
    """120 mails for forty alerts never use more concurrent sessions than `concurrency`."""
    with SmtpServer() as server:
        server.hang = 0.01  # long enough for sessions to overlap
        smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        mail = {"type": "email", "smtp": smtp, "from": "notifier@example.com", "to": PEOPLE}
        route = {"channels": ["mail"], "group_by": ["incident"], "group_wait": "0s"}
        with Service(tmp_path, {"channels": {"mail": mail}, "route": route}) as service:
            events = [
                {"service": "billing", "message": f"problem {n}", "fingerprint": [str(n)]}
                for n in range(ALERTS)
            ]
            with service.client() as client:
                assert client.post("/v1/events", content=json.dumps(events)).status_code == 202
            mails = server.wait_for(ALERTS * len(PEOPLE), timeout=30)
            service.settle()
        assert Counter(mail.recipients for mail in mails) == {(person,): ALERTS for person in PEOPLE}
        assert 1 < server.peak <= email.KIND.concurrency
