"""A traceback is printed as Python prints it."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from notifier.wording.tracebacks import traceback_of

FRAME = {"file": "billing/tasks.py", "function": "charge", "line": 88, "code": "await pay()", "in_app": True}
LIBRARY = {"file": "httpx/_client.py", "function": "send", "line": 9, "code": "raise error", "in_app": False}


def event(**exception: Any) -> dict[str, Any]:
    return {"exception": {"type": "ValueError", "module": "builtins", "message": "no", **exception}}


def test_the_text_is_pythons_own() -> None:
    """Causes first, notes last, as the interpreter prints the same failure."""

    paid: dict[str, int] = {}

    def fail() -> None:
        try:
            paid.pop("order")
        except KeyError as error:
            raised = ValueError("no\nsecond line")
            raised.add_note("while charging")
            raise raised from error

    with pytest.raises(ValueError, match="no") as caught:
        fail()
    error = caught.value

    def reported(one: BaseException | None) -> dict[str, Any] | None:
        if one is None:
            return None
        frames = [
            {"file": at.filename, "function": at.name, "line": at.lineno, "code": at.line, "in_app": True}
            for at in traceback.extract_tb(one.__traceback__)
        ]
        notes = getattr(one, "__notes__", [])
        kind = type(one).__name__
        return {
            "type": kind,
            "module": "builtins",
            "message": str(one),
            "frames": frames,
            "notes": notes,
            "cause": reported(one.__cause__),
        }

    text = traceback_of({"exception": reported(error)}).text
    python = "".join(traceback.format_exception(error)).rstrip("\n")
    marks = {line for line in python.splitlines() if set(line.strip()) <= set("~^") and line.strip()}
    assert text == "\n".join(line for line in python.splitlines() if line not in marks)


def test_frames_that_follow_each_other_are_one_run() -> None:
    """Own frames and a library's, in their order."""
    (one,) = traceback_of(event(frames=[FRAME, LIBRARY, LIBRARY, FRAME])).exceptions
    assert [(run.own, len(run.frames)) for run in one.runs] == [(True, 1), (False, 2), (True, 1)]
    assert one.last_line == "ValueError: no"


def test_where_nobody_said_which_frames_are_own() -> None:
    """What is not marked is taken for own; of libraries alone the innermost stays open."""
    unmarked = {name: value for name, value in FRAME.items() if name != "in_app"}
    (one,) = traceback_of(event(frames=[unmarked, LIBRARY])).exceptions
    assert [run.own for run in one.runs] == [True, False]
    (one,) = traceback_of(event(frames=[LIBRARY, LIBRARY])).exceptions
    assert [(run.own, len(run.frames)) for run in one.runs] == [(False, 1), (True, 1)]


def test_a_type_is_named_with_its_module() -> None:
    """As Python does, but for builtins and for what names its module already."""
    assert traceback_of(event(module="httpx")).exceptions[0].last_line == "httpx.ValueError: no"
    assert traceback_of(event(type="a.B", module="httpx")).exceptions[0].last_line == "a.B: no"
    assert traceback_of(event(type=None, module="x")).exceptions[0].last_line == "no"


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"exception": None},
        {"exception": "text"},
        {"exception": []},
        {"exception": {"frames": "text", "notes": 7, "cause": "x"}},
        {"exception": {"frames": [None, 7, {"line": "x", "file": 7}], "notes": [None, {}], "message": {}}},
    ],
)
def test_any_document_has_a_traceback(document: Any) -> None:
    """Samples of old versions, and of restored databases, may hold anything."""
    assert isinstance(traceback_of(document).text, str)


def test_a_chain_without_end_ends() -> None:
    """Ten causes are printed at most."""
    exception: dict[str, Any] = {"type": "E", "message": "m"}
    for _ in range(50):
        exception = {"type": "E", "message": "m", "cause": exception}
    assert len(traceback_of({"exception": exception}).exceptions) == 11


def test_what_cannot_be_seen_is_gone_and_lines_stay() -> None:
    """Neither an escape of a terminal nor an override of the direction of text is printed."""
    text = traceback_of(event(message="a\x1b[31m\u202e\n\tb", frames=[{**FRAME, "file": 'x\n"y'}])).text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert 'File "x "y"' in text
    assert text.endswith("ValueError: a [31m\n    b")
