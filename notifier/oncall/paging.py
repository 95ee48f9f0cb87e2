"""Lists and their cursors. A cursor names the last row shown, so rows added meanwhile do not shift the pages."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

from notifier.oncall.errors import Unreadable
from notifier.store.views import Page, PageKey

T = TypeVar("T")
ListName = Literal[
    "incidents",
    "incidents-by",
    "events",
    "groups",
    "deliveries",
    "dead-letters",
    "keys",
    "task-runs",
    "silences",
    "monitors",
]

_SHAPES: Mapping[ListName, tuple[type, ...]] = {
    "incidents": (int,),
    "incidents-by": (str, int, int),
    "events": (int,),
    "groups": (int, str),
    "deliveries": (str,),
    "dead-letters": (int, str),
    "keys": (int, str),
    "task-runs": (int, str),
    "silences": (int, str),
    "monitors": (int, str, str),
}
# Ids of task runs come from senders, and may be anything that a database can hold.
_ID = re.compile(r"[^\x00\ud800-\udfff]{1,128}")
MAX_CURSOR_CHARS = 1_280


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """One page, newest first. `next_cursor` is None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """A requested page: at most `limit` rows, after those that `cursor` has shown."""

    limit: int = 100
    cursor: str | None = None

    def after(self, kind: ListName) -> PageKey | None:
        """The key in the cursor. Raises `Unreadable` if it is no cursor of this list."""
        return None if self.cursor is None else decode(kind, self.cursor)

    def is_of(self, kind: ListName) -> bool:
        """Whether there is a cursor, and it belongs to this list."""
        return self.cursor is not None and _document(self.cursor)[:1] == [kind]


def listing(kind: ListName, page: Page[T]) -> Listing[T]:
    """The page with its key encoded as a cursor."""
    next_cursor = None if page.next_key is None else encode(kind, page.next_key)
    return Listing(items=page.items, next_cursor=next_cursor)


def encode(kind: ListName, key: PageKey) -> str:
    """A cursor, opaque to callers."""
    text = json.dumps([kind, *key], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(kind: ListName, cursor: str) -> PageKey:
    """The key in a cursor. Raises `Unreadable` if it is no cursor of this list."""
    document = _document(cursor)
    if document[:1] != [kind] or not _shaped(kind, document[1:]):
        raise Unreadable(
            "cursor", "this is no cursor of this list: pass on `next_cursor` of the page before, unchanged"
        )
    return tuple(cast("list[int | str]", document[1:]))


def _document(cursor: str) -> list[object]:
    """The list in a cursor. Empty if it is invalid."""
    try:
        padded = cursor[:MAX_CURSOR_CHARS] + "=" * (-len(cursor) % 4)
        document = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        document = None
    return document if isinstance(document, list) else []


def _shaped(kind: ListName, key: list[object]) -> bool:
    shape = _SHAPES[kind]
    return len(key) == len(shape) and all(map(_is, key, shape))


def _is(part: object, type_: type) -> bool:
    if type_ is int:
        return type(part) is int and -(2**63) <= part < 2**63
    return isinstance(part, str) and _ID.fullmatch(part) is not None
