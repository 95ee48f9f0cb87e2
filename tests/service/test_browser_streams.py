"""Open pages in a real browser: they hear what others do, across tabs, sessions and restarts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import SETTINGS, Reader, chromium, needs_chromium
from tests.processes import Service

__all__ = ["chromium"]

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("browser"), SETTINGS) as running:
        yield running


def test_many_tabs_share_one_stream_and_end_together(service: Service, chromium: Any) -> None:
    """Ten tabs over HTTP/1.1 all load and all hear; a session that is ended elsewhere ends them.

    What was half written is there again after signing in.
    """
    reader, other = Reader(chromium, service), Reader(chromium, service)
    tabs = [reader.page, *(reader.tab() for _ in range(9))]
    for tab in tabs:
        tab.goto("/incidents")
    before = len(service.get("/v1/incidents")["items"])
    service.post({"service": "billing", "message": f"number {before}", "fingerprint": [str(before)]})
    tabs[-1].get_by_role("link", name="1 new").wait_for()
    tabs[1].goto("/incidents/1/silence")
    ticked = tabs[1].locator("input[name=matcher]:checked")
    while ticked.count():
        ticked.first.uncheck()
    tabs[1].locator("#holds", has_text="choose at least one label").wait_for()
    tabs[1].get_by_role("checkbox", name="severity").check()
    tabs[1].locator("#holds", has_text="Now it would hold").wait_for()
    writing = tabs[0]
    writing.goto("/incidents/1")
    writing.get_by_text("Note", exact=True).click()
    writing.locator("textarea[name=text]").fill("half a note")
    ends = other.page.locator('form[action="/sessions/end"] button')
    other.page.goto("/sessions")
    while ends.count():
        ends.first.click()
    for tab in tabs:
        tab.wait_for_url("**/sign-in**", timeout=40_000)
    # Ten forms were asked for at once, each with a cookie of its own: the last one's counts.
    writing.reload()
    writing.locator("input[name=key]").fill(service.key or "")
    writing.get_by_role("button", name="Sign in").click()
    assert writing.locator("textarea[name=text]").input_value() == "half a note"
    writing.get_by_role("button", name="Add the note").click()
    assert writing.locator("textarea[name=text]").input_value() == ""
    other.context.close()
    reader.context.close()


def test_an_incident_shows_what_others_do(service: Service, chromium: Any) -> None:
    """Who has it and the buttons that are left change under a note that is being written; a text is copied."""
    service.post({"service": "billing", "message": "held by two", "fingerprint": ["two"]})
    number = service.get("/v1/incidents")["items"][0]["number"]
    reader, other = Reader(chromium, service), Reader(chromium, service)
    page = reader.page
    page.goto(f"/incidents/{number}")
    page.get_by_text("Note", exact=True).click()
    page.locator("textarea[name=text]").fill("half a note")
    time.sleep(0.5)
    other.page.goto(f"/incidents/{number}")
    other.page.get_by_role("button", name="Acknowledge", exact=True).first.click()
    page.locator("#buttons").get_by_role("button", name="Unacknowledge").wait_for()
    assert "nobody" not in page.locator("#standing").inner_text()
    assert page.locator("#buttons button").first.inner_text() == "Resolve"
    assert "acknowledged it" in page.locator("#history").inner_text()
    assert page.locator("textarea[name=text]").input_value() == "half a note"
    page.goto(f"/incidents/{number}/copy")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    group = page.goto(f"/incidents/{number}") and page.locator("a[href^='/groups/']").first.get_attribute(
        "href"
    )
    page.goto(group)
    box = page.get_by_label(f"Choose incident {number}", exact=True)
    box.check()
    time.sleep(0.5)
    service.post({"service": "billing", "message": "another cause", "fingerprint": ["three"]})
    page.get_by_text("another cause").first.wait_for()
    assert box.is_checked()
    assert page.locator("input:checked").count() == 1
    assert reader.said == []
    reader.context.close()
    other.context.close()


def test_how_long_ago_goes_on_whatever_the_browsers_clock_says(service: Service, chromium: Any) -> None:
    """By the service's clock, also on a page that nothing changes; after a sleep its stream is opened anew."""
    reader = Reader(chromium, service)
    reader.page.clock.install(time="2020-02-03T04:05:06Z")
    reader.page.goto("/sessions")
    last = reader.page.locator("tr", has_text="this one").locator("time").first
    assert last.inner_text() == "just now" or last.inner_text().endswith(" s ago")
    for passed, said in (
        ("12:00", "12 min ago"),
        ("03:00:00", "3 h 12 min ago"),
        ("48:00:00", "2 d 3 h ago"),
    ):
        with reader.page.expect_request("**/live"):
            reader.page.clock.fast_forward(passed)
        assert last.inner_text() == said
    assert reader.said == []
    reader.context.close()


def test_a_restart_under_an_open_page(service: Service, chromium: Any) -> None:
    """The page hears of what comes after the restart, and its forms still work."""
    reader = Reader(chromium, service)
    page = reader.page
    page.goto("/incidents?state=open")
    service.kill()
    service.start()
    service.post({"service": "billing", "message": "after the restart", "fingerprint": ["restart"]})
    page.get_by_role("link", name="1 new").wait_for(timeout=40_000)
    page.get_by_role("link", name="1 new").click()
    page.get_by_text("after the restart").first.click()
    page.get_by_role("button", name="Acknowledge", exact=True).first.click()
    page.get_by_text("acknowledged it").first.wait_for()
    reader.context.close()
