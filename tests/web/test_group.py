"""The page of a group in a storm, and its bulk acts."""

from __future__ import annotations

import pytest

from notifier.oncall.group_details import MAX_READ
from tests.hostile import TOGETHER
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def group_page(shop: Pages) -> str:
    """The path of the group, as linked from its first incident."""
    page = await (await shop.browser()).opens("/incidents/1")
    return next(href for href in page.hrefs() if href.startswith("/groups/"))


async def test_a_storm_is_taken_with_one_button(shop: Pages) -> None:
    """The page lists causes by count and notifications; one button acknowledges all, and the notice has the number."""
    world = shop.world
    await world.post_all([world.event(f"cause {n}") for n in range(12) for _ in range(12 - n)])
    await world.alert()
    path = await group_page(shop)
    browser = await shop.browser()
    page = await browser.opens(path)
    assert "78 events of 12 causes: 12 open." in page.text
    assert page.text.index("cause 0") < page.text.index("cause 5") < page.text.index("cause 11")
    assert "Acknowledge all 12" in page.text
    assert "cause 0 and 11 others" in page.text
    done = await browser.sends(page.form("/acknowledge"))
    assert "You have 12 incidents: " in done.text
    assert "12 acknowledged" in done.text


async def test_some_are_taken(shop: Pages) -> None:
    """Only ticked incidents are acknowledged; those of another person are skipped and counted."""
    world = shop.world
    ids = await world.post_all([world.event(f"cause {n}") for n in range(3)])
    await world.alert()
    path = await group_page(shop)
    browser, other = await shop.browser(), await shop.browser("admin")
    await other.sends((await other.opens("/incidents/1")).form("/acknowledge"))
    page = await browser.opens(path)
    chosen = next(form for form in page.forms if ("chosen", "yes") in form.fields)
    done = await browser.sends(chosen, incident=ids[:2])
    assert "You have 1 incident: repeats and escalation stop. 1 was left as it was" in done.text
    assert "acknowledged by admin" in done.text
    assert "1 open, 2 acknowledged" in done.text
    for wrong in ([], ["x"] * 1_001):
        assert (await browser.sends(chosen, incident=wrong)).status == 422
    assert "You have 0 incidents." in (await browser.sends(chosen, incident=["'", "\0", "<b>"])).text


async def test_a_foreign_or_unknown_group(shop: Pages) -> None:
    """An unknown group, or one of another project, is a 404 for GET and POST."""
    await shop.world.post()
    await shop.world.alert()
    path = await group_page(shop)
    stranger = await shop.browser("stranger")
    form = (await stranger.opens("/incidents")).form("/sign-out")
    for one in (path, "/groups/x", "/groups/%00", "/groups/" + "x" * 3_000):
        assert (await stranger.opens(one)).status == 404
        form.action = f"{one}/acknowledge"
        assert (await stranger.sends(form)).status == 404


async def test_hostile_causes_are_text(shop: Pages) -> None:
    """Text of events does not change the tags of the page."""
    world, seen = shop.world, set()
    browser = await shop.browser()
    for number, text in enumerate(("harmless", *TOGETHER)):
        await world.post(text, service=text, environment=f"e{number}")
        await world.alert()
        incident = await browser.opens(f"/incidents/{number + 1}")
        path = next(href for href in incident.hrefs() if href.startswith("/groups/"))
        page = await browser.opens(path)
        assert page.status == 200
        seen.add(tuple(tag for tag, _ in page.tags))
    assert len(seen) == 1
    assert MAX_READ == 5_000, "the page says so in words"
