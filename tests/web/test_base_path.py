"""A service below a path of its host: every address in a page starts with that path."""

from __future__ import annotations

import pytest

from notifier.domain.value import replace
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

PATHS = (
    "/deliveries", "/dead-letters", "/silences", "/silences?state=expired", "/silences/new", "/tasks", "/monitors",
    "/channels", "/routes?labels=service%3Da", "/stats", "/sessions",
)  # fmt: skip
ADDRESSES = ("href", "action", "formaction", "src", "hx-get", "hx-post")


async def test_each_address_is_below_the_path(shop: Pages) -> None:
    """Links, forms, `formaction`, the style sheet and scripts start with the path."""
    (id_, *_) = await shop.world.mark_dead()
    await shop.world.ran({"state": "failed", "letter": "waiting", "finished_at": shop.world.clock.now()})
    ann = await shop.browser()
    await ann.sends((await ann.opens("/silences/new")).form("/silences"), matchers="a=b", comment="x")
    server = shop.service.settings.server.model_copy(update={"url": "https://host.example.com/alerts"})
    shop.service.settings = replace(shop.service.settings, server=server)
    for path in (*PATHS, f"/deliveries/{id_}"):
        page = await ann.opens(path)
        assert page.status == 200, path
        found = [
            attributes[name] or ""
            for _, attributes in page.tags
            for name in ADDRESSES
            if name in attributes and not (attributes[name] or "").startswith(("#", "data:", "https://"))
        ]
        assert found
        assert not [address for address in found if not address.startswith("/alerts/")], path
