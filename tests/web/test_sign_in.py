"""Signing in and out, and access to the pages."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.store import keys
from tests.browser import Browser
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def test_a_key_opens_a_session_and_leads_to_where_one_wanted_to_be(shop: Pages) -> None:
    """A person without a session is sent to the form, and then to the requested page."""
    id_ = await shop.world.post("TimeoutError: upstream")
    browser = shop.new_browser()
    stranger = await browser.http.get(f"/incidents/1?id={id_}")
    assert stranger.status_code == 303
    page = await browser.signs_in(shop.secrets["reader"], path=stranger.headers["location"])
    assert page.status == 200
    assert page.answer.url.path == "/incidents/1"
    assert "TimeoutError: upstream" in page.text


async def test_cookies_are_kept_to_themselves(shop: Pages) -> None:
    """Over https the cookie has the prefix `__Host-`; it is always HttpOnly."""
    browser = shop.new_browser()
    form = (await browser.opens("/sign-in")).form("/sign-in")
    answer = await browser.posts(form, {"key": shop.secrets["reader"]})
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if "notifier_session=" in line]
    assert cookie.startswith("__Host-notifier_session=")
    for flag in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert flag in cookie
    assert "ntf_" not in str(answer.headers)


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "javascript:alert(1)",
        "/v1/incidents",
        "/healthz",
        "/incidents\r\nx: y",
        "http://[",
        "",
    ],
)
async def test_nobody_is_sent_elsewhere_after_signing_in(shop: Pages, next_: str) -> None:
    """A `next` that is no page of ours becomes the first page."""
    browser = shop.new_browser()
    form = (await browser.opens("/sign-in")).form("/sign-in")
    answer = await browser.posts(form, {"key": shop.secrets["reader"], "next": next_})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_wrong_key_is_refused_and_tries_are_limited(shop: Pages) -> None:
    """A wrong key is a 403; after ten attempts, 429 for a minute, even with the right key."""
    browser = shop.new_browser()
    for _ in range(10):
        page = await browser.signs_in("ntf_wrong<script>")
        assert page.status == 403
        assert "This key is not known" in page.text
        assert "<script>" not in page.answer.text
    assert (await browser.signs_in(shop.secrets["reader"])).status == 429
    shop.world.clock.advance(MINUTE)
    assert (await browser.signs_in(shop.secrets["reader"])).status == 200


async def test_a_key_that_may_not_read_opens_no_session(shop: Pages) -> None:
    """A key without `read` opens no session."""
    page = await shop.new_browser().signs_in(shop.secrets["sender"])
    assert page.status == 403
    assert "lacks the scope `read`" in page.text


async def test_a_form_of_another_browser_signs_nobody_in(shop: Pages) -> None:
    """The form is bound to a cookie before there is a session."""
    ours, theirs = shop.new_browser(), shop.new_browser()
    form = (await theirs.opens("/sign-in")).form("/sign-in")
    assert (await ours.posts(form, {"key": shop.secrets["reader"]})).status_code == 403
    await ours.opens("/sign-in")
    assert (await ours.posts(form, {"key": shop.secrets["reader"]})).status_code == 403


async def test_a_session_ends(shop: Pages) -> None:
    """A session ends after twelve idle hours, after thirty days, with its key, and by signing out."""
    clock = shop.world.clock

    async def let_in(browser: Browser) -> bool:
        return bool((await browser.http.get("/incidents")).status_code == 200)

    idle = await shop.browser("reader")
    clock.advance(12 * HOUR - MINUTE)
    assert await let_in(idle)
    clock.advance(12 * HOUR)
    assert not await let_in(idle)
    used = await shop.browser("reader")
    for _ in range(60):
        clock.advance(DAY // 2 - MINUTE)
        assert await let_in(used)
    clock.advance(HOUR)
    assert not await let_in(used)
    revoked = await shop.browser("reader")
    await shop.world.database.write(lambda tx: keys.revoke(tx, "key-reader"))
    assert not await let_in(revoked)
    leaving = await shop.browser("manager")
    page = await leaving.opens("/incidents")
    copied = dict(leaving.http.cookies)
    assert (await leaving.sends(page.form("/sign-out"))).answer.url.path == "/sign-in"
    leaving.http.cookies.update(copied)
    assert not await let_in(leaving)


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, "kept", 303),
        ({"sec-fetch-site": "same-origin"}, "kept", 303),
        ({"sec-fetch-site": "none"}, "kept", 303),
        ({"sec-fetch-site": "cross-site"}, "kept", 403),
        ({"sec-fetch-site": "same-site"}, "kept", 403),
        ({}, "", 403),
        ({}, "x", 403),
        ({}, "\u202e\U0001f600", 403),
        ({"content-type": "application/json"}, "kept", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, "kept", 415),
    ],
)
async def test_a_forged_press_does_nothing(
    shop: Pages, headers: dict[str, str], token: str, status: int
) -> None:
    """A form from another site, or without the session's token, is refused."""
    id_ = await shop.world.post()
    browser = await shop.browser()
    form = (await browser.opens(f"/incidents/1?id={id_}")).form("/acknowledge")
    written = {} if token == "kept" else {"form_token": token}
    answer = await browser.posts(form, written, headers=headers)
    assert answer.status_code == status
    acknowledged = "manager is on it" in (await browser.opens("/incidents/1")).text
    assert acknowledged == (status == 303)


async def test_another_sessions_token_is_refused(shop: Pages) -> None:
    """A form token is valid for its session only."""
    await shop.world.post()
    one, other = await shop.browser(), await shop.browser()
    form = (await one.opens("/incidents/1")).form("/acknowledge")
    assert (await other.posts(form)).status_code == 403
    assert (await shop.new_browser().posts(form)).status_code == 403


async def test_a_key_that_may_only_read_sees_no_buttons_and_presses_none(shop: Pages) -> None:
    """Acts beyond the key's scopes have no button, and are refused with the scope's name."""
    await shop.world.post()
    reader = await shop.browser("reader")
    page = await reader.opens("/incidents/1")
    assert [form.action for form in page.forms] == ["/sign-out"]
    form = page.form("/sign-out")
    form.action = "/incidents/1/acknowledge"
    refused = await reader.sends(form)
    assert refused.status == 403
    assert "lacks the scope `manage`" in refused.text


async def test_bodies_are_bounded(shop: Pages) -> None:
    """A body larger than a form is refused, with or without a length."""
    await shop.world.post()
    browser = await shop.browser()
    form = (await browser.opens("/incidents/1")).form("/note")
    assert (await browser.posts(form, {"text": "x" * 300_000})).status_code == 413
    assert (await browser.posts(form, {"a": [""] * 2_001})).status_code == 422


@pytest.mark.parametrize("path", ["/incidents/1/none", "/groups", "/static/x.css", "/incidents/1/2/3"])
async def test_what_there_is_not_is_not_found(shop: Pages, path: str) -> None:
    """An unknown path is a 404 with a sentence."""
    browser = await shop.browser()
    page = await browser.opens(path)
    assert page.status == 404


async def test_an_error_leads_on(shop: Pages) -> None:
    """An error page links to the list, to the page whose form was sent, or to sign-in, and has the navigation."""
    browser = await shop.browser()
    for path, way in (
        ("/deliveries/none", "/deliveries"),
        ("/tasks/runs", "/tasks"),
        ("/incidents/99", "/incidents"),
    ):
        page = await browser.opens(path)
        assert page.status == 404
        assert page.hrefs().count(way) >= 2
    await shop.world.post("broken")
    note = (await browser.opens("/incidents/1")).form("/note")
    form = (await browser.opens("/incidents/1")).form("/sign-out")
    refused = await browser.sends(note, form_token="other")
    assert "/incidents/1" in refused.hrefs()
    await browser.sends(form)
    over = await browser.sends(note, text="what I wrote")
    assert (over.status, "You are signed out" in over.text) == (403, True)
    assert "/sign-in?next=%2Fincidents%2F1" in over.hrefs()
    assert "what I wrote" not in over.answer.text


async def test_headers_keep_a_page_to_itself(shop: Pages) -> None:
    """Pages and errors forbid caching, frames, referrers and foreign content."""
    browser = await shop.browser()
    for path in ("/incidents", "/incidents/99"):
        headers = (await browser.http.get(path)).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
    page = await browser.opens("/incidents")
    (style,) = [attributes["href"] for tag, attributes in page.tags if attributes.get("rel") == "stylesheet"]
    sheet = await browser.http.get(style or "")
    assert "immutable" in sheet.headers["cache-control"]
    assert len(sheet.content) < 12 * 1024


async def test_tries_are_counted_for_who_is_behind_a_trusted_proxy(shop: Pages) -> None:
    """Failed attempts are counted for the client's address; successful ones are not counted."""
    server = shop.service.settings.server.model_copy(update={"trusted_proxies": (ip_network("127.0.0.1"),)})
    shop.service.settings = replace(shop.service.settings, server=server)
    for _ in range(12):
        assert (await shop.new_browser().signs_in(shop.secrets["reader"])).status == 200

    async def tries(forwarded: str, key: str) -> int:
        browser = shop.new_browser()
        browser.http.headers["x-forwarded-for"] = forwarded
        return (await browser.signs_in(key)).status

    for number in range(10):
        assert await tries(f"203.0.113.{number}, 198.51.100.7", "ntf_wrong") == 403
    assert await tries("198.51.100.7:4711", shop.secrets["reader"]) == 429
    assert await tries("[2001:db8::7]:4711", shop.secrets["reader"]) == 200
    assert await tries("203.0.113.99, 198.51.100.7, 127.0.0.1", shop.secrets["reader"]) == 429
    assert await tries("198.51.100.8", shop.secrets["reader"]) == 200
    assert await tries("198.51.100.7, <script>", shop.secrets["reader"]) == 200
