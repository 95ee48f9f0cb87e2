"""Signing in through a provider, with a real browser and a whole service."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.openid import CLIENT_ID, CLIENT_SECRET, provider_on_loopback
from tests.processes import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.slow,
]


def test_a_person_signs_in_with_a_browser(tmp_path: Path) -> None:
    """By the link, to the page that was wanted, and out again; a policy that lets forms go nowhere else holds."""
    playwright = pytest.importorskip("playwright.sync_api")
    with provider_on_loopback(lambda: int(time.time())) as provider:
        roles = {"oncall": {"default": ["read", "manage"], "shop": ["read"]}}
        oidc = {
            "issuer": provider.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "roles": roles,
        }
        settings: dict[str, Any] = {
            "channels": {"console": {"type": "console"}},
            "route": {"channels": ["console"]},
            "auth": {"oidc": oidc},
        }
        with Service(tmp_path, settings) as service, playwright.sync_playwright() as started:
            service.post({"service": "billing", "message": "late"})
            chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(f"{service.url}/incidents/1")
            page.screenshot(path=tmp_path / "sign-in.png")
            page.get_by_role("link", name="Sign in with").click()
            assert page.url == f"{service.url}/incidents/1"
            page.get_by_role("button", name="Acknowledge", exact=True).first.click()
            assert "Ann Example" in page.locator("main").inner_text()
            page.locator("details.who summary").click()
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            page.screenshot(path=tmp_path / "menu.png")
            page.get_by_label("Project").select_option("shop")
            page.get_by_role("button", name="Go there").click()
            assert "There is nothing here" in page.locator("main").inner_text()
            cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
            assert httpx.get(f"{service.url}/v1/incidents", cookies=cookies).status_code == 401
            page.goto(f"{service.url}/sessions")
            page.screenshot(path=tmp_path / "sessions.png")
            page.locator("details.who summary").click()
            page.get_by_role("button", name="Sign out").click()
            assert page.url == f"{service.url}/sign-in"
            assert page.goto(f"{service.url}/incidents").url == f"{service.url}/sign-in?next=%2Fincidents"
            assert not [text for text in said if "Security Policy" in text]
            chromium.close()
