"""People that a proxy names in headers, and forged headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from notifier.settings.auth import AuthSettings, ProxyHeaderSettings
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

SECRET = "known to the proxy alone"
PROVEN = {"x-secret": SECRET}
ANN = {**PROVEN, "x-user": "Ann Müller", "x-groups": "staff, oncall"}
ROLES: dict[str, Any] = {"oncall": {"shop": ["read", "manage"], "blog": ["read"]}}


def configure(shop: Pages, **changes: Any) -> None:
    given = {"name": "X-User", "groups_name": "X-Groups", "secret_name": "X-Secret", "secret": SECRET}
    header = ProxyHeaderSettings.model_validate({**given, "roles": ROLES, **changes}, context={})
    shop.service.settings = replace(shop.service.settings, auth=AuthSettings(header=header))


async def status(shop: Pages, headers: Mapping[str, str] | list[tuple[str, str]]) -> int:
    raw = headers.items() if isinstance(headers, Mapping) else headers
    sent = [(name.encode(), value.encode()) for name, value in raw]
    return (await shop.new_browser().http.get("/incidents", headers=sent)).status_code


async def test_a_person_of_the_proxy_acts_by_name(shop: Pages) -> None:
    """The person needs no sign-in, uses form tokens, and gets no button to sign out."""
    configure(shop)
    await shop.world.post("TimeoutError: upstream")
    browser = shop.new_browser()
    browser.http.headers.update([(name.encode(), value.encode()) for name, value in ANN.items()])
    page = await browser.opens("/incidents/1")
    assert "Ann Müller" in page.text
    page = await browser.sends(page.form("/project"), project="shop")
    assert page.answer.url.path == "/incidents/1"
    assert not any(form.action.endswith("/sign-out") for form in page.forms)
    after = await browser.sends(page.form("/acknowledge"))
    assert "Ann Müller" in after.text.partition("Timeline")[2]
    forged = page.form("/acknowledge")
    forged.fields = [(name, value) for name, value in forged.fields if name != "form_token"]
    assert (await browser.posts(forged)).status_code == 403
    browser.http.headers["x-user"] = "Bo"
    assert (await browser.posts(page.form("/acknowledge"))).status_code == 403


async def test_only_the_proxy_is_believed(shop: Pages) -> None:
    """With a wrong or missing secret, or a repeated header, the headers are ignored and logged once."""
    configure(shop)
    assert await status(shop, ANN) == 200
    with capture_logs() as logs:
        assert await status(shop, {**ANN, "x-secret": "x"}) == 303
        assert await status(shop, {**ANN, "x-secret": "schlüssel"}) == 303
        assert await status(shop, {name: value for name, value in ANN.items() if name != "x-secret"}) == 303
        assert await status(shop, [*ANN.items(), ("x-user", "Bo")]) == 303
        assert await status(shop, [*ANN.items(), ("x-secret", "x")]) == 303
        assert await status(shop, {**ANN, "x-user": " "}) == 303
    assert [entry["event"] for entry in logs] == ["proxy_header_ignored"]
    assert SECRET not in str(logs)
    assert await status(shop, PROVEN) == 303


async def test_groups_decide(shop: Pages) -> None:
    """Without a group that has a role the answer is 403; without a header for groups, the name is the group."""
    configure(shop)
    assert await status(shop, {**ANN, "x-groups": ""}) == 403
    assert await status(shop, {**PROVEN, "x-user": "oncall"}) == 403
    assert await status(shop, {**ANN, "x-groups": "admins|oncall"}) == 200
    configure(shop, groups_name=None)
    assert await status(shop, ANN) == 403
    configure(shop, groups_name=None, roles={"Ann Müller": {"shop": ["read"]}})
    assert await status(shop, ANN) == 200
