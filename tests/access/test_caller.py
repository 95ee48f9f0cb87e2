"""Scopes and visible projects of a caller."""

from __future__ import annotations

from typing import get_args

import pytest

from notifier.access.caller import Caller
from notifier.access.errors import MissingScope
from notifier.domain.key import Scope


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        ((), set()),
        (("ingest",), {"ingest"}),
        (("read",), {"read"}),
        (("manage",), {"manage", "read"}),
        (("admin",), {"admin", "manage", "read"}),
        (("ingest", "admin"), {"ingest", "admin", "manage", "read"}),
    ],
)
def test_a_scope_stands_for_lesser_ones(granted: tuple[str, ...], allowed: set[str]) -> None:
    """`admin` includes `manage`, which includes `read`; `ingest` is separate."""
    assert {scope for scope in get_args(Scope) if may(caller(*granted), scope)} == allowed


def test_only_an_admin_sees_another_project() -> None:
    """Other callers are refused for the missing scope, and ids are looked up in their own project."""
    own, admin = caller("manage"), caller("admin")
    assert (own.project_scope, admin.project_scope) == ("shop", None)
    assert [own.project_named(name) for name in (None, "shop")] == ["shop", "shop"]
    assert [admin.project_named(name) for name in (None, "other")] == ["shop", "other"]
    with pytest.raises(MissingScope, match="`admin`"):
        own.project_named("other")


def caller(*scopes: str) -> Caller:
    return Caller(key_id="key-1", name="ci", project="shop", scopes=frozenset(scopes))


def may(who: Caller, scope: Scope) -> bool:
    try:
        who.require(scope)
    except MissingScope:
        return False
    return True
