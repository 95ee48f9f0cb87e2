"""From an event to a mail to a link to an acknowledgement, through the whole service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from notifier.testing import Mail, SmtpServer
from tests.processes import Service

EVENT = {"service": "billing", "message": "could not charge", "fingerprint": ["charge"]}
URL = "https://notifier.example.com"
LINK = re.compile(
    rf"^(Acknowledge|Snooze 4 h|Resolve): {re.escape(URL)}(/actions/[A-Za-z0-9_-]{{43}})\r?$", re.MULTILINE
)


def settings(smtp: SmtpServer, url: str | None = URL) -> dict[str, Any]:
    mail = {"type": "email", "smtp": {"host": "127.0.0.1", "port": smtp.port}, "from": "notifier@example.com"}
    return {
        "server": {} if url is None else {"url": url},
        "channels": {"mail": {**mail, "to": ["ada@example.com", "bo@example.com"]}},
        "route": {"channels": ["mail"], "group_by": ["incident"], "group_wait": "0s", "group_interval": "0s"},
    }


def links(mail: Mail) -> dict[str, str]:
    """What the mail's links do, and their paths; the base is a proxy's."""
    assert all(f'href="{URL}{path}"' in mail.html for _, path in LINK.findall(mail.text))
    return dict(LINK.findall(mail.text))


def test_a_link_in_a_mail_acknowledges_once(tmp_path: Path) -> None:
    """Opening it changes nothing, its button acts in the recipient's name, and everybody hears of it in the thread."""
    with SmtpServer() as smtp, Service(tmp_path, settings(smtp)) as service:
        id_ = service.post(EVENT).json()["incident_id"]
        mails = {mail.recipients[0]: mail for mail in smtp.wait_for(2)}
        ada, bo = links(mails["ada@example.com"]), links(mails["bo@example.com"])
        assert list(ada) == ["Acknowledge", "Snooze 4 h", "Resolve"]
        assert not set(ada.values()) & set(bo.values())
        with httpx.Client(base_url=service.url) as browser:
            for answer in (browser.get(ada["Acknowledge"]), browser.head(ada["Acknowledge"])):
                assert answer.status_code == 200
                assert answer.headers["x-request-id"]
            assert service.get(f"/v1/incidents/{id_}")["state"] == "open"
            assert browser.post(ada["Acknowledge"], data={}).status_code == 200
            incident = service.get(f"/v1/incidents/{id_}")
            assert (incident["state"], incident["acknowledged_by"]) == ("acknowledged", "ada@example.com")
            assert browser.post(ada["Acknowledge"], data={}).status_code == 410
            late = browser.post(bo["Acknowledge"], data={})
            assert late.status_code == 409
            assert "acknowledged by ada@example.com" in late.text
        told = {mail.recipients[0]: mail for mail in smtp.wait_for(4)[2:]}
        assert told.keys() == mails.keys()
        for who, mail in told.items():
            assert mail.text.startswith("Acknowledged by ada@example.com")
            assert list(links(mail)) == ["Snooze 4 h", "Resolve"]
            for header in ("Subject", "References", "In-Reply-To"):
                assert mail.message[header] == mails[who].message[header]
        secrets = [path.rpartition("/")[2] for path in (*ada.values(), *bo.values())]
        assert service.stop() == 0
        files = [*tmp_path.glob("notifier.db*"), *tmp_path.glob("std*")]
        kept = b"".join(file.read_bytes() for file in files)
    assert not [secret for secret in secrets if secret.encode() in kept]


def test_without_an_address_of_its_own_there_are_no_links(tmp_path: Path) -> None:
    """Links never take their host from a request: where `server.url` is not set, mails have none."""
    with SmtpServer() as smtp, Service(tmp_path, settings(smtp, None)) as service:
        service.post(EVENT)
        (mail, _) = smtp.wait_for(2)
        assert "/actions/" not in mail.text + mail.html


def test_the_pages_are_no_part_of_the_api(tmp_path: Path) -> None:
    """They need no key, and the API's description does not list them."""
    with SmtpServer() as smtp, Service(tmp_path, settings(smtp)) as service:
        assert not [path for path in service.get("/openapi.json")["paths"] if path.startswith("/actions/")]
        answer = httpx.get(f"{service.url}/actions/{'A' * 43}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
