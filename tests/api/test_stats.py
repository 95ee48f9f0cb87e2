"""`/v1/stats`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notifier.api.models.responses_stats import StatsAnswer
from notifier.domain.time import DAY, HOUR, MINUTE, rfc3339
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

TIMEOUT = {"exception": "TimeoutError"}
NOTHING = {"events": 0, "runs": 0, "completed": 0, "failed": 0}


async def stats(desk: Desk, **params: str) -> Any:
    answer = await desk.get("/v1/stats", **params)
    assert answer.status_code == 200, answer.text
    StatsAnswer.model_validate(answer.json())
    return answer.json()


async def test_the_answer_has_exactly_the_contract_s_fields(desk: Desk) -> None:
    """Tasks, errors, deliveries and an hourly series since the moment, in the contract's words."""
    await desk.world.mark_dead("slow", labels=TIMEOUT)  # dies at 05:10
    now = desk.world.clock.now()
    await desk.world.ran({"attempt": 2, "duration_ms": 12.5, "created_at": now - HOUR}, {"state": "pending"})
    assert await stats(desk, since="90m") == {
        "since": "2026-11-22T03:40:00Z",
        "tasks": [
            {
                "task": "billing.tasks.charge",
                "runs": 2,
                "completed": 1,
                "failed": 0,
                "success_rate": 1.0,
                "retries": 1,
                "p50_ms": 12.5,
                "p95_ms": 12.5,
            }
        ],
        "errors": [
            {
                "type": "TimeoutError",
                "count": 1,
                "share": 1.0,
                "first_seen": "2026-11-22T05:00:00Z",
                "last_seen": "2026-11-22T05:00:00Z",
            }
        ],
        "deliveries": [{"channel": "mail", "delivered": 0, "dead": 2, "p95_ms": None}],
        "series": [
            {"at": "2026-11-22T03:00:00Z", "step": "hour", **NOTHING},
            {"at": "2026-11-22T04:00:00Z", "step": "hour", **NOTHING, "runs": 1, "completed": 1},
            {"at": "2026-11-22T05:00:00Z", "step": "hour", **NOTHING, "runs": 1, "events": 1},
        ],
    }


async def test_an_empty_project_has_zeros_for_a_day(desk: Desk) -> None:
    """Without `since` it is the last 24 hours, hour by hour."""
    found = await stats(desk)
    assert (found["since"], found["tasks"], found["errors"], found["deliveries"]) == (
        "2026-11-21T05:00:00Z",
        [],
        [],
        [],
    )
    assert [one["at"] for one in found["series"]] == [
        rfc3339(desk.world.clock.now() - hours * HOUR) for hours in range(24, -1, -1)
    ]
    assert {one["events"] for one in found["series"]} == {0}


STEPS = [
    ("48h", None, ("hour", 49, "2026-11-20T05:00:00Z")),
    ("48h1ms", None, ("day", 3, "2026-11-20T00:00:00Z")),
    ("7d", None, ("day", 8, "2026-11-15T00:00:00Z")),
    ("7d", "hour", ("hour", 169, "2026-11-15T05:00:00Z")),
    ("24h", "day", ("day", 2, "2026-11-21T00:00:00Z")),
    ("365d", None, ("day", 366, "2025-11-22T00:00:00Z")),
    ("999h", "hour", ("hour", 1000, "2026-10-11T14:00:00Z")),
    ("1m", None, ("hour", 2, "2026-11-22T04:00:00Z")),
    ("2026-11-22T05:00:00Z", None, ("hour", 1, "2026-11-22T05:00:00Z")),
    ("2026-11-22T05:30:00+02:00", None, ("hour", 3, "2026-11-22T03:00:00Z")),
]


async def test_since_and_step(desk: Desk) -> None:
    """Hours up to 48 hours, days beyond, or what `step` says; UTC, from the step that the moment lies in until now."""
    for since, step, expected in STEPS:
        series = (await stats(desk, since=since, **({"step": step} if step else {})))["series"]
        assert ({one["step"] for one in series}, len(series), series[0]["at"]) == (
            {expected[0]},
            *expected[1:],
        )
        ats = [one["at"] for one in series]
        assert ats == sorted(set(ats))


WRONG = [
    ({"since": ""}, "since"),
    ({"since": "yesterday"}, "since"),
    ({"since": "0"}, "since"),
    ({"since": "-5m"}, "since"),
    ({"since": "24"}, "since"),
    ({"since": "366d"}, "since"),
    ({"since": "2026-11-22T05:00:01Z"}, "since"),
    ({"since": "2025-11-22T04:59:59Z"}, "since"),
    ({"since": "2026-11-22"}, "since"),
    ({"since": "2026-13-22T05:00:00Z"}, "since"),
    ({"since": "0001-01-01T00:00:00+23:59"}, "since"),
    ({"since": "9999-12-31T23:59:59-23:59"}, "since"),
    ({"since": "2026-11-22T05:00:00+99:99"}, "since"),
    ({"since": "5m\0"}, "since"),
    ({"since": "9" * 65}, "since"),
    ({"step": "week"}, "step"),
    ({"since": "1000h", "step": "hour"}, "step"),
]


async def test_a_question_that_makes_no_sense_is_refused(desk: Desk) -> None:
    """422 names the part that is wrong, with a sentence, and repeats nothing of it."""
    for params, path in WRONG:
        answer = await desk.get("/v1/stats", **params)
        assert answer.status_code == 422, params
        assert [error["path"] for error in answer.json()["errors"]] == [path]
        assert "yesterday" not in answer.text


async def test_the_series_adds_up_to_the_whole(desk: Desk) -> None:
    """Every event and run is in one step: also what another clock dated later."""
    world = desk.world
    for hours in (30, 20, 1, 0):
        await world.post_all([world.event("slow", labels=TIMEOUT), world.event("none")])
        await world.ran({"state": "failed"}, {"created_at": world.clock.now() + 2 * DAY})
        world.clock.advance(hours * HOUR + 7 * MINUTE)
    world.clock.advance(-2 * HOUR)  # as the clock of a machine may be set
    for since in ("10m", "24h", "40h", "60h"):
        for step in ("hour", "day"):
            found = await stats(desk, since=since, step=step)
            sums = {name: sum(one[name] for one in found["series"]) for name in NOTHING}
            assert sums["events"] == sum(one["count"] for one in found["errors"]), (since, step)
            for name in ("runs", "completed", "failed"):
                assert sums[name] == sum(one[name] for one in found["tasks"]), (since, step, name)
            assert sum(one["share"] for one in found["errors"]) == pytest.approx(1)


async def test_a_key_sees_its_project_s_figures(desk: Desk) -> None:
    """It needs `read`; another project's are for an `admin` key alone."""
    await desk.world.post("theirs", project="other")
    await desk.world.ran({"project": "other"})
    assert (await desk.get("/v1/stats", None)).status_code == 401
    assert (await desk.get("/v1/stats", "sender")).status_code == 403
    assert (await desk.get("/v1/stats", project="other")).status_code == 403
    ours = await stats(desk)
    assert (ours["tasks"], ours["errors"]) == ([], [])
    for answer in (
        await desk.get("/v1/stats", "admin", project="other"),
        await desk.get("/v1/stats", "stranger"),
    ):
        theirs = answer.json()
        assert (theirs["tasks"][0]["runs"], theirs["errors"][0]["count"]) == (1, 1)


async def test_many_may_ask_at_once(desk: Desk) -> None:
    """They take turns, and a refused one lets the next in."""
    answers = await asyncio.gather(
        *(desk.get("/v1/stats", since=since) for since in ("1h", "never", "2h", "3h"))
    )
    assert [answer.status_code for answer in answers] == [200, 422, 200, 200]
