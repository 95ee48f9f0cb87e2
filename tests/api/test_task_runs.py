"""`/v1/task-runs`, `/v1/processes/heartbeat`, and task runs among the dead letters."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from notifier.api.models.responses_dead_letters import DeadLetterList
from notifier.api.models.responses_task_runs import ChangeResults, HeartbeatAnswer, TaskRunAnswer, TaskRunList
from notifier.ingest.quota import KeyQuota
from notifier.store import audit
from notifier.store.schema import processes
from tests.api.conftest import Desk

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "task", "service", "state", "attempt", "max_attempts", "started_at", "finished_at", "duration_ms", "result",
    "error", "incident_id", "replay_of",
]  # fmt: skip
ERROR = {"type": "TimeoutError", "module": "builtins", "message": "upstream timed out"}


def change(id_: str = "run-1", state: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "task": "billing.charge", "service": "billing", "state": state, **fields}


def failed(id_: str = "run-1", **fields: Any) -> dict[str, Any]:
    """A failed run that can be asked for again."""
    kept = {"arguments": {"args": [42], "kwargs": {}}, "replayable": "yes"}
    return change(id_, "failed", **{"error": ERROR, **kept, **fields})


async def tell(desk: Desk, *changes: Any, **parts: Any) -> list[dict[str, Any]]:
    answer = await desk.post("/v1/task-runs", list(changes), key="sender", **parts)
    assert answer.status_code == 202, answer.text
    ChangeResults.model_validate(answer.json())
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def beat(desk: Desk, *running: str, process: str = "host-1-a", **fields: Any) -> list[dict[str, Any]]:
    said = {
        "process_id": process,
        "service": "billing",
        "running": list(running),
        "tasks": ["billing.charge"],
    }
    answer = await desk.post("/v1/processes/heartbeat", said | fields, key="sender")
    assert answer.status_code == 200, answer.text
    HeartbeatAnswer.model_validate(answer.json())
    assert answer.json()["interval"] == 10
    asked: list[dict[str, Any]] = answer.json()["replay"]
    return asked


async def run(desk: Desk, id_: str = "run-1") -> dict[str, Any]:
    answer = await desk.get(f"/v1/task-runs/{id_}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_run_has_the_thirteen_fields_of_the_contract(desk: Desk) -> None:
    """In their order, alone and in a list, with the incident that counts its event."""
    incident = await desk.world.post("it broke", run="run-1")
    (result,) = await tell(
        desk,
        failed(
            max_attempts=3, attempt=3, started_at="2026-11-22T04:59:58Z", finished_at="2026-11-22T04:59:59.5Z",
            duration_ms=1500, key="charge-42",
        ),
    )  # fmt: skip
    assert result == {"id": "run-1", "status": "accepted", "warnings": []}
    alone = await run(desk)
    TaskRunAnswer.model_validate(alone)
    assert list(alone) == FIELDS
    assert alone == {
        "id": "run-1", "task": "billing.charge", "service": "billing", "state": "failed", "attempt": 3,
        "max_attempts": 3, "started_at": "2026-11-22T04:59:58Z", "finished_at": "2026-11-22T04:59:59.500Z",
        "duration_ms": 1500.0, "result": None, "error": ERROR, "incident_id": incident, "replay_of": None,
    }  # fmt: skip
    page = (await desk.get("/v1/task-runs")).json()
    TaskRunList.model_validate(page)
    assert page == {"items": [alone], "next_cursor": None}
    again = await tell(desk, {**alone, "state": "failed"})
    assert again[0]["warnings"] == []
    assert await run(desk) == alone


async def test_runs_are_filtered_and_come_in_pages(desk: Desk) -> None:
    """Newest first; each filter narrows; other projects' are not there."""
    for number in range(5):
        await tell(desk, change(f"run-{number}", "completed" if number % 2 else "pending", key=f"k{number}"))
        desk.world.clock.advance(1_000)
    await tell(desk, change("mail-1", task="mail.send", service="mail"))
    await desk.post("/v1/task-runs", [change("theirs")], key="stranger")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await desk.get("/v1/task-runs", limit=2, **cursor)).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["mail-1", "run-4", "run-3", "run-2", "run-1", "run-0"]
    for query, found in (
        ("task=mail.send", ["mail-1"]),
        ("service=mail", ["mail-1"]),
        ("key=k3", ["run-3"]),
        ("state=pending", ["run-4", "run-2", "run-0"]),
        ("task=nobody", []),
    ):
        items = (await desk.http.get(f"/v1/task-runs?{query}", headers=desk.headers("reader"))).json()[
            "items"
        ]
        assert [one["id"] for one in items] == found, query
    assert (await desk.get("/v1/task-runs", state="gone")).status_code == 422
    assert (await desk.get("/v1/task-runs/theirs")).status_code == 404
    assert (await desk.get("/v1/task-runs/a%00b")).status_code == 404


async def test_valid_changes_are_kept_beside_rejected_ones(desk: Desk) -> None:
    """A rejected one says which and why, without what was sent; with no valid one it is 422."""
    secret = "hunter2-hunter2"
    bad = [
        (change(state=secret), "state: must be one of"),
        (change(attempt=0), "attempt: must be between"),
        (change(attempt="2"), "attempt: must be a whole number"),
        (change(duration_ms=-1), "duration_ms:"),
        (change(started_at=5), "started_at: must be an RFC 3339 date-time"),
        (change(started_at="soon"), "started_at: must be an RFC 3339 date-time"),
        (change(error=[secret]), "error: must be an object"),
        (change(error={"frames": 1}), "error.frames: must be an array"),
        (change(arguments=[secret]), "arguments: must be an object"),
        (change(arguments={"args": {}}), "arguments.args: must be an array"),
        (change(id_="x" * 129), "id: must be a string of 1 to 128"),
        (change(key="k" * 257), "key: must be a string of at most 256"),
        (change(replayable="maybe"), "replayable: must be one of"),
        ({"id": "a", "state": "pending"}, "task: is required"),
        ({"task": "a", "state": "pending", "service": "b"}, "id: is required"),
        ({"id": "a", "task": "t", "service": "s"}, "state: is required"),
        ([secret], "must be an object"),
        (7, "must be an object"),
    ]
    results = await tell(desk, change("good"), *(document for document, _ in bad))
    assert results[0]["status"] == "accepted"
    for index, ((_, sentence), result) in enumerate(zip(bad, results[1:], strict=True), 1):
        assert (result["status"], result["index"]) == ("rejected", index)
        assert sentence in result["error"], result
        assert secret not in result["error"]
    answer = await desk.post("/v1/task-runs", [bad[0][0]], key="sender")
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (422, "rejected")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"[]", 422), (b"{", 422), (b"[NaN]", 422), (b"\xff", 422), (b"[" + b"{}," * 1_001 + b"{}]", 413)],
)  # fmt: skip
async def test_a_body_that_is_none_is_refused(desk: Desk, body: bytes, status: int) -> None:
    """With a sentence of its own or the rejected change's."""
    answer = await desk.http.post("/v1/task-runs", content=body, headers=desk.headers("sender"))
    assert answer.status_code == status
    assert "event" not in answer.text


async def test_gzip_scopes_quota_and_size(desk: Desk) -> None:
    """As for events: gzip is unpacked, `ingest` is needed, and the same limits hold."""
    packed = gzip.compress(json.dumps([change()]).encode())
    headers = {**desk.headers("sender"), "content-encoding": "gzip"}
    assert (await desk.http.post("/v1/task-runs", content=packed, headers=headers)).status_code == 202
    assert (await desk.post("/v1/task-runs", [change()], key="reader")).status_code == 403
    assert (await desk.post("/v1/processes/heartbeat", {}, key="reader")).status_code == 403
    large = b" " * (8 * 1024 * 1024 + 1)
    for path in ("/v1/task-runs", "/v1/processes/heartbeat"):
        answer = await desk.http.post(path, content=large, headers=desk.headers("sender"))
        assert answer.status_code == 413
        headers = {**desk.headers("sender"), "content-type": "image/png"}
        assert (await desk.http.post(path, content=b"[]", headers=headers)).status_code == 415
    desk.service.events_quota = KeyQuota(1, 60_000)
    await tell(desk, change())
    answer = await desk.post("/v1/task-runs", [change()], key="sender")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "61")


async def test_secrets_and_what_is_too_large_do_not_stay(desk: Desk) -> None:
    """Result, error and arguments are scrubbed and cut; arguments that were touched are not run again."""
    (result,) = await tell(
        desk,
        failed(
            result={"password": "hunter2"},
            error={"type": "E", "message": "token=9f86d081884c", "cause": None, "extra": 1, "frames": [{"line": 1}]},
            arguments={"args": ["ok"], "kwargs": {"api_key": "abc"}},
        ),
    )  # fmt: skip
    assert result["warnings"] == ['unknown field "error.extra" is ignored']
    kept = await run(desk)
    assert kept["result"] == {"password": "[scrubbed]"}
    assert kept["error"]["message"] == "token=[scrubbed]"
    assert "hunter2" not in json.dumps(kept)
    (letter,) = (await desk.get("/v1/dead-letters")).json()["items"]
    assert letter["arguments"] == {"args": ["ok"], "kwargs": {"api_key": "[scrubbed]"}}
    assert letter["replayable"] == "touched"
    answer = await desk.post("/v1/task-runs/run-1/replay")
    assert (answer.status_code, answer.json()["state"]) == (409, "failed")
    assert "arguments" in answer.json()["detail"]
    big = "x" * 70_000
    (result,) = await tell(desk, failed("big", result=big, arguments={"args": [big]}))
    assert [warning.partition(":")[0] for warning in result["warnings"]] == ["arguments", "result"]
    cut = (await run(desk, "big"))["result"]
    assert (cut["truncated"], cut["bytes"], len(cut["preview"])) == (True, 70_002, 1_000)
    letters = (await desk.get("/v1/dead-letters")).json()["items"]
    assert [(one["arguments"], one["replayable"]) for one in letters if one["id"] == "big"] == [
        (None, "touched")
    ]


async def test_hostile_values_are_kept_as_far_as_they_can_be(desk: Desk) -> None:
    """NUL, lone surrogates, huge numbers and depth never fail, and count as touched."""
    deep = "[" * 120 + "]" * 120
    raw = (
        '[{"id": "run-1", "task": "t\\u0000", "service": "s", "state": "failed", "error": "plain \\ud800",'
        f' "result": {deep}, "replayable": "yes", "arguments": {{"args": [{"9" * 30}, 1e999]}}}}]'
    )
    answer = await desk.http.post("/v1/task-runs", content=raw.encode(), headers=desk.headers("sender"))
    assert answer.status_code == 202, answer.text
    kept = await run(desk)
    assert (kept["task"], kept["error"]) == (
        "t\N{REPLACEMENT CHARACTER}",
        {"message": "plain \N{REPLACEMENT CHARACTER}"},
    )
    (letter,) = (await desk.get("/v1/dead-letters")).json()["items"]
    assert letter["arguments"]["args"] == ["9" * 30, "1e999"]
    assert letter["replayable"] == "touched"


async def test_a_senders_clock_alone_decides_nothing(desk: Desk) -> None:
    """Times are reckoned from the header where it is sent; without it the future and the distant past are ignored."""
    ahead = {"started_at": "2031-01-01T00:00:00Z", "finished_at": "2031-01-01T00:00:02Z"}
    (result,) = await tell(desk, change(**ahead))
    assert len(result["warnings"]) == 2
    plain = await run(desk)
    assert (plain["started_at"], plain["finished_at"]) == (None, "2026-11-22T05:00:00Z")
    headers = {**desk.headers("sender"), "notifier-sent-at": "2031-01-01T00:00:05Z"}
    await desk.http.post("/v1/task-runs", json=[change("told", **ahead)], headers=headers)
    told = await run(desk, "told")
    assert (told["started_at"], told["finished_at"]) == ("2026-11-22T04:59:55Z", "2026-11-22T04:59:57Z")


async def test_a_lost_run_says_why(desk: Desk) -> None:
    """Its error has a reason, whether or not its client gave one."""
    await tell(
        desk, change("a", "lost"), change("b", "lost", error={"type": "TaskLost", "reason": "cancelled"})
    )
    assert (await run(desk, "a"))["error"]["reason"] == "interrupted"
    assert (await run(desk, "b"))["error"]["reason"] == "cancelled"


async def test_a_replay_is_handed_out_until_it_has_begun(desk: Desk) -> None:
    """202 with the new run; its process gets it with every heartbeat until it tells of it; who asked is recorded."""
    await tell(desk, failed(key="charge-42"))
    assert await beat(desk) == []
    answer = await desk.post("/v1/task-runs/run-1/replay", {"actor": "ada"})
    assert answer.status_code == 202, answer.text
    new = answer.json()
    assert (new["state"], new["replay_of"], new["task"]) == ("pending", "run-1", "billing.charge")
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "run-1"))
    assert (entry.actor, entry.action, entry.detail) == ("ada", "replay", new["id"])
    wanted = {
        "id": new["id"], "replay_of": "run-1", "task": "billing.charge", "key": "charge-42",
        "arguments": {"args": [42], "kwargs": {}},
    }  # fmt: skip
    assert await beat(desk, process="elsewhere", service="mail") == []
    assert await beat(desk, process="without", tasks=[]) == []
    assert await beat(desk) == [wanted]
    assert await beat(desk) == [wanted]
    assert await beat(desk, process="host-2-b") == []
    again = await desk.post("/v1/task-runs/run-1/replay")
    assert (again.status_code, again.json()["state"]) == (409, "failed")
    assert await beat(desk, new["id"]) == []
    assert await beat(desk) == []
    await tell(desk, change(new["id"], "completed", replay_of="run-1"))
    assert (await desk.get("/v1/dead-letters")).json()["items"] == []


async def test_what_cannot_be_replayed_is_refused(desk: Desk) -> None:
    """404 where there is none, 409 with the state otherwise, and a sentence that says why."""
    await tell(desk, change("done"), failed("plain", replayable="no"), failed("bare", arguments=None))
    for id_, status, state, word in (
        ("nobody", 404, None, "no such task run"),
        ("done", 409, "completed", "this one is completed"),
        ("plain", 409, "failed", "replay=True and store_args=True"),
        ("bare", 409, "failed", "replay=True and store_args=True"),
    ):
        answer = await desk.post(f"/v1/task-runs/{id_}/replay")
        assert (answer.status_code, answer.json().get("state")) == (status, state)
        assert word in answer.json()["detail"]
    await desk.post("/v1/task-runs", [failed("theirs")], key="stranger")
    assert (await desk.post("/v1/task-runs/theirs/replay")).status_code == 404
    assert (await desk.post("/v1/task-runs/plain/replay", key="reader")).status_code == 403


async def test_dead_letters_of_both_kinds_in_one_list(desk: Desk) -> None:
    """The latest first, page by page; `kind` keeps one of them, `channel` deliveries only."""
    await tell(desk, failed("early"), change("fine"))
    desk.world.clock.advance(1_000)
    deliveries = await desk.world.mark_dead()
    desk.world.clock.advance(1_000)
    await tell(desk, failed("late"), change("gone", "lost"))
    page = (await desk.get("/v1/dead-letters")).json()
    DeadLetterList.model_validate(page)
    kinds = [(one["kind"], one["id"]) for one in page["items"]]
    assert kinds[:2] == [("task_run", "late"), ("task_run", "gone")]
    assert {id_ for _, id_ in kinds[2:4]} == set(deliveries)
    assert kinds[4:] == [("task_run", "early")]
    letter = page["items"][0]
    assert list(letter)[:13] == FIELDS
    assert set(letter) - set(FIELDS) == {"kind", "at", "project", "arguments", "replayable"}
    seen: list[tuple[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        part = (await desk.get("/v1/dead-letters", limit=2, **cursor)).json()
        seen += [(one["kind"], one["id"]) for one in part["items"]]
        if part["next_cursor"] is None:
            break
        cursor = {"cursor": part["next_cursor"]}
    assert seen == kinds
    for query, count in (({"kind": "task_run"}, 3), ({"kind": "delivery"}, 2), ({"channel": "mail"}, 2)):
        assert len((await desk.get("/v1/dead-letters", **query)).json()["items"]) == count


async def test_dead_runs_are_decided_by_id_and_by_task(desk: Desk) -> None:
    """Beside deliveries; what is not dead or cannot be had is skipped with its state."""
    delivery, _ = await desk.world.mark_dead()
    await tell(desk, failed("a"), failed("b"), failed("c", replayable="no"), change("done"))
    ids = ["a", "c", "done", delivery, "nobody"]
    answer = await desk.post("/v1/dead-letters/redeliver", {"ids": ids})
    assert answer.json() == {
        "count": 2,
        "ids": [delivery, "a"],
        "skipped": [
            {
                "id": "c",
                "state": "failed",
                "reason": "its task was not declared with replay=True and store_args=True",
            },
            {
                "id": "done",
                "state": "completed",
                "reason": "only a failed or lost run is decided about, and this one is completed",
            },
            {"id": "nobody", "state": None, "reason": "there is no dead letter of this id"},
        ],
    }
    assert [one["replay_of"] for one in await beat(desk)] == ["a"]
    await tell(desk, failed("other", task="mail.send"))
    answer = await desk.post("/v1/dead-letters/discard", {"task": "billing.charge", "actor": "bo"})
    assert (answer.json()["count"], sorted(answer.json()["ids"])) == (2, ["b", "c"])
    (entry,) = await desk.world.database.read(lambda tx: audit.entries(tx, "c"))
    assert (entry.actor, entry.action) == ("bo", "discard")
    left = (await desk.get("/v1/dead-letters", kind="task_run")).json()["items"]
    assert [one["id"] for one in left] == ["other"]
    again = await desk.post("/v1/dead-letters/redeliver", {"ids": ["b", "a"]})
    assert again.json()["skipped"] == [
        {"id": name, "state": state, "reason": f"this run was decided about before: it is {state}"}
        for name, state in (("b", "discarded"), ("a", "replayed"))
    ]


async def test_one_of_ids_channel_and_task_is_named(desk: Desk) -> None:
    """None or two of them is 422."""
    for body in ({}, {"ids": ["a"], "task": "t"}, {"channel": "c", "task": "t"}):
        assert (await desk.post("/v1/dead-letters/discard", body)).status_code == 422


async def test_a_heartbeat_is_read_leniently(desk: Desk) -> None:
    """What a later client adds is ignored, and so are ids that are none; what it needs is required."""
    await beat(desk, "x" * 200, "", "a\0b", later={"a": 1}, reports={"captured": 3, "dropped": {"queue": 1}})
    answer = await desk.post("/v1/processes/heartbeat", {"service": "billing"}, key="sender")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "process_id")


async def test_a_heartbeat_keeps_no_secret(desk: Desk) -> None:
    """Names and ids are scrubbed as those of runs are, and so are a client's own words."""
    secret = "Zq7xT7wKpL9vR2mB"
    said = f"password={secret}"
    await beat(
        desk, said, process=f"{said}-p", service=f"{said}-s", tasks=[said], reports={"dropped": {said: 1}}
    )
    rows = await desk.world.database.read(lambda tx: tx.run(sa.select(processes)).all())
    assert len(rows) == 1
    assert secret not in str(rows)


async def test_answers_are_those_of_a_real_client(desk: Desk) -> None:
    """A problem document for what is no JSON at all."""
    answer: httpx.Response = await desk.http.post(
        "/v1/processes/heartbeat", content=b"nope", headers=desk.headers("sender")
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
