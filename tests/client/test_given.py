"""What a caller gives: a mistake in it costs what it is about, and never the report."""

from __future__ import annotations

import functools
import json
import logging
from typing import Any

import pytest

from notifier.client import MemoryTransport, Notifier

pytestmark = pytest.mark.anyio


class Lazy:
    """A translation, as frameworks make them."""

    def __str__(self) -> str:
        return "could not charge"


class Exits(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise SystemExit

    def __getitem__(self, key: Any) -> str:
        raise SystemExit


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"labels": None, "context": None, "links": None}, {}),
        ({"labels": [("region", "eu")]}, {"labels": {"region": "eu"}}),
        ({"labels": {1: Lazy(), Exits("a"): Exits("b")}}, {"labels": {"a": "b"}}),
        ({"labels": "eu"}, {"labels": {"labels": "eu"}}),
        ({"context": [1, 2]}, {"context": {"context": [1, 2]}}),
        ({"context": {7: 8}}, {"context": {"7": 8}}),
        ({"fingerprint": "checkout"}, {"fingerprint": ["checkout"]}),
        ({"fingerprint": {"b", "a"}}, {"fingerprint": ["a", "b"]}),
        ({"fingerprint": (part for part in "ab")}, {"fingerprint": ["a", "b"]}),
        ({"fingerprint": [Exits("a"), 5]}, {"fingerprint": ["a", "5"]}),
        ({"links": "https://a"}, {"links": [{"title": "link", "url": "https://a"}]}),
        ({"links": {"title": "a", "url": "https://a"}}, {"links": [{"title": "a", "url": "https://a"}]}),
        (
            {"links": ["https://a", None, {"url": ""}, 5][:3]},
            {"links": [{"title": "link", "url": "https://a"}]},
        ),
        ({"severity": logging.CRITICAL}, {"severity": "critical"}),
        ({"severity": None}, {"severity": "error"}),
        ({"message": 5}, {"message": "5"}),
        ({"message": Lazy()}, {"message": "could not charge"}),
        ({"message": Exits("no money")}, {"message": "no money"}),
    ],
)
def test_what_is_given_in_another_form(
    notifier: Notifier, memory: MemoryTransport, given: dict[str, Any], kept: dict[str, Any]
) -> None:
    """The failure is told all the same, with what could be made of it."""
    assert notifier.report(LookupError("v"), **given)
    (event,) = memory.events
    assert event["exception"]["type"] == "LookupError"
    for name, value in kept.items():
        assert event[name] == value or event[name].items() >= value.items()
    assert json.dumps(event)


@pytest.mark.parametrize(
    ("given", "message", "kind"),
    [
        ("could not charge", "could not charge", None),
        (Lazy(), "could not charge", None),
        (KeyError, "KeyError", None),
        ((KeyError, KeyError("a"), None), None, "KeyError"),
        (True, "(an empty message)", None),
    ],
)
def test_what_is_no_exception(
    notifier: Notifier, memory: MemoryTransport, given: Any, message: str | None, kind: str | None
) -> None:
    """`report` takes words, a class and `sys.exc_info()`; while something is handled, it is that which is told."""
    assert notifier.report(given)
    try:
        int("handled")
    except ValueError:
        assert notifier.report(given)
    alone, within = memory.events[0], memory.events[-1]  # one, where both are of the same exception
    assert (alone.get("message"), alone.get("exception", {}).get("type")) == (message, kind)
    assert within["exception"]["type"] == (kind or "ValueError")


def test_a_message_that_is_no_text(notifier: Notifier, memory: MemoryTransport) -> None:
    """It is what it says of itself."""
    for text in (Lazy(), 5, LookupError("v"), b"octets", None):
        assert notifier.message(text)  # type: ignore[arg-type]
    said = [event["message"] for event in memory.events]
    assert said == ["could not charge", "5", "LookupError: v", "b'octets'", "(an empty message)"]


def _raises(error: BaseException) -> property:
    def part(self: object) -> None:
        raise error

    return property(part)


@pytest.mark.parametrize(
    "parts",
    [
        {"__traceback__": _raises(ValueError())},
        {"__cause__": _raises(SystemExit())},
        {"__cause__": 5},
        {"__context__": "words", "__suppress_context__": False},
        {"__notes__": _raises(SystemExit())},
        {"__dict__": _raises(ValueError())},
        {"__class__": _raises(ValueError())},
        {"args": _raises(ValueError())},
        {"exceptions": _raises(KeyboardInterrupt())},
        {"__getattribute__": lambda *_: 1 / 0},
        {"__bool__": lambda _: 1 / 0},
        {"__len__": lambda _: 0},
    ],
)
@pytest.mark.parametrize("base", [Exception, ExceptionGroup])
async def test_an_exception_whose_class_stands_before_its_parts(
    notifier: Notifier, memory: MemoryTransport, parts: dict[str, Any], base: type[Exception]
) -> None:
    """Each way that leads to a report sees the interpreter's own, and what the application raised goes on."""
    hostile = type("Hostile", (base,), parts)
    arguments = ("words", [LookupError("inner")]) if base is ExceptionGroup else ("words",)

    async def fails(*_: object) -> None:
        raise hostile(*arguments)

    wrapped: Any = notifier.asgi(fails)
    for way in (notifier.task(name="charge")(fails), functools.partial(wrapped, {"type": "http"})):
        came = None
        try:
            await way(None, None)
        except BaseException as error:  # noqa: BLE001 - `pytest.raises` asks it for its parts
            came = type(error)
        assert came is hostile
    logged = (hostile, hostile(*arguments), None)
    record = logging.makeLogRecord({"msg": "no", "levelno": logging.ERROR, "exc_info": logged})
    notifier.logging_handler().handle(record)
    notifier.flush()
    assert [event["exception"]["type"] for event in memory.events] == ["Hostile"] * 3


@pytest.mark.parametrize("ignore", ["LookupError", LookupError, (KeyError,), {"KeyError"}])
def test_one_class_is_ignored_as_several_are(memory: MemoryTransport, ignore: Any) -> None:
    """By itself or in a list, by its name or itself; what is no exception cannot be meant."""
    assert Notifier("billing", transport=memory, ignore=ignore).report(KeyError()) is None
    assert memory.dropped == {"ignored": 1}
    with pytest.raises(ValueError, match="ignore is"):
        Notifier("billing", transport=memory, ignore=[int])  # type: ignore[list-item]
