"""Stack traces in text, language by language."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.ingest.formats.traces import CHARS, exception_in

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
    ("ruby", RUBY, "RuntimeError", ("RuntimeError", None), [("call", 3, False), ("Billing#charge", 12, True)]),
    ("php", PHP, "LogicException", ("LogicException", None),
     [("Slim\\App->run", 3, False), ("Billing->charge", 12, True)]),
]  # fmt: skip


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
    assert (exception_in(JAVA + "\tat a.b.C.d(C.java:1)\n" * 5_000) or {})["type"] == "IllegalStateException"


LINES = [line for case in CASES for line in case[1].splitlines()]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([line for case in CASES for line in case[1].splitlines()]) | st.text(max_size=40),
        max_size=20,
    )
)
def test_any_lines_are_read(lines: list[str]) -> None:
    """Whatever their order."""
    exception_in("\n".join(lines), type_="T")
