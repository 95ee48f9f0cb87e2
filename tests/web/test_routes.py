"""The pages of routes, statistics and channels."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from notifier.domain.notification import Reason
from notifier.domain.value import replace
from notifier.oncall.channels import ChannelFacts
from notifier.runtime.sample_message import sample_message
from notifier.store import notifications
from tests.web.conftest import Pages
from tests.world import LIMITS, TARGETS

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def test_labels_find_their_way_through_the_tree(shop: Pages) -> None:
    """A test shows the targets with their lines, and warns about labels that no event has had."""
    ann = await shop.browser()
    tree = await ann.opens("/routes")
    assert "notifier.yaml:9" in tree.text
    assert 'severity="critical"' in tree.text
    silence = (await ann.opens("/silences/new")).form("/silences")
    for matcher, comment in (('severity="critical"', HOSTILE), ('severity="info"', "not meant")):
        await ann.sends(silence, matchers=matcher, comment=comment)
    labels = quote(f'severity="critical"\nregion={HOSTILE}')
    page = await ann.opens(f"/routes?labels={labels}")
    assert "Held just now by a silence of manager" in page.text
    assert "not meant" not in page.text
    assert "Told: hook and mail, by the route in line 9." in page.text
    assert "no event has come with a label of this name" in page.text
    assert HOSTILE in page.text
    assert ("script", {}) not in page.tags


async def test_what_are_no_labels_is_said(shop: Pages) -> None:
    """An invalid line is named, and the tree is shown all the same."""
    ann = await shop.browser()
    for labels in ("nonsense", "=x", "x" * 9_000, "\n".join(f"l{n}=x" for n in range(65))):
        page = await ann.opens(f"/routes?labels={quote(labels)}")
        assert page.status == 422
        assert "notifier.yaml:9" in page.text


async def test_statistics_of_a_span(shop: Pages) -> None:
    """Error types link to their incidents; unknown spans are refused."""
    await shop.world.post("broken", labels={"exception": HOSTILE})
    ann = await shop.browser()
    for since in ("", "?since=1h", "?since=7d", "?since=30d"):
        assert (await ann.opens(f"/stats{since}")).status == 200
    assert (await ann.opens("/stats?since=1y")).status == 422


async def test_channels_show_their_health(shop: Pages) -> None:
    """The page has the last error in words; testing needs `admin`, and an unknown channel is a 404."""
    shop.service.channels = {
        name: ChannelFacts(
            type={"mail": "email", "hook": "webhook"}[name],
            targets=tuple(targets),
            rate_limit=LIMITS.get(name),
            fallback=name == "hook",
        )
        for name, targets in TARGETS.items()
    }
    await shop.world.mark_dead("one")
    reader, admin = await shop.browser("reader"), await shop.browser("admin")
    page = await reader.opens("/channels")
    assert "not allowed" in page.text
    assert "blocked: " not in page.text
    assert "admin" in page.text
    assert not [form for form in page.forms if form.action.endswith("/test")]
    assert (await reader.opens("/channels/mail")).status == 200
    hook = await admin.opens("/channels/hook")
    assert "def verified(headers, body: bytes)" in hook.text
    for name in ("nobody", "%3Cscript%3E", "%00"):
        assert (await admin.opens(f"/channels/{name}")).status == 404
    checked = await admin.sends(hook.form("/check"))
    assert (checked.status, "it <broke>" in checked.text, "Nothing was sent." in checked.text) == (
        200,
        True,
        True,
    )
    assert not [
        form for form in (await reader.opens("/channels/hook")).forms if form.action.endswith("/check")
    ]
    await admin.sends(hook.form("/test"))
    assert shop.service.tests == [("hook", "shop", "admin")]
    assert "admin tested it" in (await admin.opens("/channels/hook")).text
    assert "tested it" not in (await reader.opens("/channels/hook")).text
    assert (await admin.opens("/channels/hook?test=nobody+%00+x&of=%00")).status == 200
    test = await shop.world.database.write(
        lambda tx: notifications.enqueue_test(
            tx,
            shop.world.rules,
            project="shop",
            channel="mail",
            message=replace(sample_message(project="shop", at=tx.now, url=None), reason=Reason.TEST),
        )
    )
    shown = await admin.opens(f"/channels/mail?test={test[0]}&of=30")
    assert "And 29 more" in shown.text
    assert "no answer yet" in shown.text
    assert "The test" not in (await admin.opens(f"/channels/hook?test={test[0]}&of=30")).text
