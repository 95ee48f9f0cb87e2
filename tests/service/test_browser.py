"""The pages in a real browser: Debian's Chromium (`apt-get install chromium`), skipped where there is none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

SETTINGS = {
    "channels": {
        "console": {"type": "console"},
        # A private address is refused, and what goes there is dead at once.
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
# 1280 pixels as they are and at a zoom of 160, 200 and 400 %.
WIDTHS = {"light": (320, 640, 800, 1280)}
# What is too low for a thumb; a link within a sentence, and a chapter of the manual, are as high as their line.
LOW = """() => [...document.querySelectorAll('a, button, summary, select, label.choose, input')].filter(one => {
    const place = one.getBoundingClientRect();
    const beside = [...one.parentNode.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    return place.height && place.right > 0 && place.height < 43.5 && !beside
        && !one.closest('.manual') && !one.closest('label.choose input');
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("browser"), SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """A person with a browser; `said` is what its console says, which should be nothing."""

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
@pytest.mark.parametrize("look", LOOKS)
def test_each_page_fits_and_breaks_no_policy(
    service: Service, chromium: Any, look: str, tmp_path: Path
) -> None:
    """Nothing scrolls sideways, nothing is refused by the policy, and no script fails."""
    service.post({"service": "x" * 200, "message": "y" * 500, "fingerprint": ["long"]})
    reader, low = Reader(chromium, service, **LOOKS[look]), {}
    for path in PATHS:
        answer = reader.page.goto(path)
        assert answer.status == 200, path
        if look != "without scripts":
            for width in WIDTHS.get(look, [None]):
                if width is not None:
                    reader.page.set_viewport_size({"width": width, "height": 720})
                wide = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (path, width)
        if look == "phone" and (found := reader.page.evaluate(LOW)):
            low[path] = found
        if look == "phone" and path == "/channels":
            reader.page.get_by_role("button", name="Menu").tap()
            low["menu"] = reader.page.evaluate(LOW)
            reader.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Set up").tap()
            reader.page.wait_for_url("**/setup")
        reader.page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}.png", full_page=True)
    assert (reader.said, {path: found for path, found in low.items() if found}) == ([], {})
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
        page.get_by_text("Done to 16 incidents.").wait_for()
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


@pytest.mark.slow
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
    tabs[1].locator("#holds", has_text="choose what is alike").wait_for()
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_act_works_without_scripts(service: Service, chromium: Any) -> None:
    """Each is a button that leads to a notice; what cannot be taken back asks first."""
    event = {"service": "plain", "fingerprint": ["plain"], "message": "without scripts"}
    service.post([event, *({**event, "service": "dead", "fingerprint": [f"dead {n}"]} for n in range(3))])
    run = {"task": "plain.task", "service": "plain", "state": "failed", "replayable": "yes", "key": "1"}
    kept = {"arguments": {"args": [1], "kwargs": {}}}
    with service.client() as client:
        assert client.post(
            "/v1/task-runs", json=[{**run, **kept, "id": f"plain-{n}"} for n in range(2)]
        ).is_success
    service.settle()
    number = service.items("/v1/incidents", q="service=plain")[0]["number"]
    group = next(one["id"] for one in service.items("/v1/groups") if one["labels"].get("service") == "plain")
    here = f"/incidents/{number}"
    reader = Reader(chromium, service, java_script_enabled=False)
    for path, steps, said in (
        (here, ["Acknowledge"], "You have it"),
        (here, ["Acknowledge until then"], "You have it"),
        (here, ["Unacknowledge"], "It counts as open again"),
        (here, ["Snooze until then"], "Snoozed"),
        (here, ["End the snooze"], "The snooze is over"),
        (here, ["#text: seen it", "Add the note"], "The note is in the timeline"),
        (here, ["Resolve", "Yes, resolve"], "Resolved"),
        (here, ["Reopen"], "It is open again"),
        (f"{here}/silence", ["#matcher", "Preview", "#comment: why", "Silence"], "Silenced"),
        (f"/groups/{group}", ["Acknowledge all 1"], "Done to 1 incident"),
        ("/incidents?q=number%20service=plain", [], "None like this"),
        ("/incidents?q=service=plain", ["#ids", "Snooze"], "Done to 1 incident"),
        ("/incidents?q=service=plain", ["#all", "Resolve", "Yes, resolve"], "Done to 1 incident"),
        ("/silences/new", ['#matchers: a="b"', "#comment: why", "Preview", "Silence"], "Silenced"),
        ("/silences", ["Change", "#comment: other", "Change it"], "The silence is changed"),
        ("/silences", ["End now"], "Ended"),
        ("/deliveries?state=dead", ["@a[href*='/deliveries/']", "Redeliver"], "It is sent again"),
        ("/dead-letters?channel=gone", ["#id", "Redeliver the chosen"], "1 dead letter sent again"),
        (
            "/dead-letters?channel=gone",
            ["#id", "Discard the chosen …", "Yes, discard"],
            "1 dead letter discarded",
        ),
        ("/tasks/run?id=plain-0", ["Replay"], "The run was asked for again"),
        ("/tasks/run?id=plain-1", ["Discard …", "Yes, discard"], "1 dead letter discarded"),
        ("/channels/console", ["Send a test"], "console"),
        ("/routes", ['#labels: service="dead"', "Try them"], "gone"),
        ("/status", ["Reload the file"], "The file is as it was"),
        ("/setup", ["Send a test event"], "The test event was taken"),
        ("/setup", ["Make a key"], "This key may only post"),
        ("/manual", ["#q: silence", "Search"], "silence"),
        ("/incidents", ["@.who summary", "Sign out"], "Sign in"),
    ):
        reader.page.goto(path)
        for step in steps:
            taken(reader.page, step)
        assert said in reader.page.locator("main").inner_text(), (path, steps)
    reader.context.close()


def taken(page: Any, step: str) -> None:
    """One step of a person: `#name: text` is written, `#name` chosen, `@selector` followed; else it is a button."""
    page.eval_on_selector_all("main details", "all => all.forEach(one => { one.open = true; })")
    if step.startswith("#"):
        name, _, text = step[1:].partition(": ")
        field = page.locator(f"[name={name}]:not([type=hidden])").first
        field.fill(text) if text else field.check()
    elif step.startswith("@"):
        page.locator(step[1:]).first.click()
    else:
        found = (page.get_by_role(role, name=step, exact=True) for role in ("button", "link"))
        next(each for each in found if each.count()).first.click()
    page.wait_for_load_state()
