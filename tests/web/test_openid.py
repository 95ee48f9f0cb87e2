"""Sign-in through a real OpenID provider on loopback, including faulty ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.settings.auth import AuthSettings, OpenIdSettings
from notifier.store import pending_sign_ins
from notifier.store.schema import audit
from tests.browser import Browser, SeenPage
from tests.openid import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    altered,
    provider_on_loopback,
    signed_by_another,
    signed_with_public_key,
    unsigned,
)
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

ROLES: dict[str, Any] = {
    "oncall": {"shop": ["read", "manage"], "blog": ["read"]},
    "root": {"shop": ["admin"]},
}


@pytest.fixture
def provider(shop: Pages) -> Iterator[Provider]:
    with provider_on_loopback(lambda: shop.world.clock.now() // SECOND) as provider:
        configure(shop, provider)
        yield provider


def configure(shop: Pages, provider: Provider, roles: dict[str, Any] = ROLES) -> None:
    """Change the configuration, as a reload does."""
    oidc = OpenIdSettings(issuer=provider.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, roles=roles)
    shop.service.settings = replace(shop.service.settings, auth=AuthSettings(oidc=oidc))


async def sent_away(browser: Browser, next_: str = "/") -> str:
    answer = await browser.http.get("/sign-in/openid", params={"next": next_})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def comes_in(shop: Pages, provider: Provider, next_: str = "/") -> tuple[Browser, SeenPage]:
    """A person with a new browser, who consents at the provider."""
    browser = shop.new_browser()
    return browser, await browser.opens(provider.authorize(await sent_away(browser, next_)))


async def test_a_person_signs_in_and_acts_by_name(shop: Pages, provider: Provider) -> None:
    """The sign-in page links to the provider; the person returns to the requested page, and acts by name."""
    await shop.world.post("TimeoutError: upstream")
    stranger = shop.new_browser()
    door = await stranger.opens("/incidents/1")
    (link,) = [href for href in door.hrefs() if "openid" in href]
    away = await stranger.http.get(link)
    page = await stranger.opens(provider.authorize(away.headers["location"]))
    assert page.status == 404  # the incident is in another of this person's projects
    page = await stranger.sends(page.form("/project"), project="shop")
    assert page.status == 200
    assert page.answer.url.path == "/incidents/1"
    assert "Ann Example" in page.text
    after = await stranger.sends(page.form("/acknowledge"))
    assert "Ann Example acknowledged it" in after.text.partition("Timeline")[2]
    assert "[via 127.0.0.1]" in after.text
    query = sa.select(audit.c.key_name)
    by = await shop.world.database.read(lambda tx: tx.run(query).scalars().all())
    assert f"{provider.url}#u-1" in by
    listed = await (await shop.browser("admin")).opens("/sessions")
    assert "Ann Example" in listed.text
    assert provider.url in listed.text


async def test_cookies_of_people_open_no_api(shop: Pages, provider: Provider) -> None:
    """A person's session is not accepted by the API."""
    browser, _ = await comes_in(shop, provider)
    assert not shop.site.serves("/v1/incidents")
    assert (await browser.http.get("/v1/incidents")).status_code == 404


async def test_scopes_are_those_of_the_roles_as_they_are_now(shop: Pages, provider: Provider) -> None:
    """Removing a role or the provider from the configuration takes effect at the next request."""
    browser, _ = await comes_in(shop, provider)
    assert (await browser.opens("/incidents")).status == 200
    assert not any(form.action.endswith("/status/reload") for form in (await browser.opens("/status")).forms)
    configure(shop, provider, {"others": {"shop": ["read"]}})
    refused = await browser.http.get("/incidents")
    assert refused.status_code == 403
    assert "no group of yours has a role here" in refused.text
    assert (await browser.http.get("/sign-in")).status_code == 200
    configure(shop, provider)
    assert (await browser.http.get("/incidents")).status_code == 200
    shop.service.settings = replace(shop.service.settings, auth=AuthSettings())
    assert (await browser.http.get("/incidents")).status_code == 303


async def test_a_person_of_several_projects_chooses_one(shop: Pages, provider: Provider) -> None:
    """The scopes are those of the chosen project; a project that is not the person's is refused."""
    browser, page = await comes_in(shop, provider)
    assert "Project blog" in page.text
    page = await browser.sends(page.form("/project"), project="shop")
    assert "Project shop" in page.text
    page = await browser.sends(page.form("/project"), project="secret\r\n; x")
    assert "Project shop" in page.text


async def test_such_a_session_ends_after_twelve_hours_and_by_an_administrator(
    shop: Pages, provider: Provider
) -> None:
    """The session ends after twelve hours of any use, because its groups are those of the sign-in."""
    browser, _ = await comes_in(shop, provider)
    for _ in range(3):
        shop.world.clock.advance(4 * HOUR - MINUTE)
        assert (await browser.http.get("/incidents")).status_code == 200
    shop.world.clock.advance(4 * MINUTE)
    assert (await browser.http.get("/incidents")).status_code == 303
    browser, _ = await comes_in(shop, provider)
    root = await shop.browser("admin")
    page = await root.opens("/sessions")
    await root.sends(next(form for form in page.forms if form.action == "/sessions/end"))
    assert (await browser.http.get("/incidents")).status_code == 303


def broken(*paths: str) -> Callable[[Provider], None]:
    return lambda provider: provider.broken.update(paths)


def claim(**changes: Any) -> Callable[[Provider], None]:
    return lambda provider: provider.changes.update(changes)


def token(make: Callable[[Provider, dict[str, Any]], str]) -> Callable[[Provider], None]:
    return lambda provider: setattr(provider, "signs", make)


def unknown_key(provider: Provider) -> None:
    provider.published = []


BAD: list[tuple[str, Callable[[Provider], None], int, str]] = [
    ("another issuer", claim(iss="https://evil.example"), 403, "another provider's"),
    ("another audience", claim(aud="other"), 403, "another service"),
    ("no audience", claim(aud=None), 403, "another service"),
    ("several audiences", claim(aud=[CLIENT_ID, "other"]), 403, "several services"),
    ("another party", claim(azp="other"), 403, "another service"),
    ("expired", claim(exp=1), 403, "expired"),
    ("no expiry", claim(exp=None), 403, "expired"),
    ("expiry that is no number", claim(exp="soon"), 403, "expired"),
    ("of tomorrow", claim(nbf=9_000_000_000), 403, "clocks"),
    ("another nonce", claim(nonce="x"), 403, "another sign-in"),
    ("no nonce", claim(nonce=None), 403, "another sign-in"),
    ("no subject", claim(sub=None), 403, "names nobody"),
    ("a subject that is no text", claim(sub=["u"]), 403, "names nobody"),
    ("half a character", claim(sub="\ud800"), 403, "names nobody"),
    ("no group", claim(groups=["others"]), 403, "no group of yours"),
    ("groups that are none", claim(groups={"oncall": 1}), 403, "no group of yours"),
    ("no signature", token(unsigned), 403, "not the provider's"),
    ("the public key as secret", token(signed_with_public_key), 403, "not the provider's"),
    ("another's signature", token(signed_by_another), 403, "not the provider's"),
    ("an altered token", token(altered), 403, "not the provider's"),
    ("no token at all", token(lambda _p, _c: "<script>"), 403, "not the provider's"),
    ("a key that is not published", unknown_key, 403, "does not publish"),
    ("no answer to the code", broken("/token"), 503, "does not answer"),
    ("no keys", broken("/keys"), 503, "does not answer"),
]


async def test_what_proves_nothing_signs_nobody_in(shop: Pages, provider: Provider) -> None:
    """An invalid token is a 403, a failing provider a 503; nobody is signed in, and their text is not shown."""
    for name, lie, status, sentence in BAD:
        provider.changes.clear()
        provider.broken.clear()
        provider.signs = None
        provider.published = [provider.key.as_dict(private=False)]
        shop.world.clock.advance(2 * HOUR)
        lie(provider)
        browser, page = await comes_in(shop, provider)
        assert (name, page.status, sentence in page.text) == (name, status, True), page.text
        assert "<script>" not in page.answer.text
        assert (await browser.http.get("/incidents")).status_code == 303


async def test_a_state_is_of_one_browser_and_good_once(shop: Pages, provider: Provider) -> None:
    """A state is refused with 403 if it is another browser's, used, expired, missing, too long, or an error of the
    provider.
    """
    browser = shop.new_browser()
    back = provider.authorize(await sent_away(browser))
    other = shop.new_browser()
    await sent_away(other)
    assert (await other.opens(back)).status == 403
    assert (await browser.opens(back)).status == 200
    again = shop.new_browser()
    back = provider.authorize(await sent_away(again))
    assert (await again.opens(back.replace("code=", "code=x"))).status == 403
    assert (await again.opens(back)).status == 403
    shop.world.clock.advance(MINUTE)
    back = provider.authorize(await sent_away(again))
    shop.world.clock.advance(10 * MINUTE)
    assert "older than ten minutes" in (await again.opens(back)).text
    for query in ("", "?state=%00&code=x", f"?state={'x' * 9_000}&code=1", "?code=1&state=\ud800"):
        answer = await again.http.get(f"/sign-in/openid/callback{query.encode('utf-8', 'replace').decode()}")
        assert answer.status_code == 403
    state = dict(part.split("=") for part in (await sent_away(again)).partition("?")[2].split("&"))["state"]
    refused = await again.opens(f"/sign-in/openid/callback?state={state}&error=access_denied<b>")
    assert refused.status == 403
    assert "<b>" not in refused.answer.text
    assert (await again.http.post("/sign-in/openid/callback")).status_code == 405


async def test_a_provider_that_is_down_or_another_is_said(shop: Pages, provider: Provider) -> None:
    """A failing provider is a 503 with the form for keys."""
    browser = shop.new_browser()
    for wrong in (
        {"issuer": "https://other.example"},
        {"jwks_uri": 7},
        {"token_endpoint": "file:///etc/passwd"},
    ):
        provider.described = wrong
        assert (await browser.opens("/sign-in/openid")).status == 503
    provider.described, provider.broken = {}, {"/.well-known/openid-configuration"}
    page = await browser.opens("/sign-in/openid")
    assert page.status == 503
    assert (await browser.sends(page.form("/sign-in"), key=shop.secrets["reader"])).status == 200
    shop.service.settings = replace(shop.service.settings, auth=AuthSettings())
    assert (await shop.new_browser().opens("/sign-in/openid")).status == 404


async def test_what_the_provider_says_is_remembered_and_a_new_key_is_found(
    shop: Pages, provider: Provider
) -> None:
    """The description and keys are fetched hourly, and once more for an unknown key."""
    for _ in range(2):
        assert (await comes_in(shop, provider))[1].status == 200
    assert (provider.asked["/.well-known/openid-configuration"], provider.asked["/keys"]) == (1, 1)
    provider.rotate()
    shop.world.clock.advance(MINUTE)
    assert (await comes_in(shop, provider))[1].status == 200
    assert provider.asked["/keys"] == 2


async def test_groups_may_come_from_userinfo(shop: Pages, provider: Provider) -> None:
    """Groups are taken from userinfo if the token has none, and only for the same subject."""
    provider.changes = {"groups": None}
    provider.userinfo = {"sub": "u-1", "groups": ["oncall"]}
    assert (await comes_in(shop, provider))[1].status == 200
    provider.userinfo = {"sub": "u-2", "groups": ["oncall"]}
    assert (await comes_in(shop, provider))[1].status == 403


async def test_the_way_back_is_below_the_path_of_the_service(shop: Pages, provider: Provider) -> None:
    """The redirect address is built from `server.url`, whatever the Host header says."""
    url = "https://alerts.example.com/notifier"
    server = shop.service.settings.server.model_copy(update={"url": url})
    shop.service.settings = replace(shop.service.settings, server=server)
    query = parse_qs(urlsplit(await sent_away(shop.new_browser())).query)
    assert query["redirect_uri"] == [f"{url}/sign-in/openid/callback"]


async def test_what_nobody_came_back_for_is_forgotten(shop: Pages, provider: Provider) -> None:
    """Pending sign-ins are deleted after ten minutes, and their number per address is limited."""
    browser = shop.new_browser()
    for _ in range(60):
        await sent_away(browser)
    assert (await browser.http.get("/sign-in/openid")).status_code == 429
    shop.world.clock.advance(11 * MINUTE)
    database = shop.world.database
    gone = await database.write(lambda tx: pending_sign_ins.forget(tx, tx.now, 100))
    assert gone == 60
