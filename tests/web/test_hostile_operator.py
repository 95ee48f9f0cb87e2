"""Hostile text in every field that operators' pages show stays text."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest

from notifier.domain.delivery import Outcome
from notifier.oncall import silences
from notifier.oncall.actor import Actor
from notifier.oncall.silences import Draft
from tests.browser import SeenPage
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

PAYLOADS = (
    "</pre></textarea></title><script>alert(1)</script>",
    '"\' autofocus onfocus=alert(1) x="<img src=x onerror=alert(2)>',
    "{{ 8371*7 }}{% raw %}{# #}${8371*7}",
    "javascript:alert(1)//<a href='javascript:alert(2)'>x</a>",
    "\u202ertl\u200b<svg onload=alert(3)>&lt;b&gt;",
)


def is_sound(page: SeenPage) -> bool:
    """Whether the page has only known elements, no handlers, no script addresses, and no unclosed tags."""
    for tag, attributes in page.tags:
        if tag in {"img", "iframe", "object", "embed", "base"} or (
            tag == "script" and "src" not in attributes
        ):
            return False
        if any(name.startswith("on") for name in attributes):
            return False
        if any(
            (attributes.get(name) or "").strip().lower().startswith("javascript:")
            for name in ("href", "action")
        ):
            return False
    return "58597" not in page.text and "alert(1)" not in "".join(str(tag) for tag, _ in page.tags)


async def fill(shop: Pages, payload: str) -> None:
    """Create deliveries, runs and a silence, with the payload in every field that senders or people write."""
    world = shop.world
    await world.post(
        payload, service=payload, environment=payload, labels={payload: payload, "exception": payload}
    )
    await world.alert()
    for job in await world.claim():
        await world.fail(job, Outcome.BLOCKED, payload)
    now = world.clock.now()
    await world.ran(
        {
            "id": payload,
            "task": payload,
            "service": payload,
            "environment": payload,
            "process": payload,
            "key": payload,
            "state": "failed",
            "letter": "waiting",
            "finished_at": now,
            "error": json.dumps({"type": payload, "message": payload, payload: payload}),
            "result": json.dumps([payload]),
            "arguments": json.dumps({"args": [payload], "kwargs": {payload: payload}}),
            "replayable": "yes",
        }
    )
    quoted = json.dumps(payload, ensure_ascii=False)
    actor = Actor(name=payload, key_name="key", project="shop", project_scope="shop", new_id=world.new_id)
    draft = Draft(
        matchers=[f"service={quoted}"], ends_at="2999-01-01T00:00:00Z", comment=payload, author=payload
    )
    await world.database.write(lambda tx: silences.create(tx, actor, draft))


@pytest.mark.parametrize(
    "payload", [" ".join(PAYLOADS[:3]), " ".join(PAYLOADS[3:])], ids=["markup", "unseen"]
)
async def test_it_stays_text_on_every_page(shop: Pages, payload: str) -> None:
    """The text stays text on every linked page, in every confirmation and in every answer to a form."""
    await fill(shop, payload)
    ann = await shop.browser("admin")
    asked = quote(payload)
    pages = [
        "/deliveries", f"/deliveries?channel={asked}", "/dead-letters", f"/dead-letters?task={asked}", "/silences",
        f"/silences/new?matchers={asked}", f"/silences/new?{urlencode({'matchers': 'a=b', 'comment': payload})}",
        "/tasks", f"/tasks/runs?task={asked}", f"/tasks/run?id={asked}", f"/routes?labels={asked}",
        f"/routes?labels=service%3D{asked}", "/stats", f"/channels/{quote(payload, safe='')}",
    ]  # fmt: skip
    seen: set[str] = set()
    while pages:
        path = pages.pop()
        page = await ann.opens(path)
        assert page.status in {200, 404, 422}, path
        assert is_sound(page), path
        for href in page.hrefs():
            if href.startswith(("/deliveries/", "/tasks/run", "/silences/")) and href not in seen:
                seen.add(href)
                pages.append(href)
    form = (await ann.opens("/silences/new")).form("/silences")
    refused = await ann.sends(
        form, **dict.fromkeys(("matchers", "comment", "length", "times", "author"), payload)
    )
    assert (refused.status, is_sound(refused)) == (422, True)
    heap = next(form for form in (await ann.opens("/dead-letters")).forms if ("task", payload) in form.fields)
    assert is_sound(await ann.sends(heap))
