"""The page of an incident and its acts, without scripts."""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from typing import Any

import pytest

from notifier.domain.delivery import Outcome
from notifier.domain.event import Event
from notifier.domain.time import HOUR, MINUTE, rfc3339
from notifier.domain.value import replace
from notifier.ingest.grouping import Grouping, grouping
from notifier.oncall import actions, silences
from notifier.oncall.actor import Actor
from notifier.oncall.silences import Draft
from notifier.store import audit
from tests.browser import Browser, SeenPage
from tests.hostile import TOGETHER
from tests.web.conftest import Pages
from tests.world import World

pytestmark = pytest.mark.anyio

FRAMES = [
    {"file": "starlette/routing.py", "function": "app", "line": 71, "code": "await func()", "in_app": False},
    {"file": "billing/tasks.py", "function": "charge", "line": 88, "code": "pay()", "in_app": True},
]
DOCUMENT = {
    "service": "billing",
    "message": "could not charge order 1842",
    "release": "1.4.2",
    "exception": {
        "type": "TimeoutError",
        "module": "builtins",
        "message": "upstream timed out",
        "frames": FRAMES,
        "notes": ["order 1842"],
        "cause": {"type": "ReadTimeout", "module": "httpcore", "message": "no answer", "frames": FRAMES[:1]},
    },
    "context": {"order_id": 1842},
    "links": [{"title": "Runbook", "url": "https://wiki.example.com/billing"}],
}


def event(world: World, document: dict[str, Any] | None = None, **fields: Any) -> Event:
    """An event with a whole document, grouped as by ingest."""
    made = world.event(fields.pop("title", "TimeoutError: upstream timed out"), **fields)
    body = json.dumps({"id": made.id, **(document or DOCUMENT)}, separators=(",", ":"))
    read = grouping(body.encode(), None)
    assert isinstance(read, Grouping)
    return replace(made, document=body, fingerprint=read.explanation.fingerprint)


async def told(shop: Pages, **fields: Any) -> str:
    """An incident with a delivered and a dead delivery."""
    world = shop.world
    (id_,) = await world.post_all([event(world, **fields)])
    await world.alert()
    for number, job in enumerate(await world.claim()):
        if number:
            await world.fail(job, Outcome.GONE, "550 no such mailbox")
        else:
            await world.deliver(job)
    return id_


async def test_the_runbook_stays(shop: Pages) -> None:
    """If the newest event has no links, the page shows those of an earlier one and links to it."""
    world = shop.world
    (id_,) = await world.post_all([event(world)])
    bare = {name: value for name, value in DOCUMENT.items() if name != "links"}
    await world.post_all([event(world, bare)])
    browser = await shop.browser()
    for address in ("/incidents/1", f"/incidents/1?id={id_}&sample=2"):
        page = await browser.opens(address)
        assert "Runbook (wiki.example.com)" in page.text
        assert "from another event" in page.text
    assert any("sample=1" in href for href in page.hrefs())
    assert "from another event" not in (await browser.opens(f"/incidents/1?id={id_}&sample=1")).text


async def press(
    browser: Browser, act: str, page: str = "/incidents/1", **written: str | list[str]
) -> SeenPage:
    return await browser.sends((await browser.opens(page)).form(f"/{act}"), **written)


async def test_what_happened_can_be_read(shop: Pages) -> None:
    """The page has the title, state, links, traceback with its cause, reasons, grouping and targets."""
    await told(shop)
    page = await (await shop.browser()).opens("/incidents/1")
    for said in (
        "TimeoutError: upstream timed out",
        "nobody is on it yet",
        "could not charge order 1842",
        'File "billing/tasks.py", line 88, in charge',
        "1 frame of libraries",
        "The above exception was the direct cause of the following exception:",
        "httpcore.ReadTimeout: no answer",
        "order 1842",
        "1.4.2",
        "Told: it was new. Route `default` (notifier.yaml:3",
        "550 no such mailbox",
        "billing/tasks.py in charge",
        "Every TimeoutError of this service",
        '"order_id": 1842',
    ):
        assert said in page.text, said
    assert "https://wiki.example.com/billing" in page.hrefs()
    assert len(page.answer.content) < 50_000
    assert page.unclosed == []


async def test_an_act_leads_back_with_a_notice_and_can_be_undone(shop: Pages) -> None:
    """After acknowledging, the notice has a button that undoes it."""
    await told(shop)
    browser = await shop.browser()
    page = await press(browser, "acknowledge")
    assert "It is yours: repeats and escalation stop." in page.text
    assert "manager is on it." in page.text
    undone = await browser.sends(page.form("/unacknowledge"))
    assert "nobody is on it yet" in undone.text
    # Opening the address again shows no notice.
    assert "It counts as open again." in (await browser.opens(str(undone.answer.url))).text


async def test_every_act_of_an_incident(shop: Pages) -> None:
    """Each act works by its form; the audit trail has them with the key's name."""
    id_ = await told(shop)
    browser, other = await shop.browser(), await shop.browser("admin")
    until = "2026-12-24T08:00"
    assert "until" in (await press(browser, "acknowledge", until=until)).text
    assert "You have taken it over." in (await press(other, "take_over")).text
    assert "admin is on it" in (await browser.opens("/incidents/1")).text
    assert "Snoozed by manager until" in (await press(browser, "snooze", **{"for": "4h"})).text
    assert "The snooze is over." in (await press(browser, "unsnooze")).text
    assert "It counts as open again." in (await press(other, "unacknowledge")).text
    noted = await press(browser, "note", text="first line\r\nsecond <b>line</b>")
    assert "manager noted: first line\nsecond <b>line</b>" in noted.text
    asked = await press(browser, "resolve")
    assert "Resolve incident 1?" in asked.text
    assert "nobody is on it yet" in (await browser.opens("/incidents/1")).text
    assert "Resolved: everybody who was alerted" in (await browser.sends(asked.form("/resolve"))).text
    assert "Over" in (await browser.opens("/incidents/1")).text
    assert "It is open again." in (await press(browser, "reopen")).text
    assert "It is being sent again." in (await press(browser, "redeliver")).text
    entries = await shop.world.database.read(lambda tx: audit.entries(tx, id_))
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("acknowledge", "manager"),
        ("acknowledge", "admin"),
        ("snooze", "manager"),
        ("unsnooze", "manager"),
        ("unacknowledge", "admin"),
        ("note", "manager"),
        ("resolve", "manager"),
        ("reopen", "manager"),
    ]


async def test_a_run_is_replayed(shop: Pages) -> None:
    """A failed run that can be replayed has a button, which works once."""
    world = shop.world
    await world.ran({"id": "01-run", "state": "failed", "replayable": "yes", "arguments": '{"args": []}'})
    await world.post_all([event(world, run="01-run")])
    browser = await shop.browser()
    assert "The run will be replayed" in (await press(browser, "replay")).text
    again = await browser.sends((await browser.opens("/incidents/1")).form("/replay"))
    assert again.status == 409
    assert "It was asked for again already" in again.text


async def test_of_two_people_at_one_button_one_has_it(shop: Pages) -> None:
    """Of two people at the same button, the second is told who was first, when, and what to do."""
    await told(shop)
    people = [await shop.browser(), await shop.browser("admin")]
    forms = [(await one.opens("/incidents/1")).form("/acknowledge") for one in people]
    pages = await asyncio.gather(*(one.sends(form) for one, form in zip(people, forms, strict=True)))
    assert sorted(page.status for page in pages) == [200, 409]
    (late,) = [page for page in pages if page.status == 409]
    assert re.search(
        r"It was acknowledged by \w+ at \d\d:\d\d UTC: to take it over, press Take over\.", late.text
    )
    assert late.form("/take_over").buttons == ["Take over"]


NONSENSE: tuple[tuple[str, dict[str, str], str | None], ...] = (
    ("snooze", {"for": ""}, "Say for how long"),
    ("snooze", {"until": "2020-01-01T00:00"}, "This moment is past"),
    ("snooze", {"until": "tomorrow"}, "Write the moment as"),
    ("snooze", {"until": "9999-12-31T23:59"}, "within the next 100 years"),
    ("snooze", {"for": "9y"}, "Choose one of the lengths"),
    ("acknowledge", {"until": "2020-01-01T00:00"}, "This moment is past"),
    ("note", {"text": "  "}, "A note has 1 to 4000 characters"),
    ("note", {"text": "x" * 4_001}, "A note has 1 to 4000 characters"),
    ("note", {"text": "\0\ud7ff" + "x" * 10}, None),
)


async def test_what_makes_no_sense_is_said(shop: Pages) -> None:
    """Invalid input is a 422 with a sentence; nothing is done, and the text is kept in the form."""
    await told(shop)
    browser = await shop.browser()
    for act, written, said in NONSENSE:
        page = await press(browser, act, **written)
        assert page.status == (200 if said is None else 422), (act, written)
        assert (said or "The note is in the timeline") in page.text
        assert written.get("text", "").strip("\0\ud7ff") in page.text
    assert "nobody is on it yet" in (await browser.opens("/incidents/1")).text


async def test_the_id_wins_over_the_number(shop: Pages) -> None:
    """A link with the id of before a restore leads to that incident, or says that it does not exist."""
    first, second = await shop.world.post("first"), await shop.world.post("second")
    browser = await shop.browser()
    page = await browser.opens(f"/incidents/1?id={second}")
    assert page.answer.url.path == "/incidents/2"
    assert "second" in page.text
    for unknown in ("0193aaaa-0000-7000-8000-000000000000", "x", "%00", "'", "1 OR 1"):
        assert (await browser.opens(f"/incidents/1?id={unknown}")).status == 404
    form = (await browser.opens("/incidents/1")).form("/resolve")
    form.action = "/incidents/2/resolve"
    form.fields.append(("sure", "yes"))
    assert (await browser.sends(form)).answer.url.path == "/incidents/1"
    assert ("id", first) in form.fields


async def test_a_foreign_incident_is_unknown(shop: Pages) -> None:
    """An incident of another project is a 404 for every page and act."""
    id_ = await told(shop)
    stranger = await shop.browser("stranger")
    for path in ("/incidents/1", f"/incidents/1?id={id_}", "/incidents/1/copy", "/incidents/1/silence"):
        assert (await stranger.opens(path)).status == 404
    form = (await stranger.opens("/incidents")).form("/sign-out")
    for act in ("acknowledge", "note", "silence", "redeliver"):
        form.action = f"/incidents/1/{act}"
        page = await stranger.sends(form, id=id_, text="x", **{"for": "1h"})
        assert page.status == 404
    assert "nobody is on it yet" in (await (await shop.browser()).opens("/incidents/1")).text


async def test_its_like_is_silenced_after_a_preview(shop: Pages) -> None:
    """The preview lists what else would match; the silence is in the incident's project, with author and reason."""
    world = shop.world
    await told(shop, labels={"region": "eu"})
    await world.post("another of the service", labels={"region": "us"})
    await world.post("of another service", service="shipping")
    browser = await shop.browser()
    page = await browser.opens("/incidents/1/silence")
    assert "Now it would hold 2 incidents, of 3 that are not resolved." in page.text
    assert "another of the service" in page.text
    narrowed = await browser.opens("/incidents/1/silence?label=service&label=region")
    assert "Now it would hold 1 incident, of 3" in narrowed.text
    refused = await browser.sends(narrowed.form("/silence"), comment="a <b>deploy</b>", **{"for": "9y"})
    assert refused.status == 422
    assert "Choose one of the lengths" in refused.text
    assert "a <b>deploy</b>" in refused.text
    assert refused.form("/silence").fields[2:4] == narrowed.form("/silence").fields[2:4]
    ticked: dict[str, str | list[str]] = {"matcher": ['region="eu"'], "for": "1h"}
    preview = await browser.sends(narrowed.form("/silence"), preview="yes", **ticked)
    assert (preview.status, "Now it would hold 1 incident, of 3" in preview.text) == (200, True)
    # After a preview the ticked matchers count, not those of the preview.
    ticked["matcher"] = ['service="shipping"', 'environment="production"']
    done = await browser.sends(preview.form("/silence"), comment="a <b>deploy</b>", **ticked)
    assert "Silenced." in done.text
    assert 'service="shipping"' in (await browser.opens("/silences")).text
    none = await browser.sends(narrowed.form("/silence"), comment="x", matcher=[], **{"for": "1h"})
    assert (none.status, "Choose at least one label" in none.text) == (422, True)
    assert (await browser.opens("/incidents/1/silence?label=none")).status == 422


async def test_a_long_history_is_shown_by_and_by(shop: Pages) -> None:
    """The newest hundred items are shown, and the rest on request."""
    id_ = await shop.world.post()
    actor = Actor(name="ann", key_name="cli", project="shop", project_scope="shop", new_id=shop.world.new_id)
    for number in range(105):
        await shop.world.database.write(
            partial(actions.note, actor=actor, name=id_, text=f"note number {number}")
        )
    browser = await shop.browser()
    page = await browser.opens("/incidents/1")
    assert "note number 104" in page.text
    assert "note number 3\n" not in page.text
    assert "6 older" in page.text
    whole = await browser.opens(next(href for href in page.hrefs() if "history=all" in href))
    assert "note number 0" in whole.text
    assert "older" not in whole.text


async def test_samples_can_be_looked_at(shop: Pages) -> None:
    """Each sample has a link, and the texts to copy are of the shown one."""
    world = shop.world
    for number in range(3):
        document = {**DOCUMENT, "context": {"order_id": 100 + number}}
        await world.post_all([event(world, document)])
        world.clock.advance(MINUTE)
    browser = await shop.browser()
    page = await browser.opens("/incidents/1?sample=1")
    assert '"order_id": 100' in page.text
    (copy,) = [href for href in page.hrefs() if "/copy" in href]
    copied = await browser.opens(copy)
    assert '"order_id": 100' in copied.text
    assert "curl -sS" in copied.text
    assert "https://notifier.example.com/v1/incidents/" in copied.text
    for sample in ("99", "-1", "x", "9" * 30):
        assert (await browser.opens(f"/incidents/1?sample={sample}")).status == 200


async def silenced(world: World, *, by: str, environment: str) -> None:
    """Create a silence of an environment by this author, with the same text as comment."""
    actor = Actor(name=by, key_name=by, project="shop", project_scope="shop", new_id=world.new_id)
    ends_at = rfc3339(world.clock.now() + HOUR)
    draft = Draft(matchers=[f'environment="{environment}"'], ends_at=ends_at, comment=by)
    await world.database.write(lambda tx: silences.create(tx, actor, draft))


async def test_nothing_that_a_stranger_writes_becomes_markup(shop: Pages) -> None:
    """With each payload in every field, the page has the same tags as without."""
    world = shop.world
    seen = set()
    browser = await shop.browser()
    for number, text in enumerate(("harmless", *TOGETHER)):
        run = f"{number}-run"
        error = json.dumps({"type": text, "message": text})
        await world.ran({"id": run, "task": text, "state": "failed", "replayable": "yes", "error": error})
        document = {
            "service": text,
            "message": f"{text} of order",
            "release": text,
            "host": text,
            "exception": {
                "type": text,
                "module": text,
                "message": text,
                "frames": [{"file": text, "function": text, "code": text, "in_app": True}],
                "notes": [text],
            },
            "task": {"name": text},
            "context": {"key": text},
            "links": [{"title": text, "url": "javascript:alert(1)"}],
        }
        (id_,) = await world.post_all(
            [
                event(
                    world,
                    document,
                    title=text,
                    service=text,
                    environment=f"e{number}",
                    labels={"label": text},
                    run=run,
                )
            ]
        )
        await silenced(world, by=text, environment=f"e{number}")
        await world.alert()
        page = await browser.opens(f"/incidents/1?id={id_}")
        assert page.form("/replay").buttons == ["Replay"]
        assert "Held: silenced by" in page.text
        page = await browser.sends(page.form("/note"), text=text)
        page = await browser.sends(page.form("/acknowledge"))
        silence = await browser.opens(f"/incidents/1/silence?id={id_}")
        copied = await browser.opens(f"/incidents/1/copy?id={id_}")
        for one in (page, silence, copied):
            assert one.status == 200
            assert not [name for _, attributes in one.tags for name in attributes if name.startswith("on")]
            assert not [href for href in one.hrefs() if not re.match(r"/[a-z]|#", href)]
            assert "\x1b" not in one.text
            assert "\u202e" not in one.text
        seen.add(tuple(tag for one in (page, silence, copied) for tag, _ in one.tags))
    assert len(seen) == 1
