"""What people do on the pages, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import SETTINGS, Reader, chromium, needs_chromium
from tests.processes import Service

__all__ = ["chromium"]

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("browser"), SETTINGS) as running:
        yield running


def test_the_first_minute_in_a_browser(service: Service, chromium: Any) -> None:
    """From the link to a test event that arrives by itself, its traceback, and its acknowledgement."""
    reader = Reader(chromium, service)
    page = reader.page
    page.get_by_role("link", name="Send a first event").click()
    page.get_by_role("button", name="Send a test event").click()
    assert "your test" in page.locator("#received").inner_text()
    page.goto("/incidents")
    page.get_by_role("checkbox").first.check()
    page.locator("#q").fill("half a word")
    time.sleep(0.5)
    service.post({"service": "billing", "message": "another", "severity": "critical"})
    page.get_by_role("link", name="1 new").wait_for()
    assert page.title().startswith("(2)")
    assert page.get_by_role("checkbox").first.is_checked()
    assert page.locator("#q").input_value() == "half a word"
    page.get_by_role("link", name="TestEvent").click()
    assert "payments.py" in page.locator(".traceback").inner_text()
    page.get_by_role("button", name="Acknowledge", exact=True).first.click()
    assert "has it" in page.goto("/incidents").text()
    assert reader.said == []
    reader.context.close()


@pytest.mark.slow
def test_fifty_incidents_are_worked_off_with_the_keyboard_alone(service: Service, chromium: Any) -> None:
    """Chosen and acknowledged, snoozed, resolved after a question, opened, noted; letters where somebody writes."""
    service.post(
        [{"service": "keys", "message": f"key {n}", "fingerprint": ["keys", str(n)]} for n in range(50)]
    )
    reader = Reader(chromium, service)
    page = reader.page
    page.goto("/incidents?q=service%3Dkeys&sort=newest&state=open")
    rows = page.locator(".incidents tbody tr")
    assert rows.count() == 50
    for way, act, left in (("j", "a", 34), ("j", "s", 34), ("k", "r", 18)):
        for _ in range(16):
            page.keyboard.press(way)
            page.keyboard.press("x")
        page.keyboard.press(act)
        if act == "r":
            page.get_by_role("heading", name="Resolve 16 incidents?").wait_for()
            page.keyboard.press("Enter")
        page.get_by_text("16 incidents: ").wait_for()
        assert rows.count() == left
    page.goto("/incidents?q=service%3Dkeys&sort=newest&state=open")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/*")
    page.keyboard.press("n")
    page.keyboard.type("a s r x ? are letters here")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.wait_for_url("**notice=acknowledge")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/deliveries")
    states = [one["state"] for one in service.items("/v1/incidents", q="service=keys")]
    assert (states.count("acknowledged"), states.count("resolved")) == (17, 16)
    assert reader.said == []
    reader.context.close()


@pytest.mark.slow
def test_of_two_people_at_one_button_one_is_told_who_has_it(service: Service, chromium: Any) -> None:
    """The one who comes late, with a page from before, reads who was faster, and may take over."""
    service.post({"service": "billing", "message": "wanted by two", "fingerprint": ["wanted"]})
    with service.client() as client:
        secret = client.post("/v1/keys", json={"name": "ben", "scopes": ["manage"]}).json()["key"]
    number = service.get("/v1/incidents")["items"][0]["number"]
    reader, late = (
        Reader(chromium, service),
        chromium.new_context(base_url=service.url, java_script_enabled=False),
    )
    page = late.new_page()
    page.goto(f"/sign-in?next=/incidents/{number}")
    page.locator("input[name=key]").fill(secret)
    page.locator("input[name=key]").press("Enter")
    button = page.get_by_role("button", name="Acknowledge", exact=True)
    button.wait_for()
    reader.page.goto(f"/incidents/{number}")
    reader.page.get_by_role("button", name="Acknowledge", exact=True).click()
    reader.page.get_by_role("button", name="Unacknowledge").first.wait_for()
    with page.expect_response("**/acknowledge") as answer:
        button.click()
    assert answer.value.status == 409
    assert "It was acknowledged by" in page.locator("main").inner_text()
    page.get_by_role("button", name="Take over").first.click()
    reader.page.get_by_text("ben is on it").wait_for()
    late.close()
    reader.context.close()
