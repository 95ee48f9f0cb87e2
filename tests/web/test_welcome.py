"""One-time sign-in links, and the list of sessions."""

from __future__ import annotations

import pytest

from notifier.access import sessions
from notifier.access.keyring import Keyring
from notifier.access.sessions import make_link
from notifier.domain.time import MINUTE
from notifier.store import housekeeping, keys
from notifier.store.schema import sign_in_links
from notifier.store.sessions import forget as forget_sessions
from notifier.store.sign_in_links import forget
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def link_of(shop: Pages, key: str = "key-admin") -> str:
    token, _ = await make_link(shop.world.database, key)
    assert not token.startswith("ntf_")
    return f"/welcome/{token}"


async def test_a_link_signs_in_once_and_only_by_its_button(shop: Pages) -> None:
    """GET does not use the link up; of two people who press the button, the first is signed in."""
    link = await link_of(shop)
    first, second = shop.new_browser(), shop.new_browser()
    for _ in range(2):
        page = await first.opens(link)
        assert page.status == 200
        assert page.answer.headers["cache-control"] == "no-store"
        assert page.answer.headers["referrer-policy"] == "no-referrer"
    early = await second.opens(link)
    arrived = await first.sends(page.form(link))
    assert arrived.answer.url.path == "/incidents"
    late = await second.sends(early.form(link))
    assert late.status == 404
    assert "sign-in-link" in late.text
    assert (await second.opens(link)).status == 404


async def test_a_link_is_good_for_ten_minutes_and_no_longer_than_its_key(shop: Pages) -> None:
    """A link expires after ten minutes or with its key."""
    old, revoked = await link_of(shop), await link_of(shop, "key-manager")
    await shop.world.database.write(lambda tx: keys.revoke(tx, "key-manager"))
    browser = shop.new_browser()
    assert (await browser.opens(revoked)).status == 404
    page = await browser.opens(old)
    shop.world.clock.advance(10 * MINUTE)
    assert (await browser.sends(page.form(old))).status == 404


async def test_a_forged_press_uses_no_link_up(shop: Pages) -> None:
    """The button is bound to the browser that got the page."""
    link = await link_of(shop)
    browser, other = shop.new_browser(), shop.new_browser()
    form = (await browser.opens(link)).form(link)
    assert (await other.posts(form)).status_code == 403
    assert (await browser.posts(form, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await browser.posts(form, {"form_token": ""})).status_code == 403
    assert (await browser.sends(form)).answer.url.path == "/incidents"


@pytest.mark.parametrize("token", ["x", "%00", "%F0%9F%98%80", "<script>", "a" * 5_000])
async def test_what_is_no_link_is_refused(shop: Pages, token: str) -> None:
    """An invalid link is refused without an echo."""
    browser = shop.new_browser()
    page = await browser.opens(f"/welcome/{token}")
    assert page.status == 404
    assert "<script>" not in page.answer.text


async def test_a_session_is_ended_by_its_owner_or_an_administrator(shop: Pages) -> None:
    """People see and end the sessions of their own key, administrators all."""
    one, two, admin = await shop.browser(), await shop.browser(), await shop.browser("admin")
    page = await one.opens("/sessions")
    assert page.text.count("(this one)") == 1
    ends = [form for form in page.forms if form.action == "/sessions/end"]
    assert len(ends) == 1
    assert "The session has ended" in (await one.sends(ends[0])).text
    assert (await two.http.get("/incidents")).status_code == 303
    assert (await one.sends(ends[0])).status == 404
    stranger = await shop.browser("stranger")
    listed = await stranger.opens("/sessions")
    assert [form for form in listed.forms if form.action == "/sessions/end"] == []
    ends[0].fields = [(name, value) for name, value in ends[0].fields if name == "id"]
    token = dict(listed.form("/sign-out").fields)["form_token"]
    assert (await stranger.sends(ends[0], form_token=token)).status == 404
    (of_one,) = await sessions.listing(shop.world.database, (await _session_of(shop, one)).caller)
    everybody = await admin.opens("/sessions")
    shown = [form for form in everybody.forms if dict(form.fields).get("id") == of_one.id]
    await admin.sends(shown[0])
    assert (await one.http.get("/incidents")).status_code == 303


async def _session_of(shop: Pages, browser: object) -> sessions.Session:
    cookies = browser.http.cookies  # type: ignore[attr-defined]
    keyring = Keyring(shop.world.database)
    found = await sessions.Sessions(shop.world.database, keyring).find(cookies["__Host-notifier_session"])
    assert found is not None
    return found


async def test_what_is_over_is_removed(shop: Pages) -> None:
    """Housekeeping deletes expired rows in batches."""
    await link_of(shop)
    await shop.browser()
    database, clock = shop.world.database, shop.world.clock
    clock.advance(20 * MINUTE)
    assert await database.write(lambda tx: forget(tx, tx.now, housekeeping.BATCH)) == 1
    assert await database.write(lambda tx: forget_sessions(tx, tx.now, housekeeping.BATCH)) == 0
    rows = await database.read(lambda tx: tx.run(sign_in_links.select()).all())
    assert rows == []
