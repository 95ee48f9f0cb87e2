"""JSON bodies within a size limit. Equal messages give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

Document = dict[str, Any]
T = TypeVar("T")

CAP: Final = 20_000  # bytes: under 20 KB by either count


def encode(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def cut(value: Any, limit: int) -> Any:
    """The value. A string is cut to this many characters."""
    return value[: limit - 1] + "…" if isinstance(value, str) and len(value) > limit else value


def with_as_many_as_fit(items: Sequence[T], make: Callable[[Sequence[T]], Document]) -> bytes:
    """The encoded result of `make` for the first items, as many as fit under the limit."""
    for count in range(len(items), 0, -1):
        body = encode(make(items[:count]))
        if len(body) < CAP:
            return body
    return encode(make(()))
