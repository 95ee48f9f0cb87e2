"""Stack traces in text, language by language."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.ingest import lenient
from notifier.ingest.schema import CAUSES, FRAMES
from notifier.ingest.traces import CHARS, KEPT, exception_in, in_message
from tests.cost import costs_less_than
from tests.examples import examples

PYTHON = """\
Traceback (most recent call last):
  File "/app/shop/cards.py", line 19, in look_up
    return cards["sku"]
           ~~~~~^^^^^^^
KeyError: 'sku'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/local/lib/python3.12/site-packages/starlette/routing.py", line 22, in app
    await self.app(scope, receive, send)
  File "/app/shop/billing.py", line 21, in charge
    raise Declined("no such card") from error
shop.errors.Declined: no such card
and a second line
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/shop/all.py", line 3, in main
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/shop/all.py", line 9, in one
    |     raise ValueError("a")
    | ValueError: a
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/app/shop/all.py", line 10, in two
    | KeyError: 'b'
    +------------------------------------
"""
JAVA = """\
java.lang.IllegalStateException: no card
\tat com.shop.Billing.charge(Billing.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:833)
Caused by: java.io.IOException: refused
\tat com.shop.Net.open(Net.java:3)
\t... 12 more
"""
NODE = """\
TypeError: Cannot read properties of undefined (reading 'card')
    at charge (/app/src/billing.js:10:5)
    at async Object.<anonymous> (/app/node_modules/express/lib/router.js:1:2)
    at node:internal/main:1:1
"""
GO = """\
goroutine 1 [running]:
main.(*Server).charge(0x1, {0x2, 0x3})
\t/app/main.go:12 +0x1d
net/http.HandlerFunc.ServeHTTP(0x1)
\t/usr/local/go/src/net/http/server.go:2136 +0x29
"""
DOTNET = """\
System.InvalidOperationException: no card
   at Shop.Billing.Charge(Int32 id) in /src/Billing.cs:line 12
   at System.Threading.Tasks.Task.Run(Action a)
"""
RUBY = """\
/app/billing.rb:12:in 'Billing#charge': no card (RuntimeError)
\tfrom /usr/lib/ruby/gems/3.3.0/gems/rack-3.0/lib/rack.rb:3:in 'call'
"""
PHP = """\
#0 /app/Billing.php(12): Billing->charge(42)
#1 /app/vendor/slim/App.php(3): Slim\\App->run()
#2 {main}
"""

# Language, text, type, (type, message), frames outermost first as (function, line, in_app).
CASES: list[tuple[str, str, str | None, tuple[Any, Any], list[tuple[Any, Any, bool]]]] = [
    ("python", PYTHON, None, ("Declined", "no such card\nand a second line"),
     [("app", 22, False), ("charge", 21, True)]),
    ("group", GROUP, None, ("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)"),
     [("main", 3, True)]),
    ("java", JAVA, None, ("IllegalStateException", "no card"),
     [("Thread.run", 833, False), ("Billing.charge", 12, True)]),
    ("node", NODE, None, ("TypeError", "Cannot read properties of undefined (reading 'card')"),
     [(None, 1, False), ("Object.<anonymous>", 1, False), ("charge", 10, True)]),
    ("go", GO, "*errors.errorString", ("errorString", None),
     [("net/http.HandlerFunc.ServeHTTP", 2136, False), ("main.(*Server).charge", 12, True)]),
    ("dotnet", DOTNET, None, ("InvalidOperationException", "no card"),
     [("System.Threading.Tasks.Task.Run", None, False), ("Shop.Billing.Charge", 12, True)]),
    ("ruby", RUBY, "RuntimeError", ("RuntimeError", "no card"), [("call", 3, False), ("Billing#charge", 12, True)]),
    ("php", PHP, "LogicException", ("LogicException", None),
     [("{main}", 3, False), ("Slim\\App->run", 12, True), ("Billing->charge", None, False)]),
]  # fmt: skip


GOLDEN = Path(__file__).parent / "golden_traces"


def shown(message: str) -> str | None:
    """What is read of a message: the text around, and each exception with its frames, an own one marked."""
    found = in_message(message)
    if found is None:
        return None
    lines = [f"around: {found.rest!r}"]
    exception: dict[str, Any] | None = found.exception
    while exception:
        name = ".".join(filter(None, (exception.get("module"), exception.get("type"))))
        lines.append(f"{name}: {exception.get('message')!r}")
        for frame in exception.get("frames", []):
            place = f"{frame.get('file')}:{frame.get('line')} {frame.get('function')}"
            code = f" | {frame['code']}" if "code" in frame else ""
            lines.append(f"  {'*' if frame['in_app'] else ' '} {place}{code}")
        exception = exception.get("cause")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("sample", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_a_printed_trace_is_read(sample: Path) -> None:
    """As the languages print them, and logs: what was raised, its causes, and the text around."""
    assert shown(sample.read_text()) == sample.with_suffix(".read").read_text()


@pytest.mark.parametrize(
    ("text", "type_", "told", "frames"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_trace_becomes_an_exception(text: str, type_: str | None, told: Any, frames: Any) -> None:
    """What was raised, with its frames from the outermost to the innermost."""
    found = exception_in(text, type_=type_)
    assert found is not None
    assert (found["type"], found.get("message")) == told
    assert [
        (frame.get("function"), frame.get("line"), frame["in_app"]) for frame in found["frames"]
    ] == frames


def test_causes_follow() -> None:
    """In the order in which they lead to the first; code stands beside its frame, and no marks under it."""
    cause = (exception_in(PYTHON) or {})["cause"]
    assert (cause["type"], cause["message"]) == ("KeyError", "'sku'")
    assert cause["frames"][0]["code"] == 'return cards["sku"]'
    assert (exception_in(JAVA) or {})["cause"]["type"] == "IOException"
    assert (exception_in(GROUP) or {})["cause"]["message"] == "a"


def test_the_senders_own_words_go_first() -> None:
    """Its type, split as the native client splits it, and its message."""
    found = exception_in(PYTHON, type_="shop.errors.Other", message="said")
    assert found is not None
    assert (found["module"], found["type"], found["message"]) == ("shop.errors", "Other", "said")
    key_error = PYTHON.partition("\n\n")[0]
    assert (exception_in(key_error, type_="KeyError", message="sku") or {})["message"] == "'sku'"
    assert exception_in("", type_="ValueError") == {"type": "ValueError"}
    assert exception_in("") is None
    assert exception_in("no trace at all") is None


def test_a_long_text_is_cut_where_it_hurts_least() -> None:
    """Of Python the end is read, of others the beginning."""
    deep = PYTHON.replace("  File", '  File "/app/x.py", line 1, in f\n' * 5_000 + "  File")
    assert len(deep) > CHARS
    found = exception_in(deep)
    assert found is not None
    assert (found["type"], len(found["frames"])) == ("Declined", 100)
    assert found["frames"][0]["function"] != found["frames"][-1]["function"] == "charge"
    assert (exception_in(JAVA + "\tat a.b.C.d(C.java:1)\n" * 5_000) or {})["type"] == "IllegalStateException"


@pytest.mark.parametrize(
    "message",
    [
        "could not charge order 1842",
        "could not charge\nDETAIL: the meeting is at noon (room:1:2)",
        "Error: the meeting\nat noon (room:1:2)\n#0 is the first",
        "Traceback (most recent call last):\n",
        "goroutine 1 [running]:\n",
        "see Traceback (most recent call last) in the log\nof today",
        "could not charge\n    at charge (/app/src/billing.js:10:5)",
        "step\n#0 /app/a.php(3): f()\n#1 {main}",
        PYTHON.replace("\n", " "),
    ],
)
def test_what_tells_of_no_exception_stays_a_message(message: str) -> None:
    """Words that look like a trace, stacks without what was raised, and a single line."""
    assert in_message(message) is None


def test_two_traces_in_one_text() -> None:
    """The first is told of; the other stays in the text around."""
    found = in_message(f"{PYTHON}2026-11-27 18:00:00 ERROR again\n{PYTHON.replace('Declined', 'Other')}")
    assert found is not None
    assert (found.exception["type"], found.exception["cause"]["type"]) == ("Declined", "KeyError")
    assert (found.rest or "").startswith("2026-11-27 18:00:00 ERROR again\nTraceback")


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.permutations((PYTHON, JAVA, NODE, DOTNET, RUBY), 2))
)
def test_of_two_languages_the_first_is_told(first: str, second: str) -> None:
    """What was cut off before it says what was raised gives way to one that was not."""
    separator = "2026-11-27 18:00:00 INFO next\n"
    found, expected = in_message(f"{first}{separator}{second}"), in_message(first)
    assert found is not None
    assert expected is not None
    assert found.exception == expected.exception
    cut = PYTHON.partition("KeyError")[0]
    behind = in_message(f"{cut}\n{separator}{second}")
    assert behind is not None
    assert behind.exception["type"] == (in_message(second) or found).exception["type"]


def test_errors_that_follow_each_other_are_apart() -> None:
    """And the innermost frame of the first may be built in."""
    first = "SyntaxError: Unexpected token\n    at JSON.parse (<anonymous>)\n    at charge (/app/a.js:1:2)\n"
    found = in_message(f"{first}TypeError: no card\n    at refund (/app/b.js:3:4)\n")
    assert found is not None
    assert found.exception["type"] == "SyntaxError"
    assert [frame["function"] for frame in found.exception["frames"]] == ["charge"]
    assert found.rest == "TypeError: no card\n    at refund (/app/b.js:3:4)"


def test_half_a_pair_of_surrogates_costs_nothing() -> None:
    """A sender's JSON may hold one."""
    assert (exception_in(f"{JAVA}\ud800") or {})["type"] == "IllegalStateException"


def test_a_log_s_next_record_is_not_what_was_raised() -> None:
    """Behind a traceback that was cut off, near or far."""
    cut = "could not charge\n" + PYTHON.partition("KeyError")[0]
    for rest in ("INFO: next\n", "INFO: next\n" * 700):
        found = in_message(cut + rest)
        assert found is not None
        assert "type" not in found.exception
        assert found.exception["message"].startswith("could not charge\n")
        assert found.exception["frames"][0]["function"] == "look_up"


def test_a_trace_that_was_cut_off_is_told_by_what_stood_before() -> None:
    """At any character: nothing raises, and what was raised is not made up."""
    for sample in GOLDEN.glob("*.txt"):
        text = sample.read_text()
        whole = in_message(text)
        assert whole is not None
        for end in range(0, len(text), 37):
            found = in_message(text[:end])
            assert found is None or found.exception.get("type") or found.exception.get("message")


@pytest.mark.parametrize("sample", ["python-compose", "java-log", "go-http", "php-next"])
def test_a_trace_is_found_in_a_long_text(sample: str) -> None:
    """Behind and before what a program has written besides; all of that is the text around."""
    text = (GOLDEN / f"{sample}.txt").read_text()
    noise = "nothing to see here\n" * 6_000
    expected, found = in_message(text), in_message(f"{noise}{text}2026-11-27 18:00:00 INFO done\n{noise}")
    assert expected is not None
    assert found is not None
    assert found.exception == expected.exception
    assert (found.rest or "").count("nothing to see here") == 12_000


HOSTILE = {
    "java": "E: x\n" + "\tat a.b.c(D.java:1)\n" * 4_000,
    "suppressed": "E: x\n\tat a.b.c(D.java:1)\n" + "\tSuppressed: E: x\n\t\tat a.b.c(D.java:1)\n" * 1_500,
    "inner": "System.E: x" + " ---> System.E: x" * 4_000 + "\n   at A.B()\n",
    "heads": "\n".join(["x [x: " * 300] * 40) + "\n\tat a.b.c(D.java:1)\n",
    "wide": "Error: x\n" + "    at " + "a:" * 32_000 + "(\n    at a (/b:1:1)",
    "python": 'Traceback (most recent call last):\n  File "a", line 1, in b\nE: x\n\nDuring handling of\n\n'
    * 700,
    "groups": "  + Exception Group Traceback (most recent call last):\n"
    + "  | E: a\n  +-+---- 1 ----\n" * 2_000,
    "go": "panic: x\n\n" + "goroutine 1 [running]:\nmain.x()\n\t/a.go:1\n" * 1_500,
    "ruby": "a.rb:1:in `x': m (E)\n" * 3_000,
    "php": "Next E: x in /a:1\nStack trace:\n#0 /a.php(1): b()\n#1 {main}\n\n" * 1_200,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_almost_frames_cost_no_more_than_their_length(text: str) -> None:
    """64 KB of them take milliseconds, and give no more than events hold."""
    assert len(text) > CHARS * 0.7
    assert costs_less_than(1, lambda: in_message(text))
    found = in_message(text)
    depth = 0
    exception = None if found is None else found.exception
    while exception:
        assert len(exception.get("frames", [])) <= FRAMES
        exception, depth = exception.get("cause"), depth + 1
    assert depth <= CAUSES + 1


TEXTS = [sample.read_text() for sample in sorted(GOLDEN.glob("*.txt"))]


@settings(max_examples=examples(60, 2_000), deadline=None)
@given(
    st.lists(
        st.sampled_from([line for text in TEXTS for line in text.splitlines()]) | st.text(max_size=40),
        min_size=2,
        max_size=20,
    )
)
def test_any_lines_are_read(lines: list[str]) -> None:
    """Whatever their order; what is read is an event's exception, and what is not stays as it was."""
    message = "\n".join(lines)
    exception_in(message, type_="T")
    body, _ = lenient.from_tree({"service": "s", "message": message})
    if body.exception is None:
        told, _ = lenient.from_tree({"service": "s", "message": message, "exception": {"type": "T"}})
        assert (body.message, body.context) == (told.message, {})
    else:
        assert body.exception.type or body.exception.message
        assert body.context[KEPT]


@settings(max_examples=examples(60, 2_000), deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_mutated_trace_is_read(text: str, data: st.DataObject) -> None:
    """Cut, changed or doubled anywhere."""
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 30)) :]
    found = in_message(text)
    assert found is None or found.exception.get("type") or found.exception.get("message")
