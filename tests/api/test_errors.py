"""Every error is a problem document, and what every answer contains."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect

from notifier.access.keyring import Keyring
from notifier.api.problems import HttpProblem
from notifier.api.request_id import RequestIdMiddleware
from notifier.api.router import create_api
from notifier.domain.errors import Overloaded, StoreBroken, StoreError, StoreFull, StoreUnavailable
from tests.api.conftest import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


class Failing:
    """A database that raises for every query except key lookups."""

    dialect = "sqlite"

    def __init__(self, real: Any, error: Exception) -> None:
        self._real = real
        self._error = error

    def now(self) -> int:
        return int(self._real.now())

    async def read(self, work: Callable[[Any], Any]) -> Any:
        del work
        raise self._error

    write = read


async def test_errors_of_the_store_say_when_to_try_again(desk: Desk) -> None:
    """Full, unreachable and broken databases are 503 with `Retry-After`; our own errors are 500 without a traceback."""
    secret = "x" * 9
    for error, status, wait in (
        (StoreFull(secret), 503, "30"),
        (StoreUnavailable(secret), 503, "2"),
        (StoreBroken(secret), 503, "2"),
        (Overloaded(1500), 503, "2"),
        (StoreError(secret), 500, None),
        (ZeroDivisionError(secret), 500, None),
        (RecursionError(secret), 500, None),
    ):
        desk.service.database = Failing(desk.world.database, error)  # type: ignore[assignment]
        answer = await desk.get("/v1/incidents")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers.get("retry-after") == wait
        assert secret not in answer.text
        assert "Traceback" not in answer.text
        assert answer.json()["status"] == status
        assert answer.headers["x-request-id"]


async def test_the_log_says_what_an_answer_does_not(desk: Desk, log: list[MutableMapping[str, Any]]) -> None:
    """An unexpected exception is logged with the request's id; expected errors are not."""
    desk.service.database = Failing(desk.world.database, ZeroDivisionError())  # type: ignore[assignment]
    answer = await desk.get("/v1/incidents")
    (entry,) = log
    assert (entry["event"], entry["request_id"]) == ("request_failed", answer.headers["x-request-id"])
    log.clear()
    await desk.get("/v1/incidents", None)
    await desk.get("/v1/incidents", limit="x")
    assert log == []


async def test_who_leaves_in_the_middle_is_no_failure(
    desk: Desk, log: list[MutableMapping[str, Any]]
) -> None:
    """A client that disconnects is no error."""

    async def left(scope: Any, receive: Any, send: Any) -> None:
        raise ClientDisconnect

    sent: list[Any] = []
    scope = {"type": "http", "method": "POST", "headers": []}
    await RequestIdMiddleware(left)(scope, desk.http.get, sent.append)  # type: ignore[arg-type]
    assert sent == []
    assert [entry for entry in log if entry["log_level"] != "debug"] == []


async def test_unknown_paths_and_methods_are_problems_too(desk: Desk) -> None:
    """404 and 405 are problem documents, also for paths of later versions."""
    for path in ("/", "/v1", "/v1/incidents/", "/v1/docs", "/docs", "//x"):
        answer = await desk.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await desk.delete("/v1/incidents")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["title"] == "Method Not Allowed"
    answer = await desk.http.put("/v1/keys")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_the_request_id_is_echoed(desk: Desk) -> None:
    """A short printable request id is returned, otherwise a new one; errors have it as well."""
    for path, status in (("/healthz", 200), ("/nowhere", 404), ("/v1/incidents", 401)):
        answer = await desk.http.get(path, headers={"x-request-id": "abc-123"})
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, "abc-123")
    made = (await desk.http.get("/healthz")).headers["x-request-id"]
    assert len(made) == 36
    for sent, echoed in ((b"a b\tc\xff", "abc"), (b"x" * 1000, "x" * 128)):
        answer = await desk.http.get("/healthz", headers={b"x-request-id": sent})
        assert answer.headers["x-request-id"] == echoed
    for empty in (b"", b" ", b"\xff"):
        answer = await desk.http.get("/healthz", headers={b"x-request-id": empty})
        assert len(answer.headers["x-request-id"]) == 36


async def test_no_answer_speaks_of_other_origins(desk: Desk) -> None:
    """No answer has CORS headers."""
    headers = {"origin": "https://evil.example", "access-control-request-method": "GET"}
    for answer in (
        await desk.http.get("/healthz", headers=headers),
        await desk.http.options("/v1/incidents", headers=headers),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),  # counts as {}, which selects neither
        (b" \n", 422),
        (b"{", 422),
        (b"nan", 422),
        (b'{"ids": [NaN]}', 422),
        (b'{"channel": "\\ud800"}', 422),
        (b'{"channel": "\xff"}', 422),
        (b'{"channel": "a\\u0000"}', 422),
        (b'{"channel": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 422),
        (b'{"ids": [' + b"9" * 5000 + b"]}", 422),
        (b'{"channel": "mail", "channel": "mail"}', 200),
        (b"\xef\xbb\xbf{}", 422),
        (b'\xef\xbb\xbf{"channel": "mail"}', 200),
        (b"{}" + b" " * (1024 * 1024), 413),
    ],
)
async def test_hostile_bodies_get_a_clear_answer(desk: Desk, body: bytes, status: int) -> None:
    """Any bytes are answered by a problem document without an echo."""
    answer = await desk.http.post("/v1/dead-letters/discard", content=body, headers=desk.headers("manager"))
    assert answer.status_code == status
    assert len(answer.content) < 500


async def test_bodies_of_any_or_no_json_type_are_read(desk: Desk) -> None:
    """curl's default type counts as JSON; other types and content encodings are 415."""
    json_types = [
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "application/ld+json",
        "",
    ]
    for kind in json_types:
        headers = {**desk.headers("reader"), "content-type": kind}
        answer = await desk.http.post("/v1/routes/test", content=b'{"labels": {}}', headers=headers)
        assert answer.status_code == 200, kind
    for name, value in (
        ("content-type", "image/png"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-encoding", "gzip"),
    ):
        headers = {**desk.headers("reader"), name: value}
        answer = await desk.http.post("/v1/routes/test", content=b"{}", headers=headers)
        assert answer.status_code == 415, value


async def test_a_body_that_breaks_off_is_no_failure_of_ours(desk: Desk) -> None:
    """An incomplete body is a 400, and nothing is done."""
    api = create_api(desk.service, Keyring(desk.world.database))
    sent: list[dict[str, Any]] = []
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in desk.headers("reader").items()]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/routes/test", "raw_path": b"/v1/routes/test",
        "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
        "server": ("n", 80), "client": ("c", 1), "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await api(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_ingest_is_answered_where_it_is_given(desk: Desk) -> None:
    """`POST /v1/events` reaches the given endpoint, and its problems are returned; other methods are 405."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        raise HttpProblem(415, "no")

    class Ingest:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await refuse(scope, receive, send)

    api = create_api(desk.service, Keyring(desk.world.database), Ingest())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://n") as http:
        assert (await http.post("/v1/events")).status_code == 415
        assert (await http.get("/v1/events")).status_code == 405


@pytest.fixture
async def half(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """An API with a route that fails after its answer has started."""
    api = create_api(desk.service, Keyring(desk.world.database))

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    api.mount("/breaks", breaks)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://n") as http:
        yield http


async def test_a_failure_in_the_middle_of_an_answer_goes_to_the_server(half: httpx.AsyncClient) -> None:
    """The exception is passed on after the answer has started, so that the server closes the connection."""
    with pytest.raises(ZeroDivisionError):
        await half.get("/breaks/off")


async def test_a_wrong_field_is_told_in_a_sentence_of_ours(desk: Desk) -> None:
    """The error names the field as in the schema, with our own sentence instead of pydantic's."""
    wrong: tuple[tuple[str, Any, str, str], ...] = (
        ("incidents/1/acknowledge", {"actor": ""}, "actor", "must not be empty"),
        ("incidents/1/acknowledge", {"actor": "\N{NO-BREAK SPACE} "}, "actor", "says nothing"),
        ("incidents/1/acknowledge", {"actor": 5}, "actor", "must be a string"),
        ("incidents/1/acknowledge", {"actor": "x" * 129}, "actor", "at most 128 characters"),
        ("incidents/1/acknowledge", {"take_over": []}, "take_over", "must be true or false"),
        ("incidents/1/acknowledge", {"take_over": "yes"}, "take_over", "must be true or false"),
        ("incidents/1/acknowledge", {"untl": "x"}, "", "not known here; did you mean `until`?"),
        ("incidents/1/notes", {"zzz": "x"}, "", "not known here; expected one of actor, text"),
        ("incidents/resolve", {"ids": []}, "ids", "must not be empty"),
        ("incidents/resolve", {"ids": "1"}, "ids", "must be an array"),
        ("incidents/resolve", {"ids": ["1", None]}, "ids[1]", "must be a string"),
        ("incidents/resolve", {"ids": [0]}, "ids[0]", "must be a string"),
        ("incidents/resolve", {"ids": ["1"] * 1_001}, "ids", "at most 1000 items"),
        ("silences", {"matchers": ["a=b"], "comment": "c", "recur": []}, "recur", "must be an object"),
        (
            "processes/heartbeat",
            {"process_id": "p", "service": "s", "running": 5},
            "running",
            "must be an array",
        ),
        (
            "processes/heartbeat",
            {"process_id": "p", "service": "s", "reports": {"sent": -1}},
            "reports.sent",
            "at least 0",
        ),
        ("keys", {"scopes": ["root"]}, "scopes[0]", "must be one of 'ingest', 'read', 'manage' or 'admin'"),
    )
    by = {"keys": "admin", "processes/heartbeat": "sender"}
    answers = [
        (await desk.post(f"/v1/{path}", body, key=by.get(path, "manager")), place, told)
        for path, body, place, told in wrong
    ]
    for limit, told in (("0", "at least 1"), ("9999", "at most"), ("x", "a whole number")):
        answers.append((await desk.get("/v1/incidents", limit=limit), "limit", told))
    for answer, place, told in answers:
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["path"] == place
        assert told in error["message"]
        assert "should" not in error["message"]


async def test_null_is_what_is_not_set(desk: Desk) -> None:
    """Null is the same as a missing field, as some languages write it."""
    until = "2027-01-01T00:00:00Z"
    silence = {
        "matchers": ["a=b"],
        "ends_at": until,
        "comment": "c",
        "author": None,
        "recur": None,
        "force": None,
    }
    assert (await desk.post("/v1/silences", silence)).status_code == 201
    beat = {"process_id": "p", "service": "s", "running": None, "tasks": None, "reports": None, "ended": None}
    assert (await desk.post("/v1/processes/heartbeat", beat, key="sender")).status_code == 200
