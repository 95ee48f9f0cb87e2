"""The files that pages load. Each has a hash of its content in its name, so browsers may cache it for ever."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

HTMX = "htmx-4.0.1-a0abb04f2f45.js"
"""The file of the npm package htmx.org, unchanged; the name contains the start of its SHA-256."""
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_WHITESPACE = re.compile(rb"\s*([{};])\s*")
_FILES = ("pages.css", "pages.js", "keys.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file: the path under which pages load it, and its content."""

    path: str
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Each file by its plain name; white space is removed from the style sheet."""
    return {"htmx": _asset(HTMX, HTMX), **{name: _asset(name) for name in _FILES}}


@cache
def asset_at(path: str) -> Asset | None:
    """The file at a path, or None."""
    return next((asset for asset in assets().values() if asset.path == path), None)


def _asset(name: str, shown_as: str | None = None) -> Asset:
    content = files("notifier.web").joinpath("static", name).read_bytes()
    if name.endswith(".css"):
        content = _WHITESPACE.sub(rb"\1", content)
    stem, _, kind = name.rpartition(".")
    hashed = f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
    return Asset(path=f"/static/{shown_as or hashed}", content=content, media_type=_TYPES[kind])
