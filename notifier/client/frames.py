"""A traceback's frames: taken down on the application's thread, described on the client's own."""

from __future__ import annotations

import linecache
import sys
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

OUTERMOST: Final = 10
INNERMOST: Final = 40
CODE_CHARS: Final = 400
FUNCTION_CHARS: Final = 256

Place = tuple[str, str, int]
"""File, function, line: nothing that keeps an application's objects alive."""

_OWN: Final = str(PurePath(__file__).parent)
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")
_STANDARD: Final = str(PurePath(linecache.__file__).parent).replace("\\", "/")


def places(trace: TracebackType | None) -> list[Place]:
    """Outermost first; of a deep recursion the first ten and the last forty."""
    found: list[Place] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append((code.co_filename, code.co_qualname, trace.tb_lineno))
        trace = trace.tb_next
        if len(found) > OUTERMOST + INNERMOST:
            del found[OUTERMOST]
    return found


def described(found: list[Place]) -> list[dict[str, Any]]:
    """The frames as the contract has them, without those of the client itself. Reads source files."""
    return [_frame(*place) for place in found if not place[0].startswith(_OWN)]


def _frame(file: str, function: str, line: int) -> dict[str, Any]:
    name, in_app = _where(file)
    frame: dict[str, Any] = {
        "file": name,
        "function": function[:FUNCTION_CHARS],
        "line": line,
        "in_app": in_app,
    }
    code = linecache.getline(file, line).strip()
    if code:
        frame["code"] = code[:CODE_CHARS]
    return frame


@lru_cache(maxsize=2_048)
def _where(file: str) -> tuple[str, bool]:
    """The path below where it was imported from, and whether it is the application's own code."""
    path = file.replace("\\", "/")
    for mark in _INSTALLED:
        if mark in path:
            return path.rpartition(mark)[2], False
    if path.startswith("<"):
        return path, not path.startswith("<frozen")
    if path.startswith(_STANDARD + "/"):
        return path[len(_STANDARD) + 1 :], False
    roots = [root.replace("\\", "/").rstrip("/") + "/" for root in sys.path if root]
    below = [path[len(root) :] for root in roots if path.startswith(root)]
    return min(below, key=len, default=path.rpartition("/")[2]), True
