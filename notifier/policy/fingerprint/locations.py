"""Code locations that are independent of the machine, the build and the interpreter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from notifier.policy.fingerprint.exceptions import ReportedFrame
from notifier.policy.fingerprint.word_masking import masked_word

# Code below these folders is a library's or the interpreter's, wherever it is installed.
_LIBRARIES: Final = re.compile(
    r"/(?:site-packages|dist-packages|node_modules)/|(?:^|/)(?:lib|lib64|Lib|Frameworks|\.pyenv)/(?:[^/]{1,64}/){0,8}?"
    r"(?:(?:python|pypy)\d(?:\.\d{1,2}t?)?(?:/lib-python)?|python\d{2,3}\.zip|\d\.\d{1,2})/"
    r"|/(?:[gG]o|go-?\d[\d.]{0,8})/(?:src|pkg/mod)/|/(?:gems|rustc)/|/\.cargo/(?:registry|git)/|/(?:lib|share)/ruby/"
    r"|^node:|^<frozen|^internal/|/vendor/.*\.(?:php|go)$|^/var/runtime/"
    r"|(?:[Pp]ython|[Cc]onda|envs/)[^/]{0,128}/Lib/"
).search
_ROOTS: Final = re.compile(
    r"(?:.*/(?:site-packages|dist-packages|node_modules|gems|python\d\.\d{1,2}t?|pkg/mod|[gG]o/src|go-?\d[\d.]{0,8}/src"
    r"|releases/[^/]{1,128}|installed_wheels/[^/]{1,128}/[^/]{1,256}\.whl|unzipped_pexes/[^/]{1,128}|_MEI[^/]{1,64}"
    r"|[^/]{1,128}\.runfiles(?:_[^/]{1,64}/runfiles)?/[^/]{1,128}|uv/archive-v\d{1,2}/[^/]{1,64}|wwwroot"
    r"|\.cargo/(?:registry/src|git/checkouts)/[^/]{1,128}/[^/]{1,128}|home/runner/work/[^/]{1,128}/[^/]{1,128}|vcap/app"
    r"|jenkins/workspace/[^/]{1,128}|(?:home|Users)/[^/]{1,128})|/(?:[^/]{1,64}/){1,4}current"
    r"|(?:.*/)?[^/]{1,128}\.(?:egg|whl|pex|jar!?|zip|pyz))/",
    re.DOTALL,
).match
_INSTALLED: Final = re.compile(
    r"/(?:usr/src/app|app|var/task|workspace|code|srv/app|opt/app|var/app/staging|function|github/workspace"
    r"|builds/[^/]{1,128}/[^/]{1,128}|__w/[^/]{1,128}/[^/]{1,128}|a/\d{1,3}/s|vercel/path0|opt/render/project/src)/"
).match
_ORIGIN: Final = re.compile(r"[a-z][\w+.-]{1,30}://[^/]{0,255}/(?:\./)?").match
_BUNDLED: Final = re.compile(r"[.-][\w-]{8}(?=\.(?:chunk\.|bundle\.|min\.)?(?:m?js|css)$)").search
_RELEASE: Final = re.compile(r"(?<=[\w-])@v?\d[\w.+@-]*").sub
# A numbered module (`step_2.py`), as opposed to a generated file.
_STEP: Final = re.compile(r"[a-z]+[_-]\d{1,2}\.[a-z]{1,4}").fullmatch
_INLINED: Final = ("<listcomp>", "<dictcomp>", "<setcomp>")
_SYNTHETIC: Final = re.compile(
    r"\$|Accessor\d|0x|<|_[0-9a-f]{8}|lambda_\d|\.(?:func|gowrap)\d|::h[0-9a-f]|levels\)|:\d"
).search
# Go's closures, Rust's hashes, Ruby's blocks, PHP's closures, and Java's proxies, which differ between versions.
_NUMBERED: Final = re.compile(
    r"(?<=\.func)\d+(?:\.(?:func)?\d+)*|(?<=\.gowrap)\d+|(?<=\$\$Lambda)(?:\$\d+)?(?:/(?:0x)?[0-9a-f]+)?"
    r"|::h[0-9a-f]{16}$| \(\d+ levels\)|(?<=\)):\d+(?=\}$)"
    r"|(?:com\.sun\.proxy|jdk\.proxy\d{1,4})\.(?=\$Proxy)|(?:jdk\.internal|sun)\.reflect\.(?=Generated)"
).sub
_DIGITS: Final = re.compile(r"(?:0x)?[0-9a-f]*\d[0-9a-f]*").sub
_INSTANCE: Final = re.compile(r"<(?:number|id|uuid|hex|date|time|duration|email|ip)>").search


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """The file and function of a frame; `used` says whether the fingerprint includes it."""

    file: str | None
    function: str | None
    used: bool


def of(frames: Sequence[ReportedFrame]) -> list[str]:
    """The location of each relevant frame, in order and without duplicates, so that recursion does not matter."""
    chosen = _chosen(frames)
    return list(dict.fromkeys(_location(frame.file or "", frame.function or "") for frame in chosen))


def explained(frames: Sequence[ReportedFrame]) -> list[FrameLocation]:
    """The location of every frame, in order."""
    chosen = {id(frame) for frame in _chosen(frames)}
    return [FrameLocation(frame.file, frame.function, id(frame) in chosen) for frame in frames]


def _chosen(frames: Sequence[ReportedFrame]) -> list[ReportedFrame]:
    """The frames marked by the sender, or if there are none, unmarked ones outside of libraries.

    Comprehensions are dropped, since only some interpreters give them a frame.
    """
    own = [frame for frame in frames if frame.in_app and (frame.file or frame.function)]
    if not own:
        unmarked = (frame for frame in frames if frame.in_app is None and (frame.file or frame.function))
        own = [frame for frame in unmarked if not of_library(frame.file or "")]
    return [frame for frame in own if not (frame.function or "").endswith(_INLINED)] or own


@lru_cache(maxsize=4_096)
def of_library(file: str) -> bool:
    return _LIBRARIES(file.replace("\\", "/")) is not None


@lru_cache(maxsize=4_096)
def _location(file: str, function: str) -> str:
    return f"{stable_file(file)}\n{stable_function(function)}"


def stable_file(file: str) -> str:
    """The path below the installation folder, with hashes and release numbers masked."""
    path = re.sub(r"^[A-Za-z]:", "", file.replace("\\", "/"))
    if path.startswith("<"):
        return _DIGITS("<number>", path)
    origin = _ORIGIN(path)
    if origin is not None:
        rest = path[origin.end() :].partition("?")[0].partition("#")[0]
        path = f"/{rest}" if origin[0].startswith("file:") else rest
    root = _ROOTS(path)
    if root is not None:
        path = path[root.end() :]
    installed = _INSTALLED(path)
    if installed is not None:
        path = path[installed.end() :]
    bundled = _BUNDLED(path)
    if bundled is not None and _is_hash(bundled[0][1:]):
        path = path[: bundled.start()] + path[bundled.end() :]
    *folders, name = (_RELEASE("", path) if "@" in path else path).split("/")
    segments = [masked_word(folder) if folder else folder for folder in folders]
    segments.append(name if _STEP(name) else masked_word(name))
    # Folders above a numbered one belong to the installation of this release.
    last = max((i for i, segment in enumerate(segments[:-1]) if _is_release(segment)), default=-1)
    return "/".join(segments[last + 1 :]) if path.startswith("/") else "/".join(segments)


def _is_release(segment: str) -> bool:
    return _INSTANCE(segment) is not None


def _is_hash(name: str) -> bool:
    return any(c.isdigit() for c in name) or sum(map(str.isupper, name)) > 2


def stable_function(function: str) -> str:
    """The name without numbers that a compiler assigned."""
    for inlined in _INLINED:
        function = function.removesuffix(f".<locals>.{inlined}")
    if _SYNTHETIC(function) is None:
        return function
    return _DIGITS("<number>", _NUMBERED("", function))
