"""`/v1/config/reload`: permissions and answers."""

from __future__ import annotations

import pytest

from notifier.domain.errors import ConfigError, Problem
from notifier.runtime.running_service import Reloaded
from notifier.store import audit
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_an_admin_reloads_and_is_named(desk: Desk) -> None:
    """The answer is 200 with both versions, warnings and settings that need a restart; the actor is audited."""
    warning = Problem(file="/etc/n/notifier.yaml", line=1, column=1, message="`fallback` is missing")
    desk.service.reloads.append(
        Reloaded(
            version="b" * 12,
            previous="a" * 12,
            changed=True,
            warnings=(warning,),
            needs_restart=("server.port",),
        )
    )
    answer = await desk.post("/v1/config/reload", {"actor": "ada"}, key="admin")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "version": "b" * 12,
            "previous": "a" * 12,
            "changed": True,
            "warnings": ["/etc/n/notifier.yaml:1:1: `fallback` is missing"],
            "needs_restart": ["server.port"],
        },
    )
    (row,) = await desk.world.database.read(lambda tx: audit.entries(tx, "configuration"))
    assert (row.actor, row.key_name, row.action) == ("ada", "admin", "reload")


async def test_every_problem_is_answered_with_its_place(desk: Desk) -> None:
    """Problems are a 422 with file name, line and column as path."""
    problems = (
        Problem(file="/etc/n/notifier.yaml", line=12, column=3, message="route: no channel is named pager"),
        Problem(file="/etc/n/notifier.yaml", line=14, column=1, message="an unknown key"),
    )
    desk.service.reloads.append(ConfigError(problems))
    answer = await desk.post("/v1/config/reload", key="admin")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == [
        {"path": "notifier.yaml:12:3", "message": "route: no channel is named pager"},
        {"path": "notifier.yaml:14:1", "message": "an unknown key"},
    ]
    assert "2 problems" in answer.json()["detail"]


@pytest.mark.parametrize("key", ["manager", "reader", "sender"])
async def test_it_needs_admin(desk: Desk, key: str) -> None:
    """Any scope but `admin` is a 403."""
    assert (await desk.post("/v1/config/reload", key=key)).status_code == 403
