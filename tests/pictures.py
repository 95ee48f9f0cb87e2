"""The README's pictures: `uv run python -m tests.pictures` takes them from a service with a small outage.

This needs the system's Chromium. The committed pictures are reduced to 64 colours, which is a third of the bytes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from notifier.testing import SmtpServer
from tests.processes import Service, eventually

FOLDER = Path(__file__).parents[1] / "notifier" / "manual" / "pictures"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 1_120, 700


def take() -> None:
    """Post the events of an outage, and take pictures of the list, an incident and its mail."""
    folder = Path(tempfile.mkdtemp())
    with SmtpServer() as mail, Service(folder, _settings(mail.port)) as service:
        for event, times in _events():
            service.post([event] * times)
        [message] = [one for one in mail.wait_for(3) if "replica set" in one.text]
        numbers = {one["title"]: one["number"] for one in service.items("/v1/incidents")}
        worst = next(number for title, number in numbers.items() if "replica set" in title)
        with service.client() as client:
            client.post(f"/v1/incidents/{numbers['TimeoutError: upstream timed out after 30s']}/acknowledge")
        eventually(lambda: all(one["last_seen"] for one in service.items("/v1/incidents")))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-lcd-text"]
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            _sign_in(page, service)
            _shoot(page, "incidents")
            page.set_viewport_size({"width": WIDTH, "height": 680})
            page.goto(f"{service.url}/incidents/{worst}")
            page.evaluate("scrollTo(0, 46)")
            _shoot(page, "incident")
            page = browser.new_page(viewport={"width": 720, "height": 460}, color_scheme="light")
            page.set_content(message.html)
            _shoot(page, "mail")
            browser.close()


def _settings(port: int) -> dict[str, Any]:
    return {
        "server": {"url": "https://notifier.example.com"},
        "channels": {
            "team-mail": {
                "type": "email",
                "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"},
                "from": "Notifier <notifier@example.com>",
                "to": ["ann@example.com"],
                "time_zone": "Europe/Berlin",
            }
        },
        "route": {"channels": ["team-mail"], "group_wait": "1s", "group_by": ["incident"]},
    }


def _events() -> list[tuple[dict[str, Any], int]]:
    frames = [
        {"file": "search/api.py", "function": "query", "line": 52, "code": "hits = index.find(words)", "in_app": True},
        {"file": "search/index.py", "function": "find", "line": 118, "code": "return ask(words)", "in_app": True},
    ]  # fmt: skip
    return [
        (
            {
                "service": "search",
                "severity": "critical",
                "exception": {
                    "type": "QuorumLost",
                    "message": "index replica set lost quorum: 1 of 3 answers",
                    "frames": frames,
                },
                "labels": {"region": "eu-west-1", "cluster": "search-2"},
                "links": [{"title": "runbook", "url": "https://wiki.example.com/runbooks/search-quorum"}],
                "release": "2026.11.3",
                "host": "search-2-a",
            },
            31,
        ),
        (
            {
                "service": "billing",
                "exception": {
                    "type": "TimeoutError",
                    "message": "upstream timed out after 30s",
                    "frames": [
                        {"file": "billing/tasks.py", "function": "charge", "line": 88, "in_app": True}
                    ],
                },
                "labels": {"region": "eu-west-1"},
            },
            412,
        ),
        (
            {
                "service": "import",
                "severity": "warning",
                "message": "the price list of 26 November has 3 rows without a price",
            },
            1,
        ),
    ]


def _sign_in(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/sign-in")
    page.fill("input[name=key]", service.key or "")
    page.press("input[name=key]", "Enter")
    page.wait_for_url("**/incidents")


def _shoot(page: Page, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    take()
