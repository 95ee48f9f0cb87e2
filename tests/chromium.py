"""A person with Debian's Chromium (`apt-get install chromium`); tests are skipped if it is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

SETTINGS = {
    "channels": {
        "console": {"type": "console"},
        # Connections to a private address fail at once.
        "gone": {"type": "webhook", "url": "http://127.0.0.1:9/"},
    },
    "route": {
        "channels": ["console"],
        "group_wait": "0s",
        "routes": [{"match": ['service="dead"'], "channels": ["gone"]}],
    },
}
PATHS = (
    "/incidents", "/incidents?state=resolved", "/incidents/1", "/incidents/1/silence", "/incidents/1/copy",
    "/deliveries", "/dead-letters", "/silences", "/silences/new", "/tasks", "/monitors", "/channels",
    "/channels/console", "/routes", "/stats", "/status", "/setup", "/sessions",
)  # fmt: skip
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
    "without scripts": {"java_script_enabled": False},
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """A person with a browser. `said` collects the console's output, which should be empty."""

    def __init__(self, chromium: Any, service: Service, **look: Any) -> None:
        self.context = chromium.new_context(base_url=service.url, **look)
        self.said: list[str] = []
        self.page = self.tab()
        with service.client() as client:
            self.page.goto(client.post("/v1/sign-in-links").json()["path"])
        self.page.get_by_role("button", name="Sign in").click()

    def tab(self) -> Any:
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        return page
