"""Each page in a real browser: it fits whatever it is looked at with, and works without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import LOOKS, PATHS, SETTINGS, Reader, chromium, needs_chromium
from tests.processes import Service

__all__ = ["chromium"]

pytestmark = [pytest.mark.slow, needs_chromium]

# 1280 pixels as they are and at a zoom of 160, 200 and 400 %.
WIDTHS = (320, 640, 800, 1280)
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


@pytest.mark.parametrize("looks", [("light",), ("dark", "phone"), ("without scripts",)], ids="-".join)
def test_each_page_fits_and_breaks_no_policy(service: Service, chromium: Any, looks: tuple[str, ...]) -> None:
    """Nothing scrolls sideways, nothing is refused by the policy, and no script fails."""
    service.post({"service": "x" * 200, "message": "y" * 500, "fingerprint": ["long"]})
    look = {name: value for each in looks for name, value in LOOKS[each].items()}
    reader, low = Reader(chromium, service, **look), {}
    for path in PATHS:
        answer = reader.page.goto(path)
        assert answer.status == 200, path
        if "without scripts" not in looks:
            for width in WIDTHS if "light" in looks else [None]:
                if width is not None:
                    reader.page.set_viewport_size({"width": width, "height": 720})
                wide = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (path, width)
        if "phone" in looks and (found := reader.page.evaluate(LOW)):
            low[path] = found
        if "phone" in looks and path == "/channels":
            reader.page.get_by_role("button", name="Menu").tap()
            low["menu"] = reader.page.evaluate(LOW)
            reader.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Set up").tap()
            reader.page.wait_for_url("**/setup")
    assert (reader.said, {path: found for path, found in low.items() if found}) == ([], {})
    reader.context.close()


@pytest.mark.slow(takes=47)
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
        (here, ["Acknowledge"], "It is yours"),
        (here, ["Acknowledge until then"], "It is yours"),
        (here, ["Unacknowledge"], "It counts as open again"),
        (here, ["Snooze until then"], "Snoozed"),
        (here, ["End the snooze"], "The snooze is over"),
        (here, ["#text: seen it", "Add the note"], "The note is in the timeline"),
        (here, ["Resolve", "Yes, resolve"], "Resolved"),
        (here, ["Reopen"], "It is open again"),
        (f"{here}/silence", ["#matcher", "Preview", "#comment: why", "Silence"], "Silenced"),
        (f"/groups/{group}", ["Acknowledge all 1"], "You have 1 incident"),
        ("/incidents?q=number%20service=plain", [], "No matches"),
        ("/incidents?q=service=plain", ["#ids", "Snooze"], "Snoozed 1 incident"),
        ("/incidents?q=service=plain", ["#all", "Resolve", "Yes, resolve"], "Resolved 1 incident"),
        ("/silences/new", ['#matchers: a="b"', "#comment: why", "Preview", "Silence"], "Silenced"),
        ("/silences", ["Change", "#comment: other", "Change it"], "The silence was changed"),
        ("/silences", ["End now"], "Ended"),
        ("/deliveries?state=dead", ["@a[href*='/deliveries/']", "Redeliver"], "It is being sent again"),
        ("/dead-letters?channel=gone", ["#id", "Redeliver the chosen"], "1 dead letter sent again"),
        (
            "/dead-letters?channel=gone",
            ["#id", "Discard the chosen …", "Yes, discard"],
            "1 dead letter discarded",
        ),
        ("/tasks/run?id=plain-0", ["Replay"], "The run will be replayed"),
        ("/tasks/run?id=plain-1", ["Discard …", "Yes, discard"], "1 dead letter discarded"),
        ("/channels/console", ["Send a test"], "console"),
        ("/routes", ['#labels: service="dead"', "Try them"], "gone"),
        ("/status", ["Reload the file"], "The file has not changed"),
        ("/setup", ["Send a test event"], "The test event was accepted"),
        ("/setup", ["Make a key"], "This key can only post"),
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
