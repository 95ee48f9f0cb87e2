"""A traceback's frames: captured on the application's thread, completed with source lines on the client's."""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from notifier.client.documents import FrameDocument, FramePlace

OUTERMOST: Final = 10
INNERMOST: Final = 40
CODE_CHARS: Final = 400
FUNCTION_CHARS: Final = 256

_OWN: Final = str(PurePath(__file__).parents[1])
_INSTALLED: Final = re.compile(r".*(?:/(?:site|dist)-packages/|\.whl/)")
_STANDARD: Final = str(PurePath(linecache.__file__).parent).replace("\\", "/")
_MAIN: Final = frozenset({"__main__", "__mp_main__"})


def captured_frames(trace: TracebackType | None) -> list[FramePlace]:
    """The frames, outermost first. Of a deep recursion the first ten and the last forty."""
    frames: list[FramePlace] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        module = module_of(trace.tb_frame.f_globals)
        frames.append((code.co_filename, code.co_qualname, trace.tb_lineno, module))
        trace = trace.tb_next
        if len(frames) > OUTERMOST + INNERMOST:
            del frames[OUTERMOST]
    return frames


def module_of(names: Mapping[str, Any]) -> str:
    """The name of a module, also if it is run as the program. Empty for code that was never imported."""
    name = names.get("__name__")
    if name in _MAIN:
        name = getattr(names.get("__spec__"), "name", "")
    return name if type(name) is str else ""


def package_of(module: str) -> str:
    """The package of a module. In a namespace package, the part of it that the module belongs to."""
    parts = module.split(".")
    for end in range(1, len(parts)):
        name = ".".join(parts[:end])
        if getattr(sys.modules.get(name), "__file__", None) is not None:
            return name
    return module


def packages_of_caller() -> list[str]:
    """The package that called the client. Empty for a program outside of any package."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented, and what `logging` uses
    while frame is not None and module_of(frame.f_globals).startswith("notifier.client"):
        frame = frame.f_back
    module = "" if frame is None else module_of(frame.f_globals)
    return [package_of(module)] if module else []


def frame_documents(frames: Sequence[FramePlace], in_app: tuple[str, ...] = ()) -> list[FrameDocument]:
    """The frames in the API's form, without the client's own. Reads source files.

    `in_app` are packages that are the application's own even if they are installed as libraries.
    """
    return [_frame(in_app, *place) for place in frames if not place[0].startswith(_OWN)]


def _frame(in_app: tuple[str, ...], file: str, function: str, line: int, module: str = "") -> FrameDocument:
    frame: FrameDocument = {
        "file": _name(file, module),
        "function": function[:FUNCTION_CHARS],
        "line": line,
        "in_app": _is_own(file, module, in_app),
    }
    code = linecache.getline(file, line).strip()
    if code:
        frame["code"] = code[:CODE_CHARS]
    return frame


@lru_cache(maxsize=2_048)
def _name(file: str, module: str) -> str:
    """The file path relative to the module's package, independent of the installation and the start command."""
    path = file.replace("\\", "/")
    installed = _INSTALLED.match(path)
    if installed is not None:
        return path[installed.end() :]
    if path.startswith("<"):
        return path
    if path.startswith(_STANDARD + "/"):
        return path[len(_STANDARD) + 1 :]
    *folders, last = path.split("/")
    if not module:
        return "/".join([*_packages(folders), last])
    parts = module.split(".")
    if parts[-1] == last.partition(".")[0]:
        parts = parts[:-1]
    # Code loaded by its path is identified by the name it was given.
    return "/".join([*parts, last])


def _packages(folders: list[str]) -> list[str]:
    """The directories of a program that are packages."""
    end = len(folders)
    while end and Path("/".join(folders[:end]), "__init__.py").is_file():
        end -= 1
    return folders[end:]


@lru_cache(maxsize=2_048)
def _is_own(file: str, module: str, in_app: tuple[str, ...]) -> bool:
    if any(module == package or module.startswith(f"{package}.") for package in in_app):
        return True
    path = file.replace("\\", "/")
    library = _INSTALLED.match(path) or path.startswith((_STANDARD + "/", "<frozen"))
    return not library
