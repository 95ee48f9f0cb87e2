"""`/setup`: snippets, a key shown once, and a test event."""

from __future__ import annotations

import re

import pytest

from notifier.oncall import incidents
from notifier.web.views.setup import setup_view
from tests.ingest.test_acceptance import Door
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio


async def test_lines_carry_this_services_address_and_a_new_key_once(shop: Pages) -> None:
    """The key has the scope `ingest` only, and is not shown again."""
    admin = await shop.browser("admin")
    page = await admin.opens("/setup")
    assert "ntf_" not in page.answer.text
    for name in ("curl", "FastAPI", "logging", "Celery", "RQ", "Dramatiq"):
        assert f"<summary>{name}</summary>" in page.answer.text
    made = await admin.sends(page.form("/setup/key"), name="<b>shop</b>")
    assert "https://notifier.example.com/v1/events" in made.text
    (key,) = set(re.findall(r"ntf_[A-Za-z0-9]+", made.text))
    assert made.text.count(key) >= 2
    assert made.answer.headers["cache-control"] == "no-store"
    caller = await shop.site._sessions._keyring.caller(key)
    assert (caller.scopes, caller.project, caller.name) == (frozenset({"ingest"}), "shop", "<b>shop</b>")
    assert key not in (await admin.opens("/setup")).answer.text


@pytest.mark.parametrize("host", ["a$(touch x)b", "x';id;'", "a b", "\u00e4.example", "x\ny", ""])
def test_an_address_that_a_shell_would_read_is_not_shown(host: str) -> None:
    """Without server.url the browser's address is used, unless a shell would interpret it."""
    shown = setup_view(origin=f"http://{host}", base="", key=None, received=None, sent=None, now=0)
    assert shown.url == "http://127.0.0.1:8000"
    plain = setup_view(origin="http://[::1]:8000", base="/n", key=None, received=None, sent=None, now=0)
    assert plain.url == "http://[::1]:8000/n"


async def test_the_test_event_arrives(shop: Pages) -> None:
    """The test event passes through the usual limits, has a traceback, and its incident is shown."""
    async with Door.open(shop.world.database) as door:
        shop.service.acceptance = door.acceptance
        browser = await shop.browser()
        page = await browser.sends((await browser.opens("/setup")).form("/setup/test-event"))
        assert page.status == 200
        assert "your test" in page.text
        assert "Received" in page.text
        (link,) = [href for href in page.hrefs() if href.startswith("/incidents/1?")]
        assert "payments.py" in (await browser.opens(link)).text
        for _ in range(9):
            await browser.sends(page.form("/setup/test-event"))
        assert (await browser.sends(page.form("/setup/test-event"))).status == 503
    found = await incidents.get(shop.world.database, "1", project_scope="shop", url=None)
    assert found.count == 10


async def test_what_a_key_may_not_do_is_not_offered(shop: Pages) -> None:
    """Without the scopes there are no buttons, but their requirements."""
    page = await (await shop.browser("reader")).opens("/setup")
    assert [form.action for form in page.forms] == ["/sign-out"]
    assert "manage" in page.text
    manager = await shop.browser()
    form = (await manager.opens("/setup")).form("/setup/test-event")
    form.action = "/setup/key"
    assert (await manager.sends(form)).status == 403
