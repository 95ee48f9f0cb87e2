"""Client and service read one exception alike: as a program raises it, the client sends it and the service tells it."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from concurrent.futures.process import _RemoteTraceback
from typing import Any

import pytest

from notifier.client import MemoryTransport, Notifier
from notifier.domain.event import Event
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.wording import top_frame

NOW = 1_764_000_000_000


class RetryError(Exception):
    """As retry libraries raise it: of what failed, only the cause tells."""


def charge() -> None:
    raise TimeoutError("upstream timed out after 30s")


def refund() -> None:
    raise KeyError("price")


def directly(failing: Callable[[], None]) -> None:
    failing()


def in_a_group(failing: Callable[[], None]) -> None:
    async def step() -> None:
        failing()

    async def steps() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step())
            group.create_task(step())

    asyncio.run(steps())


def in_groups(failing: Callable[[], None]) -> None:
    async def outer() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(in_a_group, failing))

    asyncio.run(outer())


def by_starlette(failing: Callable[[], None]) -> None:
    try:
        failing()
    except Exception as error:
        raise RuntimeError("Caught handled exception, but response already started.") from error


def retried(failing: Callable[[], None]) -> None:
    try:
        failing()
    except Exception as error:
        raise RetryError("gave up", 3) from error


def taken_out(failing: Callable[[], None]) -> None:
    """Taken out of its group, and so raised while the group was handled."""
    try:
        in_a_group(failing)
    except ExceptionGroup as group:
        raise group.exceptions[0]  # noqa: B904 - as applications do it


def beside_a_cancelled(failing: Callable[[], None]) -> None:
    """What was cancelled with it is no failure."""
    cancelled = BaseExceptionGroup("unhandled errors in a TaskGroup", [asyncio.CancelledError()])
    try:
        failing()
    except (TimeoutError, KeyError) as error:
        raise BaseExceptionGroup("unhandled errors in a TaskGroup", [cancelled, error])  # noqa: B904


def in_another_process(failing: Callable[[], None]) -> None:
    """As pools of processes hand it on: without its traceback, which they hang on as text."""
    try:
        failing()
    except (TimeoutError, KeyError) as error:
        text = f'\n"""\n{"".join(traceback.format_exception(error))}"""'
        raise error.with_traceback(None) from _RemoteTraceback(text)  # type: ignore[arg-type]


WAYS = [in_a_group, in_groups, by_starlette, retried, taken_out, beside_a_cancelled, in_another_process]


def told(way: Callable[[Callable[[], None]], None], failing: Callable[[], None]) -> Event:
    """The event that the service makes of what the client sends."""
    memory = MemoryTransport()
    try:
        way(failing)
    except (TimeoutError, KeyError, RuntimeError, RetryError, BaseExceptionGroup) as error:
        Notifier("billing", transport=memory).report(error)
    return read(memory.events[0])


def read(document: dict[str, Any]) -> Event:
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "id")
    body = json.dumps(document).encode()
    (item,) = normalizer.read([body], project="p", received_at=NOW, sent_at=NOW)
    assert isinstance(item, Accepted), item
    assert not item.warnings
    return item.event


@pytest.mark.parametrize("way", WAYS)
def test_title_label_and_place_are_of_one_exception(way: Callable[..., None]) -> None:
    """The cause's own, not what only carried it."""
    event = told(way, charge)
    assert event.title == "TimeoutError: upstream timed out after 30s"
    assert event.labels["exception"] == "TimeoutError"
    frame = top_frame(json.loads(event.document))
    assert frame is not None
    assert frame["function"] == "charge"


@pytest.mark.parametrize("way", WAYS)
def test_what_fails_in_a_wrapper_is_told_apart(way: Callable[..., None]) -> None:
    """All failures below one function are not one problem."""
    assert told(way, charge).fingerprint != told(way, refund).fingerprint
    assert told(way, charge).fingerprint == told(way, charge).fingerprint


@pytest.mark.parametrize(
    "message",
    [
        "unhandled errors in a TaskGroup",
        "unhandled errors in a TaskGroup (2 sub-exceptions)",
        "('unhandled errors in a TaskGroup', [TimeoutError('x')])",
        '("unhandled errors in a TaskGroup", [TimeoutError("x")])',
    ],
)
@pytest.mark.parametrize("kind", ["ExceptionGroup", "BaseExceptionGroup", "exceptiongroup.ExceptionGroup"])
def test_a_group_is_known_in_every_form(kind: str, message: str) -> None:
    """Clients of several ages show it by its text or by its arguments."""
    cause = {"type": "TimeoutError", "message": "late", "frames": [{"file": "a.py", "function": "charge"}]}
    event = read({"service": "s", "exception": {"type": kind, "message": message, "cause": cause}})
    assert event.title == "TimeoutError: late"
    assert event.fingerprint == read({"service": "s", "exception": cause}).fingerprint


def test_a_group_of_ones_own_is_told_itself() -> None:
    """Its message says something that its first member does not."""
    cause = {"type": "TimeoutError", "message": "late"}
    event = read(
        {
            "service": "s",
            "exception": {"type": "ExceptionGroup", "message": "import (2 sub-exceptions)", "cause": cause},
        }
    )
    assert event.title == "ExceptionGroup: import (2 sub-exceptions)"


def logged(service: str, template: str, *values: object) -> Event:
    """A record of one library's logger, as two services log it."""
    memory = MemoryTransport()
    handler = Notifier(service, transport=memory).logging_handler()
    handler.emit(logging.LogRecord("library", logging.ERROR, __file__, 1, template, values, None))
    return read(memory.events[0])


def test_two_services_that_log_alike_are_two() -> None:
    """Whatever is automatic includes the service, or the second's owners hear nothing."""
    one, other = (logged(service, "disk %s is full", "/var") for service in ("billing", "shop"))
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == logged("billing", "disk %s is full", "/home").fingerprint


@pytest.mark.parametrize(
    "template", ["%s", "%s: %s", "%(a)s", "Error: %s", '{"event": "%s", "level": "%s"}', "%-10s|%5.2f%%"]
)
def test_a_template_without_a_word_of_its_own_is_no_identity(template: str) -> None:
    """What was filled in says what failed."""
    filled: list[tuple[object, ...]] = [("card declined", 1.0), ("disk full", 1.0)]
    fingerprints = set()
    for words in filled:
        values = ({"a": words[0]},) if "(a)" in template else words[: template.replace("%%", "").count("%")]
        fingerprints.add(logged("billing", template, *values).fingerprint)
    assert len(fingerprints) == 2


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ('{"event": "payment failed", "level": "error"}', "payment failed"),
        ("{'event': 'payment failed', 'at': datetime(2026, 11, 22)}", "payment failed"),
        ('{"level": "error", "msg": "cannot save", "error": "disk full"}', "cannot save: disk full"),
        ('{"error": {"message": "card declined", "code": 402}}', "card declined"),
        ('[{"message": "first"}, {"message": "second"}]', "first"),
        ('{"event": "cut off in the mid', '{"event": "cut off in the mid'),
        ('{"level": "error"}', '{"level": "error"}'),
        ("{not a record}", "{not a record}"),
    ],
)
def test_a_record_is_told_by_its_fields(message: str, title: str) -> None:
    """Structured logs arrive as one text."""
    assert read({"service": "s", "message": message}).title == title
    failure = {"type": "ApiError", "message": message}
    assert read({"service": "s", "exception": failure}).title == f"ApiError: {title}"
