"""The zoo: nothing that an application's objects do breaks the report, the application, or its pace."""

from __future__ import annotations

import json
import struct
import subprocess
import time
from collections import UserDict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import BackgroundTasks

from notifier.client import MemoryTransport, Notifier
from notifier.client.capture import json_safe
from notifier.client.capture.scrub import scrub
from tests.client.conftest import App


class Raises:
    def __repr__(self) -> str:
        raise SystemExit("from a repr")

    __str__ = __repr__


class Recurses:
    def __repr__(self) -> str:
        return repr(self)

    __str__ = __repr__


class Slow:
    asked = 0

    def __repr__(self) -> str:
        Slow.asked += 1
        time.sleep(0.6)
        return "at last"

    __str__ = __repr__


class Huge:
    def __repr__(self) -> str:
        return "x" * 1_000_000

    __str__ = __repr__


class Queries:
    """An ORM's lazy object: looking at it asks a database."""

    asked = 0

    def __getattribute__(self, name: str) -> Any:
        Queries.asked += 1
        raise RuntimeError("the session is closed")


class Metaclass(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class Hidden(metaclass=Metaclass):
    pass


class HostileText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise KeyboardInterrupt

    def __len__(self) -> int:
        raise KeyboardInterrupt


class HostileList(list[Any]):
    def __iter__(self) -> Any:
        raise SystemExit


class HostileDict(dict[str, Any]):
    def items(self) -> Any:
        raise SystemExit


class HostileInt(int):
    def __add__(self, other: int) -> int:
        raise SystemExit

    def bit_length(self) -> int:
        raise SystemExit


def loop() -> list[Any]:
    made: list[Any] = [1]
    made.append(made)
    return made


ZOO: dict[str, Any] = {
    "raises": Raises(),
    "recurses": Recurses(),
    "slow": Slow(),
    "huge": Huge(),
    "queries": Queries(),
    "hidden": Hidden(),
    "text": HostileText("text"),
    "list": HostileList([1]),
    "dict": HostileDict(a=1),
    "int": HostileInt(3),
    "loop": loop(),
    "deep": json.loads("[" * 900 + "]" * 900),
    "wide": {str(n): n for n in range(100_000)},
    "megabyte": "x" * 1_000_000,
    "digits": 10**6_000,
    "nan": float("nan"),
    "surrogate": "\ud800",
    "nul": "\x00",
    "keys": {1: 2, None: 3, (1, 2): 4},
    "bytes": b"\xff" * 100_000,
    "user dict": UserDict(a=1),
    "generator": (n for n in range(3)),
}


@pytest.mark.parametrize("name", ZOO)
def test_a_hostile_object_in_context_and_arguments(
    notifier: Notifier, memory: MemoryTransport, name: str
) -> None:
    """As context, as an argument, in an exception's arguments, as a result: reported, small, quick, and JSON."""
    animal = ZOO[name]
    worked, asked = time.thread_time(), Slow.asked

    @notifier.task(store_args=True, replay=True)
    def fails(_: object) -> None:
        raise LookupError(animal)

    with pytest.raises(LookupError), notifier.context(animal=animal):
        fails(animal)
    notifier.task(lambda: animal)()
    notifier.message("seen", context={"animal": animal})
    assert time.thread_time() - worked < 5
    assert Slow.asked == asked
    told = json.dumps([list(memory.events), list(memory.runs.values())])
    assert len(memory.events) == 2
    assert len(told) < 300_000
    assert notifier.counts().balanced
    assert not Queries.asked


@pytest.mark.parametrize("animal", [Raises, Recurses, Huge, Slow])
def test_an_exception_whose_own_words_are_hostile(
    notifier: Notifier, memory: MemoryTransport, animal: type
) -> None:
    """Its type is told, whatever becomes of its message; one that was slow is not asked a second time."""
    kind: type[Exception] = type(
        "Hostile", (Exception,), {"__str__": animal.__repr__, "__module__": animal.__name__}
    )
    notifier.report(kind("x"))
    notifier.report(kind("x"))
    asked = Slow.asked
    notifier.report(kind("x"))
    assert Slow.asked == asked
    assert [event["exception"]["type"] for event in memory.events] == ["Hostile"] * 3
    assert len(memory.events[-1]["exception"]["message"] or "") < 5_000


def test_one_busy_moment_does_not_cost_a_class_its_words(notifier: Notifier, memory: MemoryTransport) -> None:
    """The machine was suspended, a collection ran, another thread had the lock: the next ones are told in full."""

    class Busy(Exception):
        pauses: ClassVar = [0.07, 0.6]

        def __str__(self) -> str:
            time.sleep(self.pauses.pop() if self.pauses else 0)
            return f"order {self.args[0]}"

    for n in range(6):
        notifier.report(Busy(n))
    assert [event["exception"]["message"] for event in memory.events] == [f"order {n}" for n in range(6)]


def test_words_that_are_always_slow_are_left_alone_and_that_is_said(
    notifier: Notifier, memory: MemoryTransport
) -> None:
    """After the second time; what the interpreter says itself is never left alone."""

    class Works(Exception):
        def __str__(self) -> str:
            until = time.thread_time() + 0.06
            while time.thread_time() < until:
                pass
            return "at last"

    for _ in range(4):
        notifier.report(Works())
    first, second, *others = [event["exception"]["message"] for event in memory.events]
    assert first == second == "at last"
    assert all("took too long" in text for text in others)


def fails_with(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError


NOTHING: dict[Any, Any] = {}
WORDS: dict[str, Callable[[], object]] = {
    "a decoder": b"caf\xe9".decode,
    "an encoder": lambda: "é".encode("ascii"),
    "the parser": lambda: compile("x = = 1", "rules.py", "exec"),
    "a missing file": lambda: open(Path("/nowhere/at/all")),  # noqa: SIM115, PTH123
    "a missing module": lambda: __import__("no_such_module"),
    "a tuple as a key": lambda: NOTHING["eu", 7],
    "a moment": lambda: (_ for _ in ()).throw(ValueError(datetime(2026, 11, 26, tzinfo=UTC))),
    "several arguments": lambda: (_ for _ in ()).throw(ValueError("order", 7, b"x")),
    "a dictionary": lambda: (_ for _ in ()).throw(ValueError({"code": 7})),
    "a command": lambda: subprocess.run(["false"], check=True),
    "json": lambda: json.loads("{"),
    "a number": lambda: int("x" * 20),
    "decimals": lambda: Decimal(1) / 0,
    "struct": lambda: struct.unpack("<q", b""),
}


@pytest.mark.parametrize("name", WORDS)
def test_an_exception_says_what_python_says(app: App, name: str) -> None:
    """In a background task of an application, whatever its arguments are: who wrote `__str__` decides."""
    expected = str(fails_with(WORDS[name]))

    @app.app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(WORDS[name])

    app.http.get("/")
    assert app.only["exception"]["message"] == expected


def test_a_group_says_what_python_says(notifier: Notifier, memory: MemoryTransport) -> None:
    """Though it holds exceptions that may be anybody's; what runs their code is not called."""

    class Hostile(Exception):
        def __str__(self) -> str:
            raise SystemExit

        __repr__ = __str__

    notifier.report(ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("a"), Hostile()]))
    notifier.report(OSError(2, "No such file", Hostile()))
    notifier.report(KeyError(Hostile()))
    group, missing, key = (event["exception"]["message"] for event in memory.events)
    assert group == "unhandled errors in a TaskGroup (2 sub-exceptions)"
    assert "No such file" in missing
    assert "Hostile" in key


def test_deep_recursion_and_long_chains_are_cut(notifier: Notifier, memory: MemoryTransport) -> None:
    """A RecursionError's thousand frames, fifty causes, a cycle of causes, a thousand notes."""

    def dive(depth: int) -> int:
        return dive(depth + 1) + 1

    try:
        dive(0)
    except RecursionError as error:
        notifier.report(error)
    chain = ValueError(0)
    for number in range(1, 50):
        following = ValueError(number)
        following.__cause__ = chain
        chain = following
    chain.__notes__ = ["note"] * 1_000 + [Raises()]  # type: ignore[list-item]
    notifier.report(chain)
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    notifier.report(first)
    deep, long, cycle = (event["exception"] for event in memory.events)
    assert 40 <= len(deep["frames"]) <= 60
    depth, inner = 0, long
    while inner["cause"] is not None:
        depth, inner = depth + 1, inner["cause"]
    assert depth == 8
    assert len(long["notes"]) == 20
    assert cycle["cause"]["cause"] is None


def test_a_group_s_exceptions_are_told(notifier: Notifier, memory: MemoryTransport) -> None:
    """The first as the cause, by which the service knows the problem; the others as notes."""
    notifier.report(ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("a"), OSError("b")]))
    exception = memory.events[0]["exception"]
    assert exception["cause"]["type"] == "KeyError"
    assert exception["notes"] == ["and OSError: b"]


SECRETS = [
    ({"password": "hunter22"}, "hunter22"),
    ({"nested": {"apiKey": "s3cr3tvalue"}}, "s3cr3tvalue"),
    ({"url": "postgresql://app:hunter22@db/x"}, "hunter22"),
    ({"header": "Authorization: Bearer abcdefghijklmnop1234"}, "abcdefghijklmnop1234"),
    ({"text": "token=9f86d081884c7d65"}, "9f86d081884c7d65"),
    ({"card": "4111 1111 1111 1111"}, "1111 1111"),
    ({"card": 4111111111111111}, "4111111111111111"),
    ({"key": "ntf_abcdefghijklmnopqrstuvwxyz0123456789"}, "ntf_abcdef"),
    ({"jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig"}, "eyJhbGci"),
    ({"list": [{"client_secret": "abc12345"}]}, "abc12345"),
]


@pytest.mark.parametrize(("context", "secret"), SECRETS)
def test_secrets_never_leave(
    notifier: Notifier, memory: MemoryTransport, context: dict[str, Any], secret: str
) -> None:
    """Out of context, messages, results and errors, by key and by shape."""

    @notifier.task(store_args=True)
    def fails(**kwargs: Any) -> None:
        raise ValueError(json.dumps(kwargs))

    notifier.message(json.dumps(context), context=context)
    with pytest.raises(ValueError, match=r"[{]"):
        fails(**context)
    assert secret not in json.dumps([list(memory.events), list(memory.runs.values())])


def test_words_about_secrets_stay() -> None:
    """`tokens_used: 12` says nothing secret, and a number that is no card is a number."""
    harmless = {
        "tokens_used": 12,
        "password_length": 8,
        "order": 4111111111111112,
        "secret": None,
        "token": True,
    }
    assert scrub(harmless) == harmless


def test_plain_values_stay_what_they_are() -> None:
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": []}}
    assert json_safe.plain(value) == value
    assert json_safe.is_json(value, budget=1_000)
    assert not json_safe.is_json(value, budget=10)
